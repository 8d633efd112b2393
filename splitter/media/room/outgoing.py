"""One outgoing RTP stream: header, extensions, copies for retransmission, counters. No I/O: `send` is handed in."""

from __future__ import annotations

from collections.abc import Callable

from splitter.core.net import Address
from splitter.media.fast.way import Form, PreparedStill, ShortWay
from splitter.media.wire.ends import Seal
from splitter.rtp.cache import SentPackets
from splitter.rtp.packet import HEADER, HEADER_SIZE, VERSION, Buffer, pack_extensions, timestamp_delta
from splitter.rtp.rtcp import ReportBlock, SenderReport
from splitter.rtp.switch import Switch
from splitter.sdp.video import VideoFormat

_RESENT_LIMIT = 400  # retransmissions between two reports: answers to NACK must not become a weapon

_ORIENTATION_BYTES = 8  # of the extension block
_NAMED = 100  # packets that say to which m-line they belong; a peer knows the SSRC from then on (RFC 8843 §9.2)

_PLAUSIBLE_S = 5.0  # how far a carried-on sender report may be from our own clock of the stream

_PADDING = b"\0\0\0\4"  # of a packet without payload (RFC 3550 §5.1)

NO_PAYLOAD = b""
"""For a packet of padding alone, where a number left out would look like a loss to the receiver."""

SendPacket = Callable[[bytes | memoryview, Address], object]
TakeShown = Callable[[int, int, bool, Buffer, int | None], None]
"""Takes what `Outgoing.emit` sends."""


