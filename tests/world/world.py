"""The whole world of one run: the gateway's SIP and calls, its neighbours, the wire between them, and time."""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from types import TracebackType
from typing import Any

from structlog.testing import capture_logs

from splitter.calls.call import Call
from splitter.calls.inbox import Inbox
from splitter.calls.persistence.recovery import Recovered
from splitter.calls.settings import CallSettings, Role, Route, Trunk
from splitter.calls.settings import Peer as Source
from splitter.calls.view import CallView, Notice
from splitter.core.net import Address
from splitter.telemetry.ladder import draw
from splitter.telemetry.trace import TraceEvent
from splitter.transport.settings import ListenPoint, Network
from tests.world.adapters import FakeAdapters
from tests.world.life import Ground, Life
from tests.world.loop import EPOCH, VirtualClock, VirtualLoop
from tests.world.media import FakeEngine
from tests.world.monitor import Monitor
from tests.world.peer import Peer, PeerCall
from tests.world.voice import voice_faults
from tests.world.wire import FAIR, Weather, Wire, label

_HOSTS = {"access": "10.1.0.1", "core": "10.2.0.1", "desks": "10.3.0.1"}
SBC, PBX, PBX2 = Address("10.1.0.5", 5060), Address("10.2.0.5", 5060), Address("10.2.0.6", 5060)
DESK = Address("10.3.0.5", 5060)
PAGE = Address("10.1.0.9", 5060)


