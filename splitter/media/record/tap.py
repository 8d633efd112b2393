"""The worker's end of recording: copies of packets go to the recorder, or are dropped and counted. Does I/O.

One line for all taps of a worker. Packets are gathered for a moment, since few datagrams may wait at a Unix socket
(net.unix.max_dgram_qlen: 10); what the recorder does not take soon is dropped. No tap ever waits or raises: voice and
picture go on whatever becomes of the recorder.
"""

from __future__ import annotations

import secrets
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind
from splitter.media.record.outlets import SplitOutlet, TapOutlet
from splitter.media.wire.host import Host, Timer
from splitter.rtp.packet import Buffer

GATHER_S = 0.02
FULL_BYTES = 48_000
WAITING_LIMIT = 24
"""Datagrams that the recorder has not taken: about a megabyte, or half a second of little traffic."""

_AGAIN_S = 0.2  # between two tries to reach a recorder that is not there
_DESCRIBE_S = 1.0

log = structlog.get_logger(__name__)


class TapWay(Protocol):
    """A datagram socket that is connected."""

    def send(self, datagram: bytes, /) -> int:
        """Send. Raises OSError; BlockingIOError where too many wait."""
        ...

    def close(self) -> None: ...


def reach_socket(path: str) -> socket.socket | None:
    """Connect to a Unix socket; None where nobody listens."""
    way = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        way.connect(path)
    except OSError:
        way.close()
        return None
    return way


class TapLine:
    """The way to one recorder.

    Args:
        path: of its socket.
        host: timers and the clock.
        reach: connects to it; None where nobody is there.

    Attributes:
        sent, dropped: packets.
    """

    def __init__(self, path: str, host: Host, reach: Callable[[str], TapWay | None] | None = None) -> None:
        self._path = path
        self._reach = reach or reach_socket
        self._host = host
        self._head = batch.head(secrets.token_bytes(8))
        self._socket: TapWay | None = None
        self._again_at = float("-inf")
        self._gathered = bytearray(self._head)
        self._count = 0
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._timer: Timer | None = None
        self._feeds: dict[int, TapFeed] = {}
        self._next = 0
        self._untold = 0
        self._failed = False
        self.sent = self.dropped = 0

    def open(self, described: Described) -> TapFeed:
        """Begin a stream."""
        self._next += 1
        feed = self._feeds[self._next] = TapFeed(self, self._next, described)
        return feed

    def __len__(self) -> int:
        """The streams that are open."""
        return len(self._feeds)

    def forget(self, number: int) -> None:
        """A stream has ended."""
        if self._feeds.pop(number, None) is not None:
            self.put(Kind.ENDED, number, self._host.now(), b"")
        if not self._feeds:
            self.flush()

    def put(self, kind: Kind, number: int, at: float, *parts: Buffer) -> None:
        """Add a piece; never raises."""
        size = sum(len(part) for part in parts)
        if size > batch.PIECE_LIMIT:
            self._drop(1)
            return
        gathered = self._gathered
        gathered += batch.piece(kind, number, at, size)
        for part in parts:
            gathered += part
        self._count += 1
        if len(gathered) >= FULL_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = self._host.call_later(GATHER_S, self._on_timer)

    def flush(self) -> None:
        """Send what was gathered, as far as the recorder takes it."""
        if len(self._gathered) > len(self._head):
            self._waiting.append((bytes(self._gathered), self._count))
            self._gathered, self._count = bytearray(self._head), 0
        while len(self._waiting) > WAITING_LIMIT:
            self._drop(self._waiting.popleft()[1])
        self._send()

    def close(self) -> None:
        """Nothing is recorded any more."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._disconnect()
        self._feeds.clear()

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()
        if self._waiting:
            self._timer = self._host.call_later(GATHER_S, self._on_timer)

    def _send(self) -> None:
        way = self._connected()
        if way is None:
            while self._waiting:
                self._drop(self._waiting.popleft()[1])
            return
        while self._waiting:
            datagram, count = self._waiting[0]
            try:
                way.send(datagram)
            except BlockingIOError:
                return
            except OSError:
                self._disconnect()
                self._drop(sum(count for _, count in self._waiting))
                self._waiting.clear()
                return
            self._waiting.popleft()
            self.sent += count
        if self._untold:
            untold, self._untold = self._untold, 0
            now = self._host.now()
            once = {feed.described.recording: number for number, feed in self._feeds.items()}
            for number in once.values():
                self._feeds[number].describe(now)
                self.put(Kind.LOST, number, now, batch.lost(untold))

    def _connected(self) -> TapWay | None:
        if self._socket is not None:
            return self._socket
        now = self._host.now()
        if now < self._again_at:
            return None
        self._again_at = now + _AGAIN_S
        way = self._socket = self._reach(self._path)
        if way is None:
            return None
        for feed in self._feeds.values():
            feed.describe()
        return way

    def _disconnect(self) -> None:
        way, self._socket = self._socket, None
        if way is not None:
            way.close()

    def fail(self) -> bool:
        """Count a packet that a fault kept from the recorder. Returns: whether it is the first one."""
        self._drop(1)
        first, self._failed = not self._failed, True
        return first

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._untold += count


class TapFeed:
    """One stream on its way to the recorder.

    Attributes:
        described: what it is.
    """

    __slots__ = ("_line", "_number", "_told_at", "described")

    def __init__(self, line: TapLine, number: int, described: Described) -> None:
        self._line = line
        self._number = number
        self._told_at = float("-inf")
        self.described = described

    def put(self, kind: Kind, at: float, *parts: Buffer) -> None:
        """Pass on a copy."""
        if at - self._told_at >= _DESCRIBE_S:
            self._told_at = at
            self.describe(at)
        self._line.put(kind, self._number, at, *parts)

    def fail(self) -> None:
        """A fault of a tap: the packet that it was about is not recorded, and goes on its way."""
        if self._line.fail():
            log.exception("a tap failed", name=self.described.name, kind=self.described.kind)

    def describe(self, at: float = 0.0) -> None:
        """Say what it is."""
        self._line.put(Kind.DESCRIBED, self._number, at, batch.described(self.described))

    def change(self, described: Described) -> None:
        """Say that it is something else from now on."""
        if described != self.described:
            self.described, self._told_at = described, float("-inf")

    def close(self) -> None:
        """Nothing more comes of it."""
        self._line.forget(self._number)


class TapLines:
    """The lines of one worker, by the sockets of their recorders."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: dict[str, TapLine] = {}

    def outlet(self, paths: tuple[str, ...]) -> TapOutlet:
        """The way to those who listen at these sockets."""
        lines = tuple(self._line(path) for path in paths)
        return lines[0] if len(lines) == 1 else SplitOutlet(lines)

    def _line(self, path: str) -> TapLine:
        if path not in self._lines:
            self._lines[path] = TapLine(path, self._host)
        return self._lines[path]

    @property
    def dropped(self) -> int:
        """Packets that no recorder took."""
        return sum(line.dropped for line in self._lines.values())

    def close(self) -> None:
        """Close them all."""
        for line in self._lines.values():
            line.close()
