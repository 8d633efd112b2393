"""An answered call waits for nothing but its inbox: a BYE crosses at once, whatever the media engine does."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import splitter.calls.actor
import splitter.calls.flows
from splitter.calls.asks import Ask, DropVideo, RaiseVideo, Show, TakeSnapshot
from splitter.lab.offers import VideoLine
from tests.calls.kit import arrived, asking, connected, joined, with_webrtc
from tests.world import PeerCall, World

BY = "agent 7001"


def moved(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The caller's voice moves, and so does the centre's."""
    caller.reinvite(move=True)
    caller.expect("200 re-INVITE")
    centre.reinvite(move=True)
    centre.expect("200 re-INVITE")


def held(world: World, caller: PeerCall, centre: PeerCall) -> None:
    centre.reinvite(audio="sendonly")
    caller.expect("INVITE")
    caller.accept()
    centre.expect("200 re-INVITE")


def relay_lost(world: World, caller: PeerCall, centre: PeerCall) -> None:
    relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
    assert relay is not None
    world.engine.lose_relay(relay)
    world.run(0.01)


def room_lost(world: World, caller: PeerCall, centre: PeerCall) -> None:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    world.engine.lose_room(room)
    world.run(0.01)


def digit(world: World, caller: PeerCall, centre: PeerCall) -> None:
    caller.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
    world.run(0.01)


def asked(*asks: Ask) -> Callable[[World, PeerCall, PeerCall], None]:
    def ask(world: World, caller: PeerCall, centre: PeerCall) -> None:
        for one in asks:
            ask_for(world, caller, one)

    return ask


def ask_for(world: World, caller: PeerCall, ask: Ask) -> None:
    """Ask, and let nobody wait for the answer."""
    asking(world, caller, ask).add_done_callback(lambda task: task.cancelled() or task.exception())
    world.run(0.01)


def seat(world: World, caller: PeerCall, centre: PeerCall) -> None:
    world.desk.invite(world.call_of(caller).talk.call_id, seat=True)
    world.run(0.01)


STUCK = [
    ({"point"}, moved),
    ({"point"}, held),
    ({"point", "open", "close"}, relay_lost),
    ({"open"}, relay_lost),
    ({"open_room", "join", "set_participant"}, room_lost),
    ({"send_digit"}, digit),
    ({"set_participant"}, asked(DropVideo(BY))),
    ({"show"}, asked(Show("slate", BY))),
    ({"snapshot"}, asked(TakeSnapshot())),
    ({"join", "set_participant"}, seat),
]


class TestABye:
    @pytest.mark.parametrize(("stuck", "happens"), STUCK)
    @pytest.mark.parametrize("by_caller", [True, False])
    def test_crosses_at_once_while_a_request_is_stuck(
        self, stuck: set[str], happens: Callable[[World, PeerCall, PeerCall], None], by_caller: bool, world: World
    ) -> None:
        caller, centre = connected(world)
        world.engine.stuck = stuck | {"report", "report_room", "leave", "request_key_frame"}
        happens(world, caller, centre)
        crosses(world, caller, centre, by_caller)

    @pytest.mark.parametrize("by_caller", [True, False])
    def test_crosses_at_once_when_all_workers_are_dead_and_nothing_answers(self, by_caller: bool, world: World) -> None:
        caller, centre = connected(world)
        joined(world, caller)
        with_webrtc(world, caller)
        world.engine.stuck = {"open", "open_room", "join", "join_secure", "point", "set_participant"}
        for worker in range(world.engine.workers):
            world.engine.kill(worker)
        world.run(1.3)
        crosses(world, caller, centre, by_caller)

    def test_crosses_at_once_while_the_room_for_a_question_is_stuck(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        world.engine.stuck = {"open_room"}
        ask_for(world, caller, RaiseVideo(BY))
        crosses(world, caller, centre, by_caller=True)

    def test_crosses_at_once_while_voice_is_looked_for(self, world: World) -> None:
        """Nobody acknowledged our 200, and the engine does not say whether voice comes."""
        caller, centre = arrived(world)
        caller.acks = False
        centre.answer()
        caller.expect("200")
        world.engine.stuck = {"report"}
        world.run(32.1)
        assert world.engine.asked.get("report")
        crosses(world, caller, centre, by_caller=False)


def crosses(world: World, caller: PeerCall, centre: PeerCall, by_caller: bool) -> None:
    """A BYE of one side is at the other one within 50 ms, two ways through the network included."""
    one, other = (caller, centre) if by_caller else (centre, caller)
    other.unread.clear()
    one.bye()
    world.run(0.05)
    assert "BYE" in [heard.what for heard in other.unread]
    world.run(20)
    world.settle()


class TestTheVoiceThatCannotFollow:
    def test_is_asked_for_again_until_it_does(self, world: World, caller: PeerCall) -> None:
        world.engine.stuck = {"point"}
        caller.reinvite(move=True)
        caller.expect("200 re-INVITE")
        world.run(1.5)
        world.engine.stuck = set()
        world.run(2)
        assert world.voice_faults(caller) == []
        assert "the voice could not follow" in world.ladder(caller)

    def test_follows_the_newest_wish_alone(self, world: World, caller: PeerCall) -> None:
        world.engine.delay = lambda: 0.5
        before = world.engine.asked["point"]
        for _ in range(4):
            caller.reinvite(move=True)
            caller.expect("200 re-INVITE")
        world.run(3)
        assert world.engine.asked["point"] - before == 2
        assert world.voice_faults(caller) == []


class TestTheVideoThatCannotFollow:
    def test_follows_the_newest_wish_alone(self, world: World, caller: PeerCall) -> None:
        """What was negotiated meanwhile is not carried out one after the other once the worker is back."""
        world.engine.delay = lambda: 0.5
        before = world.engine.asked["set_participant"]
        for _ in range(4):
            caller.reinvite(move=True)
            caller.expect("200 re-INVITE")
        world.run(3)
        assert world.engine.asked["set_participant"] - before == 2
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None and (media := room.members["caller"]) is not None
        assert media.remote is not None and media.remote.rtp == caller.terminal.local("video")


class TestTheRule:
    """After the answer an actor awaits `call.next()` alone, and no step awaits anything; see tests/test_purity.py."""

    def test_holds_in_the_actor(self) -> None:
        tree = ast.parse(Path(splitter.calls.actor.__file__).read_text())
        awaited = [ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)]
        assert awaited == ["call.next()"]

    def test_holds_in_every_step(self) -> None:
        folder = Path(splitter.calls.flows.__file__).parent
        for path in sorted(folder.glob("*.py")):
            tree = ast.parse(path.read_text())
            waits = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
            assert waits == [], f"{path.name}: {waits}"


class TestWhatFlowsKnow:
    """What an answered call has is said by types: no flow has to assert it."""

    def test_no_flow_asserts_anything(self) -> None:
        folder = Path(splitter.calls.flows.__file__).parent
        for path in sorted(folder.glob("*.py")):
            asserted = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
            assert asserted == [], f"{path.name}: {asserted}"


class TestWhatACallShows:
    def test_is_little(self, world: World, caller: PeerCall) -> None:
        """What a call knows is in its value; beside it stands what runs it."""
        call = world.call_of(caller)
        kept = {name for name in vars(call) if not name.startswith("_")}
        shown = {name for name, member in vars(type(call)).items() if isinstance(member, property)}
        assert len(kept | shown) <= 15
