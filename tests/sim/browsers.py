"""Browsers of agents and of the caller in a simulated call: they join, come back, restart, are cut off, and go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from splitter.calls.asks import Admitted, Answer, Ask, Bind, Denial, Desk, Join, Remove, Restart, Show, TakeSnapshot
from splitter.calls.call import Call
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from tests.world import PeerCall, World

_STEPS = (
    *("join", "join", "join", "twice", "leave", "restart", "candidates", "late candidates", "bad offer"),
    *("interrupted", "connected", "failed", "show", "slate", "unshow", "still", "stills", "bind", "give up", "out"),
)
_OFFER = (Path(__file__).parents[1] / "sdp" / "webrtc" / "chromium.sdp").read_text()
_HOST = "1 1 udp 2113937151 192.0.2.40 36250 typ host"
DENIALS = frozenset({404, 406, 409, 422, 429, 503, 504})
"""With these a desk may be denied what it asks; 500 would be a fault of the gateway."""


@dataclass(frozen=True, slots=True)
class BrowserPlan:
    """One client: what it does, and when, in seconds after the caller has called (`by` the answer: after that)."""

    client: str
    extension: str
    steps: tuple[tuple[float, str], ...]
    waits: bool

    @property
    def desk(self) -> Desk:
        kind = "desk" if self.extension else "guest"
        return Desk(self.client, self.extension, kind, f"{kind} {self.client}")


def browsers(rng: random.Random) -> tuple[BrowserPlan, ...]:
    """None, or some; now and then two share a client id, as two tabs may."""
    found = []
    for number in range(rng.choice((0, 0, 1, 1, 2, 3))):
        client = f"tab-{rng.choice((number, 0))}"
        extension = rng.choice(("7001", "7001", "7002", ""))
        length_s = rng.choice((0.5, 10.0, 100.0))
        count = rng.choice((2, 4, 8, 16))
        times = sorted(rng.choice((rng.uniform(0, length_s), rng.randrange(20) / 2)) for _ in range(count))
        steps = [(times[0], "join"), *((at, rng.choice(_STEPS)) for at in times[1:])]
        found.append(BrowserPlan(client, extension, tuple(steps), rng.random() < 0.7))
    return tuple(found)


async def browser(world: World, caller_call: PeerCall, plan: BrowserPlan) -> None:
    """Do it all, whatever becomes of each step."""
    while plan.waits and caller_call.state == "early" and not caller_call.vanished:  # noqa: ASYNC110 - not told
        await asyncio.sleep(0.5)
    began, name = world.now, ""
    for at_s, what in plan.steps:
        await asyncio.sleep(max(0.0, began + at_s - world.now))
        live = world.find_call(caller_call)
        if live is None:
            await asyncio.sleep(0.1)  # it has not arrived yet, or is over
            continue
        answers = await asyncio.gather(*(_quietly(world, live, ask) for ask in _asks(plan, what, name)))
        name = next((answer.name for answer in reversed(answers) if isinstance(answer, Admitted)), name)
        if what in ("interrupted", "connected", "failed") and (room := world.engine.room_of(live.talk.call_id)):
            world.engine.transport(room, name, what, "as the dice fell")
        elif what == "give up":
            asking = asyncio.ensure_future(_quietly(world, live, Join(plan.desk, _offer(), "desks", by_rule=True)))
            await asyncio.sleep(0.001)
            asking.cancel()  # its HTTP request ends
            with suppress(asyncio.CancelledError):
                await asking


def _asks(plan: BrowserPlan, what: str, name: str) -> list[Ask]:
    join = Join(plan.desk, _offer(), "desks", by_rule=True)
    match what:
        case "join":
            return [join]
        case "twice":
            return [join, join]
        case "bad offer":
            return [Join(plan.desk, _offer(fingerprint=False), "desks", by_rule=True)]
        case "leave":
            return [Remove(name, plan.desk.by)]
        case "out":
            return [Remove("desk-1", "a supervisor")]
        case "restart":
            return [Restart(name, f"anew{random.Random(name).randrange(10**6):06}", "p" * 22, (_HOST,))]
        case "candidates":
            return [Restart(name, _ufrag(), "p" * 24, (_HOST,))]
        case "late candidates":
            return [join, Restart(name, _ufrag(), "p" * 24, (_HOST,))]
        case "show" | "slate" | "unshow":
            return [Show({"show": name, "slate": "slate", "unshow": ""}[what], plan.desk.by)]
        case "still":
            return [TakeSnapshot()]
        case "stills":
            return [TakeSnapshot(), TakeSnapshot(name), TakeSnapshot()]
        case "bind":
            return [Bind(plan.extension, "cti")]
    return []


async def _quietly(world: World, live: Call, ask: Ask) -> Answer:
    """Ask as the API does; a denial is an answer, too."""
    asking: Awaitable[Answer] = world.calls.ask(live.talk.call_id, ask)
    try:
        return await asking
    except Denial as denial:
        assert denial.status in DENIALS, f"{type(ask).__name__}: {denial.status} {denial}"
        return None


def astray(world: World, live: Call) -> str:
    """What is wrong between a call's parties and its room; "" for nothing. Only while nothing is under way."""
    room = world.engine.room_of(live.talk.call_id)
    if len(live.jobs) or live.pending.arriving or (room is not None and not live.talk.room.is_on(room.handle.room_id)):
        return ""
    placed = {party.name for party in live.talk.parties.all() if party.placed and party.remote is not None}
    present = set(room.secure) if room is not None else set()
    members = set(live.talk.room.secure_members)
    if not placed == present == members:
        return f"parties {sorted(placed)}, members {sorted(members)}, in the room {sorted(present)}"
    phones = {name for name in live.talk.room.members if name.startswith("phone-")}
    if phones - {party.name for party in live.talk.parties.all()} - set(live.pending.calling) - live.talk.phones.keys():
        return f"places of phones that are gone: {sorted(phones)}"
    waiting = [name for name, asks in live.pending.stills.items() if asks]
    return f"nobody takes the stills of {waiting}" if waiting else ""


def _offer(fingerprint: bool = True) -> Session:
    lines = [line for line in _OFFER.split("----\n")[0].splitlines(keepends=True) if not line.startswith("#")]
    return parse("".join(line for line in lines if fingerprint or not line.startswith("a=fingerprint")))


def _ufrag() -> str:
    return next(line for line in _OFFER.splitlines() if line.startswith("a=ice-ufrag:")).partition(":")[2]
