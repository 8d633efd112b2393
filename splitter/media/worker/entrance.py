"""Where browsers come in by TCP: one port for all workers (RFC 6544, RFC 4571). Does I/O.

    browser ──connects──▶ any worker: they share the port (SO_REUSEPORT), and the kernel picks one
                            │ reads the first frame, a binding request, and in it the user that it is for
                            ├─ a user of this worker ──▶ its door: the participant's generation of ICE
                            └─ of another one ──socket and frame by `tcp-INDEX.sock` (SCM_RIGHTS)──▶ that worker

A user's name begins with the index of its worker, so that nobody needs a table of all. Who says nothing, nonsense, or
the name of nobody is closed and counted; who knows a name and not its password, a few seconds later (`wire.streams`).
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from splitter.core.errors import PeerError
from splitter.core.freebind import bind_anywhere
from splitter.core.limits import Bucket
from splitter.core.net import source_of
from splitter.media.wire.frames import StreamAddress, ufrag_of
from splitter.media.wire.host import TcpStream
from splitter.media.wire.stream import FramedStream, StreamTally
from splitter.media.worker.knocking import Knocking

SPEECHLESS_LIMIT = 128
"""Connections that have not said whom they are for; one more, and the oldest is closed."""

SPEECHLESS_OF_A_SOURCE = 16
"""Of these, from one address: an office behind a NAT needs some."""

ACCEPTED_PER_S = 300
"""Connections that a worker looks at; more wait in the kernel, and are refused there."""

_BATCH, _BACKLOG = 16, 256
_BREATH_S = 0.05
_PAUSE_S = 0.5  # where the system gives no more descriptors
_FRESH = 8  # characters of a user's name that nobody can guess (RFC 8445 §5.3: 24 bits)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MESSAGE_BYTES = 2_048
_AGAIN_S = 0.02  # where another worker has not taken what was handed to it before
_TRIES = 25

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EntranceSettings:
    """Where a worker's entrance is.

    Attributes:
        index: of the worker.
        folder: where workers find each other.
        port: that is listened on; advertised: what candidates say, where a router has another one before it.
        hosts: our addresses towards browsers.
        speech_limit_s: how long a connection may take to say whom it is for.
    """

    index: int
    folder: Path
    port: int
    advertised: int
    hosts: tuple[str, ...]
    freebind: bool = False
    speech_limit_s: float = 5.0


class WorkerDoor:
    """Where one ICE user's connections come in; see `wire.host.TcpDoor`."""

    def __init__(self, entrance: TcpEntrance, ufrag: str, port: int, on_fault: Callable[[Exception], None]) -> None:
        self._entrance, self.ufrag, self.port = entrance, ufrag, port
        self.on_fault = on_fault
        self._on_stream: Callable[[TcpStream], None] | None = None
        self._let_in: list[FramedStream] = []
        self.closed = False

    def admit(self, on_stream: Callable[[TcpStream], None]) -> None:
        """Hand connections out from now on."""
        self._on_stream = on_stream

    def let_in(self, stream: FramedStream) -> None:
        """Called by the entrance."""
        self._let_in = [one for one in self._let_in if not one.closed]
        if self._on_stream is None:
            stream.close()
            return
        self._let_in.append(stream)
        try:
            self._on_stream(stream)
        except Exception as fault:
            self.on_fault(fault)

    def count(self, reason: str) -> None:
        """Count one that was refused."""
        self._entrance.tally.refused[reason] += 1

    def close(self) -> None:
        """Let nobody in any more, and end what came in here; again is no error."""
        self.closed, self._on_stream, self.on_fault = True, None, _nothing  # nor is anybody held
        self._entrance.forget(self.ufrag)
        for stream in self._let_in:
            stream.close()
        self._let_in.clear()


