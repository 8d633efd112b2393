"""What the lab's transport counts: into a dict, where the gateway's goes to its metrics."""

from __future__ import annotations

from collections import Counter


class PlainCounters:
    """Counts into a dict, for tests and tools; gauges hold their last value."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str | int, ...]] = Counter()

    def message(self, network: str, direction: str, kind: str | int) -> None:
        self.counts["message", network, direction, kind] += 1

    def malformed(self, network: str, transport: str) -> None:
        self.counts["malformed", network, transport] += 1

    def unknown_source(self, network: str, transport: str) -> None:
        self.counts["unknown_source", network, transport] += 1

    def connections(self, network: str, count: int) -> None:
        self.counts["connections", network] = count

    def connection_refused(self, network: str, reason: str) -> None:
        self.counts["connection_refused", network, reason] += 1

    def abuse(self, network: str, transport: str, reason: str) -> None:
        self.counts["abuse", network, transport, reason] += 1

    def banned(self, count: int) -> None:
        self.counts[("banned",)] = count

    def banned_drop(self, network: str, transport: str) -> None:
        self.counts["banned_drop", network, transport] += 1

    def transactions(self, count: int) -> None:
        self.counts[("transactions",)] = count

    def unanswered(self, network: str) -> None:
        self.counts["unanswered", network] += 1
