"""What a desk shows, takes and is bound to, and what becomes of it when a worker is lost."""

from __future__ import annotations

import asyncio

import pytest

from splitter.calls.asks import Ask, Bind, DropVideo, RaiseVideo, Remove, Restart, Show, TakeSnapshot
from splitter.media.ports.rooms import Snapshot
from tests.calls.kit import asking, connected, denied, ended, joined, ringing, told, with_webrtc
from tests.calls.test_desk import codes, join, party, room_of
from tests.world import PeerCall, World


class FakeAlbum:
    """Pictures of one kind."""

    def __init__(self) -> None:
        self.asked = 0

    async def image(self, picture_id: str, call_id: str) -> bytes | None:
        self.asked += 1
        return b"\x89PNG" if picture_id == "menu" else None


@pytest.fixture
def album(monkeypatch: pytest.MonkeyPatch) -> FakeAlbum:
    album = FakeAlbum()
    monkeypatch.setattr("splitter.calls.services.NoPictures.image", lambda self, *of: album.image(*of))
    return album


class TestDisplay:
    def test_a_picture_and_back(self, album: FakeAlbum, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        told(world, caller, Show("picture:menu", "agent"))
        world.run(0.1)
        room = room_of(world, caller)
        assert room.pictures == {"menu": b"\x89PNG"} and world.call_of(caller).talk.video.showing == "picture:menu"
        told(world, caller, Show("picture:menu", "agent"))
        assert world.engine.asked["put_picture"] == 1
        told(world, caller, Show("", "agent"))
        assert room.chosen["caller"] == "" and not world.call_of(caller).talk.room.choices
        ended(world, caller, centre)

    def test_a_party_of_its_choice(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        joined(world, caller)
        told(world, caller, Show("desk-1", "agent"))
        told(world, caller, Show("slate", "agent", viewer="desk-1"))
        world.run(0.1)
        assert room_of(world, caller).chosen == {"caller": "desk-1", "desk-1": "slate"}
        assert world.call_of(caller).view().parties[0].showing == "slate"
        ended(world, caller, centre)

    @pytest.mark.parametrize(
        ("ask", "expected"),
        [
            (Show("desk-9", "x"), (404, "no-such-source")),
            (Show("caller", "x"), (404, "no-such-source")),
            (Show("x" * 100_000, "x"), (404, "no-such-source")),
            (Show("slate", "x", viewer="desk-9"), (404, "no-such-party")),
            (Show("picture:none", "x"), (404, "no-such-picture")),
        ],
    )
    def test_what_is_not_there(self, ask: Show, expected: tuple[int, str], album: FakeAlbum, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, ask) == expected
        assert not world.call_of(caller).talk.room.choices
        ended(world, caller, centre)

    def test_a_caller_without_video(self, world: World) -> None:
        from splitter.lab.offers import VideoLine

        caller, centre = connected(world, picture=VideoLine.NONE)
        assert denied(world, caller, Show("slate", "x")) == (409, "no-video")
        ended(world, caller, centre)

    def test_the_choice_goes_with_the_party(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        told(world, caller, Show("desk-1", "agent"))
        told(world, caller, Remove("desk-1", "agent"))
        assert not world.call_of(caller).talk.room.choices
        ended(world, caller, centre)

    def test_the_choice_stands_when_it_comes_back(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        told(world, caller, Show("desk-1", "agent"))
        room = room_of(world, caller)
        room.chosen.clear()
        with_webrtc(world, caller)
        assert room.chosen == {"caller": "desk-1"}
        ended(world, caller, centre)


class TestTheSlateOfADesk:
    """Its page covers a camera that is off; a page that is killed takes nothing back."""

    def test_goes_when_it_did_not_come_back(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        told(world, caller, Show("slate", "agent 7001"))
        room = room_of(world, caller)
        world.engine.transport(room, "desk-1", "failed", "killed")
        world.run(61)
        assert not world.call_of(caller).view().parties[0].sends
        assert room.chosen["caller"] == "" and not world.call_of(caller).talk.room.choices
        ended(world, caller, centre)

    def test_goes_when_it_comes_anew(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        told(world, caller, Show("slate", "agent 7001"))
        with_webrtc(world, caller)
        room = room_of(world, caller)
        assert room.chosen["caller"] == "" and not world.call_of(caller).talk.room.choices
        ended(world, caller, centre)

    def test_stays_where_somebody_else_chose_it_or_chose_anew(self, world: World) -> None:
        caller, centre = connected(world)
        with_webrtc(world, caller)
        told(world, caller, Show("slate", "crm"))
        with_webrtc(world, caller)
        assert world.call_of(caller).talk.room.choices == {"caller": "slate"}
        told(world, caller, Show("slate", "agent 7001"))
        told(world, caller, Show("slate", "crm"))
        told(world, caller, Remove("desk-1", "crm"))
        world.run(0.1)
        assert room_of(world, caller).chosen["caller"] == "slate"
        ended(world, caller, centre)


class TestSnapshots:
    def test_of_the_caller(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        still = told(world, caller, TakeSnapshot())
        assert isinstance(still, Snapshot) and still.png == b"\x89PNG" and codes(world) == ["snapshot"]
        ended(world, caller, centre)

    def test_several_at_once_are_one(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.1
        tasks = [asking(world, caller, TakeSnapshot()) for _ in range(5)]
        world.run_until(lambda: all(task.done() for task in tasks))
        assert len({id(task.result()) for task in tasks}) == 1
        assert world.engine.asked["snapshot"] == 1 and codes(world) == ["snapshot"]
        ended(world, caller, centre)

    @pytest.mark.parametrize(("of", "expected"), [("desk-9", (404, "no-such-party")), ("", (404, "no-such-party"))])
    def test_of_nobody(self, of: str, expected: tuple[int, str], world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, TakeSnapshot(of)) == expected
        ended(world, caller, centre)

    def test_where_nothing_is_sent(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(video="recvonly")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert denied(world, caller, TakeSnapshot()) == (409, "no-picture")
        ended(world, caller, centre)

    def test_no_picture_in_time(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"snapshot"}
        assert denied(world, caller, TakeSnapshot()) == (504, "timeout")
        world.engine.stuck = set()
        assert isinstance(told(world, caller, TakeSnapshot()), Snapshot)
        ended(world, caller, centre)


class TestBinding:
    def test_a_client_binds_a_call_that_nobody_has(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        view = world.call_of(caller).view()
        assert (view.extension, view.bound_by) == ("7001", "client")
        with_webrtc(world, caller, "tab-2", "7002")
        assert world.call_of(caller).talk.extension == "7001"
        ended(world, caller, centre)

    def test_cti_binds_and_takes_back(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        told(world, caller, Bind("7005", "cti"))
        with_webrtc(world, caller)
        view = world.call_of(caller).view()
        assert (view.extension, view.bound_by) == ("7005", "cti")
        told(world, caller, Bind("", "cti"))
        view = world.call_of(caller).view()
        assert (view.extension, view.bound_by) == ("", "")
        assert codes(world).count("bound") == 2
        ended(world, caller, centre)

    def test_a_guest_binds_nothing(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        told(world, caller, join("phone", "13900000001", kind="guest"))
        assert world.call_of(caller).talk.extension == ""
        ended(world, caller, centre)

    @pytest.mark.parametrize("extension", ["x" * 65, "70\n01", "\x00"])
    def test_what_is_no_extension(self, extension: str, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert denied(world, caller, Bind(extension, "cti")) == (422, "bad-extension")
        ended(world, caller, centre)


class TestBeforeTheAnswer:
    @pytest.mark.parametrize("ask", [RaiseVideo("agent"), DropVideo("agent")])
    def test_nobody_can_be_asked_for_video(self, ask: Ask, world: World) -> None:
        caller, centre = ringing(world)
        assert denied(world, caller, ask) == (409, "not-connected")
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)


class TestLostWorker:
    def test_browsers_are_told_to_join_again_and_pictures_are_put_again(self, album: FakeAlbum, world: World) -> None:
        caller, centre = connected(world)
        with_webrtc(world, caller)
        seat = joined(world, caller)
        told(world, caller, Show("picture:menu", "agent"))
        world.engine.lose_room(room_of(world, caller))
        caller.expect("INVITE")
        seat.expect("INVITE")
        world.run(1)
        room = room_of(world, caller)
        assert set(room.members) == {"caller", "seat-1"}
        assert room.pictures == {"menu": b"\x89PNG"} and room.chosen == {"caller": "picture:menu"}
        assert party(world, caller) == "interrupted" and party(world, caller, "seat-1") == "connected"
        assert [n.party for n in world.notices if n.code == "media-lost"] == ["desk-1"]
        assert denied(world, caller, Restart("desk-1", "anew", "p" * 22)) == (409, "media-lost")
        assert with_webrtc(world, caller).name == "desk-1"
        assert party(world, caller) == "connected"
        ended(world, caller, centre)

    def test_who_does_not_come_is_taken_out(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        world.engine.lose_room(room_of(world, caller))
        caller.expect("INVITE")
        world.run(61)
        assert party(world, caller) == "left" and codes(world)[-1] == "party-removed"
        ended(world, caller, centre)

    def test_in_the_middle_of_a_join(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.05
        task = asking(world, caller, join())
        world.run(0.03)
        world.engine.lose_room(room_of(world, caller))
        world.run_until(task.done)
        assert task.exception().code == "no-media"
        world.run(2)
        caller.unread.clear()
        assert set(room_of(world, caller).members) == {"caller"}
        assert with_webrtc(world, caller).name == "desk-2"
        ended(world, caller, centre)


class TestRace:
    @pytest.mark.parametrize("after_ms", range(0, 60, 6))
    def test_hang_up_at_any_moment_of_a_join(self, after_ms: int, world: World) -> None:
        caller, centre = connected(world)
        world.engine.delay = lambda: 0.01
        task: asyncio.Task[object] = asking(world, caller, join())
        world.run(after_ms / 1000)
        caller.bye()
        centre.expect("BYE")
        world.run_until(task.done)
        world.settle()
