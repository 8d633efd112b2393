"""Watches trunks: where their names lead, and by OPTIONS whether their servers live. Does I/O through the driver.

Calls never wait for any of this: they read what is known. An OPTIONS that is lost, late or answered by nonsense
concerns one server; what it means is decided in `calls.trunks.link`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from ipaddress import ip_network

import structlog

from splitter.calls.peers.messages import SDP
from splitter.calls.routing import Routing
from splitter.calls.settings import MonitorSettings, Trunk
from splitter.calls.signalling import Signalling
from splitter.calls.trunks.link import Alive, Faulty, HeldOff, News, TrunkState, judge
from splitter.calls.trunks.trunks import Probe, TrunkChange, Trunks
from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.sip import events as sip
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.telemetry import metrics
from splitter.transport.resolver import Resolver, WatchedName
from splitter.transport.targets import AUTO, HostName, Located, Wanted
from splitter.transport.tasks import Tasks

log = structlog.get_logger(__name__)

Reach = Callable[[str], tuple[tuple[str, str], ...]]
"""Transport and address family of each listener of a network; see `targets.Wanted`."""

_OUTCOMES = {Alive: "alive", Faulty: "failed", HeldOff: "held"}


def announce(change: TrunkChange) -> None:
    """A trunk's state changed: to the log and the metrics."""
    say = log.info if change.state is TrunkState.UP else log.warning
    say("trunk changed", trunk=change.trunk, state=str(change.state), reason=change.reason)
    metrics.trunks.UP.labels(change.trunk).set(change.state is TrunkState.UP)
    metrics.trunks.CHANGES.labels(change.trunk, str(change.state)).inc()


