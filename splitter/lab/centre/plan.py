"""What happens to a call at the centre, and when. Plain data and arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from splitter.lab.tone import Tone

REFUSAL = 300


@dataclass(frozen=True, slots=True)
class CentrePlan:
    """What happens to a call.

    Attributes:
        extension: the agent that answers; named in P-Asserted-Identity.
        ring_s: 180 for this long before anything else.
        queue_s: early media with the queue tone (183) for this long; 0 for none.
        status: the final answer: 200, or a refusal such as 486; 0 never answers.
        queue_hz, agent_hz: what the caller hears before and after the answer.
        listen_hz: the frequencies that callers may speak in.
    """

    extension: str = "2001"
    ring_s: float = 0.0
    queue_s: float = 1.0
    status: int = 200
    queue_hz: float = 440.0
    agent_hz: float = 660.0
    listen_hz: tuple[float, ...] = (1000.0, 1200.0, 1400.0, 1600.0)

    @classmethod
    def read(cls, fields: dict[str, object], before: CentrePlan | None = None) -> CentrePlan:
        """A plan from JSON's fields; what they do not name is as `before`."""
        known: dict[str, object] = {name: getattr(before or cls(), name) for name in cls.__slots__}
        known.update(fields)
        known["listen_hz"] = tuple(known["listen_hz"])  # type: ignore[arg-type]
        return cls(**known)  # type: ignore[arg-type]


class CentreCall(Protocol):
    """A call as a stack has it. Each verb raises RefusedByStack where the stack cannot do it, e.g. once it is over."""

    number: int
    over: bool

    def state(self) -> str:
        """A word such as EARLY or CONFIRMED."""

    def heard(self) -> dict[str, float]:
        """Seconds of each tone that the caller spoke."""

    def speak(self, tone: Tone) -> None:
        """Say this from now on."""

    def answer(self, status: int, identity: str | None) -> None:
        """Send a response to its INVITE, with SDP from 183 to 299. `identity`: for P-Asserted-Identity."""

    def hang_up(self) -> None:
        """End it."""

    def hold(self) -> None:
        """Offer a hold."""

    def resume(self) -> None:
        """Offer to go on."""


class RefusedByStack(Exception):
    """The stack did not do what it was asked for; its words."""


@dataclass(slots=True)
class Treatment:
    """One call on its way through its plan: ring, play the queue, answer, each at its time."""

    call: CentreCall
    plan: CentrePlan
    began: float
    _due: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        queue_at = self.began + self.plan.ring_s
        self._due.append((self.began, 180))
        if self.plan.queue_s > 0:
            self._due.append((queue_at, 183))
        if self.plan.status:
            self._due.append((queue_at + self.plan.queue_s, self.plan.status))

    def turn(self, now: float) -> None:
        """Do the next thing that is due."""
        if not self._due or self._due[0][0] > now:
            return
        _, status = self._due.pop(0)
        if status == 183:
            self.call.speak(Tone(self.plan.queue_hz))
        elif 200 <= status < REFUSAL:
            self.call.speak(Tone(self.plan.agent_hz))
        self.call.answer(status, self._identity(status))

    def _identity(self, status: int) -> str | None:
        extension = self.plan.extension
        return f'"Agent {extension}" <sip:{extension}@centre.invalid>' if 200 <= status < REFUSAL else None
