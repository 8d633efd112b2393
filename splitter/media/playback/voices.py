"""Voices put into two channels: the caller's left, all others' right; each frame where it belongs in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from splitter.media.playback.blocks import FilmTrack

RATE = 48_000
LEFT, RIGHT = 0, 1
_APART_S = 0.060  # further from its place than that, a frame begins anew there
_SOFT = 0.01  # the most by which a frame is stretched to come nearer to its place: nobody hears that
_PART = 8  # of the way to its place, with each frame
_LONGEST_S = 5.0
PEAK_S = 0.05
_WAITS, _PIECE = RATE // 5, 10 * RATE
PEAKS_LIMIT = 4000

Samples = NDArray[np.float32]


class VoiceTrack:
    """The voice of one track: its frames decoded and placed.

    Attributes:
        channel: LEFT or RIGHT. fault: set where it cannot be decoded.
    """

    def __init__(self, track: FilmTrack, channel: int) -> None:
        self.track, self.channel = track, channel
        self.fault = "" if track.codec else "no decoder here knows it"
        self.failed = 0
        self._resampler = av.AudioResampler("fltp", "mono", RATE)
        self._at = -1  # where the next sample would come, of RATE a second

    def take(self, at: float, packet: av.Packet[Any]) -> Iterator[tuple[int, Samples]]:
        """Yield samples of a packet, and where they belong."""
        if self.fault:
            return
        try:
            frames = [part for frame in packet.decode() for part in self._resampler.resample(_bare(frame))]
        except (av.error.FFmpegError, ValueError):
            self.failed += 1
            return
        target = round(at * RATE)
        for frame in frames:
            samples: Samples = np.asarray(frame.to_ndarray()[0], dtype=np.float32)[: round(_LONGEST_S * RATE)]
            yield self._place(target, samples)
            target += len(samples)

    def _place(self, target: int, samples: Samples) -> tuple[int, Samples]:
        apart = target - self._at
        if self._at < 0 or abs(apart) > _APART_S * RATE:
            if self._at > target:  # what was said stands; of this the part that comes after it
                samples = samples[min(len(samples), self._at - target) :]
                target = self._at
            self._at = target
        else:
            most = round(_SOFT * len(samples))
            change = max(-most, min(most, round(apart / _PART)))
            if change and len(samples) > 1:
                grid = np.linspace(0, len(samples) - 1, len(samples) + change)
                samples = np.interp(grid, np.arange(len(samples)), samples).astype(np.float32)
        begin = self._at
        self._at += len(samples)
        return begin, samples


def _bare(frame: Any) -> Any:
    frame.pts = None  # its place is ours to find
    return frame


class TwoChannels:
    """Sound in two channels, filled as voices come, and given out once nothing can come before it any more.

    Attributes:
        given: how many samples were given out.
    """

    def __init__(self) -> None:
        self._held = np.zeros((2, 0), np.float32)
        self.given = 0
        self._peaks: tuple[list[int], list[int]] = ([], [])
        self._rest = np.zeros((2, 0), np.float32)

    def put(self, channel: int, at: int, samples: Samples) -> None:
        """Add a voice to what is heard. What comes for a time that was given out is lost."""
        begin = at - self.given
        if begin < 0:
            samples, begin = samples[-begin:], 0
        end = begin + len(samples)
        if end > self._held.shape[1]:
            more = np.zeros((2, end - self._held.shape[1]), np.float32)
            self._held = np.concatenate([self._held, more], axis=1)
        self._held[channel, begin:end] += samples

    def up_to(self, at: int) -> Iterator[Samples]:
        """Give out what is due before a time, in pieces that fit into memory; a little waits for the next time."""
        while at > self.given + _WAITS:
            yield self.until(min(at, self.given + _PIECE))

    def until(self, at: int) -> Samples:
        """Give out all up to a time; where nothing was said, silence."""
        count = max(0, at - self.given)
        if count > self._held.shape[1]:
            more = np.zeros((2, count - self._held.shape[1]), np.float32)
            self._held = np.concatenate([self._held, more], axis=1)
        out = np.clip(self._held[:, :count], -1.0, 1.0)
        self._held = self._held[:, count:].copy()
        self.given += count
        self._measure(out)
        return out

    def _measure(self, out: Samples) -> None:
        size = round(PEAK_S * RATE)
        whole = np.concatenate([self._rest, out], axis=1)
        count = whole.shape[1] // size
        self._rest = whole[:, count * size :]
        if count:
            highest = np.abs(whole[:, : count * size]).reshape(2, count, size).max(axis=2)
            for channel, peaks in enumerate(self._peaks):
                peaks.extend(int(value) for value in np.round(highest[channel] * 100))

    def peaks(self) -> tuple[float, list[int], list[int]]:
        """How loud it was: the length of a piece, and the caller's and the others' highest in each; at most so many."""
        left, right = (np.array(one, np.int32) for one in self._peaks)
        fold = max(1, -(-len(left) // PEAKS_LIMIT))
        return PEAK_S * fold, _folded(left, fold), _folded(right, fold)


def _folded(values: NDArray[np.int32], fold: int) -> list[int]:
    padded = np.pad(values, (0, -len(values) % fold))
    with suppress(ValueError):
        return [int(value) for value in padded.reshape(-1, fold).max(axis=1)]
    return []
