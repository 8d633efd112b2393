"""Who takes part in a test on a desk: SIPp callers and centres, and their voices. Does I/O."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.interop.addresses import Desk
from tests.interop.process import eventually
from tests.interop.sipp import Seen, Sipp, sdp_value
from tests.interop.voice import Voice

CALLER, CALLED = "+99900000001", "12345"
CALLER_PORT, CENTRE_PORT = 7000, 7100
CALLER_TONE, CENTRE_TONE = 440.0, 660.0


class Scene:
    """Makes the parties; `close()` ends them all."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        self._stack = ExitStack()

    def caller(self, scenario: str, offer: str = "transcoded", name: str = "caller", **more: Any) -> Sipp:
        """Start SIPp as the SBC. Keywords: values of the scenario, or `host`, `port`, `calls`, `options`, `trace`."""
        return self._start(scenario, name, self.desk.caller, (self.desk.access, 5060), {"offer": offer, **more})

    def centre(self, scenario: str, name: str = "centre", **more: Any) -> Sipp:
        """Start SIPp as the centre; it listens when this returns. Keywords as of `caller`."""
        sipp = self._start(scenario, name, self.desk.centre, None, {"answer": "centre", **more})
        eventually(lambda: listens(*sipp.local), f"{name} listens", 5, sipp.complaint)
        return sipp

    def agent(self, scenario: str, offer: str = "voice", name: str = "agent", **more: Any) -> Sipp:
        """Start SIPp as the phone of an agent who calls over the centre. Keywords as of `caller`."""
        more = {"gateway": self.desk.centre, "host": self.desk.agent, "record_route": "", **more}
        return self._start(scenario, name, self.desk.agent, (self.desk.centre, 5060), {"offer": offer, **more})

    def voices(self) -> tuple[Voice, Voice]:
        """The caller's and the centre's voice, at the ports that their SDP names; silent until told where to talk."""
        caller = self.voice(self.desk.caller, CALLER_PORT, CALLER_TONE)
        return caller, self.voice(self.desk.centre, CENTRE_PORT, CENTRE_TONE)

    def voice(self, host: str, port: int, tone: float) -> Voice:
        """A voice at that port."""
        return self._stack.enter_context(Voice(host, port, tone))

    def close(self) -> None:
        """End everybody."""
        self._stack.close()

    def _start(self, scenario: str, name: str, host: str, remote: tuple[str, int] | None, more: dict[str, Any]) -> Sipp:
        fields = {key: more.pop(key) for key in ("calls", "options", "trace", "limit_s") if key in more}
        local = (more.pop("host", host), more.pop("port", 5060))
        values = _VALUES | {
            "gateway": self.desk.access,
            "audio_port": str(CENTRE_PORT if remote is None else CALLER_PORT),
        }
        for key, value in more.items():
            values[key] = sdp_value(value) if key.rstrip("234") in ("offer", "answer") else str(value)
        if "body" in more:
            values["offer"] = more["body"]  # instead of a description alone
        sipp = Sipp(self.folder, name, scenario, local, remote, values, **fields)
        self._stack.callback(sipp.stop)
        return sipp.start()


_VALUES = {
    "called": CALLED,
    "caller": CALLER,
    "record_route": "Record-Route: <sip:[local_ip]:[local_port];lr>\n",
    "headers": "",
    "content_type": "application/sdp",
    "video_port": "7002",
    "data_port": "7004",
    "slides_port": "7006",
    "text_port": "7008",
    "held_ms": "500",
    "ring_ms": "200",
    "rest_ms": "300",
    "version": "1",
    "direction": "sendrecv",
    "target": "[next_url]",
    "contact": "",  # parameters of the Contact URI
    "to_tag": ";tag=[pid]p[call_number]",
    "status": "486",
    "reason": "Busy Here",
}


def until(
    sipp: Sipp, method: str, status: int = 0, *, sent: bool = False, usual_s: float = 10.0, times: int = 1
) -> Seen:
    """Wait until that message has passed; returns it. `times`: so many of its kind, repetitions aside; the last of them."""

    def find() -> list[Seen]:
        return [m for m in sipp.messages() if (m.sent, m.method, m.status) == (sent, method, status)]

    way = "sent" if sent else "received"
    eventually(lambda: len(find()) >= times, f"{sipp.name} has {way} {method} {status or ''}", usual_s, sipp.complaint)
    return find()[times - 1]


def hang_up(*callers: Sipp) -> None:
    """Have callers whose call is held until they are TOLD hang up; ends when they have ended well."""
    for caller in callers:
        caller.go_on(until(caller, "ACK", sent=True))
        caller.finish()


def pick_up(phone: Sipp) -> None:
    """Have a phone answer that rings until it is TOLD."""
    phone.go_on(until(phone, "INVITE", 180, sent=True))


def listens(host: str, port: int) -> bool:
    """True if a UDP socket is bound there (/proc/net/udp)."""
    address = bytes(int(part) for part in reversed(host.split("."))).hex().upper()
    return f" {address}:{port:04X} " in Path("/proc/net/udp").read_text()
