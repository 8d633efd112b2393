"""SIPp as the SBC or as a centre: a scenario of sipp/*.xml is filled in, run, and what passed is read back. Does I/O.

In scenario and SDP files `{{name}}` is replaced by a value; `{{offer}}` and the like are whole SDP files. A pause whose
time is TOLD lasts until `go_on`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.interop.process import Process

_RTP = count(9000, 10)  # SIPp binds ports for RTP that we never use
HERE = Path(__file__).parent
TOLD = "told"
"""The time of a pause that the test ends: whatever it looks at meanwhile may take as long as it likes."""
_GO_ON = "MESSAGE"
_TOLD = count()
_COPIED = {
    "via": "Via",
    "record-route": "Record-Route",
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
}
_HEAD = re.compile(
    rb"^-{40,} [^\n]*\n\S+ message (sent|received) [\[(]\d+(?: bytes|\] bytes)[^\n]*\n\n",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line of a description, with its own lines."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def host(self) -> str:
        """The address of its own c= line, else ""."""
        return next((line.split()[-1] for line in self.lines if line.startswith("c=")), "")

    @property
    def direction(self) -> str:
        names = ("sendrecv", "sendonly", "recvonly", "inactive")
        return next((line[2:] for line in self.lines if line[2:] in names), "sendrecv")

    def attributes(self, name: str) -> tuple[str, ...]:
        """The values of all a=name: lines."""
        start = f"a={name}:"
        return tuple(line[len(start) :] for line in self.lines if line.startswith(start))


@dataclass(frozen=True, slots=True)
class Sdp:
    """A description, read just far enough to judge it; not the gateway's own parser, on purpose."""

    session: tuple[str, ...]
    media: tuple[Media, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(m.kind for m in self.media)

    @property
    def host(self) -> str:
        """The address of the session's c= line, else ""."""
        return next((line.split()[-1] for line in self.session if line.startswith("c=")), "")

    def address_of(self, index: int) -> tuple[str, int]:
        """Where m-line `index` wants its RTP."""
        return self.media[index].host or self.host, self.media[index].port


def read_sdp(body: str) -> Sdp:
    """Read a description."""
    session: list[str] = []
    media: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("m="):
            media.append((line, []))
        elif line:
            (media[-1][1] if media else session).append(line)
    lines = []
    for first, rest in media:
        kind, port, proto, *formats = first[2:].split()
        lines.append(Media(kind, int(port.partition("/")[0]), proto, tuple(formats), tuple(rest)))
    return Sdp(tuple(session), tuple(lines))


@dataclass(frozen=True, slots=True)
class Seen:
    """A SIP message as SIPp logged it."""

    sent: bool
    first_line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.first_line.split()[1]) if self.first_line.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of a request its method; of a response that of its CSeq."""
        return self.get("cseq").split()[-1] if self.status else self.first_line.split()[0]

    def get(self, name: str) -> str:
        """The first header of that name (lower case), else ""."""
        return next((value for key, value in self.headers if key == name), "")

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def sdp(self) -> Sdp:
        assert "application/sdp" in self.get("content-type"), f"no SDP in {self.first_line}"
        return read_sdp(self.body)


def read_messages(log: bytes) -> list[Seen]:
    """The messages of a file written by -trace_msg."""
    seen = []
    heads = list(_HEAD.finditer(log))
    for head, following in zip(heads, [*heads[1:], None], strict=False):
        raw = log[head.end() : following.start() if following else len(log)]
        raw = raw.partition(b"\n-----------------------------------------------\n")[
            0
        ]  # what it says of unexpected ones
        start, _, body = raw.decode(errors="replace").replace("\r\n", "\n").partition("\n\n")
        first, *rest = start.strip("\n").split("\n")
        headers = tuple((n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in rest))
        seen.append(Seen(head.group(1) == b"sent", first, headers, body.rstrip("\n")))
    return seen


@dataclass(slots=True)
class Sipp:
    """One SIPp. `start()`, then `finish()`.

    Attributes:
        folder: where its files go.
        name: unique within the folder.
        scenario: a file of sipp/, without ".xml".
        local, remote: addresses (host, port); a server needs no remote.
        values: what replaces `{{…}}`; a value may hold `{{…}}` itself.
        calls: end after so many calls.
        options: more of SIPp's own.
        trace: log every message (off for load).
    """

    folder: Path
    name: str
    scenario: str
    local: tuple[str, int]
    remote: tuple[str, int] | None = None
    values: dict[str, str] = field(default_factory=dict)
    calls: int = 1
    options: Sequence[str] = ()
    trace: bool = True
    limit_s: float = 100.0
    _process: Process | None = None

    def start(self) -> Sipp:
        """Write the scenario and run it."""
        host, port = self.local
        values = {"host": host, "port": str(port), **self.values}
        file = self.folder / f"{self.name}.xml"
        file.write_text(fill((HERE / "sipp" / f"{self.scenario}.xml").read_text(), values))
        command = ["sipp", "-sf", str(file), "-i", host, "-p", str(port), "-m", str(self.calls), "-nostdin"]
        command += [
            "-ci",
            host,
            "-mi",
            host,
            "-mp",
            str(next(_RTP)),
            "-timeout",
            f"{self.limit_s:g}s",
            "-timeout_error",
        ]
        command += ["-trace_err", "-error_file", str(self._file("errors"))]
        if self.trace:
            command += ["-trace_msg", "-message_file", str(self._file("messages"))]
        if self.remote:
            command += ["{}:{}".format(*self.remote)]
        command += ["-key", "bracket", "["]
        command += ["-cid_str", f"%u-%p-{self.name}@%s", *self.options]
        self._process = Process(f"{self.name}-screen", command, self.folder)
        return self

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def wait(self, limit_s: float | None = None) -> int:
        """Wait for its end; its status."""
        assert self._process
        return self._process.wait(limit_s or self.limit_s + 5)

    def finish(self, limit_s: float | None = None) -> list[Seen]:
        """Wait for its end; the messages that passed. Fails when SIPp says that a call went wrong."""
        status = self.wait(limit_s)
        assert status == 0, f"SIPp {self.name} ({self.scenario}) ended with {status}:\n{self.complaint()}"
        return self.messages()

    def go_on(self, after: Seen) -> None:
        """End the pause of a call that is TOLD. `after`: the last message before it, which has passed."""
        call_id = after.get("call-id")
        asked = [m for m in self.all_received("INVITE") if m.get("call-id") == call_id]
        like = asked[-1] if asked else after  # what it says next may answer this, and has its headers
        lines = [f"{_GO_ON} sip:go@on SIP/2.0", *(f"{_COPIED[n]}: {v}" for n, v in like.headers if n in _COPIED)]
        lines.append(f"Subject: {next(_TOLD)}")  # what is the same once more SIPp takes for a repetition
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto("\r\n".join((*lines, "Content-Length: 0", "", "")).encode(), self.local)

    def messages(self) -> list[Seen]:
        """The messages that have passed so far, each one once however often it was repeated."""
        file = self._file("messages")
        passed = read_messages(file.read_bytes()) if file.exists() else []
        return [message for message in dict.fromkeys(passed) if message.method != _GO_ON]

    def received(self, method: str, status: int = 0) -> Seen:
        """The first message received of that method (and status); fails where there is none."""
        return self._pick(False, method, status)

    def sent(self, method: str, status: int = 0) -> Seen:
        """The first message sent of that method (and status); fails where there is none."""
        return self._pick(True, method, status)

    def all_received(self, method: str, status: int = 0) -> list[Seen]:
        return [m for m in self.messages() if (not m.sent, m.method, m.status) == (True, method, status)]

    def complaint(self) -> str:
        """What SIPp says went wrong, and the messages' first lines."""
        errors = self._file("errors")
        said = errors.read_text(errors="replace") if errors.exists() else "(no error file)"
        ladder = "\n".join(f"  {'->' if m.sent else '<-'} {m.first_line} [{m.get('cseq')}]" for m in self.messages())
        return f"{said[-3000:]}\nmessages:\n{ladder}"

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process:
            self._process.kill()

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.name}-{kind}.log"

    def _pick(self, sent: bool, method: str, status: int) -> Seen:
        for message in self.messages():
            if (message.sent, message.method, message.status) == (sent, method, status):
                return message
        raise AssertionError(
            f"{self.name}: no {method} {status or ''} {'sent' if sent else 'received'}\n{self.complaint()}"
        )


def sdp_file(name: str) -> str:
    """The text of sdp/NAME.sdp, with `{{…}}`."""
    return (HERE / "sdp" / f"{name}.sdp").read_text().rstrip("\n")


def ports_of(text: str) -> str:
    """A description file with numbers for its ports."""
    for name, port in (("audio", 7000), ("video", 7002), ("data", 7004), ("slides", 7006), ("text", 7008)):
        text = text.replace(f"{{{{{name}_port}}}}", str(port))
    return text


def sdp_value(name: str) -> str:
    """The same as a value for a scenario, where a bracket would begin a keyword of SIPp's."""
    return sdp_file(name).replace("[", "[bracket]")


def fill(text: str, values: dict[str, str]) -> str:
    """Put in each part `{{> name}}` of sipp/parts and each value `{{name}}`; both may hold more of them."""
    while "{{" in text:
        text = re.sub(
            r"{{> ([\w-]+)}}", lambda match: (HERE / "sipp" / "parts" / f"{match.group(1)}.xml").read_text(), text
        )
        text = re.sub(r"{{(\w+)}}", lambda match: values[match.group(1)], text)
    return text.replace(f'<pause milliseconds="{TOLD}"/>', f'<recv request="{_GO_ON}"/>')
