"""What the transport counts, as a port to the metrics. Pure; the default one writes to Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from splitter.telemetry import metrics


class TransportCounters(Protocol):
    """Where counts go. Labels are ours or of closed sets; nothing that a peer can choose."""

    def message(self, network: str, direction: str, kind: str | int) -> None:
        """One message passed; `direction` is "in" or "out", `kind` a method or a status."""
        ...

    def malformed(self, network: str, transport: str) -> None:
        """What came was no SIP message, or a broken one."""
        ...

    def unknown_source(self, network: str, transport: str) -> None:
        """A datagram or connection from nobody we know."""
        ...

    def connections(self, network: str, count: int) -> None:
        """So many TCP connections are open."""
        ...

    def connection_refused(self, network: str) -> None:
        """A TCP connection was refused because the limit was reached."""
        ...

    def transactions(self, count: int) -> None:
        """So many transactions are alive."""
        ...

    def unanswered(self, network: str) -> None:
        """A request of ours got no answer."""
        ...


class PrometheusCounters:
    """Counts into the registry of `splitter.telemetry.metrics`."""

    def message(self, network: str, direction: str, kind: str | int) -> None:
        metrics.count_message(network, direction, kind)

    def malformed(self, network: str, transport: str) -> None:
        metrics.SIP_MALFORMED.labels(network, transport).inc()

    def unknown_source(self, network: str, transport: str) -> None:
        metrics.SIP_UNKNOWN_SOURCE.labels(network, transport).inc()

    def connections(self, network: str, count: int) -> None:
        metrics.TCP_CONNECTIONS.labels(network).set(count)

    def connection_refused(self, network: str) -> None:
        metrics.TCP_REFUSED.labels(network).inc()

    def transactions(self, count: int) -> None:
        metrics.SIP_TRANSACTIONS.set(count)

    def unanswered(self, network: str) -> None:
        metrics.SIP_TIMEOUTS.labels(network).inc()


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

    def connection_refused(self, network: str) -> None:
        self.counts["connection_refused", network] += 1

    def transactions(self, count: int) -> None:
        self.counts[("transactions",)] = count

    def unanswered(self, network: str) -> None:
        self.counts["unanswered", network] += 1
