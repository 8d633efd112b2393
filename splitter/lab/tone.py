"""Tones: made, coded as G.711 and recognised, so that a test can tell whose voice it hears. Pure.

The frame is 20 ms of 8000 samples a second: 160 samples of int16, or 160 bytes of A-law or mu-law (ITU-T G.711). Every
party of the lab speaks in a frequency of its own; a Goertzel filter per expected frequency tells which one is heard.
Frequencies must lie at least 50 Hz apart, the resolution of one frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
FRAME_SAMPLES = 160
FRAME_S = FRAME_SAMPLES / RATE
_QUIET_RMS = 200.0  # below this a frame is silence
_SHARE = 0.6  # of a frame's energy that one frequency must hold to be the tone that is heard

# The payload type of each law (RFC 3551 §6).
PCMU, PCMA = 0, 8


class Tone:
    """An endless sine.

    Args:
        frequency_hz: of the sine.
        level: amplitude, 0..32767.
    """

    def __init__(self, frequency_hz: float, level: int = 8000) -> None:
        self.frequency_hz = frequency_hz
        self._level = level
        self._position = 0

    def frame(self, samples: int = FRAME_SAMPLES) -> Samples:
        """The next samples; the phase goes on where the frame before ended."""
        at = np.arange(self._position, self._position + samples)
        self._position = (self._position + samples) % RATE  # a whole number of periods for integer frequencies
        wave: Samples = (self._level * np.sin(2 * np.pi * self.frequency_hz / RATE * at)).astype(np.int16)
        return wave


def silence(samples: int = FRAME_SAMPLES) -> Samples:
    """A frame of nothing."""
    return np.zeros(samples, dtype=np.int16)


# ---- G.711 --------------------------------------------------------------------------------------------------------


def _decode_alaw_table() -> Samples:
    """A-law to linear, G.711 table 1: even bits are inverted, then sign, 3 bits of segment, 4 of mantissa."""
    code = np.arange(256) ^ 0x55
    segment, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _decode_ulaw_table() -> Samples:
    """Mu-law to linear, G.711 table 2: all bits inverted; a bias of 33 (132 in 16 bits)."""
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encode_table(decoded: Samples) -> NDArray[np.uint8]:
    """For each 16-bit value (index: value & 0xFFFF) the code whose decoded level is nearest."""
    order = np.argsort(decoded, kind="stable")
    levels = decoded[order].astype(np.int32)
    values = np.arange(-32768, 32768)
    right = np.clip(np.searchsorted(levels, values), 1, 255)
    nearer_left = values - levels[right - 1] <= levels[right] - values
    table = np.empty(65536, dtype=np.uint8)
    table[values & 0xFFFF] = order[np.where(nearer_left, right - 1, right)]
    return table


_DECODE = {PCMA: _decode_alaw_table(), PCMU: _decode_ulaw_table()}
_ENCODE = {law: _encode_table(table) for law, table in _DECODE.items()}


def encode(samples: Samples, law: int) -> bytes:
    """Code linear samples as G.711. `law` is PCMU (0) or PCMA (8)."""
    return _ENCODE[law][samples.view(np.uint16)].tobytes()


def decode(coded: bytes, law: int) -> Samples:
    """Linear samples of G.711. `law` is PCMU (0) or PCMA (8)."""
    return _DECODE[law][np.frombuffer(coded, dtype=np.uint8)]


# ---- hearing ------------------------------------------------------------------------------------------------------


def is_loud(samples: Samples) -> bool:
    """True for anything but silence."""
    signal = samples.astype(np.float64)
    return not _is_quiet(float(np.dot(signal, signal)), len(signal))


def _is_quiet(energy: float, count: int) -> bool:
    return energy < _QUIET_RMS**2 * count


def heard(samples: Samples, frequencies_hz: Iterable[float]) -> float | None:
    """Which of these frequencies fills the frame; None for silence, noise or a tone that is not among them.

    The power of each is found by the Goertzel recurrence in its closed form: the correlation with a complex sine.
    """
    signal = samples.astype(np.float64)
    energy = float(np.dot(signal, signal))
    if _is_quiet(energy, len(signal)):
        return None
    at = np.arange(len(signal))
    best, best_share = None, _SHARE
    for frequency in frequencies_hz:
        turning = np.exp(-2j * np.pi * frequency / RATE * at)
        # A pure sine of N samples and energy E correlates to |X|^2 = E * N / 2.
        share = float(abs(np.dot(signal, turning)) ** 2) / (energy * len(signal) / 2)
        if share > best_share:
            best, best_share = frequency, share
    return best


@dataclass(slots=True)
class Stretch:
    """One stretch of the same sound. `tone`: its frequency, None for silence or anything unknown."""

    tone: float | None
    frames: int

    @property
    def duration_s(self) -> float:
        return self.frames * FRAME_S


@dataclass(slots=True)
class Hearing:
    """What one listener heard.

    Attributes:
        expected: frequencies listened for.
        stretches: in order; a stretch shorter than three frames is taken as part of the one before it.
        loud_s: the time in which there was any sound.
    """

    expected: tuple[float, ...]
    stretches: list[Stretch] = field(default_factory=list)
    loud_s: float = 0.0
    _candidate: Stretch | None = None
    _rest: Samples = field(default_factory=lambda: silence(0))

    def samples(self, samples: Samples) -> None:
        """Listen to any number of samples; whole frames are judged, the rest waits for more."""
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // FRAME_SAMPLES * FRAME_SAMPLES
        for start in range(0, whole, FRAME_SAMPLES):
            frame = joined[start : start + FRAME_SAMPLES]
            self.loud_s += FRAME_S * is_loud(frame)
            self._frame(heard(frame, self.expected))
        self._rest = joined[whole:]

    def seconds(self, tone: float) -> float:
        """The time that a tone was heard in all."""
        return sum(s.duration_s for s in self.stretches if s.tone == tone)

    @property
    def order(self) -> tuple[float, ...]:
        """The tones in the order of their first hearing."""
        return tuple(dict.fromkeys(s.tone for s in self.stretches if s.tone is not None))

    def in_words(self) -> str:
        """E.g. "440 Hz 1.0 s, 660 Hz 2.4 s"; silence is left out."""
        tones = ", ".join(f"{tone:g} Hz {self.seconds(tone):.1f} s" for tone in self.order)
        return tones or "nothing"

    def _frame(self, tone: float | None) -> None:
        if self.stretches and self.stretches[-1].tone == tone:
            self._candidate = None
            self.stretches[-1].frames += 1
            return
        if self._candidate is None or self._candidate.tone != tone:
            self._candidate = Stretch(tone, 0)
        self._candidate.frames += 1
        if self._candidate.frames >= 3 or not self.stretches:
            self.stretches.append(self._candidate)
            self._candidate = None
