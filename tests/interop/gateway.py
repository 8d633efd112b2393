"""`splitter run` on a desk: configured, started, asked, and looked over when a test is done. Does I/O."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.interop.addresses import Desk
from tests.interop.process import Process, eventually
from tests.patience import PATIENCE_S

SPLITTER = str(Path(sys.executable).with_name("splitter"))

CONFIGURATION = """\
[gateway]
name = "splitter"
control_socket = "{folder}/control.sock"
max_calls = {max_calls}

[network.access]
listen = ["udp:{desk.access}:5060", "tcp:{desk.access}:5060"]
media_address = "{desk.access}"

[network.core]
listen = ["udp:{desk.core}:5060", "tcp:{desk.core}:5060"{core_listen}]
media_address = "{desk.core}"
{core_tls}

[trunk.sbc]
role = "access"
network = "access"
address = "{desk.caller}:5060"
peers = ["{desk.caller}"]
trusted = true
options_interval_s = 0
{sbc_more}

[trunk.pbx]
role = "centre"
network = "core"
address = "{desk.centre}:{pbx_port}"
peers = ["{desk.centre}"]
call_id_headers = ["x-splitter-call"]
trusted = true
answer_limit_s = {answer_limit_s}
ring_limit_s = {ring_limit_s}
options_interval_s = 0    # SIPp's scenarios expect an INVITE first
{pbx_login}

[trunk.pbx2]
role = "centre"
network = "core"
address = "{desk.second_centre}:5060"
peers = ["{desk.second_centre}"]
options_interval_s = 0
answer_limit_s = {second_answer_limit_s}

[trunk.desks]
role = "seat"
network = "access"
peers = ["{desk.seat}"]
{desks_login}

[[route]]
called = "{called}"
to = ["pbx"]

[[route]]
called = "110"
to = ["pbx", "pbx2"]

[[route]]
called = '{outwards}'
to = ["sbc"]
number = '{outwards_as}'
from = "centre"

{accounts}

[calls]
consent_limit_s = {consent_limit_s}
session_expires_s = {session_expires_s}

[media]
workers = {workers}
quarantine_s = {quarantine_s}
first_port = {first_port}
last_port = {last_port}
socket_dir = "{folder}"
rtpengine_for = {rtpengine_for}

{rtpengines}

[store]
path = "{store}"

[log]
level = "{log_level}"

