"""The gateway's process dies before each of its acts while something is asked of it: whoever asked is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from splitter.calls.persistence.records import FLUSH_S
from tests.calls.deaths import PATIENCE_S, dies_at, each_act, over, waits
from tests.calls.kit import connected, hung_up, joined, ringing
from tests.world import PeerCall, World

Ask = Callable[[PeerCall, PeerCall], PeerCall]
"""Has the first of the two ask the other for something; returns who asked."""


def holds(asker: PeerCall) -> PeerCall:
    asker.reinvite(audio="sendonly")
    return asker


def offers_nothing(asker: PeerCall) -> PeerCall:
    asker.reinvite(offerless=True)
    return asker


def updates(asker: PeerCall) -> PeerCall:
    asker.update(audio="sendonly")
    return asker


def refused(asker: PeerCall, other: PeerCall) -> PeerCall:
    other.on_reinvite = lambda call: call.decline(488)
    return holds(asker)


def slowly(asker: PeerCall, other: PeerCall) -> PeerCall:
    other.on_reinvite = lambda call: call.peer.world.loop.call_later(1.0, call.accept)  # type: ignore[assignment]
    return holds(asker)


def unanswered(asker: PeerCall, other: PeerCall) -> PeerCall:
    other.on_reinvite = lambda call: None
    return holds(asker)


QUESTIONS: dict[str, Callable[[PeerCall, PeerCall], PeerCall]] = {
    "holds": lambda asker, other: holds(asker),
    "wants an offer": lambda asker, other: offers_nothing(asker),
    "updates": lambda asker, other: updates(asker),
    "holds and is refused": refused,
    "holds and has to wait": slowly,
    "holds and is not answered": unanswered,
}


def both_hang_up(caller: PeerCall, centre: PeerCall) -> None:
    caller.bye()
    centre.bye()


ENDS: dict[str, Callable[[PeerCall, PeerCall], None]] = {
    "the caller hangs up": lambda caller, centre: caller.bye(),
    "the centre hangs up": lambda caller, centre: centre.bye(),
    "both hang up": both_hang_up,
}
EARLY_ENDS: dict[str, Callable[[PeerCall, PeerCall], None]] = {
    "the caller gives up": lambda caller, centre: caller.cancel(),
    "the centre is busy": lambda caller, centre: centre.refuse(486),
}


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp", "lossy"])
class TestAnyDeath:
    @pytest.mark.parametrize("who", ["caller", "centre"])
    @pytest.mark.parametrize("question", QUESTIONS)
    def test_who_asks_is_answered_and_the_call_goes_on(self, question: str, who: str, transport: str) -> None:
        def play(world: World, act: int) -> bool:
            caller, centre = connected(world)
            world.run(2 * FLUSH_S)
            asker = QUESTIONS[question](*((caller, centre) if who == "caller" else (centre, caller)))
            if not dies_at(act, world, transport != "lossy"):
                return False
            for peer in (caller, centre):
                peer.on_reinvite = PeerCall.accept
                peer.accept()
            world.run_until(lambda: not waits(asker), PATIENCE_S)
            world.run(10)
            if asker.state == "ended":
                assert transport == "tcp" and "failed 408" in asker.heard
                over(world, caller, centre)  # read by the one that died, and repeated by nobody
                return True
            assert not waits(caller) and not waits(centre), f"act {act}\n{world.ladder()}"
            assert world.voice_faults(caller) == [], f"act {act}\n{world.ladder()}"
            caller.unread.clear()
            centre.unread.clear()
            hung_up(world, caller, centre)
            return True

        each_act(play, transport.replace("lossy", "udp"))

    @pytest.mark.parametrize("end", ENDS)
    def test_a_call_that_ends_is_over_everywhere(self, end: str, transport: str) -> None:
        def play(world: World, act: int) -> bool:
            caller, centre = connected(world)
            seat = joined(world, caller)
            world.run(2 * FLUSH_S)
            ENDS[end](caller, centre)
            if not dies_at(act, world, transport != "lossy"):
                return False
            over(world, caller, centre, seat)
            return True

        each_act(play, transport.replace("lossy", "udp"))

    @pytest.mark.parametrize("end", EARLY_ENDS)
    def test_a_call_that_is_given_up_early_is_over_everywhere(self, end: str, transport: str) -> None:
        def play(world: World, act: int) -> bool:
            caller, centre = ringing(world)
            world.run(2 * FLUSH_S)
            EARLY_ENDS[end](caller, centre)
            if not dies_at(act, world, transport != "lossy"):
                return False
            over(world, caller, centre)
            return True

        each_act(play, transport.replace("lossy", "udp"))

    def test_a_call_that_begins_is_connected_or_over(self, transport: str) -> None:
        def play(world: World, act: int) -> bool:
            world.pbx.on_call = lambda call: world.loop.call_soon(rings_and_answers, call)  # type: ignore[assignment]
            caller = world.sbc.invite()
            if not dies_at(act, world, transport != "lossy"):
                return False
            world.run(2 * PATIENCE_S)
            if caller.state == "confirmed":
                assert world.voice_faults(caller) == [], f"act {act}\n{world.ladder()}"
                caller.bye()
            over(world, caller, *world.pbx.calls.values())
            return True

        each_act(play, transport.replace("lossy", "udp"))

    def test_an_invite_that_becomes_no_call_is_refused(self, transport: str) -> None:
        def play(world: World, act: int) -> bool:
            seat = world.desk.invite("nobody", seat=True)
            if not dies_at(act, world, transport != "lossy"):
                return False
            over(world, seat)
            assert seat.status == 404 or transport == "tcp"
            return True

        each_act(play, transport.replace("lossy", "udp"))


def rings_and_answers(call: PeerCall) -> None:
    call.ring(180)
    call.peer.world.loop.call_later(1.0, call.answer)
