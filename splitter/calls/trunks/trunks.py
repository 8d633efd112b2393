"""What is known of each trunk: its servers, whether they take calls, how quickly they answer; and the choice. Pure.

A trunk is as good as its best server. Trunks that are down come last in the choice, never not at all: that a trunk does
not answer OPTIONS must not cost a call that it would have taken. Only one that named a time (503 with Retry-After) is
left alone until then (RFC 3261 §21.5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from splitter.calls.settings import Choice, MonitorSettings, Role, Trunk
from splitter.calls.trunks.link import Link, News, TrunkState
from splitter.calls.view import TargetView, TrunkView
from splitter.core.net import Address
from splitter.transport.targets import AUTO, HostName, Located, Pick, Target, fixed

QUICKEST_S = 0.001  # a neighbour on the same machine must not draw every call
_PARTS = 2**32  # of the draw by weight


@dataclass(frozen=True, slots=True)
class TrunkChange:
    """A trunk came into another state."""

    trunk: str
    state: TrunkState
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A server that is to be asked now."""

    trunk: Trunk
    target: Target


class _WatchedTrunk:
    """One trunk and its servers."""

    __slots__ = ("fault", "links", "located", "reason", "since", "state", "trunk")

    def __init__(self, trunk: Trunk, now: float) -> None:
        self.trunk = trunk
        self.located = Located(())
        self.links: dict[Target, Link] = {}
        self.fault = "its name is not resolved yet" if isinstance(trunk.address, HostName) else ""
        self.since = now
        self.state, self.reason = self.judge()

    def judge(self) -> tuple[TrunkState, str]:
        """The state of the whole, and why."""
        links = list(self.links.values())
        if not links:
            return (TrunkState.DOWN, self.fault) if self.trunk.address else (TrunkState.UP, "has no address to watch")
        for state in (TrunkState.UP, TrunkState.DRAINING, TrunkState.DOWN):
            found = [link for link in links if link.state is state]
            if found:
                break
        others = f"; {len(found)} of {len(links)} servers" if len(found) < len(links) else ""
        return state, "; ".join(filter(None, (found[0].reason + others, self.fault)))

    def nearest(self) -> Link | None:
        """The server that is up and answers quickest."""
        measured = [link for link in self.links.values() if link.state is TrunkState.UP and link.latency_s is not None]
        return min(measured, key=lambda link: link.latency_s or 0.0, default=None)


