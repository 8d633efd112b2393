"""Parties come and go twenty times, in every way there is: afterwards the call holds what it held before, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from splitter.calls.asks import LeaveVoice, MuteVoice, RemovePhone
from splitter.calls.settings import Transfers
from tests.calls.kit import connected, told
from tests.calls.test_phones import EXTENSION, OUTSIDE, heard_by, invited, joined, over, relay
from tests.calls.test_transfers import hears, refer
from tests.world import PeerCall, World

pytestmark = pytest.mark.slow

CYCLES = 20
_REST_S = 40.0  # every transaction has run out by then


@pytest.fixture
def world() -> Iterator[World]:
    """A gateway whose centre may transfer by REFER."""
    with World(trunk={"transfers": Transfers.REFER}) as made:
        yield made


def census(world: World, caller: PeerCall) -> dict[str, object]:
    """Whatever a call holds that could grow, by name."""
    call = world.call_of(caller)
    talk, voice, limits = call.talk, call.talk.voice, call.services.admission.limits
    exchange = talk.exchange
    return {
        "held": world.leftovers(),  # calls, tasks, timers, relays, rooms, ports, dialogs, transactions
        "at rest": (call.at_rest, len(call.jobs)),
        "sides": (len(relay(world, caller).local), sorted(voice.names), len(voice.numbers)),
        "hearing": (voice.hearing, voice.set_hearing, set(talk.muted), heard_by(world, caller)),
        "legs": (len(talk.legs), sorted(talk.phones), len(call.live.sides)),
        "owed": [*exchange.owed, *exchange.refused, *exchange.unusable, *exchange.to_mix, *exchange.told],
        "wishes": len(exchange.wishes),
        "places": [limits.calls(name) for name in ("sbc", "pbx", "pbx2")],
        "parties": len(talk.parties.all()),
        "records": len(world.rows),
    }


def bounded(world: World, caller: PeerCall) -> None:
    """What is remembered of those who have left does not grow for ever."""
    call = world.call_of(caller)
    assert len(call.talk.past_phones) <= 8 and len(call.talk.past_legs) <= 32 and len(call.legs.all) <= 70
    record = call.record()
    assert record is not None and len(record) < 40_000


# ---- the ways to come and go -------------------------------------------------------------------------------------


def removed(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone = joined(world, caller)
    told(world, caller, RemovePhone(_last(world, caller), "agent 8001"))
    hears(phone, "BYE")


def hung_up(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone = joined(world, caller, OUTSIDE)
    phone.bye()
    hears(phone, "200 BYE")


def withdrawn(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone = invited(world, caller)
    phone.ring(180)
    world.run(0.1)
    told(world, caller, RemovePhone(_last(world, caller), "agent 8001"))
    hears(phone, "CANCEL")


def busy(world: World, caller: PeerCall, centre: PeerCall) -> None:
    invited(world, caller, OUTSIDE).refuse(486)


def third_and_fourth(world: World, caller: PeerCall, centre: PeerCall) -> None:
    first, second = joined(world, caller), joined(world, caller, OUTSIDE)
    told(world, caller, MuteVoice("caller", True, "agent 8001"))
    first.reinvite(audio="sendonly")
    hears(first, "200 re-INVITE")
    world.run(0.1)
    second.bye()
    world.run(0.5)
    first.bye()


def glare(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone = joined(world, caller)
    for one in (caller, centre, phone):
        one.reinvite(move=True)
    world.engine.kill(relay(world, caller).worker)
    world.run(5.0)
    phone.bye()


def worker_dies(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone = joined(world, caller)
    world.engine.kill(relay(world, caller).worker)
    world.run(2.0)
    phone.bye()


def gateway_dies(world: World, caller: PeerCall, centre: PeerCall) -> None:
    phone, ringing = joined(world, caller), invited(world, caller, OUTSIDE)
    ringing.ring(180)
    world.run(0.5)
    assert world.restart().taken_up == 1
    hears(ringing, "CANCEL")
    world.run(1.0)
    told(world, caller, RemovePhone(_last(world, caller), "agent 8001"))
    hears(phone, "BYE")


def transfer_fails(world: World, caller: PeerCall, centre: PeerCall) -> None:
    refer(centre)
    world.pbx.take().refuse(486)


WAYS: tuple[Callable[[World, PeerCall, PeerCall], None], ...] = (
    removed,
    hung_up,
    withdrawn,
    busy,
    third_and_fourth,
    glare,
    worker_dies,
    gateway_dies,
    transfer_fails,
)


def _last(world: World, caller: PeerCall) -> str:
    call = world.call_of(caller)
    return [*call.talk.phones, *call.pending.calling][-1]


class TestTwentyCycles:
    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
    def test_leave_nothing(self, world: World, way: Callable[[World, PeerCall, PeerCall], None]) -> None:
        caller, centre = connected(world)
        way(world, caller, centre)  # what the first one changes for good, such as a codec that can be mixed
        world.run(_REST_S)
        before = census(world, caller)
        for _ in range(CYCLES):
            way(world, caller, centre)
            world.run(_REST_S)
            assert census(world, caller) == before
        bounded(world, caller)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_of_agents_who_hand_the_caller_on_leave_nothing(self, world: World) -> None:
        """By turns by REFER, and by leaving the call to a colleague whom they have called in."""
        caller, centre = connected(world)
        before: dict[str, object] = {}
        for number in range(CYCLES):
            if number % 2:
                refer(centre, f"<sip:{8100 + number}@10.2.0.5>")
                new = world.pbx.take()
                new.answer()
            else:
                new = joined(world, caller, EXTENSION)
                told(world, caller, LeaveVoice("agent 8001"))
            hears(centre, "BYE")
            centre = new
            world.run(_REST_S)
            before = before or census(world, caller)  # the first one takes a place more, until the call ends
            assert census(world, caller) == before
        bounded(world, caller)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)
