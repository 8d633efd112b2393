"""The parties of simulated calls, doing what their plans say: one task each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeAlias

from splitter.calls.asks import Denial, DropVideo, RaiseVideo
from splitter.lab.offers import Voice
from tests.sim.browsers import browser
from tests.sim.plans import CallPlan, CentrePlan, DeskPlan, SeatPlan, TalkPlan
from tests.world import Heard, PeerCall, World
from tests.world.peer import session_of

Script: TypeAlias = Coroutine[Any, Any, None]

SETUP_LIMIT_S = 400.0
"""Longer than any ring limit and every timer after it."""
LEFT_ALONE_S = 240.0
"""So long a party waits for the other one to hang up."""


async def caller(world: World, plan: CallPlan, number: str, begin: Callable[[Script], None]) -> PeerCall:
    """Call, perhaps give up, talk, hang up; returns when the caller's side is over. `begin` starts the seats."""
    mine = plan.caller
    await asyncio.sleep(mine.start_s)
    media = {"voice": mine.voice, "picture": mine.picture} if mine.offers else {"offer": b""}
    call = world.sbc.invite(number=number, reliable=mine.reliable, timer_s=mine.timer_s, **media)
    call.acks, call.keeps_time = mine.talk.acks, mine.talk.keeps_time
    if mine.vanish_s is not None:
        asyncio.get_running_loop().call_later(mine.vanish_s, call.vanish)
    if mine.cancel_s is not None:
        asyncio.get_running_loop().call_later(mine.cancel_s, _give_up, call)
    for seat_plan in plan.seats:
        begin(seat(world, call, seat_plan))
    if plan.desk.steps:
        begin(desk(world, call, plan.desk))
    for browser_plan in plan.browsers:
        begin(browser(world, call, browser_plan))
    deadline = world.now + SETUP_LIMIT_S
    while call.state == "early" and world.now < deadline:
        await call.next(deadline - world.now)
    if call.state == "confirmed":
        await talk(world, call, mine.talk)
    return call


async def centre(world: World, call: PeerCall, plan: CentrePlan) -> None:
    """Ring, answer or refuse, talk."""
    call.acks, call.keeps_time = plan.talk.acks, plan.talk.keeps_time
    offered = bool(call.invite.body)  # without an offer the answer would have to come in PRACK
    if plan.vanish_s is not None:
        asyncio.get_running_loop().call_later(plan.vanish_s, call.vanish)
    for ring in plan.rings:
        await _wait(call, ring.delay_s)
        if call.state != "early":
            break
        call.ring(ring.status, fork=ring.fork, media=ring.media and offered, reliable=ring.reliable and offered)
    if plan.final_s is None:
        await _wait(call, SETUP_LIMIT_S)
        if call.state == "early":
            call.heard.append("ghost")
            call.refuse(480)  # nobody takes notice of its ringing: all that it said may have been lost
        return
    await _wait(call, plan.final_s)
    if call.state == "early" and plan.status >= 300:
        call.refuse(plan.status)
    elif call.state == "early":
        # Its own offer has something for every caller.
        call.answer(fork=plan.fork, **({"codec": plan.codec} if offered else {"voice": Voice.EVS}))
        await talk(world, call, plan.talk)


async def talk(world: World, call: PeerCall, plan: TalkPlan) -> None:
    """Carry out the steps of an answered call; end it when the plan says so, or when nobody does."""
    answered = world.now
    call.on_reinvite = _Manners(plan.manners, plan.consents)
    for step in plan.steps:
        await _wait(call, answered + step.at_s - world.now)
        if call.state == "confirmed":
            await _do(call, step.what)
    end_s = plan.hang_up_s if plan.hang_up_s is not None else LEFT_ALONE_S
    await _wait(call, answered + end_s - world.now)
    call.bye()


async def seat(world: World, caller_call: PeerCall, plan: SeatPlan) -> None:
    """Join the caller's call once it is answered (or a little before), stay, leave."""
    while caller_call.state == "early" and not caller_call.vanished and plan.at_s >= 0:  # noqa: ASYNC110 - not told
        await asyncio.sleep(0.5)
    await asyncio.sleep(abs(plan.at_s))
    live = world.find_call(caller_call)
    names = {"number": caller_call.number, "nobody": "9999999"}
    if live is not None:
        names |= {"id": live.talk.call_id, "code": live.talk.short_code}
    call = world.desk.invite(names.get(plan.by, "gone"), number=f"agent-{caller_call.number}", seat=True)
    while call.state == "early":
        if await call.next(60.0) is None:
            return
    if plan.refresh and call.state == "confirmed":
        await _wait(call, plan.stays_s / 2)
        if call.settled:
            call.reinvite()
    await _wait(call, plan.stays_s)
    call.bye()
    await _wait(call, 40.0)
    if call.state != "ended":
        call.bye()