class Trunks:
    """The trunks, as far as anything is known of them.

    Args:
        trunks: those that are watched as their settings say. Others may be asked for: nothing is held against them.
        settings: when a server is down, and how the choice weighs.
        now: monotonic seconds.
        changed: told of each change of a trunk's state.
    """

    def __init__(
        self,
        trunks: Iterable[Trunk] = (),
        settings: MonitorSettings | None = None,
        now: float = 0.0,
        changed: Callable[[TrunkChange], None] = lambda change: None,
    ) -> None:
        self._settings = settings or MonitorSettings()
        self._changed = changed
        self._known: dict[str, _WatchedTrunk] = {}
        for trunk in trunks:
            self._add(trunk, now, watched=True)

    def adopt(self, trunks: Iterable[Trunk], settings: MonitorSettings, now: float) -> None:
        """Watch these from now on, by these rules. What is known of the servers of one whose address stays is kept."""
        self._settings = settings
        before, self._known = self._known, {}
        for trunk in trunks:
            known = before.get(trunk.name)
            if known is None or _way(known.trunk) != _way(trunk):
                self._add(trunk, now, watched=True)
                continue
            known.trunk = trunk
            self._known[trunk.name] = known
            for link in known.links.values():
                link.adopt(settings, trunk.options_interval_s, now)
            self._settle(known, now)

    # ---- what is heard ----

    def located(self, name: str, located: Located, now: float) -> tuple[Target, ...]:
        """A trunk's name leads here now; servers that stay keep their state. Returns those that are new."""
        known = self._known.get(name)
        if known is None:
            return ()  # it was taken out while it was looked up
        known.located, known.fault = located, ""
        before = known.links
        interval_s = known.trunk.options_interval_s
        known.links = {
            target: before.get(target) or Link(target, self._settings, interval_s, now) for target in located.targets
        }
        self._settle(known, now)
        return tuple(target for target in known.links if target not in before)

    def unlocated(self, name: str, reason: str, now: float) -> None:
        """A trunk's name could not be looked up; the last good answer stays in use."""
        known = self._known.get(name)
        if known is None:
            return
        known.fault = f"{reason}; the last good answer is used" if known.links else reason
        self._settle(known, now)

    def hear_news(self, trunk: Trunk, target: Target, news: News, now: float) -> None:
        """Something was heard of a server."""
        known = self._of(trunk, now)
        if link := known.links.get(target):  # else its name leads elsewhere by now
            link.hear_news(news, now)
            self._settle(known, now)

    # ---- asking ----

    def due(self, now: float) -> list[Probe]:
        """The servers to be asked now; they count as being asked until `asked`. Lets time pass for all."""
        probes = []
        for known in self._known.values():
            for link in known.links.values():
                link.tick(now)
                if link.due is not None and link.due <= now:
                    link.asked()
                    probes.append(Probe(known.trunk, link.target))
            self._settle(known, now)
        return probes

    def asked(self, probe: Probe, now: float, spread: float = 1.0) -> None:
        """The asking is over, whatever came of it; see `Link.ask_again`."""
        known = self._known.get(probe.trunk.name)
        if known is not None and (link := known.links.get(probe.target)):
            link.ask_again(now, spread)

    def next_due(self) -> float | None:
        """When `due` has something to do again."""
        times = [
            at
            for known in self._known.values()
            for link in known.links.values()
            for at in (link.due, link.ends_at)
            if at is not None
        ]
        return min(times, default=None)

    # ---- choosing ----

    def order(
        self, destinations: Sequence[tuple[Trunk, str]], choice: Choice, now: float, pick: Pick
    ) -> list[tuple[Trunk, str]]:
        """The trunks in the order in which a call tries them; those that are not up at the end."""
        ranked: dict[TrunkState, list[tuple[Trunk, str]]] = {
            TrunkState.UP: [],
            TrunkState.DRAINING: [],
            TrunkState.DOWN: [],
        }
        for destination in destinations:
            known = self._of(destination[0], now)
            if self._usable(known):
                ranked[known.state].append(destination)
        up = ranked[TrunkState.UP]
        if choice is Choice.WEIGHTED and len(up) > 1:
            up = self._drawn(up, now, pick)
        return [*up, *ranked[TrunkState.DOWN], *ranked[TrunkState.DRAINING]]

    def targets(self, trunk: Trunk, now: float, pick: Pick) -> list[Target]:
        """A trunk's servers in the order in which a call tries them (RFC 3263 §4.3), those not up at the end."""
        known = self._of(trunk, now)
        if len(known.links) == 1:
            return [target for target, link in known.links.items() if not link.held]
        order = [known.links[target] for target in known.located.order(pick) if target in known.links]
        usable = [link for link in order if not link.held]
        usable.sort(key=lambda link: link.state is not TrunkState.UP)
        return [link.target for link in usable]

    def state(self, trunk: Trunk, now: float) -> tuple[TrunkState, str]:
        """A trunk's state, and why."""
        known = self._of(trunk, now)
        return known.state, known.reason

    def frees_in(self, destinations: Iterable[tuple[Trunk, str]], now: float) -> float:
        """Seconds until one of these that are left alone may be tried again; 0 where none is."""
        times = [
            link.ends_at - now
            for trunk, _ in destinations
            for link in self._of(trunk, now).links.values()
            if link.ends_at is not None
        ]
        return max(0.0, min(times, default=0.0))

    # ---- for operators ----

    def views(self, now: float, wall: float, calls: Callable[[str], int]) -> list[TrunkView]:
        """All trunks as operators see them, in the order of the configuration.

        Args:
            wall: seconds since the epoch, of the same moment.
            calls: how many calls a trunk has.
        """
        return [_view(known, now, wall, calls(name)) for name, known in self._known.items()]

    def timing(self, name: str) -> tuple[float, float] | None:
        """Latency and jitter of a trunk's nearest server, in seconds; None where nothing is measured."""
        known = self._known.get(name)
        nearest = known.nearest() if known else None
        return None if nearest is None else (nearest.latency_s or 0.0, nearest.jitter_s or 0.0)

    def alarms(self) -> tuple[str, ...]:
        """Trunks that calls go to and that are not up, in plain words."""
        return tuple(
            f"trunk {known.trunk.name} is {known.state}: {known.reason}"
            for known in self._known.values()
            if known.state is not TrunkState.UP and known.trunk.role is Role.CENTRE
        )

    # ---- inside ----

    def _add(self, trunk: Trunk, now: float, watched: bool) -> _WatchedTrunk:
        known = self._known[trunk.name] = _WatchedTrunk(trunk, now)
        if isinstance(trunk.address, Address):
            target = Target("udp" if trunk.transport == AUTO else trunk.transport, trunk.address)
            known.located = fixed(target)
            interval_s = trunk.options_interval_s if watched else 0.0
            known.links = {target: Link(target, self._settings, interval_s, now)}
        known.state, known.reason = known.judge()
        return known

    def _of(self, trunk: Trunk, now: float) -> _WatchedTrunk:
        known = self._known.get(trunk.name) or self._add(trunk, now, watched=False)
        if any(link.held for link in known.links.values()):
            for link in known.links.values():
                link.tick(now)
            self._settle(known, now)
        return known

    def _settle(self, known: _WatchedTrunk, now: float) -> None:
        state, known.reason = known.judge()
        if state is not known.state:
            known.state, known.since = state, now
            self._changed(TrunkChange(known.trunk.name, state, known.reason))

    def _usable(self, known: _WatchedTrunk) -> bool:
        return not known.links or not all(link.held for link in known.links.values())

    def _drawn(self, up: list[tuple[Trunk, str]], now: float, pick: Pick) -> list[tuple[Trunk, str]]:
        """Drawn one after the other; a trunk that is not measured yet counts like the average of those that are."""
        weights = {trunk.name: self._weight(self._of(trunk, now)) for trunk, _ in up}
        measured = [weight for weight in weights.values() if weight is not None]
        usual = sum(measured) / len(measured) if measured else 1.0
        left, drawn = list(up), []
        while left:
            shares = [weights[trunk.name] or usual for trunk, _ in left]
            drawn.append(left.pop(_draw(shares, pick)))
        return drawn

    def _weight(self, known: _WatchedTrunk) -> float | None:
        nearest = known.nearest()
        return None if nearest is None else weight(nearest.latency_s, nearest.jitter_s, self._settings.jitter_factor)


