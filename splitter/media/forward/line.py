"""Packets of one stream as they are sent on: one source for the receiver, whatever the call makes of it. Pure.

A stream's sender changes its SSRC, a call moves to another worker, keys are left out: the receiver sees numbers that go
on. What was lost before stays lost, and is seen as such. Reports tie all lines to one clock (`record/clock.py`).
"""

from __future__ import annotations

from splitter.media.forward.payloads import PayloadTypes
from splitter.media.forward.protocol import Encoding, LineTarget
from splitter.media.record.batch import Described, PicturePacket
from splitter.media.record.clock import StreamClock
from splitter.rtp import h264, packet, rtcp
from splitter.rtp.feedback import Fir, Pli
from splitter.rtp.rtcp import SenderReport, SourceDescription

_JUMP = 3000
_RATE_MOST = 384_000  # whatever SDP says
_H264 = "profile-level-id={};packetization-mode=1"


class LineNumbering:
    """Sequence numbers and time stamps that go on over changes of the source.

    Args:
        sequence, timestamp: the first ones.
    """

    def __init__(self, sequence: int, timestamp: int) -> None:
        self._source: object = None
        self._sequence, self._timestamp = sequence, timestamp  # the latest that went out
        self._shift = self._time_shift = 0
        self._at = 0.0

    def take(self, source: object, sequence: int, timestamp: int, rate: int, at: float) -> tuple[int, int]:
        """Give a packet of this source its numbers; `at`: when it came, in seconds."""
        if source != self._source or abs(_ahead(sequence + self._shift, self._sequence)) > _JUMP:
            self._shift = self._sequence + 1 - sequence
            passed = max(1, round((at - self._at) * rate)) if self._source is not None else 1
            self._time_shift = self._timestamp + passed - timestamp
            self._source = source
        sequence = (sequence + self._shift) & 0xFFFF
        timestamp = (timestamp + self._time_shift) & 0xFFFF_FFFF
        if _ahead(sequence, self._sequence) > 0:
            self._sequence, self._timestamp, self._at = sequence, timestamp, at
        return sequence, timestamp

    def leave_out(self, sequence: int) -> None:
        """A packet of the present source is not sent, and is not missed either."""
        if self._source is not None and 0 < _ahead(sequence + self._shift, self._sequence) <= _JUMP:
            self._shift -= 1


def _ahead(sequence: int, other: int) -> int:
    return ((sequence - other + 0x8000) & 0xFFFF) - 0x8000


