"""The pace of a mosaic: when each picture is due, and whether it can be kept up. Pure: time is an argument."""

from __future__ import annotations

from collections import deque

_JUDGED_S = 4.0  # so long a time is looked at
_LATE = 0.5  # such a part of the pictures may be left out of it


class Pace:
    """Pictures at an even rate. One that comes too late is left out; if many are, the machine is too busy.

    Attributes:
        due: when the next picture is due.
    """

    def __init__(self, rate: int, now: float) -> None:
        self.due = now
        self._rate = rate
        self._left_out: deque[bool] = deque(maxlen=round(_JUDGED_S * rate))

    def begin(self, now: float) -> None:
        """Note that the picture that is due is made now; those that should have been made since are left out."""
        missed = max(0, int((now - self.due) * self._rate))
        self._left_out.extend([True] * min(missed, self._left_out.maxlen or 0))
        self._left_out.append(False)
        self.due += (missed + 1) / self._rate

    @property
    def late(self) -> bool:
        """Whether it cannot be kept up."""
        full = len(self._left_out) == self._left_out.maxlen
        return full and sum(self._left_out) > _LATE * len(self._left_out)
