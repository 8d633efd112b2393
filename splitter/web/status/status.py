"""How the gateway is doing, for the API and the CLI: its state, and what it holds now. Does no I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from enum import StrEnum
from typing import Protocol

from splitter import __version__
from splitter.calls.registry import Calls
from splitter.calls.settings import CallSettings
from splitter.cluster.membership import Membership
from splitter.cluster.tenure import NodeStanding
from splitter.core.clock import Clock
from splitter.media.ports.health import EngineHealth, FarmHealth, InstanceStatus
from splitter.media.ports.mosaics import MosaicStatus
from splitter.telemetry import log as logs
from splitter.telemetry import metrics
from splitter.transport.driver import Driver
from splitter.transport.settings import Network
from splitter.web.ports import GatewayStatus
from splitter.web.status.health import Health


class GatewayState(StrEnum):
    """The stage of the gateway's life."""

    STARTING = "starting"
    STANDBY = "standby"  # another process is this node
    RUNNING = "running"
    DRAINING = "draining"


class StatusBoard:
    """Puts together what operators see of the gateway as a whole."""

    def __init__(
        self,
        settings: CallSettings,
        networks: Iterable[Network],
        clock: Clock,
        driver: Driver,
        engine: EngineHealth,
        farm: FarmHealth,
        mosaics: Callable[[], MosaicStatus],
        calls: Calls,
        health: Health,
        node: str = "",
    ) -> None:
        self._node = node
        self._settings = settings
        self._networks = tuple(
            f"{network.name} {listener.transport} {listener.address}"
            for network in networks
            for listener in network.listeners
        )
        self._clock = clock
        self._started_at = clock.wall()
        self._driver = driver
        self._engine = engine
        self._farm = farm
        self._mosaics = mosaics
        self._calls = calls
        self._health = health
        self._state = GatewayState.STARTING
        self._draining_since: float | None = None

    @property
    def draining_since(self) -> float | None:
        """Since when no new calls are taken, Unix seconds; None while they are."""
        return self._draining_since

    def adopt(self, settings: CallSettings) -> None:
        """Show these bounds from now on."""
        self._settings = settings

    def enter(self, state: GatewayState) -> None:
        """Show this state from now on."""
        self._state = state
        self._draining_since = self._clock.wall() if state is GatewayState.DRAINING else None
        metrics.gateway.READY.set(state is GatewayState.RUNNING)

    @property
    def state(self) -> GatewayState:
        """The stage of its life that is shown."""
        return self._state

    def read(self, api: Iterable[str]) -> GatewayStatus:
        """Read the gateway's status; `api`: the URLs at which others reach the API."""
        sip, media, workers = self._driver.sizes(), self._engine.sizes(), self._engine.status()
        rtpengines, mosaics = self._farm.status(), self._mosaics()
        return GatewayStatus(
            name=self._settings.name,
            version=__version__,
            state=self._state,
            started_at=self._started_at,
            calls=len(self._calls),
            max_calls=self._settings.max_calls,
            transactions=sip["transactions"],
            dialogs=sip["dialogs"],
            relays=media["relays"] + _relays(rtpengines),
            rooms=media["rooms"],
            in_kernel=sum(worker.in_kernel for worker in workers),
            no_offload=next((worker.no_offload for worker in workers if worker.no_offload), ""),
            ports=media["ports"],
            tasks=self._calls.tasks,
            workers=(sum(worker.state == "ready" for worker in workers), len(workers)),
            pictures=tuple(sorted({worker.form for worker in workers if worker.form})),
            rtpengines=rtpengines,
            mosaics=(mosaics.open, mosaics.limit),
            networks=self._networks,
            api=tuple(api),
            alarms=self._health.alarms(),
            node=self._node,
            draining_since=self._draining_since,
        )


class RecordLag(Protocol):
    """Records on their way; `splitter.store.copies.Copies`."""

    @property
    def lag_s(self) -> float: ...

    @property
    def waiting(self) -> int: ...


def measure(engine: EngineHealth, farm: FarmHealth) -> None:
    """Let the gauges of what is held read it when they are scraped."""
    metrics.media.RELAYS.set_function(lambda: engine.sizes()["relays"] + _relays(farm.status()))
    metrics.media.ROOMS.set_function(lambda: engine.sizes()["rooms"])
    metrics.media.IN_KERNEL.set_function(lambda: sum(worker.in_kernel for worker in engine.status()))
    metrics.media.WORKERS.set_function(lambda: sum(worker.state == "ready" for worker in engine.status()))
    metrics.media.PORTS_FREE.set_function(lambda: sum(worker.free_ports for worker in engine.status()))
    metrics.media.PORTS_RESTING.set_function(lambda: sum(worker.resting for worker in engine.status()))
    metrics.media.TCP_CONNECTIONS.set_function(lambda: sum(worker.tcp for worker in engine.status()))
    metrics.gateway.LOG_DROPPED.set_function(logs.dropped)
    metrics.gateway.BUILD.labels(__version__).set(1)


def measure_records(records: RecordLag, calls: Sized, membership: Membership | None) -> None:
    """Let the gauges of what would be lost with this host read it when they are scraped."""
    metrics.records.RECORD_LAG.set_function(lambda: records.lag_s)
    metrics.records.RECORDS_WAITING.set_function(lambda: records.waiting)
    if membership is not None:
        metrics.records.NODE_STANDBYS.set_function(lambda: len(membership.standbys))
        metrics.records.CALLS_UNPROTECTED.set_function(lambda: 0 if _protected(membership) else len(calls))


def _protected(membership: Membership) -> bool:
    return membership.standing is NodeStanding.ACTIVE and bool(membership.standbys)


def _relays(rtpengines: Iterable[InstanceStatus]) -> int:
    return sum(one.relays for one in rtpengines)
