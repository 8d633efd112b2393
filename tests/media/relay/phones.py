"""A relay in virtual time, and phones that speak tones and listen to what comes."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.relay.relay import Relay
from splitter.media.voice.codecs import VoiceCodec, codec_of
from splitter.media.wire.host import Host
from splitter.media.wire.latch import LatchRules
from splitter.rtp import packet
from splitter.sdp.voice import VoiceFormat
from tests.media.room.kit import Loop, Pair

RATE, FRAME = 8000, 160
ALAW_FORMAT = VoiceFormat("PCMA", 8, digits_payload_type=101)
ULAW_FORMAT = VoiceFormat("PCMU", 0, digits_payload_type=96)
Wave = NDArray[np.float64]


@dataclass
class Phone:
    """One side's phone: says a tone in packets of 20 ms, and keeps what it is sent.

    Attributes:
        hertz, level: of its tone; level 0 is silence.
        drift: how much faster its clock runs, e.g. 200e-6.
        loses: whether its packet of this number is lost on the way.
        late: by how many seconds its packet of this number comes too late.
    """

    stage: Stage
    name: str
    pair: Pair
    address: Address
    format: VoiceFormat
    hertz: float
    level: float = 6000.0
    drift: float = 0.0
    loses: Callable[[int], bool] = lambda number: False
    late: Callable[[int], float] = lambda number: 0.0
    number: int = 0
    ssrc: int = 0
    speaks: bool = True
    codecs: dict[VoiceFormat, VoiceCodec] = field(default_factory=dict)
    begun_at: float = 0.0

    @property
    def remote(self) -> RemoteEnd:
        return RemoteEnd(self.address, Address(self.address.host, self.address.port + 1), (), self.format)

    @property
    def units(self) -> int:
        """Timestamp units of a packet."""
        return FRAME * self.format.clock_rate // RATE

    def lasts(self, payload: bytes) -> int:
        """The timestamp units of a payload that it is sent."""
        return len(payload) if self.format.is_g711 else self.units

    def tone(self, number: int) -> Wave:
        at = number * FRAME + np.arange(FRAME)
        return self.level * np.sin(2 * math.pi * self.hertz * at / RATE)

    def begin(self, phase_s: float = 0.0) -> None:
        """Speak from now on."""
        self.speaks = True
        self.begun_at = self.stage.loop.time + phase_s
        self.stage.loop.call_later(phase_s, self._speak)

    def _speak(self) -> None:
        if not self.speaks:
            return
        number, self.number = self.number, self.number + 1
        if not self.loses(number):
            codec = self.codecs.setdefault(self.format, codec_of(self.format))
            payload = codec.encode(np.rint(self.tone(number)).astype(np.int16))
            self.stage.loop.call_later(self.late(number), lambda: self.send(number, payload))
        self.stage.loop.call_later(0.02 / (1 + self.drift), self._speak)

    def send(self, number: int, payload: bytes, kind: int | None = None, timestamp: int | None = None) -> None:
        """Send one packet."""
        time = number * self.units if timestamp is None else timestamp
        kind = self.format.payload_type if kind is None else kind
        head = struct.pack("!BBHII", 0x80, kind, (self.number_base + number) & 0xFFFF, time & 0xFFFFFFFF, self.ssrc)
        self.raw(head + payload)

    number_base = 700

    def raw(self, data: bytes) -> None:
        """Send anything."""
        if not self.pair.closed:
            self.pair.on_rtp(bytearray(data), self.address, self.stage.loop.time)

    # ---- what it hears ----

    @property
    def heard(self) -> list[tuple[packet.Packet, float]]:
        return [(packet.parse(data), at) for data, _, at in self.pair.rtp]

    def voice(self) -> list[tuple[packet.Packet, float]]:
        return [(one, at) for one, at in self.heard if one.payload_type == self.format.payload_type]

    def wave(self, since: float = 0.0, until: float = math.inf) -> Wave:
        """What it heard, by the timestamps; what is missing is silence."""
        packets = [one for one, at in self.voice() if since <= at < until]
        if not packets:
            return np.zeros(0)
        first = packets[0].timestamp
        codec, scale = codec_of(self.format), RATE / self.format.clock_rate
        begins = [int(packet.timestamp_delta(one.timestamp, first) * scale) for one in packets]
        pieces = [codec.decode(one.payload) for one in packets]
        wave = np.zeros(begins[-1] + len(pieces[-1]) + RATE)
        for at, piece in zip(begins, pieces, strict=True):
            wave[at : at + len(piece)] = piece
        return wave[: begins[-1] + len(pieces[-1])]

    def faults(self) -> list[str]:
        """What is wrong with the numbers of its stream: one source, no gap, time that goes on."""
        found = []
        for (one, before), (other, at) in zip(self.voice(), self.voice()[1:], strict=False):
            if one.ssrc != other.ssrc:
                found.append(f"{at:.3f}: another source")
            if (one.sequence + 1) & 0xFFFF != other.sequence:
                found.append(f"{at:.3f}: {one.sequence} is followed by {other.sequence}")
            if packet.timestamp_delta(other.timestamp, one.timestamp) != self.lasts(one.payload):
                found.append(f"{at:.3f}: time goes on by {packet.timestamp_delta(other.timestamp, one.timestamp)}")
            if at - before > 0.0401:
                found.append(f"{at:.3f}: nothing for {at - before:.3f} s")
        return found


@dataclass
class Stage:
    """A relay and its phones."""

    loop: Loop = field(default_factory=Loop)
    events: list[MediaEvent] = field(default_factory=list)
    phones: dict[str, Phone] = field(default_factory=dict)
    relay: Any = None

    @classmethod
    def of(cls, caller: VoiceFormat = ALAW_FORMAT, centre: VoiceFormat = ALAW_FORMAT) -> Stage:
        """The usual two, who are pointed and speak."""
        stage = cls()
        both = ("caller", "192.0.2.1"), ("centre", "192.0.2.2")
        stage.relay = Relay("call-1", "relay-1", both, cast(Host, stage.loop), LatchRules(), stage.events.append)
        for number, (name, format, hertz) in enumerate((("caller", caller, 400.0), ("centre", centre, 700.0))):
            stage.place(number, name, format, hertz)
        return stage

    def place(self, number: int, name: str, format: VoiceFormat, hertz: float) -> Phone:
        """Point a side to a phone that speaks."""
        pair = cast(Pair, self.relay.sides[number].pair.beneath)
        phone = Phone(self, name, pair, Address("198.51.100.1", 5000 + 10 * number), format, hertz, ssrc=1000 + number)
        self.phones[name] = phone
        self.relay.set_remote(number, phone.remote)
        phone.begin(0.003 + 0.0071 * number)
        return phone

    def join(self, name: str = "expert", hertz: float = 1100.0, format: VoiceFormat = ALAW_FORMAT) -> Phone:
        """One more."""
        side = self.relay.add_side(name, "192.0.2.3")
        return self.place(side.number, name, format, hertz)

    def leave(self, name: str) -> None:
        """One less."""
        phone = self.phones.pop(name)
        phone.speaks = False
        number = next(number for number, side in self.relay.sides.items() if side.name == name)
        self.relay.remove_side(number)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            self.loop.advance(0.1)


def level(wave: Wave, hertz: float) -> float:
    """The amplitude of a tone in a wave."""
    at = np.arange(len(wave))
    return float(2 * abs(np.dot(wave, np.exp(-2j * math.pi * hertz * at / RATE))) / len(wave))


def decibels(one: float, other: float) -> float:
    return 20 * math.log10(max(one, 1e-9) / max(other, 1e-9))


def steepest(wave: Wave) -> float:
    """The largest step between two samples."""
    return float(np.abs(np.diff(wave)).max())
