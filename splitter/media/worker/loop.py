"""What a worker gives its relays and rooms: sockets on free ports, packets, timers. Does I/O.

PacketHost is there once. Each relay and each room gets a RoomLoop, which knows all that it has open and where its
faults go: one that fails, even in its own close(), leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import time
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.core.freebind import bind_anywhere
from splitter.core.net import Address
from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form
from splitter.media.wire.host import PacketHandler, Timer
from splitter.media.wire.line import Line
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.poller import Poller
from splitter.media.worker.entrance import TcpEntrance, WorkerDoor
from splitter.media.worker.room_ports import RoomPair, RoomPort

DSCP_EF = 46 << 2
"""Expedited Forwarding (RFC 3246) as the TOS octet: audio."""

DSCP_AF41 = 34 << 2
"""Assured Forwarding 41 (RFC 2597, RFC 4594 §4.4) as the TOS octet: interactive video."""

PRIORITIES = {DSCP_EF: 4, DSCP_AF41: 2}
"""What Linux makes of IP_TOS by itself, and not of IPV6_TCLASS. Queues and priorities of VLANs go by it (socket(7))."""

DATAGRAM_LIMIT = 65_536
RECEIVE_BUFFER_BYTES = 1 << 18  # an IDR comes as a burst of some dozens of packets
SLOW_THREADS = 2  # for pictures: one that is long must not hold up all others
FAR_S = 0.2  # a timer that is due then, or later, may wait for others:
TOGETHER_S = 0.04  # at so many seconds' distance they come,
AT_ONCE = 8  # so many of them in one turn: packets wait for a millisecond or less
BIND_ATTEMPTS = 64  # foreign programs may sit on ports of our range

OnFault = Callable[[Exception], None]
T = TypeVar("T")


class PacketHost:
    """The sockets of one worker.

    Args:
        loop: the worker's event loop.
        ports: its slice of the range.
        freebind: its addresses may be ones that this machine is still to get.

    Attributes:
        form: of the short way.
        entrance: for TCP; None where there is none.
        buffer: every packet is received into it; its content is valid until the handler returns.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ports: PortPairs, freebind: bool = False, form: Form | None = None
    ) -> None:
        self._loop = loop
        self._freebind = freebind
        self.ports = ports
        self.form = form or PlainForm()
        self.entrance: TcpEntrance | None = None
        self.poller = Poller(loop, self.form)
        self.buffer = bytearray(DATAGRAM_LIMIT)
        self._threads = ThreadPoolExecutor(SLOW_THREADS, "pictures")
        self._far: dict[int, list[FarTimer]] = {}  # by the number of their moment

    def bind(self, host: str, tos: int, picture: bool = False) -> tuple[socket.socket, socket.socket]:
        """Sockets on a free pair of ports of `host`: RTP on the even one, RTCP above it.

        Args:
            picture: they are for one, which leaves a part of the ports to voice.
        Raises:
            MediaUnavailable: no free pair, or `host` is no address of this machine.
        """
        rtp, rtcp = self._bind(host, tos, 2, picture)
        return rtp, rtcp

    def bind_again(self, host: str, port: int, tos: int, picture: bool = False) -> tuple[socket.socket, socket.socket]:
        """Sockets on this pair of ports, which was in use before. Raises MediaUnavailable."""
        self.ports.take_again(port, picture)
        try:
            rtp, rtcp = self._open(host, port, tos, 2)
        except OSError as error:
            self.ports.rest(port, time.monotonic())
            raise MediaUnavailable(f"cannot bind {host}:{port} again: {error.strerror or error}") from error
        return rtp, rtcp

    def bind_one(self, host: str, tos: int, picture: bool = False) -> socket.socket:
        """A socket on the even port of a free pair, for all that is multiplexed. Raises MediaUnavailable."""
        return self._bind(host, tos, 1, picture)[0]

    def _bind(self, host: str, tos: int, count: int, picture: bool) -> list[socket.socket]:
        for others in range(BIND_ATTEMPTS):
            try:
                port = self.ports.take(time.monotonic(), picture)
            except NoPorts as none:
                if not others:
                    raise
                raise NoPorts(f"{none}; another program has {others} of them", none.retry_after_s) from none
            try:
                return self._open(host, port, tos, count)
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                self.ports.rest(port, time.monotonic(), None if taken else ())  # nobody has sent to it
                if not taken:
                    raise MediaUnavailable(f"cannot bind {host}:{port}: {error.strerror or error}") from error
        raise MediaUnavailable(f"the media ports of {host} are taken by another program")

    def _open(self, host: str, port: int, tos: int, count: int) -> list[socket.socket]:
        """Bound sockets on `port` and those above. Raises OSError; none is left open then."""
        opened: list[socket.socket] = []
        try:
            for number in range(port, port + count):
                opened.append(self.make(socket.AF_INET6 if ":" in host else socket.AF_INET, tos))
                opened[-1].bind((host, number))
        except BaseException:
            for sock in opened:
                sock.close()
            raise
        return opened

    def make(self, family: int, tos: int) -> socket.socket:
        """A socket that is not bound."""
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, PRIORITIES[tos])
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if self._freebind:
                bind_anywhere(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def release(self, *socks: socket.socket, late: Collection[Address] | None = None) -> None:
        """Close the sockets of one pair, the even port first; `late`: see `PortPairs.rest`."""
        port = socks[0].getsockname()[1]
        for sock in socks:
            self.poller.forget(sock.fileno())
            sock.close()
        self.ports.rest(port, time.monotonic(), late)

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Arm a timer that is not early: whoever comes before anything is due has to come again.

        Those that are far off come a little later and together: each wake-up finds the caches cold, and packets have
        their turn between two of them. To the event loop they are one timer, which costs less than one each.
        """
        if delay_s < FAR_S:
            return self._loop.call_later(delay_s, fn)
        moment = math.ceil((self._loop.time() + delay_s) / TOGETHER_S)
        timer, together = FarTimer(fn), self._far.get(moment)
        if together is None:
            self._far[moment] = [timer]
            self._loop.call_at(moment * TOGETHER_S, self._on_moment, moment)
        else:
            together.append(timer)
        return timer

    def _on_moment(self, moment: int) -> None:
        self._fire(self._far.pop(moment), 0)

    def _fire(self, together: list[FarTimer], begin: int) -> None:
        """Fire some; before the others packets have their turn."""
        end = begin + AT_ONCE
        if end < len(together):
            self._loop.call_soon(self._fire, together, end)
        for timer in together[begin:end]:
            fn = timer.fn
            if fn is not None:
                try:
                    fn()
                except (Exception, asyncio.CancelledError) as fault:  # whatever it is, the others are due as well
                    self._loop.call_exception_handler({"message": f"a timer failed: {fn}", "exception": fault})

    def in_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do slow work in one of few threads."""
        return self._loop.run_in_executor(self._threads, work)

    def close(self) -> None:
        """Watch nothing more; work that has not begun is given up."""
        self.poller.close()
        for together in self._far.values():
            together.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self.entrance is not None:
            self.entrance.close()


class FarTimer:
    """A callback that is due at a moment which it shares with others; see `PacketHost.call_later`."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        """Forget it; harmless when it has run."""
        self.fn = None


class RoomLoop:
    """The worker as one room or relay sees it (splitter.media.wire.host.Host).

    Args:
        host: the worker's sockets.
        on_fault: told what its code raised in a packet or timer callback.
        tos: of what it sends.
        picture: its ports are for pictures, which leave a part of all ports to voice.
    """

    def __init__(self, host: PacketHost, on_fault: OnFault, tos: int = DSCP_AF41, picture: bool = False) -> None:
        self._host = host
        self._tos, self._picture = tos, picture
        self._on_fault = on_fault
        self._pairs: set[RoomPair | RoomPort] = set()
        self._doors: set[WorkerDoor] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[RoomTimer] = set()
        self._closed = False

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> RoomPair:
        """Bind a pair of ports. Raises MediaUnavailable."""
        return self._pair(self._host.bind(network_host, self._tos, self._picture), on_rtp, on_rtcp)

    def reopen_pair(self, port: int, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> RoomPair:
        """Bind this pair of ports, which was in use before. Raises MediaUnavailable."""
        return self._pair(self._host.bind_again(network_host, port, self._tos, self._picture), on_rtp, on_rtcp)

    def _pair(
        self, socks: tuple[socket.socket, socket.socket], on_rtp: PacketHandler, on_rtcp: PacketHandler
    ) -> RoomPair:
        late = self._host.ports.late(socks[0].getsockname()[1])
        pair = RoomPair(self, self._line(socks[0], on_rtp), self._line(socks[1], on_rtcp), socks, late)
        self._pairs.add(pair)
        return pair

    def open_port(self, network_host: str, on_datagram: PacketHandler) -> RoomPort:
        """Bind one port. Raises MediaUnavailable."""
        sock = self._host.bind_one(network_host, self._tos, self._picture)
        port = RoomPort(self, self._line(sock, on_datagram), sock)
        self._pairs.add(port)
        return port

    def open_door(self, network_host: str) -> WorkerDoor | None:
        """Make an ICE user for whom TCP connections come in; None where there is no TCP."""
        entrance = self._host.entrance
        door = entrance.open_door(network_host, self._on_fault) if entrance is not None else None
        if door is not None:
            self._doors = {one for one in self._doors if not one.closed} | {door}
        return door

    def _line(self, sock: socket.socket, on_packet: PacketHandler) -> Line:
        host = self._host
        make = partial(host.make, sock.family, self._tos)
        return Line(sock, make, host.poller, host.buffer, on_packet, self._on_fault, self.call_later)

    def settle(self, line: Line, peer: Address) -> None:
        """Called by the pair or port itself, mostly with a packet in hand: let that be done with first."""
        self.call_later(0, partial(line.settle, peer))

    def release(self, pair: RoomPair | RoomPort, *socks: socket.socket, late: Collection[Address] | None) -> None:
        """Called by the pair or port itself."""
        self._pairs.discard(pair)
        self._host.release(*socks, late=late)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine beside the packets. What it raises is a fault of its owner."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            fault = task.exception()
            if isinstance(fault, Exception) and not self._closed:
                self._on_fault(fault)

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> RoomTimer:
        timer = RoomTimer(self, fn)
        timer.handle = self._host.call_later(delay_s, timer.fire)
        self._timers.add(timer)
        return timer

    def fire(self, timer: RoomTimer, fn: Callable[[], None]) -> None:
        """Called by the timer itself."""
        self._timers.discard(timer)
        if self._closed:
            return
        try:
            fn()
        except Exception as fault:
            self._on_fault(fault)

    def disarm(self, timer: RoomTimer) -> None:
        """Called by the timer itself."""
        self._timers.discard(timer)

    def in_thread(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Do slow work in a thread. Whatever `work` raises is told; what `done` raises is a fault of its owner."""

        def tell(worked: asyncio.Future[T]) -> None:
            if self._closed or worked.cancelled():
                return
            fault = worked.exception()
            if fault is not None and not isinstance(fault, Exception):
                raise fault
            try:
                done(worked.result() if fault is None else fault)
            except Exception as broken:
                self._on_fault(broken)

        self._host.in_thread(work).add_done_callback(tell)

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    @property
    def timers(self) -> int:
        """Count those that are armed."""
        return len(self._timers)

    def close(self) -> None:
        """Close whatever was left open."""
        self._closed = True
        for timer in list(self._timers):
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        for pair in list(self._pairs):
            pair.close()
        for door in self._doors:
            door.close()
        self._doors.clear()


class RoomTimer:
    """A callback that is due once; cancel() again is no error. When it is over it holds nobody."""

    __slots__ = ("_fn", "_loop", "handle")

    def __init__(self, loop: RoomLoop, fn: Callable[[], None]) -> None:
        self._loop = loop
        self._fn: Callable[[], None] | None = fn
        self.handle: Timer | None = None

    def fire(self) -> None:
        """Run what is due."""
        fn, self._fn, self.handle = self._fn, None, None
        if fn is not None:
            self._loop.fire(self, fn)

    def cancel(self) -> None:
        if self.handle is not None:
            self.handle.cancel()
            self._fn = self.handle = None
            self._loop.disarm(self)
