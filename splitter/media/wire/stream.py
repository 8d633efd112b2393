"""A TCP connection of a browser, which carries what would come and go by UDP (RFC 6544, RFC 4571). Does I/O.

What is sent is written whole or not at all: where the connection is full, packets are lost as on a network that is, and
nothing waits. So little is left unsent in the kernel that what is read at the other end is never older than a moment.
Pictures are lost first: what is small, such as voice, a check or a report, has room beyond theirs.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import ioctl

from splitter.core.errors import PeerError
from splitter.media.wire.frames import Frames, StreamAddress, framed
from splitter.media.wire.host import PacketHandler

UNSENT_LIMIT_BYTES = 128 << 10
"""What may wait in the kernel: a large key frame. At 1 Mbit/s it is a second."""

SMALL_BYTES = 512
"""Up to here a packet is no part of a picture, as a rule."""

SPARE_BYTES = 16 << 10
"""What may wait beyond that of small ones: a second of voice that brings two packets before it along."""

UNREACHED_LIMIT_MS = 15_000
"""So long nothing of what was sent may be acknowledged."""

_READ_BYTES = 8_192  # in one turn; then others have theirs
_TCP_USER_TIMEOUT, _TCP_NOTSENT_LOWAT = 18, 25  # linux/tcp.h
_UNSENT = 0x894B  # SIOCOUTQNSD of linux/sockios.h
_SEND_BUFFER_BYTES = 1 << 18  # the kernel's own grows with the connection: a new one has no room for a key frame


@dataclass(slots=True, eq=False)
class StreamTally:
    """What a worker's connections come to.

    Attributes:
        open: those of browsers that are there now.
        refused: those that were closed, by the reason.
        unsent: packets that found theirs full.
    """

    open: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unsent: int = 0


class FramedStream:
    """One connection.

    Args:
        sock: connected, and ours from now on.
        first: what was read from it already.
        tally: counts it. on_fault: told what those raise that hear of it.

    Attributes:
        peer: the other end.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        peer: StreamAddress,
        first: bytes,
        tally: StreamTally,
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._loop, self._sock, self.peer = loop, sock, peer
        self._first, self._tally, self._on_fault = first, tally, on_fault
        self._frames = Frames()
        self._rest = b""  # of a packet that went in part
        self._on_frame: PacketHandler = _nothing
        self._on_gone: Callable[[str], None] = _nothing
        self.closed = False
        tally.open += 1
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_LIMIT_BYTES + SPARE_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, UNREACHED_LIMIT_MS)

    def serve(self, on_frame: PacketHandler, on_gone: Callable[[str], None]) -> None:
        """Begin to read. `on_gone` is told why there will be no more, but not after `close`."""
        self._on_frame, self._on_gone = on_frame, on_gone
        self._loop.add_reader(self._sock.fileno(), self._on_readable)
        first, self._first = self._first, b""
        self._take(first)

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        """Send a packet. Returns: False where it is lost."""
        if self._rest or self.closed or (len(data) > SMALL_BYTES and self._crowded()):
            self._tally.unsent += 1
            return False
        frame = framed(data)
        try:
            sent = self._sock.send(frame)
        except OSError:  # full; or broken, which is read as well
            self._tally.unsent += 1
            return False
        if sent < len(frame):
            self._rest = frame[sent:]
            self._loop.add_writer(self._sock.fileno(), self._on_writable)
        return True

    def _crowded(self) -> bool:
        """Whether so much waits that there is room for small packets alone."""
        try:
            waiting = ioctl(self._sock.fileno(), _UNSENT, bytes(4))
        except OSError:
            return False
        return int.from_bytes(waiting, sys.byteorder) >= UNSENT_LIMIT_BYTES

    def _on_writable(self) -> None:
        """Send what is left of a packet."""
        try:
            self._rest = self._rest[self._sock.send(self._rest) :]
        except BlockingIOError:
            return
        except OSError:
            self._rest = b""
        if not self._rest:
            self._loop.remove_writer(self._sock.fileno())

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if data:
            self._take(data)
        else:
            self._lose("closed by the browser")

    def _take(self, data: bytes) -> None:
        try:
            now = time.monotonic()
            for frame in self._frames.feed(data):
                if self.closed:
                    return
                self._on_frame(memoryview(frame), self.peer, now)
        except PeerError as error:
            self._lose(str(error))
        except Exception as fault:
            self._on_fault(fault)

    def _lose(self, reason: str) -> None:
        on_gone, on_fault = self._on_gone, self._on_fault
        self.close()
        try:
            on_gone(reason)
        except Exception as fault:
            on_fault(fault)

    def close(self) -> None:
        """End it; again is no error. It holds nobody afterwards."""
        if self.closed:
            return
        self.closed = True
        self._tally.open -= 1
        self._on_frame = self._on_gone = self._on_fault = _nothing
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()


def _nothing(*what: object) -> None:
    """Nobody listens any more."""
