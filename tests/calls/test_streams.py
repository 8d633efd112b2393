"""A desk sees others in streams of their own: several lines on the transport that it has, and the client offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import Admitted, Bind, Desk, Join, Remove, Restart, Watched, WatchOthers
from splitter.calls.talk import record
from splitter.sdp.model import Attribute, Session
from tests.calls.kit import browser_offer, connected, denied, ended, told
from tests.calls.test_desk import room_of
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World
from tests.world.media import Room

HOST, OTHER = "7001", "7002"


def offer_with(count: int, direction: str = "recvonly", first: Session | None = None) -> Session:
    """A browser's offer with further lines, mids "1", "2" …, that share the transport of the first."""
    offer = first or browser_offer()
    main = offer.media[0]
    own = ("candidate", "ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "mid", "msid", "ssrc", "ssrc-group")
    bare = main.without((*own, "sendrecv"))
    lines = [
        bare.with_(attributes=(Attribute("mid", str(at)), *bare.attributes, Attribute(direction)))
        for at in range(1, count + 1)
    ]
    group = Attribute("group", "BUNDLE " + " ".join(str(at) for at in range(count + 1)))
    others = tuple(item for item in offer.attributes if item.name != "group")
    return replace(offer, attributes=(group, *others), media=(main, *lines))


def watch(*streams: tuple[str, str], party: str = "desk-1", offer: Session | None = None) -> WatchOthers:
    return WatchOthers(party, offer or offer_with(len(streams)), streams)


def with_three(world: World) -> tuple[PeerCall, PeerCall]:
    """A call with the host's desk, another one, and an expert."""
    caller, centre = connected(world)
    told(world, caller, Bind(HOST, "cti"))
    for desk in (Desk("tab", HOST, by=HOST), Desk("tab2", OTHER, by=OTHER), Desk("phone", kind="expert", by="link")):
        assert isinstance(told(world, caller, Join(desk, browser_offer(), "desks", by_rule=True)), Admitted)
    world.run(0.2)
    return caller, centre


def windows(room: Room) -> dict[str, str]:
    """What is shown in the further streams."""
    return {name: room.chosen.get(name, "") for name in room.beside}


class TestFurtherStreams:
    def test_are_lines_of_one_answer_on_one_transport(self, world: World) -> None:
        caller, centre = with_three(world)
        watched = told(world, caller, watch(("1", "desk-2"), ("2", "expert-1")))
        assert isinstance(watched, Watched)
        room, answer = room_of(world, caller), watched.answer
        assert [line.direction for line in answer.media] == ["sendrecv", "sendonly", "sendonly"]
        assert answer.get("group") == "BUNDLE 0 1 2"
        assert {line.port for line in answer.media} == {room.local["desk-1"].rtp_port}
        ours = room.secure["desk-1"]
        assert {(line.get("ice-ufrag"), line.get("fingerprint")) for line in answer.media} == {
            (ours.ufrag, ours.fingerprint)
        }
        assert len({line.get("ssrc") for line in answer.media}) == 3
        assert [line.get("msid") for line in answer.media] == ["call video", "desk-1.1 video", "desk-1.2 video"]
        assert [bool(line.get_all("candidate")) for line in answer.media] == [True, False, False]
        assert windows(room) == {"desk-1.1": "desk-2", "desk-1.2": "expert-1"}
        media = room.members["desk-1.1"]
        assert media is not None and media.sending and not media.receiving
        ended(world, caller, centre)

    def test_change_without_new_ones_where_they_can(self, world: World) -> None:
        caller, centre = with_three(world)
        first = told(world, caller, watch(("1", "desk-2")))
        again = told(world, caller, watch(("1", "expert-1")))
        assert isinstance(first, Watched) and isinstance(again, Watched)
        assert first.answer.media[1].get("ssrc") == again.answer.media[1].get("ssrc")
        assert world.engine.asked["join_beside"] == 1
        assert again.answer.origin == first.answer.origin.next(), "RFC 3264 §8"
        assert windows(room_of(world, caller)) == {"desk-1.1": "expert-1"}
        idle = told(world, caller, watch(offer=offer_with(1, "inactive")))
        assert isinstance(idle, Watched)
        assert [line.direction for line in idle.answer.media] == ["sendrecv", "inactive"]
        assert windows(room_of(world, caller)) == {}
        ended(world, caller, centre)

    def test_of_somebody_who_has_just_left_stay_idle(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, Remove("expert-1", HOST))
        watched = told(world, caller, watch(("1", "expert-1"), ("2", "caller")))
        assert isinstance(watched, Watched)
        assert [line.direction for line in watched.answer.media] == ["sendrecv", "inactive", "sendonly"]
        assert windows(room_of(world, caller)) == {"desk-1.2": "caller"}
        ended(world, caller, centre)

    def test_go_with_their_party_and_with_their_source(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, watch(("1", "desk-2"), ("2", "expert-1")))
        told(world, caller, watch(("1", "desk-1"), party="desk-2"))
        told(world, caller, Remove("expert-1", HOST))
        world.run(0.1)
        choices = world.call_of(caller).talk.room.choices
        assert choices == {"desk-1.1": "desk-2", "desk-2.1": "desk-1"}
        told(world, caller, Remove("desk-1", HOST))
        world.run(0.1)
        room = room_of(world, caller)
        assert set(room.members) == {"caller", "desk-2", "desk-2.1"}
        assert world.call_of(caller).talk.room.choices == {}
        ended(world, caller, centre)

    def test_are_gone_when_the_client_joins_anew(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, watch(("1", "desk-2")))
        told(world, caller, Join(Desk("tab", HOST, by=HOST), browser_offer(), "desks"))
        assert windows(room_of(world, caller)) == {}
        assert world.call_of(caller).talk.room.choices == {}
        ended(world, caller, centre)

    def test_outlast_an_ice_restart(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, watch(("1", "desk-2")))
        told(world, caller, Restart("desk-1", "fresh", "fresh" * 6))
        fresh = replace_attributes(
            replace_attributes(browser_offer().media[0], "ice-ufrag", "fresh"), "ice-pwd", "fresh" * 6
        )
        offer = replace(browser_offer(), media=(fresh,))
        assert denied(world, caller, watch(("1", "desk-2"))) == (409, "ice-changed"), "an offer of before"
        watched = told(world, caller, watch(("1", "expert-1"), offer=offer_with(1, first=offer)))
        assert isinstance(watched, Watched)
        assert watched.answer.media[1].get("ice-ufrag") == room_of(world, caller).secure["desk-1"].ufrag
        ended(world, caller, centre)

    def test_can_be_written_down(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, watch(("1", "desk-2")))
        talk = world.call_of(caller).talk
        again = record.read(record.written(talk))
        assert again.room == talk.room
        assert again.parties.present["desk-1"].origin == talk.parties.present["desk-1"].origin is not None
        ended(world, caller, centre)


class TestRefusals:
    @pytest.mark.parametrize(
        ("ask", "expected"),
        [
            (watch(("1", "desk-2"), party="desk-9"), (404, "no-such-party")),
            (watch(("0", "desk-2")), (422, "bad-offer")),
            (watch(("9", "desk-2")), (422, "bad-offer")),
            (watch(("1", "desk-2"), ("1", "caller")), (422, "bad-offer")),
            (watch(("1", "x" * 10_000)), None),
            (watch(("1", "desk-1")), None),
        ],
    )
    def test_say_why_and_leave_nothing(self, ask: WatchOthers, expected: tuple[int, str] | None, world: World) -> None:
        caller, centre = with_three(world)
        if expected is None:
            assert isinstance(told(world, caller, ask), Watched)
        else:
            assert denied(world, caller, ask) == expected
        assert windows(room_of(world, caller)) == {}
        ended(world, caller, centre)

    def test_the_callers_own_browser_has_one_stream(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, Join(Desk("page", kind="guest", by="link"), browser_offer(), "desks"))
        assert denied(world, caller, watch(("1", "expert-1"), party="guest-1")) == (409, "one-stream")
        ended(world, caller, centre)

    def test_another_certificate_is_another_transport(self, world: World) -> None:
        caller, centre = with_three(world)
        line = replace_attributes(browser_offer().media[0], "fingerprint", "sha-256 " + ":".join(["AB"] * 32))
        offer = offer_with(1, first=replace(browser_offer(), media=(line,)))
        assert denied(world, caller, watch(("1", "desk-2"), offer=offer)) == (409, "media-lost")
        ended(world, caller, centre)

    def test_a_lost_room_takes_them_along(self, world: World) -> None:
        caller, centre = with_three(world)
        told(world, caller, watch(("1", "desk-2")))
        world.engine.lose_room(room_of(world, caller))
        world.run(0.5)
        assert denied(world, caller, watch(("1", "desk-2"))) == (409, "media-lost")
        told(world, caller, Join(Desk("tab", HOST, by=HOST), browser_offer(), "desks"))
        assert windows(room_of(world, caller)) == {}
        caller.unread.clear()  # it was told other ports
        ended(world, caller, centre)
