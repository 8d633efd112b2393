"""Deaths of the gateway's process before each of its acts, and what must be true after them."""

from __future__ import annotations

from collections.abc import Callable

from tests.world import PeerCall, World

MOST = 60
"""Acts that one question costs at most."""
PATIENCE_S = 100.0


def dies_at(act: int, world: World, heard: bool, limit_s: float = 5.0) -> bool:
    """Let the process do so much more, and have it killed then. False: it was over before.

    Args:
        heard: what it said last arrives.
    """
    life = world.lives[-1]
    life.last_act = life.acts + act
    world.wire.drop = lambda sent: not heard and life.acts == life.last_act
    if not world.loop.run_until(lambda: not life.alive, limit_s):
        return False
    world.kill()
    world.wire.drop = lambda sent: False
    world.run(0.7)
    world.begin_again()
    return True


def each_act(play: Callable[[World, int], bool], transport: str) -> None:
    """Play it in a new world for each act; it says whether the process lived so long."""
    for act in range(MOST):
        with World(transport=transport) as world:
            if not play(world, act):
                assert act
                return
            world.run_until(lambda: world.rows == {}, PATIENCE_S)
    raise AssertionError("it is never over")


def waits(peer: PeerCall) -> bool:
    """A request of it has no final response, or an answer of it no ACK."""
    return peer.state != "ended" and not peer.settled


def over(world: World, *peers: PeerCall) -> None:
    """All of them hear that it is over, and nothing is left."""
    world.loop.run_until(lambda: all(peer.state == "ended" for peer in peers), PATIENCE_S)
    for peer in peers:
        assert peer.state == "ended", f"{peer} ({peer.state})\n{world.ladder()}"
    world.settle()
