"""One port of a relay: what it takes in leaves by its peer, payload untouched. The hot path; sends by its port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.media.fast.state import LaneNumbers
from splitter.media.fast.way import ShortLane
from splitter.media.offload.ports import FlowCount
from splitter.media.relay.quality import HEADER, SAMPLE, Quality
from splitter.media.wire.latch import Latch, LatchRules, Verdict
from splitter.media.wire.sources import NONE, Sources
from splitter.media.wire.strangers import Strangers
from splitter.rtp.telephone_event import Digit, DigitStream

SendPacket = Callable[[bytes | bytearray | memoryview, Address], bool]


class Egress(Protocol):
    """Where what a lane takes in leaves."""

    @property
    def destination(self) -> Address | None:
        """Where that goes; None while nothing can be sent there."""
        ...

    def send(self, data: bytes | bytearray | memoryview, to: Address, /) -> bool:
        """Send to `destination`. Returns: whether it could be sent."""
        ...


class Nowhere:
    """An egress of a lane whose packets nobody is to have."""

    destination: Address | None = None

    def send(self, data: bytes | bytearray | memoryview, to: Address, /) -> bool:
        return False


NOWHERE = Nowhere()


class PacketTap(Protocol):
    """Tap that takes copies."""

    def take(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Copy a packet; never raises, nor waits."""
        ...


class LaneListener(Protocol):
    """Listener who is told what a lane finds out."""

    def on_started(self, lane: Lane, source: Address) -> None:
        """The first packet of RTP was believed."""
        ...

    def on_found(self, lane: Lane, source: Address) -> None:
        """RTP comes from, and goes to, another address than before."""
        ...

    def on_doubt(self, lane: Lane, source: Address) -> None:
        """Packets come, and the keys do not open them."""
        ...

    def on_stranger(self, lane: Lane, source: Address, packets: int) -> None:
        """Nothing of the peer comes, but this, from where SDP did not say."""
        ...


