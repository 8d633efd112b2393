"""Packets that are missing at a receiver: when to ask for them again and when to give up (RFC 4585 §6.2.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

_TRACKED = 128  # more at once is no loss to be repaired packet by packet
_GIVEN_UP = 32  # that may still come, and tell how long answers take
_SMOOTH = 0.25  # weight of the latest answer
_MARGIN = 1.25  # answers are not equally quick


@dataclass(frozen=True, slots=True)
class LossTimes:
    """The waits of the loss detector, in seconds.

    Attributes:
        reorder_s: the time that a packet may be overtaken before it counts as missing.
        again_s: between two NACKs of the same packet, at least; more where the answer takes longer.
        limit_s: when a missing packet is given up: only a key frame mends the picture then. Later where answers take
            longer, but not after `latest_s`.
    """

    reorder_s: float = 0.02
    again_s: float = 0.1
    limit_s: float = 0.35
    latest_s: float = 1.0


class Losses:
    """The missing packets of one source by extended sequence number.

    How long an answer takes is measured from the first NACK of a packet to its arrival, and what the reports say of the
    round trip is a floor for it: who asks more often than that gets every repair several times.

    Args:
        repair: whether the source understands NACK; if not, `due` only gives up, and sooner.

    Attributes:
        repair: as told.
        round_trip_s: as reports tell it; 0 while unknown.
    """

    __slots__ = ("_answer_s", "_given_up", "_missing", "_times", "repair", "round_trip_s")

    def __init__(self, repair: bool, times: LossTimes | None = None) -> None:
        self.repair = repair
        self._times = times or LossTimes()
        self._missing: dict[int, tuple[float, float]] = {}  # when it was missed, when to ask (next)
        self._given_up: dict[int, float] = {}  # the latest of them, and when they were missed
        self._answer_s = 0.0
        self.round_trip_s = 0.0

    def gap(self, first: int, last: int, now: float) -> bool:
        """Packets first..last are missing. Returns False where they are too many: ask for a key frame at once."""
        if len(self._missing) + last - first >= _TRACKED:
            self._missing.clear()
            return False
        for sequence in range(first, last + 1):
            self._missing[sequence] = (now, now + self._times.reorder_s)
        return True

    def arrived(self, sequence: int, now: float) -> None:
        """A late packet came after all."""
        missing = self._missing.pop(sequence, None)
        missed = missing[0] if missing is not None else self._given_up.pop(sequence, None)
        if missed is None or not self.repair:
            return
        answer_s = now - missed - self._times.reorder_s
        if answer_s > 0:  # else it was overtaken, and nobody had asked
            self._answer_s += _SMOOTH * (answer_s - self._answer_s) if self._answer_s else answer_s

    def clear(self) -> None:
        """The stream began anew: what was missing matters no longer."""
        self._missing.clear()
        self._given_up.clear()

    def forget(self, last: int) -> None:
        """A key frame came: what was missing up to this number matters no longer."""
        for sequence in [one for one in self._missing if one <= last]:
            del self._missing[sequence]

    def between(self, before: int, after: int) -> bool:
        """Whether something is missing between two packets, and may still come."""
        return any(before < sequence < after for sequence in self._missing)

    def next_timeout(self) -> float | None:
        """When to call `due`."""
        if not self._missing:
            return None
        if not self.repair:
            return min(missed for missed, _ in self._missing.values()) + self._patience()
        return min(min(ask, missed + self._patience()) for missed, ask in self._missing.values())

    def due(self, now: float) -> tuple[list[int], bool]:
        """What to ask for again now, and whether something was given up. Numbers are cut to 16 bits, in order."""
        if not self._missing:
            return [], False
        given_up = [sequence for sequence, (missed, _) in self._missing.items() if missed + self._patience() <= now]
        for sequence in given_up:
            self._given_up[sequence] = self._missing.pop(sequence)[0]
            if len(self._given_up) > _GIVEN_UP:
                del self._given_up[next(iter(self._given_up))]
        ask = []
        if self.repair:
            for sequence, (missed, when) in self._missing.items():
                if when <= now:
                    self._missing[sequence] = (missed, now + self._again())
                    ask.append(sequence)
        return [sequence & 0xFFFF for sequence in sorted(ask)], bool(given_up)

    def _again(self) -> float:
        """How long to wait for the answer to a NACK."""
        times = self._times
        return min(max(times.again_s, _MARGIN * max(self._answer_s, self.round_trip_s)), times.latest_s)

    def _patience(self) -> float:
        times = self._times
        if not self.repair:
            return times.again_s
        return min(max(times.limit_s, times.reorder_s + 2 * self._again()), times.latest_s)
