"""What the operator sets about logs and metrics. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from splitter.core.keys import Key, Uptake
from splitter.core.net import Address
from splitter.core.values import parse_address

FORMATS = ("console", "json")
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Logs and metrics."""

    log_format: Annotated[str, Key(name="format", choices=FORMATS, taken=Uptake.RESTART)] = "console"
    """How lines are written: "console" for people, "json" for machines. Both go to standard error, which systemd puts
    into the journal."""
    log_level: Annotated[str, Key(name="level", choices=LEVELS, taken=Uptake.LIVE)] = "info"
    """The least that is logged: "debug", "info", "warning" or "error"."""
    metrics: Annotated[
        Address | None,
        Key(table="metrics", name="listen", parse=parse_address, example='"127.0.0.1:9460"', taken=Uptake.RESTART),
    ] = None
    """Where Prometheus scrapes /metrics. Without it: nowhere. There is no password: keep it on an inner address."""
