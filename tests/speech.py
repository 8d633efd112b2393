"""A spoken sample, and how much of it can be understood where it was heard. Pure.

The sample is made like a voice: pulses of the vocal cords and noise, through the resonances of vowels and consonants, with
syllables and pauses (a formant synthesis, nobody's recording). The score is that of STOI (Taal et al., 2011) in short: how
alike the envelopes of third-octave bands are in each 384 ms of speech: 1.0 for the same, about 0.5 for another sample. The
delay may be a little different in each of these pieces, as it is with any playout.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]
RATE = 8000

_FRAME, _HOP, _PIECE = 256, 128, 24  # samples, samples, frames: 384 ms
_DRIFT = 12  # frames by which a piece may be earlier or later: 0.2 s
_CLIP = 1 + 10 ** (15 / 20)  # a band may be so much too loud; what is worse counts as that (-15 dB)
_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (530, 1840, 2480),
    (570, 840, 2410),
    (300, 870, 2240),
    (660, 1720, 2410),
)


@cache
def sample(seconds: float, seed: int = 1) -> NDArray[np.int16]:
    """So much speech."""
    random = np.random.default_rng(seed)
    count, parts, made = int(seconds * RATE), [], 0
    while made < count:
        part = _syllable(random) if random.random() < 0.85 else np.zeros(int(random.uniform(0.1, 0.3) * RATE))
        parts.append(part)
        made += len(part)
    wave = np.concatenate(parts)[:count]
    whole: NDArray[np.int16] = np.rint(9000 * wave / np.abs(wave).max()).astype(np.int16)
    return whole


def _syllable(random: np.random.Generator) -> Wave:
    consonant = random.standard_normal(int(random.uniform(0.03, 0.08) * RATE)) * 0.25
    consonant = np.convolve(consonant, (1, -0.9), "same")
    length = int(random.uniform(0.10, 0.22) * RATE)
    pitch = random.uniform(95, 160) * np.linspace(1.08, 0.92, length)
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
    vowel, following = (_VOWELS[random.integers(len(_VOWELS))] for _ in range(2))
    first, second = _resonant(pulses, vowel), _resonant(pulses, following)
    fade = np.linspace(1, 0, length)
    voiced = (first * fade + second * (1 - fade)) * np.sin(np.linspace(0.15, np.pi, length))
    return np.concatenate((consonant, 3.0 * voiced / (np.abs(voiced).max() + 1e-9)))


def _resonant(pulses: Wave, formants: tuple[int, ...]) -> Wave:
    """Pulses through the resonances of one vowel, each a decaying wave."""
    at = np.arange(int(0.03 * RATE)) / RATE
    answers = [np.exp(-np.pi * 90 * at) * np.sin(2 * np.pi * hertz * at) / (1 + n) for n, hertz in enumerate(formants)]
    return np.convolve(pulses, np.sum(answers, axis=0))[: len(pulses)]


def intelligibility(said: Wave | NDArray[np.int16], heard: Wave) -> float:
    """Say how much of a sample is understood where it was heard, 0 to 1. `heard` lasts longer, and has all of it."""
    bands, later = _bands(said), _bands(heard)
    loud = bands.sum(axis=0)
    shift = int(np.argmax(np.correlate(later.sum(axis=0) - later.sum(axis=0).mean(), loud - loud.mean(), "valid")))
    scores = []
    for start in range(0, bands.shape[1] - _PIECE, _PIECE // 2):
        piece = bands[:, start : start + _PIECE]
        if loud[start : start + _PIECE].max() < 0.05 * loud.max():
            continue  # a pause
        least, most = max(0, start + shift - _DRIFT), min(later.shape[1] - _PIECE, start + shift + _DRIFT)
        scores.append(max((_alike(piece, later[:, at : at + _PIECE]) for at in range(least, most + 1)), default=0.0))
    return float(np.mean(scores))


def _alike(said: Wave, heard: Wave) -> float:
    """The mean correlation of all bands, of envelopes that are as loud and clipped."""
    gain = np.linalg.norm(said, axis=1, keepdims=True) / (np.linalg.norm(heard, axis=1, keepdims=True) + 1e-9)
    clipped = np.minimum(heard * gain, said * _CLIP)
    one, other = said - said.mean(axis=1, keepdims=True), clipped - clipped.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-9
    return float(np.mean((one * other).sum(axis=1) / norms))


def _bands(wave: Wave | NDArray[np.int16]) -> Wave:
    """The envelope of each third-octave band from 150 to 3400 Hz, by frames."""
    padded = np.asarray(wave, np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP] * np.hanning(_FRAME)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    centres = 150 * 2 ** (np.arange(14) / 3)
    rows = [power[:, (hertz >= c / 2 ** (1 / 6)) & (hertz < c * 2 ** (1 / 6))].sum(axis=1) for c in centres]
    envelopes: Wave = np.sqrt(np.array(rows))
    return envelopes
