"""Streams as a fork sends them: voices as samples, pictures as access units (ITU-T H.264, annex B). Pure.

A frame's head: the stream's number, flags, degrees that a picture is to be turned clockwise, and microseconds since the
begin, on one clock for all streams.
"""

from __future__ import annotations

import struct

import numpy as np

from splitter.core.errors import LocalError
from splitter.media.forward.fork_queue import ForkFrame
from splitter.media.forward.payloads import USUAL
from splitter.media.record.batch import Described, PicturePacket
from splitter.media.record.clock import StreamClock
from splitter.media.record.pictures import PictureMaker, turned
from splitter.media.voice.codecs import PAYLOAD_LIMIT, VoiceDecoder, decoder_of
from splitter.rtp import packet, rtcp
from splitter.rtp.reorder import OrderedPacket, Reorder, begins_anew
from splitter.rtp.rtcp import SenderReport
from splitter.sdp.voice import VoiceFormat

HEAD = struct.Struct("!BBHQ")
KEY, GAP = 1, 2
_WAIT_S = 0.06
_RATE_MOST = 384_000
_START = b"\0\0\0\1"


def frame(number: int, flags: int, degrees: int, after_s: float, data: bytes, stands_alone: bool) -> ForkFrame:
    """A frame with its head."""
    head = HEAD.pack(number, flags, degrees, max(0, round(after_s * 1e6)))
    return ForkFrame(number, stands_alone, head + data)


class ForkedVoice:
    """A voice, decoded to 8000 samples a second.

    Args:
        number: of the stream. began: when the fork did, in seconds of the steady clock.

    Attributes:
        unavailable: encodings that nobody here can decode, not yet told.
    """

    def __init__(self, number: int, what: Described, began: float) -> None:
        self.number, self.what = number, what
        self._began = began
        self.clock = StreamClock(8000)
        self._order = Reorder(_WAIT_S)
        self._source: int | None = None
        self._latest = 0
        self._codecs: dict[tuple[int, str, int, int, str], VoiceDecoder | None] = {}
        self.unavailable: list[str] = []

    @property
    def shape(self) -> dict[str, object]:
        """The form in which it is sent."""
        return {"kind": "voice", "format": "pcm_s16le", "rate": 8000, "channels": 1}

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
        codec = self._codec(encoding)
        if codec is None:
            return None
        self.clock.follow(encoding[2] if 0 < encoding[2] <= _RATE_MOST else 8000)
        placed = self.clock.place(one.timestamp, at)
        try:
            samples = codec.decode(payload)
        except ValueError:
            return None
        pcm = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
        flags = GAP if one.gap else 0
        return frame(self.number, flags, 0, placed - self._began, pcm, True) if pcm else None

    def _codec(self, encoding: tuple[int, str, int, int, str]) -> VoiceDecoder | None:
        if encoding not in self._codecs:
            number, name, rate, channels, fmtp = encoding
            try:
                self._codecs[encoding] = decoder_of(VoiceFormat(name, number, rate, channels, fmtp=fmtp))
            except LocalError:
                self._codecs[encoding] = None
                self.unavailable.append(name)
        return self._codecs[encoding]

    def report(self, data: bytes) -> None:
        """Take in RTCP of its sender. Raises PeerError."""
        for message in rtcp.parse(data):
            if isinstance(message, SenderReport) and message.ssrc == self._source:
                self.clock.report(message.ntp, message.rtp)


class ForkedPicture:
    """A picture, as whole access units.

    Args:
        leader: the voice of the same sender; see `StreamClock`.

    Attributes:
        broken: pictures that miss a part, which are left out.
    """

    def __init__(self, number: int, what: Described, began: float, leader: ForkedVoice | None) -> None:
        self.number, self.what = number, what
        self._began = began
        self.clock = StreamClock(90_000, leader.clock if leader is not None else None)
        self._maker = PictureMaker()
        self._generation = -1
        self._gap = False

    @property
    def broken(self) -> int:
        return self._maker.broken

    @property
    def shape(self) -> dict[str, object]:
        """The form in which it is sent."""
        return {"kind": "picture", "format": "h264-annexb"}

    def take(self, one: PicturePacket, at: float) -> list[ForkFrame]:
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
            made.append(frame(self.number, flags, degrees, after_s, annex_b(picture.data), picture.key))
        self._gap = self._gap or self._maker.broken != broken
        return made


def annex_b(data: bytes) -> bytes:
    """NAL units that have their lengths before them, with start codes instead."""
    parts, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(_START + part for part in parts)
