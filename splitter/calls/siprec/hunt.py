"""Which recorder is tried next, and after which pause. Pure."""

from __future__ import annotations

from collections import deque

from splitter.calls.settings import Trunk
from splitter.core.pauses import doubled_s
from splitter.transport.targets import Target

RecorderWay = tuple[Trunk, Target]

_FIRST_AGAIN_S, _LAST_AGAIN_S = 2.0, 60.0
_ROUNDS = 30
_STEADY_S = 60.0


class RecorderHunt:
    """The way through the recorders of one session, again and again.

    A recorder that takes a session and drops it at once counts as one that does not take it.
    """

    def __init__(self) -> None:
        self._ways: deque[RecorderWay] = deque()
        self._avoided = ""
        self._taken_at: float | None = None
        self.rounds = 0

    def begin(self, ways: list[RecorderWay]) -> None:
        """Begin a round; the one that was lost comes last."""
        self._ways = deque(sorted(ways, key=lambda way: way[0].name == self._avoided))

    def next(self) -> RecorderWay | None:
        """The next one of this round; None: there is no other."""
        return self._ways.popleft() if self._ways else None

    def take(self, now: float) -> None:
        """A recorder has taken the session."""
        self._taken_at = now

    def lose(self, name: str, now: float) -> None:
        """The recorder of this trunk that had it has it no longer."""
        if self._taken_at is not None and now - self._taken_at >= _STEADY_S:
            self.rounds = 0
        self._avoided = name

    def pause_s(self, lost: bool, chance: float) -> float | None:
        """How long to wait for the next round; None: there is none. The first loss costs no time."""
        self.rounds += 1
        if self.rounds >= _ROUNDS:
            return None
        return 0.0 if lost and self.rounds == 1 else doubled_s(_FIRST_AGAIN_S, _LAST_AGAIN_S, self.rounds - 1, chance)
