"""A relay: one audio stream between caller and centre, packet by packet, payload untouched. Does I/O.

Four *lanes*, one per socket: (caller, centre) × (RTP, RTCP). What a lane takes in goes out of the socket of its peer
lane, from our port to that side's remote: symmetric in both directions.

Each packet costs one receive, one send, and no object of ours. While a lane learns its source, each packet's is
compared; once that is settled, the kernel does it (gate.py). Sockets stay unconnected on purpose: connecting them saves
no more than the gate does, and the kernel then swallows strays without a count, which is what tells an operator why a
call has one-way audio.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import MediaEvent, MediaStarted, StrangerHeard
from splitter.media.ports.voice import RelayReport
from splitter.media.relay.latch import Latch, LatchRules
from splitter.media.relay.quality import HEADER, SAMPLE, Quality
from splitter.media.wire.gate import drops, reopen, shut
from splitter.media.wire.sources import NONE, Sources
from splitter.media.wire.strangers import Source, Strangers
from splitter.rtp.telephone_event import Digit, DigitStream

DSCP_EF = 46 << 2
"""Expedited Forwarding (RFC 3246) as the TOS octet: audio."""

EMPTYING = 1000
"""Packets checked at a go when the gate has been shut."""

LOOK_S = 0.5
"""How often relays are looked at for what no packet tells."""


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Host(Protocol):
    """What a relay needs of the worker that carries it."""

    buffer: bytearray

    def bind(self, host: str, tos: int) -> tuple[socket.socket, socket.socket]:
        """Sockets on a free pair of ports: RTP, RTCP. Raises MediaUnavailable."""
        ...

    def watch(
        self, sock: socket.socket, on_readable: Callable[[], None], on_fault: Callable[[Exception], None]
    ) -> None:
        """Call `on_readable` whenever a packet waits; `on_fault` with what it raises."""
        ...

    def release(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        """Close both; their ports go into quarantine."""
        ...

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer: ...


def socket_address(sock: socket.socket, address: Address) -> Source:
    """`address` spelled as recvfrom spells sources on `sock`, so that the two compare equal.

    Raises:
        LocalError: not a literal address of the socket's family.
    """
    try:
        host = socket.inet_ntop(sock.family, socket.inet_pton(sock.family, address.host))
    except (OSError, ValueError) as error:
        raise LocalError(f"{address.host!r} is no address that this network can reach") from error
    if not 0 < address.port < 65536:
        raise LocalError(f"{address.port} is no port")
    return (host, address.port) if sock.family == socket.AF_INET else (host, address.port, 0, 0)


class Lane:
    """One socket of a relay.

    Attributes:
        peer: the lane that sends what this one takes in; set once by the relay.
        destination: where this lane's own socket sends to, None while the remote is unknown.
        packets, bytes: taken in.
        dropped, dropped_bytes: of these, not sent on.
        rejected: not taken in.
        on_start, on_found, on_stranger: told the first source; each that is believed; one that is not, and its packets.
    """

    __slots__ = (
        "_accepted",
        "_buffer",
        "_digits",
        "_gated",
        "_receive",
        "_receive_from",
        "_rejected",
        "_sampling",
        "_seen",
        "_send",
        "_shut",
        "_strangers",
        "_stray",
        "_view",
        "bytes",
        "destination",
        "dropped",
        "dropped_bytes",
        "latch",
        "on_found",
        "on_start",
        "on_stranger",
        "packets",
        "peer",
        "quality",
        "sock",
    )

    def __init__(self, sock: socket.socket, buffer: bytearray, confirm: int, sampling: bool) -> None:
        self.sock = sock
        self._receive = sock.recv_into
        self._receive_from = sock.recvfrom_into
        self._send: Callable[[memoryview, Source], object] = sock.sendto
        self._digits: DigitStream | None = None  # that this lane's own socket sends
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._accepted: Source | None = None
        self._shut = False  # the gate lets nothing but `_accepted` into the queue
        self._gated = False  # and the queue held nothing else
        self._sampling = sampling
        self.latch = Latch(confirm)
        self.quality = Quality()
        self.destination: Source | None = None
        self.on_found: Callable[[Source], None] | None = None
        self.on_start: Callable[[Source], None] | None = None
        self.on_stranger: Callable[[Source, int], None] | None = None
        self._strangers = Strangers()
        self._seen = 0  # packets, when we last looked
        self._stray = -1  # those that the kernel had kept away by then
        self.peer = self
        self.packets = 0
        self.bytes = 0
        self.dropped = 0
        self.dropped_bytes = 0
        self._rejected = 0

    @property
    def rejected(self) -> int:
        """Packets from a source that was not named; the kernel's count includes those it had no room for."""
        return self._rejected + drops(self.sock)

    def signal(self, remote: Source | None, sources: Sources = NONE) -> None:
        """The signalling named this side's remote, and whom else to believe."""
        self.latch.signal(remote, sources)
        self._strangers.signalled()
        self._accepted = None
        self.destination = self.latch.destination
        if self._shut:
            self._shut = self._gated = False
            reopen(self.sock)

    def close_window(self) -> None:
        """Nothing is learned any more."""
        self.latch.close_window()
        self._settle()
        if self._shut and not self._gated:
            self._empty()

    def on_readable(self) -> None:
        """Forward one packet: the hot path."""
        if self._gated:
            receive = self._receive  # a local: calling a slot's content as a method is slower
            self._forward(receive(self._buffer))
        else:
            self._check()
            if self._shut:
                self._empty()

    def _check(self) -> None:
        """Take one packet; forward it if its source is right."""
        size, source = self._receive_from(self._buffer)
        if source == self._accepted or self._judge(source, size):
            self._forward(size)
        else:
            self._refuse(source, size)

    def _refuse(self, source: Source, size: int) -> None:
        self._rejected += 1
        if self.on_stranger is None or self.latch.signalled is None or self._mark(size) is None:
            return
        told = self._strangers.refused(source, self.packets, time.monotonic())
        if told is not None:
            self.on_stranger(*told)

    def look(self) -> None:
        """Now and then: where the kernel keeps packets away that may matter, find out whose they are.

        That is where nothing else comes, and where the one that the signalling named is not the one that was learned.
        The gate is shut again at the next look after which the peer is heard.
        """
        silent, self._seen = self.packets == self._seen, self.packets
        if not self._shut:
            self._stray = -1
            if not silent:
                self._settle()
        elif silent or self.latch.displaced:
            before, self._stray = self._stray, drops(self.sock)
            if 0 <= before < self._stray:
                self._shut = self._gated = False
                reopen(self.sock)
        else:
            self._stray = -1

    def _empty(self) -> None:
        """Check what came before the gate was shut; after that, no more checking."""
        try:
            for _ in range(EMPTYING):
                self._check()
        except BlockingIOError:
            self._gated = True

    def _forward(self, size: int) -> None:
        self.packets += 1
        self.bytes += size
        if not self.packets & (SAMPLE - 1) and self._sampling and size >= HEADER.size:
            self.quality.sample(HEADER.unpack_from(self._buffer), self.packets, time.monotonic())
        peer = self.peer
        destination = peer.destination
        if destination is None:
            self._drop(size)
            return
        send = peer._send
        try:
            send(self._view[:size], destination)
        except OSError:  # a full queue or no route: as if lost on the way; the next packet is due in 20 ms
            self._drop(size)

    def send_digit(self, digit: Digit, now: float) -> None:
        """Put a digit into what this lane's own socket sends. Without digits, the hot path knows nothing of them."""
        if self._digits is None:
            self._digits = DigitStream()
            self._send = self._send_digits
        if not self._digits.push(digit, now):
            raise LocalError("too many digits wait to be sent")

    def _send_digits(self, packet: memoryview, destination: Source) -> None:
        digits = self._digits
        assert digits is not None
        event = digits.take(packet, time.monotonic())
        if digits.idle:
            self._digits, self._send = None, self.sock.sendto
        self.sock.sendto(packet if event is None else event, destination)

    def _drop(self, size: int) -> None:
        self.dropped += 1
        self.dropped_bytes += size

    def _judge(self, source: Source, size: int) -> bool:
        """The slow path: a source other than the one in force."""
        if not self.latch.judge(source, self._mark(size)):
            return False
        if source == self.latch.current:
            self._accepted = None if self.latch.contested else source  # while it may be ousted, the latch counts it
            if source != self.destination:
                self.destination = source
                if self.on_found is not None:
                    self.on_found(source)
        if self.on_start is not None:
            self.on_start(source)
            self.on_start = None
        self._settle()
        return True

    def _settle(self) -> None:
        """Once nothing is left to learn, leave comparing to the kernel."""
        source = self.latch.current
        if source is None or self.latch.learning or not self._sampling or self._shut:
            return
        self._shut = shut(self.sock, source)

    def _mark(self, size: int) -> int | None:
        """The sender's SSRC: at byte 8 of RTP, at byte 4 of RTCP (RFC 3550 §5.1, §6.4)."""
        at = 8 if self._sampling else 4
        if size < at + 4 or self._buffer[0] >> 6 != 2:
            return None
        return int.from_bytes(self._buffer[at : at + 4], "big")


