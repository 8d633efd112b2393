"""Kamailio as the SBC in front of two gateways, with the files of sipconf/kamailio: addresses become the desk's. Does I/O.

Operator or handset → Kamailio → the first or second gateway → the centre, which is the same for both.
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway, alive
from tests.interop.process import Process, eventually
from tests.interop.scene import Scene
from tests.interop.sipp import Sipp
from tests.patience import PATIENCE_S
from tests.transport.pki import authority, paper

CONFIGURATION = Path(__file__).parents[2] / "sipconf" / "kamailio"
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}

# What an operator would keep waiting longer for; and fewer processes.
_HASTE = {"define PING_S 5": "define PING_S 1", "children=4 ": "children=2 "}
_ASKED_AGAIN_S = 3.0  # while it starts
SILENT_S, PATIENT_S = 4, 30
"""How long Kamailio waits for a gateway: where one is dead, and where a slow machine is to be taken for nothing worse."""


class Corner(Desk):
    """The desk as one neighbour of Kamailio's sees it: the far side of Kamailio is its caller, or its gateway."""

    def __init__(self, desk: Desk, access: str, caller: str, core: str = "") -> None:
        self._desk = desk
        self._roles = (access, caller, core or desk.core)

    def host(self, number: int) -> str:
        return self._desk.host(number)

    @property
    def access(self) -> str:
        return self._roles[0]

    @property
    def caller(self) -> str:
        return self._roles[1]

    @property
    def core(self) -> str:
        return self._roles[2]


class FrontedGateway(Gateway):
    """A gateway with sipconf/kamailio/splitter.toml. `settings`: "more" is put below it."""

    def configuration(self) -> str:
        """The text of its file; the papers for TLS are put beside it."""
        desk = self.desk
        own = paper(f"IP:{desk.access}")
        for source, name in ((own.certificate, "gateway.pem"), (own.key, "gateway.key")):
            shutil.copy(source, self.folder / name)
        shutil.copy(authority().certificate, self.folder / "authority.pem")
        text = (CONFIGURATION / "splitter.toml").read_text()
        changes = {
            "10.1.0.10:9460": f"{desk.access}:9460",
            "192.0.2.10": desk.access,
            "192.0.2.2": desk.caller,
            "10.1.0.10": desk.core,
            "10.1.0.20": desk.centre,
            "10.2.0.0/16": f"{desk.seat}/32",
            "/run/splitter": str(self.folder),
            "/var/lib/splitter": str(self.folder),
            "/etc/splitter": str(self.folder),
            # A restart takes its ports again; SIPp's scenarios expect an INVITE first.
            "[media]": "[media]\nworkers = 1\nquarantine_s = 1",
            "[trunk.pbx]": "[trunk.pbx]\noptions_interval_s = 0",
        }
        return replaced(text, changes) + str(self.settings.get("more", ""))


class Kamailio:
    """One Kamailio.

    Args:
        desk: its addresses: 5 towards the operator, 6 towards the gateways.
        gateways: their addresses.
        transport: that leads to them.
        silence_s: after so long without an answer it tries another one.
    """

    def __init__(self, desk: Desk, gateways: list[str], transport: str = "udp", silence_s: int = 2) -> None:
        self.operator_side, self.gateway_side = desk.host(5), desk.host(6)
        self._desk, self._gateways, self._transport = desk, gateways, transport
        self._silence = {"define SILENCE_MS 2000": f"define SILENCE_MS {silence_s}000"}
        # The sockets' path must be short (sun_path), so not pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="splitter-kamailio-"))
        self._process: Process | None = None
        self._asked = 0

    def start(self) -> Kamailio:
        """Write its files, start it and wait until it takes calls."""
        (self.folder / "kamailio.cfg").write_text(self._main())
        tls_file = (CONFIGURATION / "tls.cfg").read_text()
        (self.folder / "tls.cfg").write_text(replaced(tls_file, {"/etc/kamailio": str(self.folder)}))
        (self.folder / "dispatcher.list").write_text("".join(self._lines()))
        tls = self._transport == "tls"
        if tls:
            self._papers()
        command = ["kamailio", "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"]
        command += ["-Y", str(self.folder), *(["-A", "WITH_TLS"] if tls else [])]
        self._process = Process("kamailio", command, self.folder)
        eventually(self._takes_calls, "Kamailio takes calls", 15, self._process.tail)
        return self

    def ask(self, method: str, *parameters: str | int, limit_s: float = PATIENCE_S) -> Any:
        """The result of one of its RPC commands."""
        self._asked += 1
        own = self.folder / f"asks-{self._asked}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.bind(str(own))
            ours.settimeout(limit_s)
            request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": list(parameters)}
            ours.sendto(json.dumps(request).encode(), str(self.folder / "kamailio_rpc.sock"))
            answer = json.loads(ours.recv(65536))
        own.unlink()
        assert "result" in answer, answer
        return answer["result"]

    def states(self, limit_s: float = PATIENCE_S) -> list[str]:
        """Of each gateway, in the order of the list: "AP" is up, "TP" has failed, "IP" is down."""
        [[record], *_] = [self.ask("dispatcher.list", limit_s=limit_s)["RECORDS"]]
        found = {target["DEST"]["URI"]: target["DEST"]["FLAGS"] for target in record["SET"]["TARGETS"]}
        return [found[self.uri(host)] for host in self._gateways]

    def uri(self, host: str) -> str:
        """A gateway in dispatcher.list."""
        return f"sip:{host}:{PORTS[self._transport]};transport={self._transport}"

    def must_be_idle(self) -> None:
        """Every transaction is over; those that rest absorb retransmissions (RFC 3261 §17). It pings no more."""
        self.ask("dispatcher.ping_active", "0")
        eventually(lambda: self._live() == 0, "Kamailio has no transaction", 8, lambda: self.ask("tm.stats"))

    def must_be_sound(self) -> None:
        """It runs, and it has complained of nothing."""
        assert self._process and self._process.running, f"Kamailio ended:\n{self.log()}"
        complaints = [line for line in self.log().splitlines() if " CRITICAL: " in line or " BUG: " in line]
        assert not complaints, complaints

    def log(self) -> str:
        """All that it has said."""
        return self._process.text() if self._process else ""

    def stop(self) -> None:
        """End it; fails when it does not end well."""
        try:
            if self._process:
                # Kamailio 6 may end with another status, where a child sees a pipe closed before it sees the signal.
                assert self._process.stop(5) == 0 or "Thank you for flying" in self.log(), self._process.tail()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _takes_calls(self) -> bool:
        assert self._process and self._process.running, f"Kamailio ended:\n{self.log()}"
        try:
            return all(state.startswith("A") for state in self.states(_ASKED_AGAIN_S))
        except OSError:
            return False

    def _live(self) -> int:
        stats = self.ask("tm.stats")
        return int(stats["current"]) - int(stats["waiting"])

    def _lines(self) -> list[str]:
        name = f"{self._transport}_to_gateways"
        return [f"1 {self.uri(host)} 0 10 sockname={name}\n" for host in self._gateways]

    def _papers(self) -> None:
        own = paper(f"IP:{self.gateway_side}")
        for source, name in (
            (own.certificate, "kamailio.pem"),
            (own.key, "kamailio.key"),
            (authority().certificate, "authority.pem"),
        ):
            (self.folder / "tls").mkdir(exist_ok=True)
            shutil.copy(source, self.folder / "tls" / name)

    def _main(self) -> str:
        here = {
            "!198.51.100.0/28!": f"!{self._desk.caller}/32!",
            "!198.51.100.20!": f"!{self.operator_side}!",
            "!192.0.2.2!": f"!{self.gateway_side}!",
            "/etc/kamailio": str(self.folder),
            "/run/kamailio": str(self.folder),
        }
        return replaced((CONFIGURATION / "kamailio.cfg").read_text(), here | _HASTE | self._silence)