def _way(trunk: Trunk) -> tuple[object, ...]:
    """What makes it the same servers."""
    return trunk.network, trunk.address, trunk.transport


def weight(latency_s: float | None, jitter_s: float | None, jitter_factor: float) -> float:
    """The share of calls that a trunk deserves by how quickly and evenly it answers."""
    return 1.0 / (max(latency_s or 0.0, QUICKEST_S) + jitter_factor * (jitter_s or 0.0))


def _draw(shares: Sequence[float], pick: Pick) -> int:
    """An index, drawn by share."""
    mark = pick(_PARTS) / _PARTS * sum(shares)
    for index, share in enumerate(shares):
        mark -= share
        if mark < 0:
            return index
    return len(shares) - 1


def _view(known: _WatchedTrunk, now: float, wall: float, calls: int) -> TrunkView:
    trunk, nearest = known.trunk, known.nearest()
    return TrunkView(
        name=trunk.name,
        role=str(trunk.role),
        state=str(known.state),
        reason=known.reason,
        since=wall - (now - known.since),
        calls=calls,
        max_calls=trunk.max_calls,
        calls_per_s=trunk.calls_per_s,
        address=str(trunk.address or ""),
        latency_ms=_ms(nearest.latency_s) if nearest else None,
        jitter_ms=_ms(nearest.jitter_s) if nearest else None,
        targets=tuple(
            TargetView(
                str(link.target),
                str(link.state),
                link.reason,
                wall - (now - link.since),
                _ms(link.latency_s),
                _ms(link.jitter_s),
            )
            for link in known.links.values()
        ),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