class World:
    """A gateway among its neighbours, in virtual time. A context manager; see the package for an example.

    Args:
        seed: of everything random. The same seed and script give the same run.
        weather: what the network does to datagrams.
        settings: of calls.
        trunk: fields of `Trunk` to set otherwise, for every trunk. untrusted: those outside the trust domain.
        transport: that everybody speaks, "udp" or "tcp".
        logs: let log lines through, instead of keeping them in `logs`.

    Attributes:
        adapters, browsers: of web callers. mosaics: of the present life.
        sbc: the neighbour that brings callers, and takes the centre's calls to mobile numbers. pbx, pbx2: the centre, and the one behind it when it fails (the number
            "110" goes to both in this order, "12345" and the service "sos" to pbx alone). desk: agents' seats. page: browsers that
            call by SIP.
        calls, engine, driver, recorder, desks: the gateway's parts.
        wire, loop, clock: the network and time.
        rows: records of live calls, as the store has them. lives: of the gateway's process, the last one lives.
        traces: the trace of each call by its id. views: what the store was told of each call, the last one.
        notices: what desks were told, in order.
        logs: what was logged. monitor: what it saw that is illegal.
    """

    def __init__(
        self,
        seed: int = 1,
        weather: Weather = FAIR,
        *,
        settings: CallSettings | None = None,
        trunk: dict[str, Any] | None = None,
        untrusted: Collection[str] = (),
        transport: str = "udp",
    ) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed} world")
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.wire = Wire(self.loop, random.Random(f"{seed} wire"), weather)
        self.traces: dict[str, list[TraceEvent]] = defaultdict(list)
        self.views: dict[str, CallView] = {}
        self.notices: list[Notice] = []
        self.logs: list[Any] = []
        self._stack = ExitStack()
        self._build(settings or CallSettings(), trunk or {}, untrusted, transport)
        self.sbc = Peer(self, "sbc", SBC, Address(_HOSTS["access"], 5060), transport)
        self.pbx = Peer(self, "pbx", PBX, Address(_HOSTS["core"], 5060), transport)
        self.pbx2 = Peer(self, "pbx2", PBX2, Address(_HOSTS["core"], 5060), transport)
        self.desk = Peer(self, "desk", DESK, Address(_HOSTS["desks"], 5060), transport)
        self.page = Peer(self, "page", PAGE, Address(_HOSTS["access"], 5060), transport)
        self.peers = (self.sbc, self.pbx, self.pbx2, self.desk, self.page)

    def _build(self, settings: CallSettings, trunk: dict[str, Any], untrusted: Collection[str], transport: str) -> None:
        networks = {
            name: Network(name, (ListenPoint(transport, Address(host, 5060)),), host) for name, host in _HOSTS.items()
        }
        self.monitor = Monitor(frozenset(Address(host, 5060) for host in _HOSTS.values()))
        self.wire.watchers.append(self.monitor.watch)
        self.engine = FakeEngine(networks)
        self.trunks = _trunks({"transport": transport, **trunk}, untrusted)
        routes = (
            Route(re.compile("110"), ("pbx", "pbx2")),
            Route(re.compile("12345"), ("pbx",)),
            Route(re.compile("sos"), ("pbx",)),
            Route(re.compile("13[0-9]{9}"), ("sbc",), origin=Role.CENTRE),
            Route(re.compile("13[0-9]{9}"), ("sbc",), origin=Role.SEAT),
            Route(re.compile("8[0-9]{3}"), ("pbx", "pbx2"), origin=Role.SEAT),
            Route(re.compile("12345"), ("pbx",), origin=Role.WEB),
        )
        self.adapters = FakeAdapters(_HOSTS.__getitem__)
        ground = (self.wire, self.engine, self.clock, networks, self.trunks, routes, settings, self.adapters)
        self._ground = Ground(*ground)
        self._ground.write, self._ground.changed, self._ground.noticed = self.write, self._changed, self.notices.append
        self.rows, self.networks = self._ground.rows, networks
        self.ground = self._ground
        self.lives: list[Life] = []
        self._begin_life()

    def _begin_life(self) -> None:
        """The gateway's process begins: SIP and calls, with nothing of either yet."""
        number = f" {len(self.lives)}" if self.lives else ""
        self.lives.append(life := Life(self._ground, f"{self.seed} gateway{number}"))
        self.calls, self.requests = life.calls, life.requests
        self.driver, self.recorder = life.driver, life.recorder
        self.desks, self.bus, self.browsers, self.mosaics = life.desks, life.bus, life.browsers, life.mosaics
        self._ground.begun()

    # ---- life ----

    def __enter__(self) -> World:
        self.logs = self._stack.enter_context(capture_logs())
        for driver in (self.driver, *(peer.driver for peer in self.peers)):
            self.loop.run_until_complete(driver.start())
        self.loop.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.leave()
        self.loop.run_until(lambda: not asyncio.all_tasks(self.loop), 10)
        self.loop.close()

    def kill(self) -> None:
        """Kill the gateway's process: it says goodbye to nobody. Media workers, the store and time go on."""
        self.loop.leave()
        self.loop.run_until_complete(self.lives[-1].die())
        self._note_death()
        self.loop.enter()

    def begin_again(self) -> Recovered:
        """Start the process that comes after the one that was killed. Returns: what became of the calls."""
        self._begin_life()
        self.loop.leave()
        try:
            return self.loop.run_until_complete(self.lives[-1].begin())
        finally:
            self.loop.enter()

    def restart(self) -> Recovered:
        """Kill the gateway's process when all is written down, and start the next one."""
        self.lives[-1].records.flush()
        self.kill()
        return self.begin_again()

    async def die_for(self, seconds: float) -> Recovered:
        """Kill the gateway's process while others go on, and start the next one so much later."""
        await self.lives[-1].die()
        self._note_death()
        await asyncio.sleep(seconds)
        self._begin_life()
        return await self.lives[-1].begin()

    # ---- time ----

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.loop.time()

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self.loop.run_until(lambda: False, seconds)

    def run_until(self, condition: Any, limit_s: float = 60.0) -> None:
        """Let things happen until `condition()` holds.

        Raises:
            AssertionError: it does not within `limit_s`.
        """
        if not self.loop.run_until(condition, limit_s):
            raise AssertionError(f"it did not happen within {limit_s:g} s\n{self.ladder()}")

    def settle(self, limit_s: float = 120.0) -> None:
        """Let every transaction run out (64*T1 and more), and see that nothing is left and nothing was wrong.

        Raises:
            AssertionError: with all that was found, and the ladders.
        """
        self.loop.run_until(lambda: not self.leftovers(), limit_s)
        found = [*self.leftovers(), *self.faults()]
        if found:
            raise AssertionError("\n".join([*found, self.ladder()]))

    # ---- judging ----

    def voice_faults(self, caller: PeerCall) -> list[str]:
        """Why voice between this caller and its centre is not connected; nothing where it is."""
        call = self.find_call(caller)
        centre = self.centre_of(caller)
        if call is None or centre is None:
            return ["there is no call" if call is None else "no centre has it"]
        return voice_faults(caller, centre, self.engine.relay_of(call.talk.call_id), call.talk.voice.numbers)

    def live_calls(self) -> list[Call]:
        """The gateway's calls."""
        return list(self.calls.live)

    def call_of(self, peer_call: PeerCall) -> Call:
        """The gateway's live call that a peer's call belongs to; there must be one."""
        call = self.find_call(peer_call)
        assert call is not None, f"{peer_call} belongs to no live call"
        return call

    def find_call(self, peer_call: PeerCall) -> Call | None:
        """The gateway's live call that a peer's call belongs to, if there is one."""
        name = peer_call.sip_call_id
        for call in self.calls.live:
            if not any(leg.sip_call_id == name for leg in call.legs.all.values()):
                continue  # most are: this is asked at each step of a simulation, of fifty calls
            if any(leg.sip_call_id == name for leg in call.live.sides):
                return call
        return None

    def centre_of(self, caller: PeerCall) -> PeerCall | None:
        """The centre's side of a caller's live call."""
        call = self.find_call(caller)
        if call is None or call.centre is None:
            return None
        name = call.centre.sip_call_id
        inside = (self.pbx, self.pbx2, self.sbc)  # the last one: of a phone that took the centre's place
        return next((peer.calls[name] for peer in inside if name in peer.calls), None)

    def leftovers(self) -> list[str]:
        """What the gateway still holds."""
        held = {
            "calls": len(self.calls),
            "call tasks": self.calls.tasks,
            "timers of calls": sum(_is_of_a_call(timer) for timer in self.loop.timers()),
            "short codes": self.calls.short_codes,
            "relays": len(self.engine.relays),
            "rooms": len(self.engine.rooms),
            "media ports": self.engine.ports,
            **self.driver.sizes(),
            **{f"transactions of {peer.name}": peer.driver.sizes()["transactions"] for peer in self.peers},
        }
        return [f"left behind: {count} {what}" for what, count in held.items() if count]

    def faults(self, wire: bool = True) -> list[str]:
        """What must never happen, whatever the peers do; `wire`: with what was illegal on the wire."""
        found = [f"uncaught: {fault}" for fault in self.loop.faults]
        found += [f"logged: {line}" for line in self.logs if line["log_level"] in ("error", "critical")]
        for faults in self.monitor.faults.values() if wire else ():
            found += [f"illegal: {fault}" for fault in faults]
        for call_id, events in self.traces.items():
            ends = [event.text for event in events if event.kind == "state" and event.text.startswith("ended: ")]
            alive = any(call.talk.call_id == call_id for call in self.calls.live)
            if not alive and len(set(ends)) != 1:  # after a death it may say the same twice
                found.append(f"the trace of {call_id} has {len(ends)} ends")
            elif not alive and ends[0] == "ended: ":
                found.append(f"the trace of {call_id} does not say why it ended")
        return found

    # ---- seeing ----

    def trace_of(self, peer_call: PeerCall) -> list[TraceEvent]:
        """The gateway's trace of the call that this peer's call belongs to, and what the wire lost of it."""
        for events in self.traces.values():
            if any(event.kind == "message" and _call_id(event) == peer_call.sip_call_id for event in events):
                return self._with_fates(events)
        return []

    def ladder(self, peer_call: PeerCall | None = None) -> str:
        """What was said, as a ladder: of one call, or of all."""
        if peer_call is None:
            return "\n".join(draw(self._with_fates(events), 200) for events in self.traces.values())
        events = self.trace_of(peer_call)
        return draw(events, 200) if events else self._plain(peer_call)

    def forget(self, *calls: PeerCall) -> None:
        """Drop what is remembered of calls that are over and were found to be in order."""
        ids = {call.sip_call_id for call in calls}
        for call_id, events in tuple(self.traces.items()):
            if any(event.kind == "message" and _call_id(event) in ids for event in events):
                del self.traces[call_id]
                self.views.pop(call_id, None)
        for sip_call_id in ids:
            self.wire.forget(sip_call_id)
            self.monitor.forget(sip_call_id)

    def write(self, event: TraceEvent) -> None:
        """The recorder's sink."""
        self.traces[event.call_id].append(event)

    # ---- inside ----

    def _changed(self, view: CallView) -> None:
        self.views[view.call_id] = view

    def _note_death(self) -> None:
        """Those who watch are told. What was seen of a call that was never written down is known to nobody."""
        self.monitor.note_death()
        for call_id, events in tuple(self.traces.items()):
            if call_id not in self.rows and not any(event.kind == "state" for event in events):
                del self.traces[call_id]

    def _with_fates(self, events: list[TraceEvent]) -> list[TraceEvent]:
        """The trace, with a note for each datagram that did not simply arrive."""
        legs = {_call_id(event): event.leg for event in events if event.kind == "message"}
        notes = [
            TraceEvent(events[0].call_id, EPOCH + sent.at, leg, "note", "", "", f"{label(sent.message)}: {sent.fate}")
            for sip_call_id, leg in legs.items()
            for sent in self.wire.sent.get(sip_call_id, ())
            if sent.fate
        ]
        return sorted([*events, *notes], key=lambda event: event.at)

    def _plain(self, call: PeerCall) -> str:
        lines = [f"{call} is not in any trace of the gateway"]
        for sent in self.wire.sent.get(call.sip_call_id, ()):
            lines.append(f"{sent.at:10.3f}  {sent.source} → {sent.target}  {label(sent.message)}  {sent.fate}")
        return "\n".join(lines)


