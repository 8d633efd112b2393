"""Settings of logs, metrics and HEP. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class HepSettings:
    """Homer, or another collector of HEP version 3, is told what happens to calls, beside the store."""

    send_to: Annotated[Address | None, Key(parse=parse_address, example='"10.0.0.9:9060"', taken=Uptake.RESTART)] = None
    """Where the collector listens, over UDP. Without it nobody is told. Whole SIP messages leave the machine this way,
    readable by everybody on the path: an inner network, or a tunnel."""
    agent: Annotated[int, Key(1, 4_294_967_295, taken=Uptake.RESTART)] = 2001
    """The number by which the collector tells its sources; each node of a cluster should have its own."""
    key: Annotated[str, Key(secret=True, taken=Uptake.RESTART)] = field(default="", repr=False)
    """What the collector asks of its sources, if it does."""
    logs: Annotated[bool, Key(taken=Uptake.RESTART)] = True
    """Tell states, notes and alarms of calls too, as logs: Homer shows them among the messages."""
