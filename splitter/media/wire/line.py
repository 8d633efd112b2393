"""One UDP port, with a short cut in the kernel to the peer that it has settled on. Does I/O.

The short cut is a second socket on the same port, connected to that peer. Linux hands a connected socket what comes
from its peer, and the first socket everything else (udp_lib_lookup scores them so): strays, checks of ICE from another
network and peers that moved are still seen and judged. What comes and goes by the short cut needs no address spelled
out, compared or looked up, which is a fifth of the CPU that a packet costs (docs/decisions/0017). It takes no
privilege; where the system refuses it, the first socket does all.

Strays have a queue of their own then, and more of them than anybody sends by mistake are not even looked at: the first
socket is shut for a moment, and the kernel drops and counts what comes.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from splitter.core.net import Address
from splitter.media.fast.way import OpenedHandler, Rider
from splitter.media.wire.gate import NOBODY, drops, reopen, shut
from splitter.media.wire.host import PacketHandler, Timer
from splitter.media.wire.poller import Poller

EMPTYING = 1000
"""Packets taken at a go from a socket that gives way to another one."""

FLOOD, SHUT_S = 2000, 1.0
"""So many strays within so many seconds are a flood, and the port is shut to strays for as long."""

Datagram = bytes | bytearray | memoryview
OnFault = Callable[[Exception], None]


class Line:
    """A port of a room.

    Args:
        sock: bound; the owner closes it after `close`.
        make: makes another socket of the same kind, not bound.
        poller, on_fault: as `Poller.watch` has them.
        call_later: arms a timer.
        buffer: every packet is received into it.
        on_packet: takes each packet.

    Attributes:
        port: its number.
        direct: the socket of the short cut, while there is one.
        reopening: when the port hears strays again, while it is shut to them.
    """

    __slots__ = (
        "_buffer",
        "_call_later",
        "_make",
        "_on_fault",
        "_on_opened",
        "_on_packet",
        "_peer",
        "_poller",
        "_read",
        "_read_direct",
        "_record",
        "_send",
        "_send_direct",
        "_sock",
        "_strays",
        "_unsent",
        "_way",
        "direct",
        "port",
        "reopening",
    )

    def __init__(
        self,
        sock: socket.socket,
        make: Callable[[], socket.socket],
        poller: Poller,
        buffer: bytearray,
        on_packet: PacketHandler,
        on_fault: OnFault,
        call_later: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        self._sock, self._make = sock, make
        self._poller, self._on_fault = poller, on_fault
        self._buffer, self._on_packet, self._call_later = buffer, on_packet, call_later
        self._send: Callable[[Datagram, Address], int] = sock.sendto
        self._send_direct: Callable[[Datagram], int] = sock.send
        self.direct: socket.socket | None = None
        self._peer: Address | None = None  # of the short cut
        self._read = self._read_direct = _reader(sock, buffer, self._on_other)
        self._strays = (0.0, 0)  # since when, and how many
        self._record = poller.short_cuts.line() if poller.short_cuts is not None else None
        self._way: Rider | None = None
        self._on_opened: OpenedHandler = _nothing
        self.reopening: Timer | None = None
        self.port: int = sock.getsockname()[1]
        self._unsent = 0
        poller.watch(sock.fileno(), self._read, on_fault)

    @property
    def missed(self) -> int:
        """Packets that the kernel kept from us, on either socket."""
        return drops(self._sock) + (drops(self.direct) if self.direct is not None else 0)

    @property
    def unsent(self) -> int:
        """Packets the kernel would not take; lost as on the way."""
        return self._unsent + (self._record.unsent if self._record is not None else 0)

    def carry(self, way: Rider | None, on_opened: OpenedHandler | None = None) -> None:
        """Let packets of the peer take this short way, as long as there is a short cut; None: no longer.

        Args:
            on_opened: takes packets that were decrypted for the short way, and cannot take it.
        """
        if self._record is None:
            return
        if self._way is not None and self._way is not way:
            self._way.reach(None, None)
        self._way, self._on_opened = way, on_opened or _nothing
        self._tie()

    def _tie(self) -> None:
        """Tell both what there is now: a short way, a short cut."""
        short_cuts, fd = self._poller.short_cuts, self.direct.fileno() if self.direct is not None else -1
        if short_cuts is None:
            return
        short_cuts.tie(self._record, fd, self._way)
        if self._way is not None:
            self._way.reach(self._record if self.direct is not None else None, self._peer)

    def _on_direct(self, opened: bool, data: memoryview, now: float) -> None:
        """A packet of the peer that did not take the short way."""
        if opened:
            self._on_opened(data, now)
        elif self._peer is not None:
            self._on_packet(data, self._peer, now)

    def send(self, data: Datagram, to: Address) -> bool:
        """Send. Returns: whether the kernel took it."""
        if to == self._peer:
            try:
                self._send_direct(data)
                return True
            except OSError:
                pass  # perhaps for an earlier packet (ICMP): this one may still go
        try:
            self._send(data, to)
        except OSError:  # also after close(): what is left of a handshake may still want to speak
            self._unsent += 1
            return False
        return True

    def _on_other(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        """A packet that did not come by the short cut."""
        if self.direct is not None:
            since, strays = self._strays
            self._strays = (since, strays + 1) if now - since < SHUT_S else (now, 1)
            if strays >= FLOOD and self.reopening is None and shut(self._sock, NOBODY):
                self.reopening = self._call_later(SHUT_S, self._reopen)
        self._on_packet(data, source, now)

    def _reopen(self) -> None:
        """Hear strays again."""
        if self.reopening is not None:
            self.reopening.cancel()
            self.reopening = None
            reopen(self._sock)

    def settle(self, peer: Address) -> None:
        """Make the short cut to `peer`, instead of the one before. Not to be called while a packet is in hand."""
        if peer == self._peer:
            return
        self._reopen()
        self._cut()
        direct = _connected(self._sock, self._make, peer)
        if direct is None:
            return
        self._empty(self._read)  # what came before the short cut stays before what comes by it
        if self._sock.fileno() < 0:  # and one of those packets was the last
            direct.close()
            return
        self.direct, self._peer = direct, peer
        self._send_direct = direct.send
        self._tie()
        if self._record is not None:
            self._poller.watch_short_cut(self._record, self._on_direct, self._on_fault)
            return
        self._read_direct = _direct_reader(direct, self._buffer, peer, self._on_packet)
        self._poller.watch(direct.fileno(), self._read_direct, self._on_fault)

    def _cut(self) -> None:
        """Give up the short cut."""
        direct = self.direct
        if direct is None:
            return
        if self._record is not None:
            self._poller.drain(direct.fileno(), EMPTYING)
            if self.direct is not direct:  # one of those packets was the last
                return
        self.direct = self._peer = None
        if self._record is None:
            self._empty(self._read_direct)
        self._tie()
        self._poller.forget(direct.fileno())
        direct.close()

    def _empty(self, read: Callable[[], None]) -> None:
        try:
            for _ in range(EMPTYING):
                read()
        except OSError:
            pass  # nothing waits any more, or the room gave the port up meanwhile

    def close(self) -> None:
        """Watch nothing more, and give up the short cut; what waits is lost."""
        self._reopen()
        direct, self.direct, self._peer = self.direct, None, None
        self._tie()
        self._way, self._on_opened = None, _nothing
        self._on_packet = self._read = self._read_direct = _nothing  # nor hold whoever used it
        for sock in (self._sock, direct):
            if sock is not None:
                self._poller.forget(sock.fileno())
        if direct is not None:
            direct.close()


def _nothing(*packet: object) -> None:
    """Nobody listens any more."""


def _connected(sock: socket.socket, make: Callable[[], socket.socket], peer: Address) -> socket.socket | None:
    """Another socket on the port of `sock`, for what comes from `peer` alone; None where the system refuses it."""
    try:
        direct = make()
    except OSError:
        return None
    both = (sock, direct)
    try:
        for one in both:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if not shut(direct, peer):  # or others' packets could come in between bind and connect
            raise OSError("no filter")
        direct.bind(sock.getsockname())
        direct.connect(peer)
        reopen(direct)
    except OSError:
        direct.close()
        return None
    finally:
        for one in both:
            if one.fileno() >= 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)  # the port is nobody else's
    return direct


def _reader(sock: socket.socket, buffer: bytearray, on_packet: PacketHandler) -> Callable[[], None]:
    """A handler that takes one packet. Sources rarely change: an Address is made only when they do."""
    receive, view, now = sock.recvfrom_into, memoryview(buffer), time.monotonic
    last: tuple[Any, ...] = ()
    source = Address("", 0)

    def on_readable() -> None:
        nonlocal last, source
        size, sender = receive(buffer)
        if sender != last:
            last = sender
            source = Address(sender[0], sender[1])
        on_packet(view[:size], source, now())

    return on_readable


def _direct_reader(
    sock: socket.socket, buffer: bytearray, peer: Address, on_packet: PacketHandler
) -> Callable[[], None]:
    """A handler that takes one packet of the peer."""
    receive, view, now = sock.recv_into, memoryview(buffer), time.monotonic

    def on_readable() -> None:
        try:
            size = receive(buffer)
        except BlockingIOError:
            raise
        except OSError as error:  # ICMP about a packet of ours: whatever it says, it is no fault of the room
            raise ConnectionError(str(error)) from error
        on_packet(view[:size], peer, now())

    return on_readable
