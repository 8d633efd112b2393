"""What was done, and after how many seconds each step of it was over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Hour:
    """The steps of something that is played, and their times."""

    begun: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, float]] = field(default_factory=list)

    def done(self, step: str) -> None:
        """Note that a step is over."""
        self.steps.append((step, time.monotonic() - self.begun))

    @property
    def took_s(self) -> float:
        """The time of all steps."""
        return self.steps[-1][1]

    def __str__(self) -> str:
        lines, before = [], 0.0
        for step, at in self.steps:
            lines.append(f"{at:6.1f} s  (+{at - before:4.1f})  {step}")
            before = at
        return "\n".join(lines)