class TcpEntrance:
    """The TCP connections that come to one worker.

    Attributes:
        tally: of them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: EntranceSettings) -> None:
        self._loop, self._settings = loop, settings
        self._doors: dict[str, WorkerDoor] = {}
        self._knocking: dict[Knocking, None] = {}  # in the order of their coming
        self._sources: Counter[str] = Counter()  # of those
        self._pace = Bucket.per_second(ACCEPTED_PER_S, loop.time())
        self._listeners: dict[str, socket.socket] = {}
        self.tally = StreamTally()
        self._path = _path(settings.folder, settings.index)
        self._way_in = self._open_way()
        for host in settings.hosts if self._way_in is not None else ():
            self._listen(host)

    def _open_way(self) -> socket.socket | None:
        """Where other workers hand connections over."""
        way = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            with suppress(FileNotFoundError):
                self._path.unlink()  # of a worker before us, whose connections go on
            way.bind(str(self._path))
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
        except OSError as error:
            way.close()
            log.error("no TCP for browsers", path=str(self._path), reason=error.strerror)
            return None
        self._loop.add_reader(way.fileno(), self._on_handed)
        return way

    def _listen(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if self._settings.freebind:
                bind_anywhere(listener)
            listener.bind((host, self._settings.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            log.error("no TCP for browsers", at=f"{host}:{self._settings.port}", reason=error.strerror)
            return
        self._listeners[host] = listener
        self._loop.add_reader(listener.fileno(), self._on_connected, host)

    def open_door(self, host: str, on_fault: Callable[[Exception], None]) -> WorkerDoor | None:
        """Make a user whose connections come in on this address of ours; None where none do."""
        if host not in self._listeners:
            return None
        ufrag = f"{self._settings.index:02x}" + "".join(secrets.choice(_LETTERS) for _ in range(_FRESH))
        door = WorkerDoor(self, ufrag, self._settings.advertised or self._settings.port, on_fault)
        self._doors[ufrag] = door
        return door

    def forget(self, ufrag: str) -> None:
        """Called by the door itself."""
        self._doors.pop(ufrag, None)

    # ---- who comes -----------------------------------------------------------------------------------------------

    def _on_connected(self, host: str) -> None:
        listener = self._listeners[host]
        for _ in range(_BATCH):
            if not self._pace.permit(self._loop.time()):
                self._pause(host, _BREATH_S)
                return
            try:
                sock, source = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    log.error("a TCP connection of a browser cannot be accepted", reason=error.strerror)
                    self._pause(host, _PAUSE_S)
                if not isinstance(error, ConnectionError):  # whoever was gone before it was looked at
                    return
            else:
                self._receive(sock, StreamAddress(source[0], source[1]))

    def _pause(self, host: str, pause_s: float) -> None:
        """Accept nobody for a moment."""
        self._loop.remove_reader(self._listeners[host].fileno())
        self._loop.call_later(pause_s, self._resume, host)

    def _resume(self, host: str) -> None:
        if (listener := self._listeners.get(host)) is not None:
            self._loop.add_reader(listener.fileno(), self._on_connected, host)

    def _receive(self, sock: socket.socket, peer: StreamAddress) -> None:
        """Wait for what it says, unless too many do not speak."""
        sock.setblocking(False)
        if self._sources[source_of(peer.host)] >= SPEECHLESS_OF_A_SOURCE:
            self._refuse(sock, "crowded")
            return
        if len(self._knocking) >= SPEECHLESS_LIMIT:
            next(iter(self._knocking)).give_up("crowded")
        limit_s = self._settings.speech_limit_s
        knocking = Knocking(self._loop, sock, peer, limit_s, self._on_said, self._on_hopeless)
        self._knocking[knocking] = None
        self._sources[knocking.source] += 1

    def _forget(self, knocking: Knocking) -> None:
        del self._knocking[knocking]
        self._sources[knocking.source] -= 1
        if not self._sources[knocking.source]:
            del self._sources[knocking.source]

    def _on_hopeless(self, knocking: Knocking, reason: str) -> None:
        self._forget(knocking)
        self._refuse(knocking.sock, reason)

    def _on_said(self, knocking: Knocking, frame: bytearray, read: bytes) -> None:
        """Its first frame is there: hand it to whom it names."""
        self._forget(knocking)
        try:
            ufrag = ufrag_of(frame)
        except PeerError:
            self._refuse(knocking.sock, "no-request")
            return
        if not self._let_in(knocking.sock, knocking.peer, ufrag, read):
            self._hand_over(knocking.sock, ufrag, read)

    def _let_in(self, sock: socket.socket, peer: StreamAddress, ufrag: str, read: bytes) -> bool:
        door = self._doors.get(ufrag)
        if door is not None:
            door.let_in(FramedStream(self._loop, sock, peer, read, self.tally, door.on_fault))
        return door is not None

    def _refuse(self, sock: socket.socket, reason: str) -> None:
        self.tally.refused[reason] += 1
        sock.close()

    # ---- from worker to worker -------------------------------------------------------------------------------------

    def _hand_over(self, sock: socket.socket, ufrag: str, read: bytes, tries: int = _TRIES) -> None:
        """Give a connection to the worker that the name says, also where that is who came after us.

        The kernel keeps ten for a worker that is busy (`net.unix.max_dgram_qlen`); others have to come again.
        """
        try:
            path = _path(self._settings.folder, int(ufrag[:2], 16))
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [sock.fileno()]).tobytes())
                way.sendmsg([read], [rights], 0, str(path))  # send_fds of Python 3.11 knows no address
        except (ValueError, FileNotFoundError, ConnectionRefusedError):
            self._refuse(sock, "unknown")
        except OSError as error:
            if not isinstance(error, BlockingIOError) or tries <= 1:
                self._refuse(sock, "busy")
            else:
                self._loop.call_later(_AGAIN_S, self._hand_over, sock, ufrag, read, tries - 1)
        else:
            sock.close()

    def _on_handed(self) -> None:
        assert self._way_in is not None
        for _ in range(_BATCH):
            try:
                read, files, _, _ = socket.recv_fds(self._way_in, _MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return
            for file in files:
                self._take_over(file, read)

    def _take_over(self, file: int, read: bytes) -> None:
        sock = socket.socket(fileno=file)
        try:
            host, port = sock.getpeername()[:2]
            ufrag = ufrag_of(read[2 : 2 + int.from_bytes(read[:2], "big")])
        except (OSError, PeerError):
            self._refuse(sock, "gone")
            return
        if not self._let_in(sock, StreamAddress(host, port), ufrag, read):
            self._refuse(sock, "unknown")

    def close(self) -> None:
        """Close every socket, and remove the way in unless it is another one's by now."""
        for listener in self._listeners.values():
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()
        for knocking in list(self._knocking):
            knocking.give_up("ended")
        for door in list(self._doors.values()):
            door.close()
        if self._way_in is not None:
            self._loop.remove_reader(self._way_in.fileno())
            self._way_in.close()
            self._way_in = None
            with suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()


def _nothing(fault: Exception) -> None:
    """Nobody listens any more."""


def _path(folder: Path, index: int) -> Path:
    return folder / f"tcp-{index}.sock"
