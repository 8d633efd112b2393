"""The gateway under the demo: started as its operator starts it, `splitter run -c FILE`, on free ports. Does I/O."""

from __future__ import annotations

import asyncio
import copy
import os
import random
import signal
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from splitter.core.net import Address
from splitter.lab.places import free_ports

_START_LIMIT_S = 120.0
_STOP_LIMIT_S = 60.0
_ANSWER_LIMIT_S = 60.0
_MEDIA_PORTS_A_CALL = 10
_PROGRAM = "from splitter.cli import main; main()"  # the interpreter that runs us, whatever PATH says

_CONFIGURATION = """\
# Written by `splitter demo`: one SBC, one voice centre and the agents' video clients, all on this machine.
[gateway]
name = "splitter"
control_socket = "{directory}/control.sock"
max_calls = {calls}

[network.access]          # towards the operator's SBC
listen = ["udp:{access}", "tcp:{access}"]
media_address = "{host}"

[network.core]            # towards the voice centre
listen = ["udp:{core}"]
media_address = "{host}"

[network.desk]            # towards the agents' video clients
listen = ["udp:{desk}", "tcp:{desk}"]
media_address = "{host}"

[trunk.sbc]
role = "access"
network = "access"
peers = ["{host}"]
trusted = true

[trunk.centre]
role = "centre"
network = "core"
address = "{centre}"
peers = ["{centre}"]
trusted = true

[trunk.seats]
role = "seat"
network = "desk"
peers = ["{host}"]

[[route]]
called = "{called}"
to = ["centre"]

[media]
workers = {workers}
first_port = {first_port}
last_port = {last_port}
socket_dir = "{directory}"

[store]
path = "{directory}/calls.db"

[log]
format = "console"
level = "info"
"""


class GatewayFailed(Exception):
    """The gateway did not start or did not stay; the text carries the end of its log."""