async def desk(world: World, caller_call: PeerCall, plan: DeskPlan) -> None:
    """Ask for the caller's video and drop it, whatever the answer to the one before was."""
    while caller_call.state == "early" and not caller_call.vanished:  # noqa: ASYNC110 - not told
        await asyncio.sleep(0.5)
    answered = world.now
    for step in plan.steps:
        await asyncio.sleep(max(0.0, answered + step.at_s - world.now))
        live = world.find_call(caller_call)
        if live is None:
            return
        with suppress(Denial):
            await live.ask(RaiseVideo("a desk") if step.what == "raise" else DropVideo("a desk"))


class _Manners:
    """What a party does with re-INVITEs, in turn; those that ask its user for video have a turn of their own."""

    def __init__(self, manners: tuple[str, ...], consents: tuple[str, ...]) -> None:
        self._manners = manners
        self._consents = consents
        self._turn = 0
        self._asked = 0

    def __call__(self, call: PeerCall) -> None:
        assert call.pending is not None
        if _asks_for_video(call):
            manner = self._consents[self._asked % len(self._consents)]
            self._asked += 1
        else:
            manner = self._manners[self._turn % len(self._manners)]
            self._turn += 1
        if manner.startswith("steps"):
            call.progress()
            asyncio.get_running_loop().call_later(1.7, _finish, call, call.pending[0], manner)
        elif manner == "off":
            call.accept(video="off")
        elif manner == "accept":
            call.accept()
        elif manner == "resume":
            call.terminal.wish = "sendrecv"
            call.accept()
        elif manner == "later":
            asyncio.get_running_loop().call_later(1.7, _accept_still, call, call.pending[0])
        elif manner != "ignore":
            call.decline(int(manner))


async def _do(call: PeerCall, what: str) -> None:
    changes: dict[str, dict[str, object]] = {
        "hold": {"audio": "sendonly"},
        "resume": {"audio": "sendrecv"},
        "mute": {"audio": "recvonly"},
        "inactive": {"audio": "inactive"},
        "move": {"move": True},
        "refresh": {},
        "video off": {"video": "off"},
        "video on": {"video": "on"},
        "withdrawn hold": {"audio": "sendonly"},
    }
    if what == "update":
        call.update(bare=True)
    elif what in ("info", "options"):
        call.request(what.upper())
    elif not call.settled or call.terminal.ours is None:
        return  # a re-INVITE is under way: RFC 3261 §14.1 forbids another
    elif what.startswith("update "):
        call.update(**changes[what.removeprefix("update ")])  # type: ignore[arg-type]
    elif what == "offerless":
        call.reinvite(offerless=True)
    else:
        call.reinvite(**changes[what])  # type: ignore[arg-type]
    if what == "withdrawn hold":
        await _wait(call, 0.3)
        call.withdraw()


async def _wait(call: PeerCall, seconds: float) -> None:
    """Let time pass, or the call end; what is heard meanwhile needs no answer from a script."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    heard: Heard | None = None
    while call.state != "ended" and (left := deadline - loop.time()) > 0:
        heard = await call.next(left)
    del heard


def _give_up(call: PeerCall) -> None:
    if call.state == "early":
        call.cancel()


def _asks_for_video(call: PeerCall) -> bool:
    """The pending re-INVITE offers video where there is none."""
    assert call.pending is not None
    offer = session_of(call.pending[1])
    offered = offer is not None and any(media.kind == "video" and media.port for media in offer.media)
    return offered and call.terminal.way("video") is None


def _finish(call: PeerCall, txn: str, manner: str) -> None:
    """The user has answered, after a reliable 183."""
    if call.pending is None or call.pending[0] != txn:
        return
    if manner == "steps":
        call.accept()
    else:
        call.decline(603)


def _accept_still(call: PeerCall, txn: str) -> None:
    if call.pending is not None and call.pending[0] == txn:
        call.accept()