class Monitor:
    """The one who asks.

    Args:
        trunks: what is known; it gets the answers.
        watched: the same trunks as it was made with.
        routing: told which addresses a name leads to, for they are sources of the trunk as well.
        name: what we call ourselves in From.
        reach: what our listeners can reach.
    """

    def __init__(
        self,
        trunks: Trunks,
        watched: Iterable[Trunk],
        routing: Routing,
        driver: Signalling,
        resolver: Resolver,
        clock: Clock,
        ids: IdSource,
        name: str,
        reach: Reach,
        settings: MonitorSettings,
    ) -> None:
        self._trunks = trunks
        self._watched = tuple(watched)
        self._names: dict[Trunk, WatchedName] = {}
        self._early: dict[Trunk, Located] = {}  # where trunks lead that are not watched yet
        self._routing = routing
        self._driver = driver
        self._resolver = resolver
        self._clock = clock
        self._ids = ids
        self._name = name
        self._reach = reach
        self._settings = settings
        self._tasks = Tasks()
        self._wake = asyncio.Event()

    async def find(self) -> None:
        """Look names up, and from now on; returns once each has led somewhere or failed to, which is bounded."""
        for trunk in self._watched:
            metrics.trunks.UP.labels(trunk.name).set(self._trunks.state(trunk, self._clock.now())[0] is TrunkState.UP)
        await self.look_up(self._watched)

    async def look_up(self, trunks: Iterable[Trunk]) -> None:
        """Find out where trunks lead that are to be watched soon: a call must not come before that. Bounded as `find`.

        What is found is used by `adopt`, which drops it for trunks that are not watched then.
        """
        new = [trunk for trunk in trunks if isinstance(trunk.address, HostName) and trunk not in self._names]
        for trunk in new:
            assert isinstance(trunk.address, HostName)
            wanted = Wanted(trunk.address, trunk.transport, self._reach(trunk.network))
            self._names[trunk] = self._resolver.watch(
                wanted, partial(self._located, trunk), partial(self._unlocated, trunk)
            )
        await asyncio.gather(*(self._names[trunk].told.wait() for trunk in new))

    def adopt(self, trunks: Iterable[Trunk], settings: MonitorSettings) -> None:
        """Watch these from now on; `Trunks` and `Routing` know them by now."""
        before, self._watched, self._settings = self._watched, tuple(trunks), settings
        for name in {trunk.name for trunk in before} - {trunk.name for trunk in self._watched}:
            for gauge in (metrics.trunks.UP, metrics.trunks.CALLS, metrics.trunks.LATENCY_SECONDS,
                          metrics.trunks.JITTER_SECONDS):  # fmt: skip
                with suppress(KeyError):
                    gauge.remove(name)
        for trunk in [trunk for trunk in self._names if trunk not in self._watched]:
            self._names.pop(trunk).stop()
        for trunk in self._watched:
            metrics.trunks.UP.labels(trunk.name).set(self._trunks.state(trunk, self._clock.now())[0] is TrunkState.UP)
            if (located := self._early.get(trunk)) is not None:
                self._located(trunk, located)
        self._early.clear()
        self._wake.set()

    def start(self) -> None:
        """Begin to ask; the driver has its sockets now."""
        self._tasks.start(self._run(), "trunk monitor")

    async def stop(self) -> None:
        """Stop asking and looking up."""
        await self._resolver.stop()
        await self._tasks.stop()

    # ---- names ----

    def _located(self, trunk: Trunk, located: Located) -> None:
        if trunk not in self._watched:
            self._early[trunk] = located
            return
        now = self._clock.now()
        name = trunk.address.name if isinstance(trunk.address, HostName) else ""
        for target in located.targets:
            self._driver.spare(ip_network(target.address.host))
            if target.transport == "tls":  # RFC 5922 §4: a certificate is for the name that was looked up
                self._driver.expect(trunk.network, target.address.host, trunk.tls_name or name)
        new = self._trunks.located(trunk.name, located, now)
        self._routing.learn(trunk.name, {target.address.host for target in located.targets}, now)
        if new:
            found = [str(target) for target in located.targets]
            log.info("trunk located", trunk=trunk.name, name=str(trunk.address), targets=found)
            self._wake.set()

    def _unlocated(self, trunk: Trunk, reason: str) -> None:
        if trunk not in self._watched:
            return
        self._trunks.unlocated(trunk.name, reason, self._clock.now())
        log.warning("trunk not located", trunk=trunk.name, name=str(trunk.address), reason=reason)

    # ---- asking ----

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            for probe in self._trunks.due(self._clock.now()):
                self._ask(probe)
            at = self._trunks.next_due()
            pause_s = None if at is None else max(0.0, at - self._clock.now())
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _ask(self, probe: Probe) -> None:
        trunk, target = probe.trunk, probe.target
        try:
            flow = self._driver.flow_to(trunk.network, *target)
            request = self._request(trunk, self._driver.contact(trunk.network, target.transport).host)
            listener = partial(self._on_event, probe, self._clock.now())
            self._driver.request(request, flow, listener, answer_limit_s=self._settings.answer_limit_s)
        except LocalError as error:
            self._conclude(probe, Faulty(f"OPTIONS: {error}"))

    def _on_event(self, probe: Probe, asked_at: float, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived(response=response) if response.status >= 200:
                latency_s = self._clock.now() - asked_at
                self._conclude(probe, judge(response.status, response.reason, response.headers, latency_s))
            case sip.RequestFailed(status=408):
                self._conclude(probe, Faulty(f"OPTIONS: no answer in {self._settings.answer_limit_s:g} s"))
            case sip.RequestFailed(reason=reason):
                self._conclude(probe, Faulty(f"OPTIONS: {reason}"))
            case _:
                pass

    def _conclude(self, probe: Probe, news: News) -> None:
        now = self._clock.now()
        metrics.trunks.PROBES.labels(probe.trunk.name, _OUTCOMES[type(news)]).inc()
        self._trunks.hear_news(probe.trunk, probe.target, news, now)
        spread = 0.9 + self._ids.number(201) / 1000  # not all at once, not in step with others
        self._trunks.asked(probe, now, spread)
        self._wake.set()

    def _request(self, trunk: Trunk, local: str) -> Request:
        """OPTIONS outside a dialog (RFC 3261 §11.1)."""
        uri = f"sip:{trunk.address}" + ("" if trunk.transport in ("udp", AUTO) else f";transport={trunk.transport}")
        host = f"[{local}]" if ":" in local else local
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self._name}@{host}>;tag={self._ids.tag()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", self._ids.sip_call_id(local)),
            ("CSeq", "1 OPTIONS"),
            ("Accept", SDP),
        ]
        return Request("OPTIONS", uri, Headers(headers))