class GatewayProcess:
    """One gateway of a demo or a test.

    Attributes:
        access, core, desk: where it hears SIP from the SBC, the centre and the seats.
        configuration: the path of its file.
        control_socket: where the command line and the API reach it.
        directory: of all its files.
        media_ports: the first and the last.
    """

    def __init__(
        self,
        directory: Path,
        centre: Address,
        called: str,
        host: str = "127.0.0.1",
        more: str = "",
        ports: Sequence[int] = (),
        within: Sequence[str] = (),
        calls: int = 20,
        workers: int = 1,
    ) -> None:
        """`more`: further tables of its configuration. `ports`: of SIP, where not any will do. `within`: the command
        that runs it elsewhere, such as in a network namespace. `calls`: so many at a time."""
        self._within = tuple(within)
        self.access, self.core, self.desk = (Address(host, port) for port in ports or free_ports(host, 3))
        self.configuration = directory / "splitter.toml"
        self.control_socket = directory / "control.sock"
        self.log_file = directory / "gateway.log"
        media_ports = calls * _MEDIA_PORTS_A_CALL
        first_port = random.randrange(12_000, max(12_002, 20_000 - media_ports), 2)
        self.configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                host=host,
                access=self.access,
                core=self.core,
                desk=self.desk,
                centre=centre,
                called=called,
                first_port=first_port,
                last_port=first_port + media_ports - 1,
                calls=calls,
                workers=workers,
            )
            + more
        )
        self.directory = directory
        self.media_ports = first_port, first_port + media_ports - 1
        self._process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    def twin(self, directory: Path, within: Sequence[str] = (), **changes: str) -> GatewayProcess:
        """The same gateway as another process, with folders of its own; `changes`: of its configuration, old to new."""
        other = copy.copy(self)
        other._within, other._process, other._http = tuple(within), None, None
        text = self.configuration.read_text().replace(str(self.configuration.parent), str(directory))
        for old, new in changes.items():
            text = text.replace(old, new)
        other.configuration, other.control_socket = directory / "splitter.toml", directory / "control.sock"
        other.directory, other.log_file = directory, directory / "gateway.log"
        other.configuration.write_text(text)
        return other

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self, state: str = "running") -> None:
        """Start it and wait until it takes calls, or is in another state.

        Raises:
            GatewayFailed: it ended, or was not ready in time.
        """
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._within,
                *(sys.executable, "-c", _PROGRAM, "run", "-c", str(self.configuration)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle; we end it in order
            )
        self._http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.control_socket)))
        await self.reaches(state)

    async def reaches(self, state: str) -> None:
        """Wait until it is in this state. Raises GatewayFailed."""
        assert self._process is not None
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                while await self.state() != state:
                    if self._process.returncode is not None:
                        raise GatewayFailed(f"the gateway ended at its start: {self.last_words()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise GatewayFailed(f"the gateway was not {state} in time: {self.last_words()}") from None

    async def get(self, path: str) -> Any:
        """GET on the control socket, e.g. "/v1/calls"; the JSON that comes back."""
        assert self._http is not None
        async with self._http.get(f"http://splitter{path}", timeout=_answer_limit()) as response:
            response.raise_for_status()
            return await response.json()

    async def post(self, path: str) -> Any:
        """POST on the control socket, e.g. "/v1/restart"; the JSON that comes back, be it that of a refusal."""
        return await self._ask("POST", path)

    async def put(self, path: str, wish: Any) -> None:
        """PUT on the control socket what is answered with nothing, e.g. "/v1/calls/ID/display"."""
        assert self._http is not None
        async with self._http.put(f"http://splitter{path}", json=wish, timeout=_answer_limit()) as response:
            response.raise_for_status()

    async def delete(self, path: str) -> Any:
        """DELETE on the control socket; as `post`."""
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str) -> Any:
        assert self._http is not None
        async with self._http.request(method, f"http://splitter{path}", timeout=_answer_limit()) as response:
            return await response.json()

    def configure(self, *changes: tuple[str, str]) -> None:
        """Change the text of its configuration; nothing is told to the gateway."""
        text = self.configuration.read_text()
        for before, after in changes:
            if before not in text:
                raise ValueError(f"not in the configuration: {before}")
            text = text.replace(before, after)
        self.configuration.write_text(text)

    async def stop(self) -> int | None:
        """End it in order (SIGTERM); kill it if it stays.

        Returns: its exit status, None if it was never started; -9 means it had to be killed.
        """
        if self._http is not None:
            await self._http.close()
        if self._process is None:
            return None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_LIMIT_S):
                status = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            status = await self._process.wait()
        if status != 0:
            _end_workers(self.configuration.parent)
        return status

    async def kill(self, workers: bool = False) -> None:
        """SIGKILL, as when memory runs out; its media workers go on, unless they are to die too, and `start` begins the
        next one."""
        if workers:
            _end_workers(self.configuration.parent, signal.SIGKILL)
        await self._end_with(signal.SIGKILL)
        if workers:  # one that was begun meanwhile
            _end_workers(self.configuration.parent, signal.SIGKILL)

    async def leave(self) -> None:
        """Have it leave its calls to the next one (SIGUSR1)."""
        await self._end_with(signal.SIGUSR1)

    async def _end_with(self, number: signal.Signals) -> None:
        assert self._http is not None
        assert self._process is not None
        await self._http.close()
        self._process.send_signal(number)
        await self._process.wait()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ends_within(self, limit_s: float) -> bool:
        """Wait; True if it ended meanwhile."""
        assert self._process is not None
        try:
            async with asyncio.timeout(limit_s):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        try:
            with self.log_file.open(errors="replace") as log:
                return "".join(deque(log, lines)).strip()
        except OSError:
            return ""

    async def state(self) -> str:
        """The state that it tells; "" while it tells none. The control socket is there before the ways in are open."""
        try:
            status = await self.get("/v1/status")
        except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
            return ""
        return str(status["state"])


def _answer_limit() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=_ANSWER_LIMIT_S)


def udp_ports(pid: int) -> list[int] | None:
    """The UDP ports that a process and its children hold, from /proc; None where there is no /proc."""
    if not Path("/proc/net/udp").exists():
        return None
    inodes = {inode for one in (pid, *_children(pid)) for inode in _socket_inodes(one)}
    found = []
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[9] in inodes:
                found.append(int(words[1].rpartition(":")[2], 16))
    return sorted(found)


def _end_workers(directory: Path, how: signal.Signals = signal.SIGTERM) -> None:
    """Media workers outlive a gateway that died, for a while: end those whose socket is in our directory."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
            if b"splitter.media.worker" in words and any(word.startswith(bytes(directory) + b"/") for word in words):
                os.kill(int(command.parent.name), how)
        except OSError:
            continue  # it has just ended


def _children(pid: int) -> list[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _socket_inodes(pid: int) -> set[str]:
    inodes = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass  # the process or the descriptor has gone meanwhile
    return inodes
