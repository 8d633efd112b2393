"""Packets that are missing at a receiver: when to ask for them again and when to give up (RFC 4585 §6.2.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

_TRACKED = 128  # more at once is no loss to be repaired packet by packet


@dataclass(frozen=True, slots=True)
class LossTimes:
    """Seconds.

    Attributes:
        reorder_s: so long a packet may be overtaken before it counts as missing.
        again_s: between two NACKs of the same packet.
        limit_s: when a missing packet is given up: only a key frame mends the picture then.
    """

    reorder_s: float = 0.02
    again_s: float = 0.1
    limit_s: float = 0.35


class Losses:
    """The missing packets of one source by extended sequence number.

    Args:
        repair: whether the source understands NACK; if not, `due` only gives up, and sooner.
    """

    __slots__ = ("_missing", "_repair", "_times")

    def __init__(self, repair: bool, times: LossTimes | None = None) -> None:
        self._repair = repair
        self._times = times or LossTimes()
        self._missing: dict[int, tuple[float, float]] = {}  # when it was missed, when to ask (next)

    def gap(self, first: int, last: int, now: float) -> bool:
        """Packets first..last are missing. Returns False where they are too many: ask for a key frame at once."""
        if len(self._missing) + last - first >= _TRACKED:
            self._missing.clear()
            return False
        for sequence in range(first, last + 1):
            self._missing[sequence] = (now, now + self._times.reorder_s)
        return True

    def arrived(self, sequence: int) -> None:
        """A late packet came after all."""
        self._missing.pop(sequence, None)

    def clear(self) -> None:
        """The stream began anew: what was missing matters no more."""
        self._missing.clear()

    def forget(self, last: int) -> None:
        """A key frame came: what was missing up to this number matters no more."""
        for sequence in [one for one in self._missing if one <= last]:
            del self._missing[sequence]

    def between(self, before: int, after: int) -> bool:
        """Whether something is missing between two packets, and may still come."""
        return any(before < sequence < after for sequence in self._missing)

    def next_timeout(self) -> float | None:
        """When to call `due`."""
        if not self._missing:
            return None
        if not self._repair:
            return min(missed for missed, _ in self._missing.values()) + self._patience()
        return min(min(ask, missed + self._patience()) for missed, ask in self._missing.values())

    def due(self, now: float) -> tuple[list[int], bool]:
        """What to ask for again now, and whether something was given up. Numbers are cut to 16 bits, in order."""
        given_up = [sequence for sequence, (missed, _) in self._missing.items() if missed + self._patience() <= now]
        for sequence in given_up:
            del self._missing[sequence]
        ask = []
        if self._repair:
            for sequence, (missed, when) in self._missing.items():
                if when <= now:
                    self._missing[sequence] = (missed, now + self._times.again_s)
                    ask.append(sequence)
        return [sequence & 0xFFFF for sequence in sorted(ask)], bool(given_up)

    def _patience(self) -> float:
        return self._times.limit_s if self._repair else self._times.again_s
