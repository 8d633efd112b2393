"""Everything that keeps an eye on trunks and on our own load, built and run as one part. Does I/O through its parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import nan

import structlog

from splitter.calls.routing import Routing
from splitter.calls.settings import MonitorSettings, OverloadSettings, Trunk
from splitter.calls.signalling import Signalling
from splitter.calls.trunks.admission import Admission, LoadLevel
from splitter.calls.trunks.meter import Meter
from splitter.calls.trunks.monitor import Monitor, announce
from splitter.calls.trunks.strangers import TrunkStrangers
from splitter.calls.trunks.trunks import Trunks
from splitter.calls.view import TrunkView
from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.telemetry import metrics
from splitter.transport.resolver import Resolver
from splitter.transport.settings import DnsSettings, Network

log = structlog.get_logger(__name__)

_COSTS = {
    LoadLevel.NONE: "new calls are taken as usual",
    LoadLevel.NO_VIDEO: "new calls get no video",
    LoadLevel.REFUSE: "new calls are refused",
}


class Watch:
    """Trunks, what is known of them, and admission.

    Attributes:
        trunks, admission, strangers: for `Services`.
    """

    def __init__(
        self,
        trunks: Mapping[str, Trunk],
        networks: Mapping[str, Network],
        driver: Signalling,
        routing: Routing,
        clock: Clock,
        ids: IdSource,
        name: str,
        monitor: MonitorSettings,
        overload: OverloadSettings,
        dns: DnsSettings,
    ) -> None:
        self._clock = clock
        self._names = tuple(trunks)
        self.trunks = Trunks(trunks.values(), monitor, clock.now(), announce)
        self.admission = Admission(overload, ids.number)
        self.strangers = TrunkStrangers()
        self._monitor = Monitor(
            self.trunks,
            trunks.values(),
            routing,
            driver,
            Resolver(dns.servers, dns.limit_s),
            clock,
            ids,
            name,
            lambda network: reach(networks[network]),
            monitor,
        )
        self._meter = Meter(self._measured)

    async def find(self) -> None:
        """Find out where names lead; bounded. Before calls are taken, which then never wait for it."""
        self._publish()
        await self._monitor.find()

    async def prepare(self, trunks: Mapping[str, Trunk]) -> None:
        """Find out where names lead that `adopt` will bring; bounded."""
        await self._monitor.look_up(trunks.values())

    def adopt(self, trunks: Mapping[str, Trunk], monitor: MonitorSettings, overload: OverloadSettings) -> None:
        """Watch these trunks from now on; `Routing` goes by them already."""
        self._names = tuple(trunks)
        self.trunks.adopt(trunks.values(), monitor, self._clock.now())
        self.admission.overload.adopt(overload)
        self._monitor.adopt(trunks.values(), monitor)
        self._publish()

    def start(self) -> None:
        """Begin to ask, and to measure; the driver has its sockets now."""
        self._meter.start()
        self._monitor.start()

    async def stop(self) -> None:
        """Stop watching; may be called without a start."""
        self._meter.stop()
        await self._monitor.stop()

    def views(self) -> list[TrunkView]:
        """All trunks as operators see them."""
        return self.trunks.views(self._clock.now(), self._clock.wall(), self.admission.limits.calls)

    def alarms(self) -> tuple[str, ...]:
        """The alarms of the trunks, in plain words."""
        overload = self.admission.overload
        load = (f"{_COSTS[overload.level]}: {overload.reason}",) if overload.level is not LoadLevel.NONE else ()
        return (*load, *self.trunks.alarms(), *self.strangers.alarms(self._clock.now()))

    # ---- inside ----

    def _measured(self, lag_s: float, cpu: float) -> None:
        overload = self.admission.overload
        changed = overload.observe(lag_s, cpu, self._clock.now())
        metrics.gateway.LOOP_LAG_SECONDS.set(overload.lag_s)
        metrics.gateway.LOOP_CPU_RATIO.set(overload.cpu)
        if changed:
            metrics.gateway.OVERLOAD_LEVEL.set(overload.level)
            say = log.info if overload.level is LoadLevel.NONE else log.warning
            say("load", means=_COSTS[overload.level], reason=overload.reason)

    def _publish(self) -> None:
        """Let the gauges of trunks read what is known when they are scraped."""
        for name in self._names:
            metrics.trunks.CALLS.labels(name).set_function(partial(self.admission.limits.calls, name))
            metrics.trunks.LATENCY_SECONDS.labels(name).set_function(partial(self._timing, name, 0))
            metrics.trunks.JITTER_SECONDS.labels(name).set_function(partial(self._timing, name, 1))

    def _timing(self, name: str, which: int) -> float:
        timing = self.trunks.timing(name)
        return timing[which] if timing else nan


def reach(network: Network) -> tuple[tuple[str, str], ...]:
    """Transport and address family of what a network's listeners reach, without those of browsers (RFC 7118)."""
    listeners = [listener for listener in network.listeners if listener.transport in ("udp", "tcp", "tls")]
    return tuple((one.transport, "AAAA" if ":" in one.address.host else "A") for one in listeners)