def _trunks(trunk: dict[str, Any], untrusted: Collection[str]) -> dict[str, Trunk]:
    ours = (
        Trunk("sbc", Role.ACCESS, "access", _from(SBC), address=SBC, trusted=True),
        Trunk("pbx", Role.CENTRE, "core", _from(PBX), address=PBX, trusted=True),
        Trunk("pbx2", Role.CENTRE, "core", _from(PBX2), address=PBX2, trusted=True),
        Trunk("desk", Role.SEAT, "desks", _from(DESK)),
        Trunk("web", Role.WEB, "access", _from(PAGE)),
    )
    return {one.name: replace(one, **{"trusted": one.trusted and one.name not in untrusted, **trunk}) for one in ours}


def _is_of_a_call(timer: asyncio.TimerHandle) -> bool:
    return isinstance(getattr(timer._callback, "__self__", None), Inbox)  # type: ignore[attr-defined]


def _from(address: Address) -> tuple[Source, ...]:
    return (Source(ip_network(address.host), address.port),)


def _call_id(event: TraceEvent) -> str:
    """The Call-ID of a message event, read plainly: these may be thousands."""
    start = event.data.find(b"\r\nCall-ID:")
    return event.data[start + 10 : event.data.find(b"\r\n", start + 2)].strip().decode()
