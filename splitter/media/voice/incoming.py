"""What comes from one side of a mix: packets become an even flow of samples, and digits that are told. No I/O."""

from __future__ import annotations

from splitter.media.voice import RATE
from splitter.media.voice.codecs import PAYLOAD_LIMIT, VoiceCodec
from splitter.media.voice.g711 import ALAW, ULAW, Law
from splitter.media.voice.keys import KeyListener, KeyPressed
from splitter.media.voice.playout import Playout
from splitter.rtp.packet import HEADER, Buffer, payload_bounds, timestamp_delta
from splitter.sdp.voice import VoiceFormat

_STATIC: dict[int, VoiceCodec] = {0: ULAW, 8: ALAW}  # RFC 3551 §6; a peer may change over to what it offered
_COMFORT_NOISE = 13
_FULL_SCALE = 32768.0
_ELSEWHERE_S = 10  # more than a playout takes for the same time


class Incoming:
    """One side's stream.

    Attributes:
        playout: its samples.
        packets: of voice that were understood.
        discarded: packets that were not.
    """

    __slots__ = (
        "_clock_rate",
        "_codec",
        "_codecs",
        "_digits_type",
        "_keys",
        "_number",
        "_ssrc",
        "_time",
        "_timestamp",
        "discarded",
        "packets",
        "playout",
    )

    def __init__(self, format: VoiceFormat, codec: VoiceCodec) -> None:
        self.playout = Playout()
        self.packets = self.discarded = 0
        self._ssrc = -1
        self._timestamp = self._number = 0
        self._time = 0  # the timestamp, unrolled
        self.speak(format, codec)

    def speak(self, format: VoiceFormat, codec: VoiceCodec) -> None:
        """Take in another format from now on."""
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
        _, second, number, timestamp, ssrc = HEADER.unpack_from(packet)
        kind, payload = second & 0x7F, bytes(packet[bounds[0] : bounds[1]])
        if kind == self._digits_type:
            self.playout.pause()
            return self._keys.take(timestamp, payload, now)
        if kind == _COMFORT_NOISE:
            self.playout.pause(_FULL_SCALE * 10 ** (-(payload[0] & 0x7F) / 20) if payload else None)
            return []
        codec = self._codecs.get(kind)
        if codec is None or not 0 < len(payload) <= PAYLOAD_LIMIT or not self._in_order(codec, number, ssrc):
            self.discarded += 1
            return []
        try:
            samples = codec.decode(payload)
        except ValueError:
            self.discarded += 1
            return []
        self.packets += 1
        if not len(samples):  # it says that it says nothing
            self.playout.pause()
        self.playout.write(self._unrolled(timestamp, ssrc), samples)
        return []

    def _in_order(self, codec: VoiceCodec, number: int, ssrc: int) -> bool:
        """A codec that remembers must have packets in their order; one that was overtaken is given up."""
        behind = (self._number - number) & 0xFFFF
        if ssrc == self._ssrc and behind < 0x8000:
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