class Site:
    """Kamailio, its gateways, and a scene whose callers are the operator's; `close()` ends them all.

    Args:
        transport: between Kamailio and the gateways.
        more: lines for the end of the gateways' files.
        silence_s: as of `Kamailio`.
    """

    def __init__(
        self,
        desk: Desk,
        folder: Path,
        transport: str = "udp",
        gateways: int = 1,
        more: str = "",
        silence_s: int = PATIENT_S,
    ) -> None:
        self.desk = desk
        self.corners = [Corner(desk, desk.host(1 + 2 * n), desk.host(6), desk.host(2 + 2 * n)) for n in range(gateways)]
        self.kamailio = Kamailio(desk, [corner.access for corner in self.corners], transport, silence_s)
        self.gateways = [FrontedGateway(corner, {"more": more}) for corner in self.corners]
        self.scene = Scene(Corner(desk, self.kamailio.operator_side, desk.caller), folder)
        self._running = list(self.gateways)

    def start(self) -> Site:
        """The gateways first, so that Kamailio's first OPTIONS finds them."""
        authority()
        with ThreadPoolExecutor() as pool:
            list(pool.map(FrontedGateway.start, self.gateways))
        self.kamailio.start()
        return self

    def caller(self, scenario: str, **more: Any) -> Sipp:
        """A caller behind the operator's SBC; what it sends follows the route set that the answer gave it."""
        return self.scene.caller(scenario, record_route="", **more)

    def kill(self, number: int) -> None:
        """SIGKILL gateway `number` and its workers."""
        gateway = self.gateways[number]
        workers = gateway.workers()
        gateway.process.kill()
        eventually(lambda: not [pid for pid in workers if alive(pid)], "its workers are dead", 3)
        gateway.remove()
        self._running.remove(gateway)

    def restarted(self, number: int) -> FrontedGateway:
        """Gateway `number` again, at the same addresses, in the place of one that has ended."""
        gateway = FrontedGateway(self.corners[number])
        self._running.append(gateway)
        self.gateways[number] = gateway
        gateway.start()
        return gateway

    def must_be_clean(self) -> None:
        """Nothing is left of any call, and nobody complains."""
        for gateway in self._running:
            if gateway.process.running:
                gateway.must_be_sound()
                gateway.must_be_idle()
            assert gateway.process.running or gateway.process.wait(1) == 0, gateway.process.tail()
        self.kamailio.must_be_sound()
        self.kamailio.must_be_idle()

    def words(self) -> str:
        """The ends of all logs."""
        logs = [f"---- gateway {n}\n{gateway.process.tail(100)}" for n, gateway in enumerate(self.gateways, 1)]
        return "\n".join([*logs, f"---- Kamailio\n{self.kamailio.log()[-6000:]}"])

    def close(self) -> None:
        """End everybody; each one is ended whatever becomes of the others."""
        with ExitStack() as stack:
            for gateway in self._running:
                stack.callback(gateway.remove)
                stack.callback(gateway.stop)
            stack.callback(self.kamailio.stop)
            stack.callback(self.scene.close)

    def __enter__(self) -> Site:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if kind is None:
                self.must_be_clean()
        except AssertionError:
            print(self.words())
            raise
        finally:
            if kind is not None:
                print(self.words())
            self.close()


def replaced(text: str, changes: dict[str, str]) -> str:
    """Every key by its value, at once; fails on a key that is not there."""
    missing = [key for key in changes if key not in text]
    assert not missing, f"not in the file: {missing}"
    for key, value in changes.items():
        text = text.replace(key, value)
    return text
