"""Judges video by what was seen of it, frame by frame: everything that a person would complain about. Pure.

faults = judge(eye.since(start), Wanted(sender=1), start, end)
assert not faults, in_words(faults)

A fault that cannot be found on bad video is no check: test_checks.py shows each of them bad video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import inf
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from splitter.lab.picture import Plane, Reading, draw, is_black, is_flat, luma_of

LATE_MS = 400.0
_ROUND = 1 << 32  # of the clock in a picture
_TORN_DB = 20.0  # coding and scaling alone leave 25 and more
_LATE_SHARE = 0.9  # of the frames must be in time
_BRIDGED = 30  # frames between two that were presented


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame as it was presented.

    Attributes:
        at_ms: Unix milliseconds.
        luma: of the frame, in any size.
        reading: what the test picture says, None where it is none.
        size: width and height of the video, before it was shrunk.
    """

    at_ms: float
    luma: Plane
    reading: Reading | None
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should have been seen.

    Attributes:
        sender: whose picture.
        direct: when each counter was seen where it was taken, by counter; where there is none, the clock in the picture
            counts (see camera.py: that of a film says nothing).
        film: counters go round after so many; 0 for ever upwards.
        late_ms: how much later than direct nine of ten frames may be; 0: not judged.
        gap_ms: the longest time without a new picture.
        torn_db: the least likeness to the picture as it was drawn; 0: not judged.
        first_ms: how soon the first frame must be there.
    """

    sender: int
    direct: Mapping[int, float] | None = None
    film: int = 0
    late_ms: float = LATE_MS
    gap_ms: float = 1000.0
    torn_db: float = _TORN_DB
    first_ms: float = 1000.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. `kind`: black, flat, unreadable, frozen, backward, rotated, foreign, torn, late or skewed.

    A busy machine alone may make a picture late, and its voice, and have one missing; it makes nothing else of it.
    `over`: so many times the limit, where there is one.
    """

    kind: str
    text: str
    over: float = inf

    @property
    def is_of_time(self) -> bool:
        """Whether a machine that is busy for a moment may make it."""
        return self.kind in ("frozen", "late", "skewed")


def judge(
    seen: Sequence[Seen], wanted: Wanted, start_ms: float | None = None, end_ms: float | None = None
) -> list[Fault]:
    """All faults of what was seen between two times (Unix milliseconds); else from its first to its last frame."""
    assert seen or (start_ms is not None and end_ms is not None), "nothing was seen, and nobody knows when"
    start_ms = seen[0].at_ms if start_ms is None else start_ms
    end_ms = seen[-1].at_ms if end_ms is None else end_ms
    frames = [one for one in seen if start_ms <= one.at_ms <= end_ms]
    return [
        *no_pictures(frames),
        *foreign(frames, wanted.sender),
        *rotated(frames),
        *backward(frames, wanted.film),
        *frozen(frames, wanted, start_ms, end_ms),
        *(torn(frames, wanted.torn_db) if wanted.torn_db else ()),
        *(late(frames, wanted.direct, wanted.late_ms) if wanted.late_ms else ()),
    ]


def in_words(faults: Sequence[Fault]) -> str:
    """For the message of a failed test."""
    return "; ".join(f"{fault.kind}: {fault.text}" for fault in faults)


def no_pictures(frames: Sequence[Seen]) -> list[Fault]:
    """Frames that are no test picture, by what they are instead."""
    kinds: dict[str, int] = {}
    for seen in frames:
        if seen.reading is None:
            kind = "black" if is_black(seen.luma) else "flat" if is_flat(seen.luma) else "unreadable"
            kinds[kind] = kinds.get(kind, 0) + 1
    return [Fault(kind, f"{count} of {len(frames)} frames") for kind, count in kinds.items()]


def foreign(frames: Sequence[Seen], sender: int) -> list[Fault]:
    """Pictures of somebody else."""
    others = [seen.reading.sender for seen in frames if seen.reading and seen.reading.sender != sender]
    return [Fault("foreign", f"{len(others)} frames of sender {sorted(set(others))}")] if others else []


def rotated(frames: Sequence[Seen]) -> list[Fault]:
    """Pictures that are not upright."""
    turned = [seen.reading.rotation for seen in frames if seen.reading and seen.reading.rotation]
    return [Fault("rotated", f"{len(turned)} frames by {sorted(set(turned))} degrees")] if turned else []


def backward(frames: Sequence[Seen], film: int = 0) -> list[Fault]:
    """Pictures that are older than the one before."""
    steps = _steps(frames, film)
    back = [step for step in steps if step < 0]
    return [Fault("backward", f"{len(back)} times, by up to {-min(back)} frames")] if back else []


