"""What a receiver of video saw, frame by frame: test pictures, stills, black. Pure.

seen = Sight()
seen.frame(luma, now)         for each decoded frame
seen.senders[7].rising        frames of sender 7 that were newer than the one before
seen.scenes                   what was on the screen in order: still, then sender 7, then still again
"""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.lab.picture import Plane, Reading, difference, is_black, is_flat, read

STILL, BLACK, FLAT = "still", "black", "flat"
_SAME_STILL = 3.0  # mean difference of levels below which two frames show one still


@dataclass(slots=True)
class Scene:
    """One stretch of time in which the same thing was on the screen. `what`: still, black, flat or "sender N"."""

    what: str
    started_at: float
    ended_at: float
    frames: int = 1


@dataclass(slots=True)
class SenderSeen:
    """The frames of one sender's test picture.

    Attributes:
        frames: decoded and read.
        rising: with a counter higher than the frame before.
        repeated: with the same counter as the frame before: frozen.
        backward: with a lower one.
        skipped: counters that never came between two that did.
        rotated: frames that were not upright.
        delays_ms: how old the last frames were when they were seen, where the reader knows the sender's clock.
    """

    first: int
    last: int
    frames: int = 1
    rising: int = 0
    repeated: int = 0
    backward: int = 0
    skipped: int = 0
    rotated: int = 0

    def take(self, reading: Reading) -> None:
        """Count one more frame."""
        self.frames += 1
        step = reading.counter - self.last
        if step > 0:
            self.rising += 1
            self.skipped += step - 1
        elif step == 0:
            self.repeated += 1
        else:
            self.backward += 1
        self.last = reading.counter


@dataclass(slots=True)
class Sight:
    """The pictures that one receiver saw.

    Attributes:
        frames: decoded in all.
        senders: by sender id.
        scenes: in order of time.
        still: the luma plane of the last still that was seen (the slate, for a caller).
        longest_gap_s: the longest time between two frames.
        first_delay_ms, worst_delay_ms: from drawing to seeing, by the clock in the picture; -1 before the first.
    """

    frames: int = 0
    stills: int = 0
    black: int = 0
    senders: dict[int, SenderSeen] = field(default_factory=dict)
    scenes: list[Scene] = field(default_factory=list)
    still: Plane | None = None
    longest_gap_s: float = 0.0
    worst_delay_ms: int = -1
    _last_at: float | None = None

    def frame(self, luma: Plane, now: float, clock_ms: int | None = None) -> Reading | None:
        """Look at one decoded frame.

        Args:
            luma: its luma plane.
            now: monotonic seconds.
            clock_ms: the reader's clock, if it is the one that the senders draw.
        Returns: what the test picture says, None where it is none.
        """
        self.frames += 1
        if self._last_at is not None:
            self.longest_gap_s = max(self.longest_gap_s, now - self._last_at)
        self._last_at = now
        reading = read(luma)
        if reading is None:
            self._scene(self._other(luma), now)
            return None
        self._sender(reading)
        if clock_ms is not None:
            self.worst_delay_ms = max(self.worst_delay_ms, (clock_ms - reading.clock_ms) & 0xFFFFFFFF)
        self._scene(f"sender {reading.sender}", now)
        return reading

    def rising(self, sender: int) -> int:
        """Frames of that sender that were newer than the one before; 0 if it was never seen."""
        seen = self.senders.get(sender)
        return seen.rising if seen else 0

    @property
    def now_showing(self) -> str:
        """The last thing on the screen; "nothing" before the first frame."""
        return self.scenes[-1].what if self.scenes else "nothing"

    def in_words(self) -> str:
        """The scenes in order, e.g. "still 1.2 s, sender 7 3.0 s"."""
        return ", ".join(f"{s.what} {s.ended_at - s.started_at:.1f} s" for s in self.scenes) or "nothing"

    def _sender(self, reading: Reading) -> None:
        seen = self.senders.get(reading.sender)
        if seen is None:
            seen = self.senders[reading.sender] = SenderSeen(reading.counter, reading.counter)
        else:
            seen.take(reading)
        if reading.rotation:
            seen.rotated += 1

    def _other(self, luma: Plane) -> str:
        if is_black(luma):
            self.black += 1
            return BLACK
        if is_flat(luma):
            return FLAT
        self.stills += 1
        self.still = luma
        return STILL

    def _scene(self, what: str, now: float) -> None:
        if self.scenes and self.scenes[-1].what == what:
            self.scenes[-1].ended_at = now
            self.scenes[-1].frames += 1
        else:
            self.scenes.append(Scene(what, now, now))


def moved(luma: Plane, previous: Plane) -> bool:
    """True if two frames in a row differ: False again and again means a frozen picture."""
    return luma.shape != previous.shape or difference(luma, previous) >= _SAME_STILL
