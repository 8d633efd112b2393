"""Counters on the path of every message: plain numbers that Prometheus reads when somebody asks for them.

`Counter.inc` takes a lock and five calls, forty times a call. What the event loop alone counts needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class Tally:
    """A sum that only grows, of one set of labels; whoever counts adds to it, in the event loop."""

    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount = 0.0


class Tallies(Collector):
    """A metric of tallies, one for each set of labels.

    Args:
        name: ends in `_total`. text: the metric's documentation. labels: their names.
    """

    def __init__(self, name: str, text: str, labels: list[str], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._tallies: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def of(self, *labels: str) -> Tally:
        """The tally of these labels; shown from now on, before anything is counted."""
        return self._tallies.setdefault(labels, Tally())

    def collect(self) -> Iterator[Metric]:
        """The metric as it is now, for the registry."""
        family = self.describe()[0]
        for labels, tally in tuple(self._tallies.items()):
            family.add_metric(labels, tally.amount)
        yield family

    def describe(self) -> list[CounterMetricFamily]:
        """The metric without its values."""
        return [CounterMetricFamily(self._name, self._text, labels=self._labels)]
