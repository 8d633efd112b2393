"""What the operator sets about logs and metrics. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.net import Address


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Logs and metrics.

    Attributes:
        log_format: "console" or "json".
        log_level: "debug", "info", "warning" or "error".
        metrics: where Prometheus scrapes /metrics; None for nowhere.
    """

    log_format: str = "console"
    log_level: str = "info"
    metrics: Address | None = None
