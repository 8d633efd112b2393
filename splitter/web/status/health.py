"""What is wrong now, in plain words: each part of the gateway is asked, and one that cannot say harms no other.

Does I/O: reads /proc for the descriptors of our processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import structlog

from splitter.core.clock import Clock
from splitter.media.ports.health import EngineHealth, port_alarm
from splitter.telemetry import metrics
from splitter.telemetry.resources import descriptor_alarm
from splitter.transport.driver import Driver

log = structlog.get_logger(__name__)

AlarmTexts = Callable[[], Iterable[str]]
"""Asks a part what is wrong with it; empty texts say nothing."""


class Health:
    """The parts to ask for alarms, in the order in which operators read them."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, AlarmTexts]] = []

    def include(self, name: str, alarms: AlarmTexts) -> None:
        """Ask this part, too; what it says stands behind what the others say."""
        self._parts.append((name, alarms))

    def alarms(self) -> tuple[str, ...]:
        """List all that is wrong, in words."""
        found: list[str] = []
        for name, alarms in self._parts:
            try:
                found += filter(None, alarms())
            except Exception:
                metrics.gateway.SUBSCRIBER_FAILURES.labels("health").inc()
                log.exception("a part cannot say how it is", part=name)
                found.append(f"{name} cannot say what is wrong; see the log")
        return tuple(found)


def missing_workers(engine: EngineHealth) -> list[str]:
    """Said of media workers that are not ready."""
    missing = sum(worker.state != "ready" for worker in engine.status())
    return [f"{missing} media workers are not ready"] if missing else []


def shortages(engine: EngineHealth) -> list[str]:
    """Said of what runs out: ports and descriptors."""
    workers = engine.status()
    processes = [(os.getpid(), "the gateway")]
    processes += [(worker.pid, f"media worker {worker.index}") for worker in workers if worker.pid]
    return [port_alarm(workers), *(descriptor_alarm(pid, whose) for pid, whose in processes)]


def expiring_certificates(driver: Driver, clock: Clock) -> list[str]:
    """Said of networks whose certificate ends soon, or holds no longer."""
    return [
        f"the certificate of network {network} {warning}"
        for network, validity in driver.certificates().items()
        if (warning := validity.warning(clock.wall()))
    ]