class CopiedLine:
    """One stream on its way to a recorder.

    Args:
        what: it is. ssrc, sequence, timestamp: of what is sent.
        leader: the voice of the same sender.

    Attributes:
        target: where it goes; None: nowhere now.
        packets, octets: that were sent.
        left_out: packets that nobody had agreed to take, or that could not be used.
        turns: how its pictures are to be turned was told.
    """

    def __init__(
        self, what: Described, ssrc: int, sequence: int, timestamp: int, leader: CopiedLine | None = None
    ) -> None:
        self.what = what
        self.kind = what.kind
        self.ssrc = ssrc
        self.target: LineTarget | None = None
        self.packets = self.octets = self.left_out = 0
        self.turns = False
        lead: StreamClock | None = leader.clock if leader is not None else None
        self.clock: StreamClock = StreamClock(_rate(what.clock_rate), lead)
        self._payloads = PayloadTypes()
        self._numbers = LineNumbering(sequence, timestamp)
        self._source: int | None = None
        self._last: tuple[int, float, int] | None = None  # the latest time stamp, its time on our clock, and its rate
        self._profile = ""
        if what.kind == "voice":
            self._payloads.learn(what.encodings)

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """What there is to offer, under our payload types; () as long as a picture has not said what it is."""
        if self.kind == "voice":
            return self._payloads.encodings
        return ((96, "H264", 90_000, 1, _H264.format(self._profile)),) if self._profile else ()

    def learn(self, what: Described) -> bool:
        """Take in what it is made of from now on. Returns: whether there is something new to offer."""
        if what == self.what or self.kind != "voice":
            return False
        self.what = what
        return self._payloads.learn(what.encodings)

    # ---- voice -----------------------------------------------------------------------------------------------------

    def voice(self, data: bytes, at: float) -> bytes | None:
        """Make of a packet what is sent; None where it is not. Keys never are: who records must not have them."""
        bounds = packet.payload_bounds(data)
        if bounds is None or 192 <= data[1] <= 223:  # RTCP on the same port (RFC 5761 §4)
            return None
        _, second, number, timestamp, ssrc = packet.HEADER.unpack_from(data)
        encoding = None if second & 0x7F in self.what.digits else self._payloads.of(second & 0x7F)
        theirs = self._taken(encoding[0]) if encoding is not None else None
        rate = _rate(encoding[2]) if encoding is not None else 0
        if encoding is None or theirs is None:
            if ssrc == self._source:
                self._numbers.leave_out(number)
            self.left_out += 1
            return None
        if ssrc != self._source:
            self._source = ssrc
            self.clock.restart()
        self.clock.follow(rate)
        body = bytes(data[bounds[0] : bounds[1]])
        return self._sent(number, timestamp, rate, at, theirs, bool(second & 0x80), body)

    def voice_reports(self, data: bytes) -> None:
        """Take in RTCP of its sender. Raises PeerError."""
        for message in rtcp.parse(data):
            if isinstance(message, SenderReport) and message.ssrc == self._source:
                self.clock.report(message.ntp, message.rtp)

    # ---- pictures --------------------------------------------------------------------------------------------------

    def picture(self, one: PicturePacket, at: float) -> bytes | None:
        """Make of a packet of a picture what is sent; None where it is not."""
        if one.orientation is not None:
            self.turns = True
        self._profile = self._profile or _profile_of(one.payload)
        if one.generation != self._source:
            self._source = one.generation
            self.clock.restart()
        theirs = self._taken(96)
        if theirs is None or not one.payload:
            self.left_out += 1
            return None
        turn_id = self.target.turn_id if self.target is not None else 0
        turned = ((turn_id, bytes((one.orientation,))),) if turn_id and one.orientation is not None else ()
        return self._sent(one.sequence & 0xFFFF, one.timestamp, 90_000, at, theirs, one.marker, one.payload, turned)

    # ---- both ------------------------------------------------------------------------------------------------------

    def _taken(self, ours: int) -> int | None:
        return self.target.payload_types.get(ours) if self.target is not None else None

    def _sent(
        self,
        number: int,
        timestamp: int,
        rate: int,
        at: float,
        payload_type: int,
        marker: bool,
        body: bytes,
        extensions: tuple[tuple[int, bytes], ...] = (),
    ) -> bytes:
        placed = self.clock.place(timestamp, at)
        sequence, time = self._numbers.take((self._source, rate), number, timestamp, rate, at)
        self._last = time, placed, rate
        self.packets += 1
        self.octets += len(body)
        return packet.build(packet.Packet(marker, payload_type, sequence, time, self.ssrc, body, extensions))

    def report(self, now: float, wall: float, cname: str) -> bytes | None:
        """A sender report with SDES (RFC 3550 §6.4.1); None before the first packet.

        Args:
            now: of the clock that packets came by. wall: the same moment, in Unix seconds.
        """
        if self._last is None or self.target is None:
            return None
        time, placed, rate = self._last
        stamp = (time + round((now - placed) * rate)) & 0xFFFF_FFFF
        head = SenderReport(
            self.ssrc, rtcp.ntp_time(wall), stamp, self.packets & 0xFFFF_FFFF, self.octets & 0xFFFF_FFFF
        )
        return rtcp.build((head, SourceDescription(self.ssrc, cname)))

    def wants_key_frame(self, data: bytes) -> bool:
        """Whether RTCP of the receiver asks for a key frame. Raises PeerError."""
        asked = False
        for message in rtcp.parse(data):
            match message:
                case Pli():
                    asked = True
                case Fir(requests=requests):
                    asked = asked or any(ssrc == self.ssrc for ssrc, _ in requests)
                case _:
                    pass
        return asked and self.kind == "picture"


def _rate(rate: int) -> int:
    return rate if 0 < rate <= _RATE_MOST else 8000


def _profile_of(payload: bytes) -> str:
    """The profile and level of a parameter set in this packet (RFC 6184 §8.1); "" where there is none."""
    sets = h264.parameter_sets(payload) if payload else []
    return next((one[1:4].hex() for one in sets if one[0] & 0x1F == h264.SPS and len(one) > 3), "")
