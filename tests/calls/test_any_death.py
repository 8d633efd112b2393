"""The gateway's process dies before each of its acts while something is asked of it: whoever asked is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from splitter.calls.records import FLUSH_S
from tests.calls.kit import connected, hung_up
from tests.world import PeerCall, World

MOST = 60
"""Acts that one question costs at most."""
PATIENCE_S = 100.0

Ask = Callable[[PeerCall, PeerCall], PeerCall]
"""Has one of (caller, centre) ask for something; returns that one."""


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
    def thinks(call: PeerCall) -> None:
        call.peer.world.loop.call_later(1.0, call.accept)

    other.on_reinvite = thinks
    return holds(asker)


def unanswered(asker: PeerCall, other: PeerCall) -> PeerCall:
    other.on_reinvite = lambda call: None
    return holds(asker)


QUESTIONS: dict[str, Ask] = {
    "the caller holds": lambda caller, centre: unanswered(caller, centre),
    "the centre holds": lambda caller, centre: unanswered(centre, caller),
}


def dies_at(act: int, world: World, limit_s: float = 5.0) -> bool:
    """Let the process do so much more, and have it killed then. False: it was over before."""
    life = world.lives[-1]
    life.last_act = life.acts + act
    if not world.loop.run_until(lambda: not life.alive, limit_s):
        return False
    world.kill()
    world.run(0.7)
    world.begin_again()
    return True


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_who_asks_is_answered_and_the_call_goes_on(question: str, transport: str) -> None:
    for act in range(MOST):
        with World(transport=transport) as world:
            if not goes_on(world, QUESTIONS[question], act):
                assert act > 3
                return
    raise AssertionError("it is never over")


def goes_on(world: World, question: Ask, act: int) -> bool:
    """Ask, die at this act, and see that all is well after it; False where nothing was left to die at."""
    caller, centre = connected(world)
    world.run(2 * FLUSH_S)
    asker = question(caller, centre)
    if not dies_at(act, world):
        return False
    for peer in (caller, centre):
        peer.on_reinvite = PeerCall.accept
        peer.accept()
    world.run_until(lambda: not waits(asker), PATIENCE_S)
    world.run(10)
    if asker.peer.gateway.reliable and "failed 408" in "".join(asker.heard):
        return True  # read by the one that died, and repeated by nobody: its sender's patience has ended
    assert not waits(caller) and not waits(centre), f"act {act}\n{world.ladder()}"
    assert world.voice_faults(caller) == [], f"act {act}\n{world.ladder()}"
    caller.unread.clear()
    centre.unread.clear()
    hung_up(world, caller, centre)
    return True


def waits(peer: PeerCall) -> bool:
    """A request of it has no final response, or an answer of it no ACK."""
    return peer.state != "ended" and not peer.settled
