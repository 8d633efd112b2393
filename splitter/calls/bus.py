"""The bus: what happened is published once, and each subscriber hears of it by itself. Does no I/O.

Whoever watches must not harm what it watches, nor others who watch: a handler that fails is logged and counted under
its subscriber's name, and the next one is told as if nothing had been. Handlers run at once, in the order of
subscription, in the event loop that carries the calls; they hand on what takes time (to a thread, a queue, a task) and
return. What they took is counted, and one that holds the loop up is named in the log.

What a handler publishes itself is told after what is being told: everybody hears of things in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import structlog
from prometheus_client import Counter

from splitter.core.clock import Clock
from splitter.telemetry import metrics
from splitter.telemetry.metrics.tally import Tally
from splitter.transport.quiet import Quiet

SLOW_S = 0.05  # longer, and calls hear it

log = structlog.get_logger(__name__)

T = TypeVar("T")


class _Subscriber(NamedTuple):
    """A subscriber, and what is counted of it."""

    name: str
    handler: Callable[[Any], None]
    failures: Counter
    seconds: Tally


class Bus:
    """The subscribers to what happens: a happening is a value, and its class says which of them are told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._subscribers: dict[type, list[_Subscriber]] = {}
        self._untold: deque[object] = deque()
        self._telling = False
        self._quiet = Quiet()

    def subscribe(self, name: str, kind: type[T], handler: Callable[[T], None]) -> None:
        """Tell `handler` of each happening of this class.

        Args:
            name: of the subscriber, for the log and the metrics; one name may hear of several classes.
        """
        failures = metrics.gateway.SUBSCRIBER_FAILURES.labels(name)  # seen before the first
        subscriber = _Subscriber(name, handler, failures, metrics.gateway.SUBSCRIBER_SECONDS.of(name))
        self._subscribers.setdefault(kind, []).append(subscriber)

    def publish(self, happening: object) -> None:
        """Tell everybody who subscribed to its class. Raises nothing, whatever they do."""
        self._untold.append(happening)
        if self._telling:
            return  # by a handler: those who are being told come first
        self._telling = True
        try:
            while self._untold:
                self._tell_all(self._untold.popleft())
        finally:
            self._telling = False

    def _tell_all(self, happening: object) -> None:
        """Tell one after the other; the time of each begins where that of the one before ends."""
        now = self._clock.now
        began = now()
        for subscriber in self._subscribers.get(type(happening), ()):
            try:
                subscriber.handler(happening)
            except Exception as error:
                subscriber.failures.inc()
                self._log("a subscriber failed", subscriber.name, happening, exc_info=error)
            ended = now()
            spent_s = ended - began
            if spent_s > 0:
                subscriber.seconds.amount += spent_s
            if spent_s > SLOW_S:
                self._log("a subscriber holds up the calls", subscriber.name, happening, seconds=round(spent_s, 3))
            began = ended

    def _log(self, event: str, name: str, happening: object, **more: object) -> None:
        if (held := self._quiet.permit(f"{event}: {name}", self._clock.now())) is not None:
            told = {"subscriber": name, "happening": type(happening).__name__, "similar": held}
            log.error(event, call_id=getattr(happening, "call_id", ""), **told, **more)