class Outgoing:
    """What goes to one participant.

    Attributes:
        switch: numbers and the SSRC.
        way, going: of the participant; the numbers of what goes to it. Octets count as in an SR (RFC 3550 §6.4.1), and
            the limit of the payload leaves room for the orientation extension.
        format: what the participant can receive.
        oversize: packets above the size that paths are known to carry.
        resent: packets sent again.
        seal: encrypts what is sent; None: it goes as it is.
    """

    __slots__ = (
        "_blocks",
        "_form",
        "_named_limit",
        "_resent_now",
        "_send",
        "_sent",
        "_tap",
        "_to",
        "format",
        "going",
        "oversize",
        "resent",
        "seal",
        "switch",
        "way",
    )

    def __init__(
        self, switch: Switch, way: ShortWay, form: Form, send: SendPacket, packet_limit: int, seal: Seal | None = None
    ) -> None:
        """`seal` encrypts what is sent; what was sealed is kept for retransmission, and never sealed again."""
        self.switch = switch
        self.way, self.going, self._form = way, way.going, form
        self._to = Address("", 0)
        self.format: VideoFormat | None = None
        self.oversize = self.resent = 0
        self.going.payload_limit = packet_limit - HEADER_SIZE - _ORIENTATION_BYTES
        self._send = send
        self.seal = seal
        self._sent: SentPackets | None = None
        self._blocks: dict[tuple[int | None, bool], bytes] = {}
        self._named_limit = 0  # packets up to this size name their m-line, as long as any do
        self._resent_now = 0
        self._tap: TakeShown | None = None

    @property
    def tap(self) -> TakeShown | None:
        """The one who takes copies of what is sent; None: nobody does."""
        return self._tap

    @tap.setter
    def tap(self, tap: TakeShown | None) -> None:
        self._tap, self.going.tapped = tap, tap is not None
        self.way.schedule()

    @property
    def to(self) -> Address:
        """Where packets go; port 0 means nowhere."""
        return self._to

    @to.setter
    def to(self, to: Address) -> None:
        self._to, self.going.port = to, to.port
        self.going.generation += 1
        self.way.aim(to)

    def configure(self, negotiated: VideoFormat) -> None:
        """Take what was negotiated (again)."""
        if negotiated.mid_id is None:
            self.going.unnamed = 0
        elif self.format is None or self.format.mid != negotiated.mid:
            self.going.unnamed = _NAMED
            self._named_limit = self.going.payload_limit - len(negotiated.mid) - 1
        self.format = negotiated
        self.going.payload_type = negotiated.payload_type
        self.going.generation += 1
        self._blocks = {}
        if "nack" not in negotiated.feedback:
            self._sent = None
        elif self._sent is None:
            self._sent = self._form.copies()
        self.way.keep(self._sent)

    def emit(
        self, sequence: int, timestamp: int, marker: bool, payload: Buffer, orientation: int | None = None
    ) -> None:
        """Send one packet.

        Args:
            payload: NO_PAYLOAD for a packet of padding alone.
            orientation: CVO byte to send along, where the participant negotiated the extension.
        """
        going = self.going
        second = going.payload_type | 0x80 if marker else going.payload_type
        if payload and orientation is None and not going.unnamed:  # by far the most packets
            packet = HEADER.pack(VERSION, second, sequence, timestamp, self.switch.ssrc) + payload
        else:
            packet = self._special(second, sequence, timestamp, payload, orientation)
        going.packets += 1
        going.octets += len(payload)
        if self._tap is not None and payload:
            self._tap(sequence, timestamp, marker, payload, orientation)
        if self._to.port:
            self.dispatch(sequence, packet)

    def show(self, still: PreparedStill | None) -> None:
        """Have this still played from now on, as far as the form of the short way can do that; None: none."""
        upright = self._block(0, False) if self.format is not None and self.format.orientation_id is not None else b""
        self.way.show(still, upright, self._dispatch_anywhere)

    def _dispatch_anywhere(self, sequence: int, packet: bytes) -> None:
        if self._to.port:
            self.dispatch(sequence, packet)

    def dispatch(self, sequence: int, packet: bytes) -> None:
        """Encrypt, keep and send a packet that is counted already."""
        if self.seal is not None:
            sealed = self.seal(packet)
            if sealed is None:
                return
            packet = bytes(sealed)
        if self._sent is not None:
            self._sent.store(sequence, packet)
        self._send(packet, self._to)

    def _special(self, second: int, sequence: int, timestamp: int, payload: Buffer, orientation: int | None) -> bytes:
        """A packet of padding alone, or perhaps with a header extension."""
        ssrc = self.switch.ssrc
        if not payload:
            return HEADER.pack(VERSION | 0x20, second, sequence, timestamp, ssrc) + _PADDING
        if orientation is not None and (self.format is None or self.format.orientation_id is None):
            orientation = None
        named = self.going.unnamed > 0 and self.to.port > 0 and len(payload) <= self._named_limit
        if orientation is None and not named:
            return HEADER.pack(VERSION, second, sequence, timestamp, ssrc) + payload
        self.going.unnamed -= named
        head = HEADER.pack(VERSION | 0x10, second, sequence, timestamp, ssrc)
        return b"".join((head, self._block(orientation, named), payload))

    def _block(self, orientation: int | None, named: bool) -> bytes:
        key, negotiated = (orientation, named), self.format
        block = self._blocks.get(key)
        if block is None:
            assert negotiated is not None
            elements: list[tuple[int, bytes]] = []
            if orientation is not None and negotiated.orientation_id is not None:
                elements.append((negotiated.orientation_id, bytes((orientation,))))
            if named and negotiated.mid_id is not None:
                elements.append((negotiated.mid_id, negotiated.mid.encode()))
            block = self._blocks[key] = pack_extensions(elements)
        return block

    def resend(self, lost: tuple[int, ...]) -> None:
        """Answer a NACK from the copies (RFC 4585 §6.2.1); what is too old is left out."""
        if self._sent is None or not self.to.port:
            return
        for sequence in lost:
            if self._resent_now >= _RESENT_LIMIT:
                return
            packet = self._sent.find(sequence)
            if packet is not None:
                self._resent_now += 1
                self.resent += 1
                self._send(packet, self.to)

    def permit_resends(self) -> None:
        """Let as many be sent again as may be, whatever was before; called with each report."""
        self._resent_now = 0

    def report(self, ntp: int, rtp: int, blocks: tuple[ReportBlock, ...]) -> SenderReport:
        """An SR that says which NTP time one of our timestamps stands for."""
        packets, octets = self.going.packets & 0xFFFF_FFFF, self.going.octets & 0xFFFF_FFFF
        return SenderReport(self.switch.ssrc, ntp, rtp, packets, octets, blocks)

    def carry_report(
        self, mapping: tuple[int, int, float], now: float, age_s: float, blocks: tuple[ReportBlock, ...]
    ) -> SenderReport | None:
        """An SR with a source's own mapping (NTP, its RTP, when it came); None where that is too old or not plausible.

        Args:
            age_s: older ones are not carried on.
        """
        elapsed = now - mapping[2]
        rtp = self.switch.translate(mapping[1] + round(elapsed * 90_000))
        apart = timestamp_delta(rtp, self.switch.clock(now))
        if elapsed > age_s or abs(apart) > _PLAUSIBLE_S * 90_000:
            return None
        return self.report((mapping[0] + int(elapsed * 0x1_0000_0000)) & 0xFFFF_FFFF_FFFF_FFFF, rtp, blocks)