[metrics]
listen = "{desk.access}:9460"
"""


@dataclass
class Gateway:
    """A running gateway.

    Attributes:
        desk: its addresses.
        settings: keys of CONFIGURATION that a test wants otherwise.
        program: what is run; a profiler may stand before it.
    """

    desk: Desk
    settings: dict[str, Any] = field(default_factory=dict)
    program: tuple[str, ...] = (SPLITTER,)

    def __post_init__(self) -> None:
        # The control socket's path must be short (sun_path), so not pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="splitter-"))
        self._process: Process | None = None

    def start(self) -> Gateway:
        """Write the configuration, start, and wait until systemd would be told READY=1."""
        file = self.folder / "splitter.toml"
        file.write_text(self.configuration())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            (self.folder / "notify").unlink(missing_ok=True)  # of a run that was killed
            notified.bind(f"{self.folder}/notify")
            notified.settimeout(0.2)
            command = [*self.program, "run", "-c", str(file)]
            self._process = Process("gateway", command, self.folder, {"NOTIFY_SOCKET": f"{self.folder}/notify"})
            eventually(lambda: self._told_ready(notified), "the gateway is ready", 15, self._process.tail)
        return self

    def configuration(self) -> str:
        """The text of its file."""
        values: dict[str, Any] = {
            "called": "12345",
            "outwards": "0[0-9]+",
            "outwards_as": "",
            "max_calls": 2000,
            "answer_limit_s": 32,
            "second_answer_limit_s": 32,
            "core_listen": "",
            "core_tls": "",
            "sbc_more": "",
            "pbx_port": 5060,
            "pbx_login": "",
            "desks_login": "",
            "accounts": "",
            "ring_limit_s": 60,
            "consent_limit_s": 45,
            "session_expires_s": 1800,
            "workers": 1,
            "quarantine_s": 1,
            "rtpengine_for": "[]",
            "rtpengines": "",
            "first_port": 30000,
            "last_port": 39999,
            "store": f"{self.folder}/calls.db",
            "log_level": "info",
            **self.settings,
        }
        return CONFIGURATION.format(desk=self.desk, folder=self.folder, **values)

    @property
    def process(self) -> Process:
        assert self._process
        return self._process

    @property
    def log(self) -> str:
        return self.process.text()

    def workers(self) -> list[int]:
        """The process ids of its media workers."""
        return [pid for pid in children(self.process.pid) if "splitter.media.worker" in command_line(pid)]

    def kill_workers(self, number: int = signal.SIGKILL) -> list[int]:
        """Send all media workers a signal; their process ids."""
        workers = self.workers()
        for pid in workers:
            os.kill(pid, number)
        return workers

    def get(self, path: str) -> Any:
        """GET on the control socket; the decoded JSON."""
        connection = _UnixConnection(f"{self.folder}/control.sock")
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        assert response.status == 200, f"GET {path}: {response.status} {body[:500]!r}"
        return json.loads(body)

    def ask(self, method: str, path: str) -> int:
        """A request without a body on the control socket; its status."""
        connection = _UnixConnection(f"{self.folder}/control.sock")
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """GET /v1/status."""
        answer: dict[str, Any] = self.get("/v1/status")
        return answer

    def calls(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """The calls that live, or the ended ones."""
        answer = self.get("/v1/calls?limit=1000" + ("&ended=1" if ended else ""))
        found: list[dict[str, Any]] = answer["calls"] if isinstance(answer, dict) else answer
        return found

    def cli(self, *arguments: str) -> str:
        """`splitter ARGUMENTS` against this gateway; fails when it fails."""
        command = [SPLITTER, "--socket", f"{self.folder}/control.sock", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def metric(self, name: str) -> float:
        """The sum over all labels of one metric."""
        connection = http.client.HTTPConnection(self.desk.access, 9460, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        lines = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.split()[-1]) for line in lines)

    def left(self) -> dict[str, int]:
        """What is still held, by kind; {} when nothing is."""
        status = self.status()
        kinds = ("calls", "relays", "rooms", "dialogs", "ports")
        return {kind: status[kind] for kind in kinds if status.get(kind)}

    def must_be_idle(self, usual_s: float = 8.0) -> None:
        """No call, relay, room, dialog or port may be left."""
        eventually(lambda: not self.left(), "nothing is left in the gateway", usual_s, lambda: f"left: {self.left()}")

    def must_be_sound(self) -> None:
        """It runs, and its log holds no exception."""
        assert self.process.running, f"the gateway ended:\n{self.process.tail()}"
        assert "Traceback" not in self.log, f"an exception in the log:\n{self.process.tail(120)}"

    def stop(self) -> None:
        """Drain and end; whatever stays is killed."""
        if self._process is None:
            return
        workers = self.workers()
        status = self._process.stop(10.0)
        try:
            assert status == 0, f"the gateway ended with {status}:\n{self._process.tail()}"
            eventually(lambda: not [pid for pid in workers if alive(pid)], "its workers end", 3)
        finally:
            for pid in workers:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _told_ready(self, notified: socket.socket) -> bool:
        assert self.process.running, f"the gateway did not start:\n{self.process.tail()}"
        try:
            return b"READY=1" in notified.recv(4096).split(b"\n")
        except TimeoutError:
            return False

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            self.remove()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)


def children(pid: int) -> list[int]:
    """All processes below this one."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parents.setdefault(_parent(entry), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command_line(pid: int) -> str:
    """Its program and arguments; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """True unless it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