class Lane:
    """One port of a relay.

    Args:
        rtp: this is the port of RTP, whose packets are sampled, and not of RTCP.
        short: deals with packets that need no thought, before they come here; None: all come here.

    Attributes:
        peer: where what this one takes in leaves: the lane of the other side, as a rule; set by the relay.
        send: sends from this lane's own port.
        settle: tells the port whom packets come from; None for RTCP, which is too rare for a short cut.
        destination: where this lane's own port sends to, None while the remote is unknown.
        numbers: of what it took in, here or on the short way.
        dropped, dropped_bytes: of these, not sent on.
        rejected: not taken in.
    """

    __slots__ = (
        "_accepted",
        "_digits",
        "_listener",
        "_mark_at",
        "_peer",
        "_quality",
        "_sealed",
        "_short",
        "_started",
        "_strangers",
        "_tap",
        "destination",
        "dropped",
        "dropped_bytes",
        "latch",
        "numbers",
        "rejected",
        "rtp",
        "send",
        "settle",
    )

    _peer: Egress
    send: SendPacket

    def __init__(self, rules: LatchRules, rtp: bool, listener: LaneListener, short: ShortLane | None = None) -> None:
        self.rtp = rtp
        self.latch = Latch(rules)
        self._quality = Quality()
        self.destination: Address | None = None
        self.settle: Callable[[Address], None] | None = None
        self._tap: PacketTap | None = None
        self.numbers = LaneNumbers() if short is None else short.numbers
        self.dropped = self.dropped_bytes = self.rejected = 0
        self._short = short
        self._sealed = False
        self._listener = listener
        self._mark_at = 8 if rtp else 4  # of the sender's SSRC (RFC 3550 §5.1, §6.4)
        self._accepted: Address | None = None  # settled, in the spelling of the last packet
        self._strangers = Strangers()
        self._started = False
        self._digits: tuple[DigitStream, SendPacket] | None = None

    @property
    def peer(self) -> Egress:
        """Where what this one takes in leaves."""
        return self._peer

    @peer.setter
    def peer(self, egress: Egress) -> None:
        self._peer = egress
        self._touch()

    @property
    def sealed(self) -> bool:
        """Whether the packets of its port are encrypted on their way: they then come by here, each of them."""
        return self._sealed

    @sealed.setter
    def sealed(self, sealed: bool) -> None:
        self._sealed = sealed
        self._touch()

    @property
    def tap(self) -> PacketTap | None:
        """The tap that takes a copy of each packet; none leaves by a short way meanwhile."""
        return self._tap

    @tap.setter
    def tap(self, tap: PacketTap | None) -> None:
        self._tap = tap
        self._touch()

    @property
    def quality(self) -> Quality:
        """Loss and jitter of what it took in, by now."""
        if self._short is not None:
            for header, packets, at in self._short.samples():
                self._quality.sample(HEADER.unpack(header), packets, at)
        return self._quality

    @property
    def packets(self) -> int:
        """Packets taken in."""
        return self.numbers.packets

    @property
    def bytes(self) -> int:
        """Bytes taken in."""
        return self.numbers.bytes

    def signal(self, remote: Address | None, now: float, sources: Sources = NONE) -> None:
        """The signalling named this side's remote, and whom else to believe."""
        self.latch.expect(remote, now, sources)
        self._strangers.signalled()
        self._accepted = None
        self.destination = self.latch.destination
        self._touch()

    def on_packet(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        """Forward one packet if its source is right."""
        if source is not self._accepted and not self._admit(data, source, now):
            return
        size = len(data)
        numbers = self.numbers
        numbers.packets += 1
        numbers.bytes += size
        if not numbers.packets & (SAMPLE - 1) and self.rtp and size >= HEADER.size:
            self.quality.sample(HEADER.unpack_from(data), numbers.packets, now)
        if self._tap is not None:
            self._tap.take(data, now)
        peer = self._peer
        destination = peer.destination
        # Where it cannot be sent it is as if lost on the way: the next packet is due in 20 ms.
        if destination is None or not peer.send(data, destination):
            self.dropped += 1
            self.dropped_bytes += size
        elif self._short is not None and numbers.settled != numbers.generation and self._tap is None:
            self._shorten(self._short, peer, destination)

    def _shorten(self, short: ShortLane, peer: Egress, destination: Address) -> None:
        """Let what comes next leave without coming here, where nothing more is done with it."""
        source = self._accepted
        if self._sealed or not isinstance(peer, Lane) or peer._sealed:
            return
        if source is not None and peer._short is not None and peer._digits is None:
            short.settle(source, peer._short, destination)

    def _touch(self) -> None:
        """Something has changed: let the next packet come here, and that of the lane that leaves by this one."""
        if self._short is not None:
            self._short.touch()

    def _admit(self, data: bytearray | memoryview, source: Address, now: float) -> bool:
        """The slow path: a source other than the one in force, or one that may still give way."""
        latch = self.latch
        if not latch.settled or source != latch.current:
            mark = self._mark(data)
            if latch.judge(source, now, mark) is not Verdict.ACCEPT:
                self._refuse(source, now, mark)
                return False
            self._found(source)
        if latch.settled and source == latch.current:
            if self._accepted != source and self.settle is not None:
                self.settle(source)
            self._accepted = source
            self._touch()
        return True

    def _found(self, source: Address) -> None:
        moved = source == self.latch.current and source != self.destination
        self.destination = self.latch.destination
        self._touch()
        if not self.rtp:
            return
        if moved:
            self._listener.on_found(self, source)
        if not self._started:
            self._started = True
            self._listener.on_started(self, source)

    def _refuse(self, source: Address, now: float, mark: int | None) -> None:
        self.rejected += 1
        if not self.rtp or mark is None or self.latch.named is None or self.latch.is_late(source, now):
            return
        told = self._strangers.refused(source, self.packets, now)
        if told is not None:
            self._listener.on_stranger(self, Address(*told[0][:2]), told[1])

    def _mark(self, data: bytearray | memoryview) -> int | None:
        at = self._mark_at
        if len(data) < at + 4 or data[0] >> 6 != 2:
            return None
        return int.from_bytes(data[at : at + 4], "big")

    # ---- what the kernel takes in its stead -----------------------------------------------------------------------

    @property
    def accepted(self) -> Address | None:
        """Where its packets come from, once that is settled."""
        return self._accepted if self.latch.settled else None

    @property
    def steady(self) -> bool:
        """Whether its peer is settled, nothing is put into what its own port sends, and nobody listens."""
        return self.accepted is not None and self.destination is not None and self._digits is None and self._tap is None

    def carried(self, taken: FlowCount) -> None:
        """Count packets that never came here."""
        quality = self.quality
        for one in taken.samples:
            quality.sample(HEADER.unpack(one.header), self.packets + one.packets, one.at)
        self.numbers.packets += taken.packets
        self.numbers.bytes += taken.size_bytes

    # ---- digits -------------------------------------------------------------------------------------------------

    def send_digit(self, digit: Digit, clock: Callable[[], float]) -> None:
        """Put a digit into what this lane's own port sends. Without digits, the hot path knows nothing of them."""
        if self._digits is None:
            stream, plain = DigitStream(), self.send

            def send(packet: bytes | bytearray | memoryview, destination: Address) -> bool:
                event = stream.take(packet, clock())
                if stream.idle:
                    self._digits, self.send = None, plain
                return plain(packet if event is None else event, destination)

            self._digits, self.send = (stream, plain), send
            self._touch()
        if not self._digits[0].push(digit, clock()):
            raise LocalError("too many digits wait to be sent")

    def end(self) -> None:
        """Nothing comes any more: hold nobody."""
        del self._peer, self.send
        if self._short is not None:
            self._short.close()
        self._digits = self.settle = self._tap = None
        del self._listener
