"""Several streams on one wire, told apart as RFC 8843 §9.2 says. No I/O: the wire does it.

    RTP    by MID, where a packet has one; then by SSRC, as learned or as SDP said; then by a payload type that one
           stream alone has. A packet of none of them is counted and dropped.
    RTCP   by the SSRC that a message is about: theirs in what they report of themselves, ours in what they ask and
           report of us. A message about several streams is divided.

An SSRC that was learned stays with its stream until a packet with another MID moves it.

Nobody pays for what is not there: of a stream that has its wire to itself nothing is asked, and the wire hands it what
comes without a bundle in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from splitter.core.net import Address
from splitter.media.fast.way import ShortWay
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.ends import BundledWire, Seal, WireEnd
from splitter.rtp.feedback import Fir, Nack, Pli, Remb, Tmmbn, Tmmbr
from splitter.rtp.packet import Buffer, extension, payload_bounds
from splitter.rtp.rtcp import Bye, ReceiverReport, RtcpPacket, SenderReport, SourceDescription

SSRC_LIMIT = 64
"""SSRCs that are learned; who comes with more is not heard with these."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What a stream is told by.

    Attributes:
        mid: of its m-line. mid_id: of the header extension that says it (RFC 8843 §15); None where it is not agreed.
        payload_types: that the peer may send in it.
        theirs: SSRCs that SDP named (RFC 5576). ours: those that we send it with.
    """

    mid: str
    mid_id: int | None
    payload_types: frozenset[int]
    theirs: frozenset[int] = frozenset()
    ours: frozenset[int] = frozenset()

    @classmethod
    def sent_with(cls, ssrc: int) -> StreamKey:
        """Make the key of a stream of which nothing is negotiated yet."""
        return cls("", None, frozenset(), ours=frozenset((ssrc,)))

    def agreed(self, media: ParticipantMedia) -> StreamKey:
        """Make the key of the same stream, with what it was agreed that the peer sends, if anything."""
        form, receiving = media.receive_format, media.receiving
        types = frozenset((form.payload_type,)) if receiving else frozenset[int]()
        return replace(self, mid=form.mid, mid_id=form.mid_id if receiving else None, payload_types=types)


class Strand:
    """One stream's half of a bundle: to its end, a wire of its own.

    Attributes:
        media: what was negotiated last; None while it is paused.
    """

    def __init__(self, bundle: Bundle, key: StreamKey, end: WireEnd) -> None:
        wire = bundle.wire
        self.bundle, self.key, self.end = bundle, key, end
        self.media: ParticipantMedia | None = None
        self.send_rtp, self.send_rtcp = wire.send_rtp, wire.send_rtcp
        self.packet_limit = wire.packet_limit

    @property
    def seal_rtp(self) -> Seal | None:
        """The wire's own, whose keys may come and go."""
        return self.bundle.wire.seal_rtp

    @property
    def ports(self) -> tuple[int, int]:
        return self.bundle.wire.ports

    @property
    def to(self) -> Address:
        return self.bundle.wire.to

    @property
    def rejected(self) -> int:
        """Datagrams that were not believed to be the peer's, of whatever stream."""
        return self.bundle.wire.rejected

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Take what was negotiated for this stream; the wire pauses when all its streams do."""
        self.media = media
        self.bundle.configure(self, now)

    def rekey(self, key: StreamKey) -> None:
        """Tell the stream by this from now on."""
        if key != self.key:
            self.key = key
            self.bundle.index()

    def close(self) -> None:
        """Leave the bundle; the last one closes the wire."""
        self.bundle.detach(self)


class Bundle:
    """The streams of one wire; to the wire, its user.

    Args:
        wire: makes the wire, for a bundle.

    Attributes:
        way: none: packets are told apart first.
        unclaimed: packets of RTP that are of no stream. unasked: RTCP about SSRCs of no stream.
    """

    way: ShortWay | None = None

    def __init__(self, wire: Callable[[WireEnd], BundledWire]) -> None:
        """Make the wire. Raises MediaUnavailable."""
        self._strands: list[Strand] = []
        self._by_ssrc: dict[int, Strand] = {}
        self._by_mid: dict[str, Strand] = {}
        self._by_type: dict[int, Strand | None] = {}
        self._mid_ids: tuple[int, ...] = ()
        self.taken = self.unclaimed = self.unasked = 0
        self.wire = wire(self)

    def attach(self, key: StreamKey, end: WireEnd) -> Strand:
        """Let a stream on. Its packets go to `end`, and it sends by what is returned."""
        strand = Strand(self, key, end)
        self._strands.append(strand)
        self.index()
        return strand

    def detach(self, strand: Strand) -> None:
        """Take a stream off; what comes of it is unclaimed from now on. With the last one the wire is closed."""
        self._strands.remove(strand)
        self._by_ssrc = {ssrc: one for ssrc, one in self._by_ssrc.items() if one is not strand}
        self.index()
        if not self._strands:
            self.wire.close()

    def configure(self, strand: Strand, now: float) -> None:
        """Something else was negotiated for a stream."""
        media = strand.media
        if media is not None:
            strand.key = strand.key.agreed(media)
            self.index()
        if media is not None or all(one.media is None for one in self._strands):
            self.wire.configure(media, now)

    def index(self) -> None:
        """Take in what its streams are told by."""
        if self._strands:
            self.wire.serve(self._strands[0].end if len(self._strands) == 1 else self)
        self._by_mid = {one.key.mid: one for one in self._strands}
        self._mid_ids = tuple({one.key.mid_id: None for one in self._strands if one.key.mid_id is not None})
        self._by_type = {}
        for one in self._strands:
            for number in one.key.payload_types:
                self._by_type[number] = None if number in self._by_type else one

    # ---- what the wire tells ----------------------------------------------------------------------------------------

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be a packet of any stream."""
        return any(one.end.plausible(data) for one in self._strands)

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of one of the streams."""
        strand = self._claim(data) if payload_bounds(data) is not None else None
        if strand is None:
            self.unclaimed += 1
            return
        self.taken += 1
        strand.end.on_rtp(data, now)

    def _claim(self, data: bytearray | memoryview | bytes) -> Strand | None:
        ssrc = int.from_bytes(data[8:12])
        known = self._by_ssrc.get(ssrc)
        if data[0] & 0x10:
            for mid_id in self._mid_ids:
                value = extension(data, mid_id)
                if value is not None:
                    named = self._by_mid.get(value.decode("ascii", "replace"))
                    return named if named is known else self._learn(ssrc, named)
        if known is not None:
            return known
        for one in self._strands:
            if ssrc in one.key.theirs:
                return self._learn(ssrc, one)
        return self._learn(ssrc, self._by_type.get(data[1] & 0x7F))

    def _learn(self, ssrc: int, strand: Strand | None) -> Strand | None:
        """Remember whose an SSRC is, as long as there is room: what is not remembered is not heard."""
        if strand is None or (ssrc not in self._by_ssrc and len(self._by_ssrc) >= SSRC_LIMIT):
            return None
        self._by_ssrc[ssrc] = strand
        return strand

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        """What the peer reports and asks: to each stream its own."""
        shares: dict[int, list[RtcpPacket]] = {}
        for message in messages:
            claimed = False
            for index, one in enumerate(self._strands):
                share = self._share(one, message)
                if share is not None:
                    shares.setdefault(index, []).append(share)
                    claimed = True
            if not claimed and not (isinstance(message, ReceiverReport) and not message.blocks):
                self.unasked += 1
        for index, theirs in shares.items():
            self._strands[index].end.on_rtcp(theirs, now)

    def _share(self, strand: Strand, message: RtcpPacket) -> RtcpPacket | None:
        """What of a message is about a stream; None for nothing."""
        ours, sent = strand.key.ours, self._sends(strand)
        match message:
            case SenderReport() | ReceiverReport():
                blocks = tuple(block for block in message.blocks if block.ssrc in ours)
                if isinstance(message, SenderReport) and sent(message.ssrc):
                    return replace(message, blocks=blocks)
                return ReceiverReport(message.ssrc, blocks) if blocks else None
            case SourceDescription():
                return message if sent(message.ssrc) else None
            case Bye():
                gone = tuple(ssrc for ssrc in message.ssrcs if sent(ssrc))
                return replace(message, ssrcs=gone) if gone else None
            case Nack() | Pli():
                return message if message.media in ours or (message.media == 0 and sent(message.sender)) else None
            case Fir():
                asked = tuple(one for one in message.requests if one[0] in ours)
                return replace(message, requests=asked) if asked else None
            case Tmmbr() | Tmmbn():
                limits = tuple(one for one in message.limits if one.ssrc in ours)
                return replace(message, limits=limits) if limits else None
            case Remb():
                return message if _meet(message.ssrcs, ours) else None
        return None

    def _sends(self, strand: Strand) -> Callable[[int], bool]:
        return lambda ssrc: ssrc in strand.key.theirs or self._by_ssrc.get(ssrc) is strand

    def on_path(self, to: Address, now: float) -> None:
        """The peer is found, or found elsewhere: for all streams."""
        for one in self._strands:
            one.end.on_path(to, now)

    def on_doubt(self, source: Address) -> None:
        """Nothing that comes can be decrypted."""
        for one in self._strands:
            one.end.on_doubt(source)

    def on_stranger(self, source: Address, packets: int) -> None:
        """Nothing of the peer comes, but this: for all streams."""
        for one in self._strands:
            one.end.on_stranger(source, packets)

    def on_lost(self, reason: str) -> None:
        """Nothing will come for now, of no stream."""
        for one in self._strands:
            one.end.on_lost(reason)


def _meet(some: Iterable[int], others: frozenset[int]) -> bool:
    return not others.isdisjoint(some)
