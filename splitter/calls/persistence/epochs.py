"""The zero of the steady clock: deadlines that are written down outlast a process, and a time of day that is set.

The steady clock of a machine (`time.monotonic`) goes on for all its processes alike, and never leaps. The time of day
may be set forwards or backwards by hours. So what is written down is a steady time, said as a time of day by an offset
that stands beside it: on the same machine the offset is taken off again, and no time of day is believed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

from splitter.calls.alarms import Epoch
from splitter.core.clock import Clock

_LEAP_S = 1.0
"""By so much the time of day may drift from the steady clock before a new offset is taken."""


class Epochs:
    """The epoch of this process, kept as long as the time of day agrees with it: what is written twice is equal.

    Args:
        boot: of the machine; see `boot_id`.
    """

    def __init__(self, clock: Clock, boot: str = "") -> None:
        self._clock = clock
        self._boot = boot
        self._epoch = Epoch(boot, clock.wall() - clock.now())

    def current(self) -> Epoch:
        """The epoch to write down now."""
        offset_s = self._clock.wall() - self._clock.now()
        if abs(offset_s - self._epoch.offset_s) > _LEAP_S:
            self._epoch = Epoch(self._boot, offset_s)
        return self._epoch

    def left_s(self, at: float, epoch: Epoch | None) -> float:
        """Seconds from now until a deadline that was written down, negative where it is over.

        Args:
            at: in Unix seconds.
            epoch: that stood beside it; None, or one of another machine: the times of day are compared.
        """
        if epoch is not None and epoch.boot and epoch.boot == self._boot:
            return at - epoch.offset_s - self._clock.now()
        return at - self._clock.wall()


@cache
def boot_id() -> str:
    """The name of this boot of the machine; "" where it has none. Reads a file of the kernel."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