def frozen(frames: Sequence[Seen], wanted: Wanted, start_ms: float, end_ms: float) -> list[Fault]:
    """A time without any new picture, at the beginning and the end too."""
    last, counter = start_ms, None
    longest, where, limit = 0.0, start_ms, wanted.first_ms
    faults = []
    for at_ms, now in (*((s.at_ms, s.reading.counter) for s in frames if s.reading), (end_ms, -1)):
        if now == counter:
            continue  # the same picture once more
        if at_ms - last > limit and at_ms - last > longest:
            longest, where = at_ms - last, last
        last, counter, limit = at_ms, now, wanted.gap_ms
    if longest:
        faults.append(
            Fault(
                "frozen",
                f"no new picture for {longest:.0f} ms, {where - start_ms:.0f} ms after the start",
                longest / wanted.gap_ms,
            )
        )
    return faults


def torn(frames: Sequence[Seen], least_db: float = _TORN_DB) -> list[Fault]:
    """Pictures that do not look as they were drawn: slices of another one, grey blocks, smears."""
    likeness = [psnr(seen.luma, drawn(seen.reading, seen.size)) for seen in frames if seen.reading]
    bad = [value for value in likeness if value < least_db]
    return [Fault("torn", f"{len(bad)} of {len(likeness)} frames, the worst has {min(bad):.1f} dB")] if bad else []


def late(frames: Sequence[Seen], direct: Mapping[int, float] | None, limit_ms: float = LATE_MS) -> list[Fault]:
    """More than one frame of ten is later than it may be. See `Wanted.direct`."""
    delays = delays_ms(frames, direct)
    if not delays:
        return [Fault("late", "no frame was seen at both ends")]
    worst = float(np.quantile(delays, _LATE_SHARE))
    words = f"one of ten of {len(delays)} frames is {worst:.0f} ms old and more, half of them {median(delays):.0f} ms"
    return [Fault("late", words, worst / limit_ms)] if worst > limit_ms else []


def skewed(video_ms: Sequence[float], voice_ms: Sequence[float], limit_ms: float = 250.0) -> list[Fault]:
    """The picture is not with the voice: both are delays from the moment when both were sent."""
    if not video_ms or not voice_ms:
        return [Fault("skewed", f"nothing to compare: {len(video_ms)} pictures, {len(voice_ms)} sounds")]
    skew = median(video_ms) - median(voice_ms)
    who = "the picture" if skew > 0 else "the voice"
    return [Fault("skewed", f"{who} is {abs(skew):.0f} ms late", abs(skew) / limit_ms)] if abs(skew) > limit_ms else []


def delays_ms(frames: Sequence[Seen], direct: Mapping[int, float] | None = None) -> list[float]:
    """How old each picture was when it was presented first."""
    delays: dict[int, float] = {}
    for seen in frames:
        if seen.reading is None or seen.reading.counter in delays:
            continue
        if direct is None:
            age = (int(seen.at_ms) - seen.reading.clock_ms) % _ROUND
            delays[seen.reading.counter] = float(age if age < _ROUND // 2 else age - _ROUND)
        elif seen.reading.counter in direct:
            delays[seen.reading.counter] = seen.at_ms - direct[seen.reading.counter]
    return list(delays.values())


def first_seen(frames: Sequence[Seen]) -> dict[int, float]:
    """When each counter was presented: what `Wanted.direct` needs, of the picture at the place where it is taken.

    A page does not present each frame when it is busy: between two that it did time goes evenly.
    """
    times: dict[int, float] = {}
    before: Seen | None = None
    for seen in frames:
        if seen.reading is None:
            continue
        counter = seen.reading.counter
        if before is not None and before.reading is not None:
            old = before.reading.counter
            step = counter - old
            for missing in range(1, step if step <= _BRIDGED else 0):
                times.setdefault(old + missing, before.at_ms + (seen.at_ms - before.at_ms) * missing / step)
        times.setdefault(counter, seen.at_ms)
        before = seen
    return times


def psnr(luma: Plane, other: Plane) -> float:
    """The likeness of two pictures of any sizes in dB, after both are shrunk to 48 x 48; 99 for the same."""
    error = float(np.mean((_small(luma) - _small(other)) ** 2))
    return min(99.0, 10 * float(np.log10(255.0**2 / error))) if error > 0 else 99.0


@lru_cache(maxsize=256)
def drawn(reading: Reading, size: tuple[int, int]) -> Plane:
    """The luma of a picture as its sender drew it, turned as it was seen."""
    width, height = size if reading.rotation % 180 == 0 else size[::-1]
    upright = luma_of(draw(reading.sender, reading.counter, reading.clock_ms, width, height))
    return np.rot90(upright, -reading.rotation // 90)


def _small(luma: Plane) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(luma)).resize((48, 48), Image.Resampling.BOX), np.float32)


def _steps(frames: Sequence[Seen], film: int) -> list[int]:
    """From counter to counter; a film that begins anew goes on."""
    counters = [seen.reading.counter for seen in frames if seen.reading]
    steps = [new - old for old, new in pairwise(counters)]
    return [step + film if film and step < -film // 2 else step for step in steps]
