"""Streams as a fork sends them: voices as samples, pictures as access units (ITU-T H.264, annex B). Pure.

A frame's head: the stream's number, flags, degrees that a picture is to be turned clockwise, and microseconds since the
begin, on one clock for all streams.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from splitter.core.errors import LocalError
from splitter.media.forward.fork_queue import ForkFrame
from splitter.media.forward.payloads import USUAL
from splitter.media.record.batch import Described, PicturePacket
from splitter.media.record.clock import StreamClock
from splitter.media.record.pictures import PictureMaker, turned
from splitter.media.voice.codecs import PAYLOAD_LIMIT, WIDE, VoiceDecoder, decoder_of, wide_decoder_of
from splitter.rtp import packet, rtcp
from splitter.rtp.reorder import OrderedPacket, Reorder, begins_anew
from splitter.rtp.rtcp import SenderReport
from splitter.sdp.voice import VoiceFormat

HEAD = struct.Struct("!BBHQ")
KEY, GAP = 1, 2
_WAIT_S = 0.06
_RATE_MOST = 384_000
_CODECS_LIMIT = 16  # whoever negotiates again and again must not fill the memory
_START = b"\0\0\0\1"


def frame(number: int, flags: int, degrees: int, after_s: float, data: bytes, stands_alone: bool) -> ForkFrame:
    """A frame with its head."""
    head = HEAD.pack(number, flags, degrees, max(0, round(after_s * 1e6)))
    return ForkFrame(number, stands_alone, head + data)


def shape_of(number: int, what: Described, form: dict[str, object]) -> dict[str, object]:
    """A stream as its receiver is told of it."""
    return {"id": number, "name": what.name, **form}


class ForkedVoice:
    """A voice, decoded.

    Args:
        number: of the stream; None: it is not sent, and only tells when its picture was.
        began: when the fork did, in seconds of the steady clock.
        rate: samples a second that are sent: 8000, or 16 000 of whatever was spoken.

    Attributes:
        unavailable: encodings that nobody here can decode, not yet told.
        wide: it was spoken with more than 8000 samples a second; None: not known yet.
        told, told_at: what its receiver was told of that last, and when.
    """

    def __init__(self, number: int | None, what: Described, began: float, rate: int = 8000) -> None:
        self.number, self.what = number, what
        self.rate = rate
        self.wide: bool | None = None
        self.told: bool | None = None
        self.told_at = float("-inf")
        self._began = began
        self.clock = StreamClock(8000)
        self._order = Reorder(_WAIT_S)
        self._source: int | None = None
        self._latest = 0
        self._codecs: dict[tuple[int, str, int, int, str], VoiceDecoder | None] = {}
        self.unavailable: list[str] = []
        self._missing: set[str] = set()  # those that were told

    @property
    def shapes(self) -> list[dict[str, object]]:
        """The stream that it is sent as; none where it is not."""
        form: dict[str, object] = {"kind": "voice", "format": "pcm_s16le", "rate": self.rate, "channels": 1}
        if self.rate != 8000 and self.wide is not None:
            form["band"] = "wide" if self.wide else "narrow"
        return [] if self.number is None else [shape_of(self.number, self.what, form)]

    def take(self, data: bytes, at: float) -> list[ForkFrame]:
        """Take a packet of RTP; returns what there is to send with it. Keys are never sent (RFC 4733)."""
        bounds = packet.payload_bounds(data)
        if bounds is None or 192 <= data[1] <= 223:  # RTCP on the same port (RFC 5761 §4)
            return []
        _, second, number, timestamp, ssrc = packet.HEADER.unpack_from(data)
        ahead = ((number - self._latest + 0x8000) & 0xFFFF) - 0x8000
        if ssrc != self._source or begins_anew(ahead):
            self._source, self._latest, ahead = ssrc, 0x10000 + number, 0
            self._order.restart()
            self.clock.restart()
            self._codecs.clear()
        sequence = self._latest + ahead
        self._latest = max(self._latest, sequence)
        body = bytes((second & 0x7F,)) + bytes(data[bounds[0] : bounds[1]])
        ready = self._order.push(OrderedPacket(sequence, timestamp, False, body, False), at)
        return [made for one in ready if (made := self._made(one, at)) is not None]

    def _made(self, one: OrderedPacket, at: float) -> ForkFrame | None:
        payload_type, payload = one.payload[0], one.payload[1:]
        encoding = next((known for known in self.what.encodings or USUAL if known[0] == payload_type), None)
        if encoding is None or payload_type in self.what.digits or not 0 < len(payload) <= PAYLOAD_LIMIT:
            return None
        codec = self._codec(encoding) if self.number is not None else None
        if codec is None and self.number is not None:
            return None
        self.clock.follow(encoding[2] if 0 < encoding[2] <= _RATE_MOST else 8000)
        placed = self.clock.place(one.timestamp, at)
        if codec is None or self.number is None:
            return None
        try:
            samples = codec.decode(payload)
        except ValueError:
            return None
        pcm = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
        self.wide = encoding[1].upper() in WIDE
        flags = GAP if one.gap else 0
        return frame(self.number, flags, 0, placed - self._began, pcm, True) if pcm else None

    def _codec(self, encoding: tuple[int, str, int, int, str]) -> VoiceDecoder | None:
        if encoding not in self._codecs:
            if len(self._codecs) >= _CODECS_LIMIT:
                self._codecs.clear()
            number, name, rate, channels, fmtp = encoding
            try:
                make = decoder_of if self.rate == 8000 else wide_decoder_of
                self._codecs[encoding] = make(VoiceFormat(name, number, rate, channels, fmtp=fmtp))
            except LocalError:
                self._codecs[encoding] = None
                if name not in self._missing and len(self._missing) < _CODECS_LIMIT:
                    self._missing.add(name)
                    self.unavailable.append(name)
        return self._codecs[encoding]

    def report(self, data: bytes) -> None:
        """Take in RTCP of its sender. Raises PeerError."""
        for message in rtcp.parse(data):
            if isinstance(message, SenderReport) and message.ssrc == self._source:
                self.clock.report(message.ntp, message.rtp)


class ForkedUnit(NamedTuple):
    """A whole access unit, with start codes, and what its head says."""

    key: bool
    flags: int
    degrees: int
    after_s: float
    data: bytes


class ForkedPicture:
    """A picture, as whole access units, as stills, or as both.

    Args:
        number: of its stream; None: it has stills alone. still_number: of those; None: it has none.
        leader: the voice of the same sender; see `StreamClock`.

    Attributes:
        broken: pictures that miss a part, which are left out.
        still_at: the next still is due.
        making: a still of it is being made. failed: so many could not be, one after the other.
    """

    def __init__(
        self, number: int | None, still_number: int | None, what: Described, began: float, leader: ForkedVoice | None
    ) -> None:
        self.number, self.still_number, self.what = number, still_number, what
        self._began = began
        self.clock = StreamClock(90_000, leader.clock if leader is not None else None)
        self._maker = PictureMaker()
        self._generation = -1
        self._gap = False
        self.still_at = float("-inf")
        self.making = False
        self.failed = 0

    @property
    def broken(self) -> int:
        return self._maker.broken

    @property
    def shapes(self) -> list[dict[str, object]]:
        """The streams that it is sent as."""
        forms = ((self.number, "picture", "h264-annexb"), (self.still_number, "still", "jpeg"))
        return [shape_of(id, self.what, {"kind": kind, "format": form}) for id, kind, form in forms if id is not None]

    def take(self, one: PicturePacket, at: float) -> list[ForkedUnit]:
        """Take a packet; returns the pictures that are whole with it."""
        if one.generation != self._generation:
            self._generation = one.generation
            self.clock.restart()
        broken = self._maker.broken
        made = []
        for picture in self._maker.push(one, at):
            flags = KEY * picture.key | GAP * self._gap
            self._gap = False
            after_s = self.clock.place(picture.timestamp, picture.arrived) - self._began
            degrees = turned(self._maker.orientation)
            made.append(ForkedUnit(picture.key, flags, degrees, after_s, annex_b(picture.data)))
        self._gap = self._gap or self._maker.broken != broken
        return made

    def wants_still(self, now: float) -> bool:
        """Whether a still is due."""
        return self.still_number is not None and not self.making and now >= self.still_at


def annex_b(data: bytes) -> bytes:
    """NAL units that have their lengths before them, with start codes instead."""
    parts, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(_START + part for part in parts)
