"""What comes from one side of a mix: packets become an even flow of samples, and digits that are told. No I/O.

What is lost is taken from a later packet where that brings it along (RFC 2198), then from what its codec says of it
(the in-band FEC of Opus); the rest is made up by the playout. Neither is waited for: the playout waits for the late.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.core.limits import Bucket
from splitter.media.voice import BLOCK, RATE
from splitter.media.voice.codecs import PAYLOAD_LIMIT, VoiceCodec
from splitter.media.voice.g711 import ALAW, ULAW, Law
from splitter.media.voice.keys import KeyListener, KeyPressed
from splitter.media.voice.playout import Playout
from splitter.rtp import red
from splitter.rtp.packet import HEADER, Buffer, payload_bounds, timestamp_delta
from splitter.sdp.voice import VoiceFormat

_STATIC: dict[int, VoiceCodec] = {0: ULAW, 8: ALAW}  # RFC 3551 §6; a peer may change over to what it offered
_COMFORT_NOISE = 13
_FULL_SCALE = 32768.0
_PACKETS_PER_S = 200  # of 5 ms; one that brings eight older ones along takes a worker 0.25 ms
_LOST_LIMIT = 6  # packets in a row that are asked for; of more the rest is of no use
_OVERTAKEN = 1000  # numbers: whoever falls back further has begun anew, though under the same SSRC
_ELSEWHERE_S = 10  # more than a playout takes for the same time


class Incoming:
    """One side's stream.

    Attributes:
        playout: its samples.
        packets: of voice that were understood.
        discarded: packets that were not.
        again: packets that were lost, and came with a later one. told: samples that a codec has told of later.
    """

    __slots__ = (
        "_after",
        "_clock_rate",
        "_codec",
        "_codecs",
        "_digits_type",
        "_keys",
        "_number",
        "_pace",
        "_red_type",
        "_renamed",
        "_ssrc",
        "_time",
        "_timestamp",
        "again",
        "discarded",
        "packets",
        "playout",
        "told",
    )

    def __init__(self, format: VoiceFormat, codec: VoiceCodec, red_type: int | None = None) -> None:
        self.playout = Playout()
        self.packets = self.discarded = self.again = self.told = 0
        self._pace = Bucket.per_second(_PACKETS_PER_S)
        self._ssrc = -1
        self._timestamp = self._number = 0
        self._time = 0  # the timestamp, unrolled
        self._after = 0  # the timestamp that follows what was decoded last
        self.speak(format, codec, red_type)

    def speak(self, format: VoiceFormat, codec: VoiceCodec, red_type: int | None = None) -> None:
        """Take in another format from now on. `red_type`: of packets that bring those before them along."""
        self._red_type = red_type
        self._renamed = dict(format.named_here)
        self._clock_rate = format.clock_rate
        self._codec = codec
        self._codecs: dict[int, VoiceCodec] = {**_STATIC} if format.clock_rate == RATE else {}
        self._codecs[format.payload_type] = codec
        self._digits_type = format.digits_payload_type
        self._keys = KeyListener(format.clock_rate)

    def take(self, packet: Buffer, now: float) -> list[KeyPressed]:
        """Take in one packet. Returns: the digits that are over with it."""
        bounds = payload_bounds(packet)
        if bounds is None or 192 <= packet[1] <= 223:  # RTCP on the same port (RFC 5761 §4)
            self.discarded += bounds is None
            return []
        if not self._pace.permit(now):
            self.discarded += 1
            return []
        _, second, number, timestamp, ssrc = HEADER.unpack_from(packet)
        kind = self._renamed.get(second & 0x7F, second & 0x7F)
        payload = bytes(packet[bounds[0] : bounds[1]])
        if kind == self._digits_type:
            self._pass(number, ssrc)
            self.playout.pause()
            return self._keys.take(timestamp, payload, now)
        if kind == _COMFORT_NOISE:
            self._pass(number, ssrc)
            self.playout.pause(_FULL_SCALE * 10 ** (-(payload[0] & 0x7F) / 20) if payload else None)
            return []
        if kind == self._red_type:
            self._take_red(number, timestamp, ssrc, payload)
        elif not self._take_voice(kind, number, timestamp, ssrc, payload):
            self.discarded += 1
        return []

    def _take_red(self, number: int, timestamp: int, ssrc: int, payload: bytes) -> None:
        """Take in what came before and was lost, and what is new."""
        try:
            *older, newest = red.read(payload)
        except PeerError:
            self.discarded += 1
            return
        for distance, block in zip(range(len(older), 0, -1), older, strict=True):
            before = (timestamp - block.behind) & 0xFFFF_FFFF
            if ssrc == self._ssrc and timestamp_delta(before, self._timestamp) > 0:
                there = (number - distance) & 0xFFFF
                self.again += self._take_voice(block.payload_type, there, before, ssrc, block.payload)
        if not self._take_voice(newest.payload_type, number, timestamp, ssrc, newest.payload):
            self.discarded += 1

    def _take_voice(self, kind: int, number: int, timestamp: int, ssrc: int, payload: bytes) -> bool:
        """Take in a payload of voice. Returns: False where that cannot be."""
        codec, last = self._codecs.get(kind), self._number
        if codec is None or not 0 < len(payload) <= PAYLOAD_LIMIT or not self._in_order(codec, number, ssrc):
            return False
        try:
            if ssrc == self._ssrc and 1 < (number - last) & 0xFFFF <= _LOST_LIMIT:
                self._recover(codec, timestamp, ssrc, payload)
            samples = codec.decode(payload)
        except ValueError:
            return False
        self.packets += 1
        if not len(samples):  # it says that it says nothing
            self.playout.pause()
        self.playout.write(self._unrolled(timestamp, ssrc), samples)
        self._after = timestamp + len(samples) * self._clock_rate // RATE
        return True

    def _recover(self, codec: VoiceCodec, timestamp: int, ssrc: int, payload: bytes) -> None:
        """Packets are lost right before this one: see what it tells of them."""
        missing = timestamp_delta(timestamp, self._after) * RATE // self._clock_rate
        if not 0 < missing <= _LOST_LIMIT * BLOCK:
            return
        found = codec.recover(payload, missing)
        if len(found):
            self.told += len(found)
            behind = len(found) * self._clock_rate // RATE
            self.playout.write(self._unrolled((timestamp - behind) & 0xFFFF_FFFF, ssrc), found)

    def _pass(self, number: int, ssrc: int) -> None:
        """A packet that is no voice is not lost either."""
        if ssrc == self._ssrc and 0 < (number - self._number) & 0xFFFF < 0x8000:
            self._number = number

    def _in_order(self, codec: VoiceCodec, number: int, ssrc: int) -> bool:
        """A codec that remembers must have packets in their order; one that was overtaken is given up."""
        behind = (self._number - number) & 0xFFFF
        if ssrc == self._ssrc and behind < _OVERTAKEN:
            return isinstance(codec, Law)  # which needs no order
        self._number = number
        return True

    def _unrolled(self, timestamp: int, ssrc: int) -> int:
        """The time of a packet in samples."""
        if ssrc != self._ssrc:  # another time begins
            self._ssrc = ssrc
            self._time += _ELSEWHERE_S * self._clock_rate
        else:
            self._time += timestamp_delta(timestamp, self._timestamp)
        self._timestamp = timestamp
        return self._time * RATE // self._clock_rate

    def lapsed(self, now: float) -> list[KeyPressed]:
        """The digits that are over because nothing more was heard of them."""
        return self._keys.lapsed(now)
