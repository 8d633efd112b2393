"""A changed configuration reaches the running gateway while calls live. Does I/O: reads files.

    read ─▶ compare, key by key ─▶ prepare all that can fail ─▶ every part adopts its new values
      │            │                     │
      └────────────┴─────────────────────┴──▶ a fault: nothing has changed, and everybody is told why

What a key needs (`Uptake`) is declared with it; `config.difference` says what differs and how much of it can be taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from splitter.config.checks import conflicts
from splitter.config.difference import Difference, difference, restarts, takeable, unchanged
from splitter.config.model import Settings
from splitter.core.clock import Clock
from splitter.core.errors import ConfigError, LocalError
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

P = TypeVar("P")
_SHOWN = 5  # keys in an alarm


class Takes(Protocol[P]):
    """The gateway, as it takes new values."""

    async def prepare(self, settings: Settings) -> P:
        """Make ready all that can fail, and change nothing. Raises LocalError."""
        ...

    def adopt(self, settings: Settings, prepared: P) -> None:
        """Go by these from now on; nothing of it may fail."""
        ...

    async def settle(self) -> None:
        """Write down what has to be after that."""
        ...


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload has done, or would do.

    Attributes:
        changes: what differs from the configuration that ran before.
        unchanged: the tables that are as they were.
        refused: why nothing could be taken of a configuration that is good by itself: some of it needs a restart, and
            the rest cannot be without it. Empty where everything was taken that could be.
    """

    changes: tuple[Difference, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Reload(Generic[P]):
    """Carries out reloads, one after the other.

    Args:
        running: what the gateway was built with.
        reread: reads the configuration again; raises ConfigError. Called in a thread.
    """

    def __init__(self, running: Settings, reread: Callable[[], Settings], gateway: Takes[P], clock: Clock) -> None:
        self._running = running
        self._reread = reread
        self._gateway = gateway
        self._clock = clock
        self._turn = asyncio.Lock()
        self._fault = ""
        self._pending: tuple[str, ...] = ()

    @property
    def running(self) -> Settings:
        """The settings that the gateway goes by now."""
        return self._running

    async def reload(self, dry_run: bool = False, by: str = "") -> ReloadOutcome:
        """Take what has changed in the configuration.

        Args:
            dry_run: only say what would happen.
            by: who asks, for the log.
        Raises:
            LocalError: it cannot be used, with every reason on a line of its own; nothing has changed.
        """
        async with self._turn:
            try:
                done, adopted = await self._prepared(dry_run)
            except LocalError as error:
                if not dry_run:
                    self._failed(error, by)
                raise
            if not dry_run:
                adopted()
                self._note(done, by)
                await self._gateway.settle()
            return done

    def alarms(self) -> list[str]:
        """Said where the configuration on disk is not what runs, as far as reloads have seen it."""
        if self._fault:
            return [f"the configuration was not reloaded: {self._fault}"]
        if not self._pending:
            return []
        more = f" and {len(self._pending) - _SHOWN} more" if len(self._pending) > _SHOWN else ""
        keys = ", ".join(self._pending[:_SHOWN])
        return [f"the configuration on disk is not what runs: {keys}{more} changed; splitter restart takes it"]

    # ---- inside ----

    async def _prepared(self, dry_run: bool) -> tuple[ReloadOutcome, Callable[[], None]]:
        """Say what is to be done, and how it is done in one go."""
        found = await asyncio.to_thread(self._reread)
        changes, same = difference(self._running, found), unchanged(self._running, found)
        taken = takeable(self._running, found)
        if refused := tuple(conflicts(taken)):
            return ReloadOutcome(changes, same, refused), lambda: None
        prepared = await self._gateway.prepare(taken)

        def adopt() -> None:
            self._gateway.adopt(taken, prepared)
            self._running = taken

        return ReloadOutcome(changes, same), adopt

    def _note(self, done: ReloadOutcome, by: str) -> None:
        live = [one.key for one in done.changes if one.key not in restarts(done.changes)]
        needs = [one.key for one in done.changes] if done.refused else restarts(done.changes)
        self._fault, self._pending = "", tuple(needs)
        self._measure("refused" if done.refused else "done")
        metrics.gateway.CONFIG_PENDING.set(len(self._pending))
        told = {"by": by, "taken": [] if done.refused else live, "needs_restart": list(needs)}
        if done.refused:
            log.warning("configuration not reloaded: it takes a restart", reason="; ".join(done.refused), **told)
        else:
            log.info("configuration reloaded", **told)

    def _failed(self, error: LocalError, by: str) -> None:
        problems = error.problems if isinstance(error, ConfigError) else [str(error)]
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        self._fault = problems[0] + more
        self._measure("failed")
        log.error("configuration not reloaded: nothing has changed", by=by, problems=problems)

    def _measure(self, result: str) -> None:
        metrics.gateway.CONFIG_RELOADS.labels(result).inc()
        metrics.gateway.CONFIG_RELOADED_AT.set(self._clock.wall())
        metrics.gateway.CONFIG_RELOAD_OK.set(result == "done")
