"""What the transport counts, as a port to the metrics. The default one writes to Prometheus."""

from __future__ import annotations

from typing import Protocol

from splitter.telemetry import metrics
from splitter.telemetry.metrics.sip import count_message


class TransportCounters(Protocol):
    """Where counts go. Labels are ours or of closed sets; nothing that a peer can choose."""

    def message(self, network: str, direction: str, kind: str | int) -> None:
        """A message passed; `direction` is "in" or "out", `kind` a method or a status."""
        ...

    def malformed(self, network: str, transport: str) -> None:
        """Something came that is no SIP message, or a broken one."""
        ...

    def unknown_source(self, network: str, transport: str) -> None:
        """A datagram or connection from nobody we know."""
        ...

    def connections(self, network: str, count: int) -> None:
        """The number of connections that are open, of all kinds, has changed."""
        ...

    def connection_refused(self, network: str, reason: str) -> None:
        """A connection was refused: "limit", "source-limit", or had to give way: "handshakes", "gave-way"."""
        ...

    def abuse(self, network: str, transport: str, reason: str) -> None:
        """A source misbehaved; see `splitter.transport.bans.POINTS`."""
        ...

    def banned(self, count: int) -> None:
        """The number of sources that are banned has changed."""
        ...

    def banned_drop(self, network: str, transport: str) -> None:
        """A datagram or connection of a banned source was dropped."""
        ...

    def transactions(self, count: int) -> None:
        """The number of transactions that are alive has changed."""
        ...

    def unanswered(self, network: str) -> None:
        """A request of ours got no answer."""
        ...


class PrometheusCounters:
    """Counts into the registry of `splitter.telemetry.metrics`."""

    message = staticmethod(count_message)

    def malformed(self, network: str, transport: str) -> None:
        metrics.sip.MALFORMED.labels(network, transport).inc()

    def unknown_source(self, network: str, transport: str) -> None:
        metrics.sip.UNKNOWN_SOURCE.labels(network, transport).inc()

    def connections(self, network: str, count: int) -> None:
        metrics.sip.TCP_CONNECTIONS.labels(network).set(count)

    def connection_refused(self, network: str, reason: str) -> None:
        metrics.sip.TCP_REFUSED.labels(network, reason).inc()

    def abuse(self, network: str, transport: str, reason: str) -> None:
        metrics.sip.ABUSE.labels(network, transport, reason).inc()

    def banned(self, count: int) -> None:
        metrics.sip.BANNED.set(count)

    def banned_drop(self, network: str, transport: str) -> None:
        metrics.sip.BANNED_DROPS.labels(network, transport).inc()

    def transactions(self, count: int) -> None:
        metrics.sip.TRANSACTIONS.set(count)

    def unanswered(self, network: str) -> None:
        metrics.sip.TIMEOUTS.labels(network).inc()