@dataclass(frozen=True, slots=True)
class Side:
    """The two lanes of one side."""

    rtp: Lane
    rtcp: Lane

    @property
    def ports(self) -> tuple[int, int]:
        return self.rtp.sock.getsockname()[1], self.rtcp.sock.getsockname()[1]


class Relay:
    """Four sockets and the packets between them.

    Args:
        call_id, relay_id: for events and reports.
        sides: what events call each, and the local address to bind on.
        host: the worker.
        rules: of latching.
        emit: takes MediaStarted events.
        on_fault: told what a lane raised; the relay is of no use then and wants closing.

    Raises:
        MediaUnavailable: no ports, or another number of sides than two.
    """

    def __init__(
        self,
        call_id: str,
        relay_id: str,
        sides: tuple[tuple[str, str], ...],
        host: Host,
        rules: LatchRules,
        emit: Callable[[MediaEvent], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self.call_id = call_id
        self.relay_id = relay_id
        self._host = host
        self._rules = rules
        self._emit = emit
        self._timers: list[Timer | None] = [None, None]
        if len(sides) != 2:
            raise MediaUnavailable(f"a relay has two sides, not {len(sides)}")
        (one, at), (other, over_there) = sides
        self._names = one, other
        first = host.bind(at, DSCP_EF)
        try:
            second = host.bind(over_there, DSCP_EF)
        except Exception:
            host.release(*first)
            raise
        self.sides = (self._side(0, *first), self._side(1, *second))
        self._connect(self.sides[0].rtp, self.sides[1].rtp, on_fault)
        self._connect(self.sides[0].rtcp, self.sides[1].rtcp, on_fault)

    def _side(self, index: int, rtp: socket.socket, rtcp: socket.socket) -> Side:
        side = Side(
            Lane(rtp, self._host.buffer, self._rules.confirm_rtp, sampling=True),
            Lane(rtcp, self._host.buffer, self._rules.confirm_rtcp, sampling=False),
        )
        side.rtp.on_start = lambda source: self._started(index, source)
        side.rtp.on_stranger = lambda source, packets: self._strange(index, source, packets)
        side.rtp.on_found = lambda source: side.rtcp.latch.believe(source[0])
        return side

    def _connect(self, one: Lane, other: Lane, on_fault: Callable[[Exception], None]) -> None:
        one.peer, other.peer = other, one
        for lane in (one, other):
            self._host.watch(lane.sock, lane.on_readable, on_fault)

    def _started(self, index: int, source: Source) -> None:
        self._emit(MediaStarted(self.call_id, "audio", self._names[index], Address(source[0], source[1])))

    def _strange(self, index: int, source: Source, packets: int) -> None:
        self._emit(StrangerHeard(self.call_id, "audio", self._names[index], Address(source[0], source[1]), packets))

    def look(self) -> None:
        """To be called every LOOK_S."""
        for side in self.sides:
            side.rtp.look()

    def set_remote(self, index: int, remote: RemoteEnd | None) -> None:
        """Name a side's remote and open its latching window; None: nobody.

        Raises:
            LocalError: an address that the side's network cannot reach; nothing is changed then.
        """
        side = self.sides[index]
        rtp = rtcp = None
        sources = NONE
        if remote is not None:
            sources = Sources(remote.sources)
            rtp = socket_address(side.rtp.sock, remote.rtp)
            rtcp = socket_address(side.rtcp.sock, remote.rtcp)
        side.rtp.signal(rtp, sources)
        side.rtcp.signal(rtcp)
        if side.rtp.latch.current is not None:
            side.rtcp.latch.believe(side.rtp.latch.current[0])
        self._close_window_later(index)

    def send_digit(self, index: int, digit: Digit) -> None:
        """Let a side hear a digit.

        Raises:
            LocalError: no digit of DTMF, or too many wait.
        """
        if not (0 <= digit.event < 16 and 0 <= digit.payload_type < 128 and digit.clock >= 8000):
            raise LocalError(f"{digit} cannot be sent")
        self.sides[index].rtp.send_digit(digit, time.monotonic())

    def _close_window_later(self, index: int) -> None:
        timer = self._timers[index]
        if timer is not None:
            timer.cancel()

        def close_window() -> None:
            self.sides[index].rtp.close_window()
            self.sides[index].rtcp.close_window()

        self._timers[index] = self._host.call_later(self._rules.window_s, close_window)

    def report(self) -> RelayReport:
        """The counters now."""
        one, other = (side.rtp for side in self.sides)
        return RelayReport(self.relay_id, (_count(one, other), _count(other, one)))

    def close(self) -> RelayReport:
        """Close the sockets and say what was carried."""
        report = self.report()
        for timer in self._timers:
            if timer is not None:
                timer.cancel()
        for side in self.sides:
            self._host.release(side.rtp.sock, side.rtcp.sock)
        return report


def _count(lane: Lane, peer: Lane) -> StreamCount:
    return StreamCount(
        packets_in=lane.packets,
        bytes_in=lane.bytes,
        packets_out=peer.packets - peer.dropped,
        bytes_out=peer.bytes - peer.dropped_bytes,
        lost=lane.quality.lost,
        rejected=lane.rejected,
        jitter_ms=lane.quality.jitter_ms,
    )
