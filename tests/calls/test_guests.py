"""What a guest's browser tells of itself reaches the desks and the trace, and outlives the process."""

from __future__ import annotations

from splitter.calls.asks import (
    Admitted,
    Desk,
    Join,
    Locate,
    MessagesRead,
    Rate,
    ReadMessages,
    Remove,
    TellCamera,
    TellPhoto,
    Write,
    Written,
)
from splitter.calls.states import CameraState
from splitter.calls.talk.aside import MOST_CHARACTERS, MOST_MESSAGES, Aside, ChatSender
from splitter.calls.talk.record import read, written
from splitter.calls.view import ConsentView, LocationView, lost
from splitter.core.uploads import UploadKind
from tests.calls.kit import browser_offer, denied, ended, told
from tests.world import PeerCall, World


def guest(world: World, caller: PeerCall) -> str:
    """A guest's browser that has joined."""
    made = told(world, caller, Join(Desk("phone", kind="guest", by="guest m1"), browser_offer(), "desks"))
    assert isinstance(made, Admitted)
    world.run(0.2)
    return made.name


class TestTheCamera:
    def test_is_in_the_view_and_the_trace(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        name = guest(world, caller)
        told(world, caller, TellCamera(name, CameraState.DENIED))
        call = world.call_of(caller)
        assert [party.camera for party in call.view().parties] == ["denied"]
        kept = read(written(call.talk)).parties.get(name)
        assert kept is not None and kept.camera is CameraState.DENIED
        assert any(event.text == "its browser may not use the camera" for event in world.trace_of(caller))
        ended(world, caller, centre)

    def test_of_nobody_is_refused(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert denied(world, caller, TellCamera("guest-9", CameraState.ON)) == (404, "no-such-party")
        ended(world, caller, centre)


SECRET = "my door code is 4321"
PLACE = LocationView(39.907512, 116.391312, 12.0, 1000.0)


def write(text: str, sender: ChatSender = ChatSender.GUEST) -> Write:
    return Write(
        sender, "guest-1" if sender is ChatSender.GUEST else "", "" if sender is ChatSender.GUEST else "501", text, 1.0
    )


class TestMessages:
    def test_are_read_by_number_and_outlive_the_process(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert told(world, caller, write(SECRET)) == Written(1)
        assert told(world, caller, write("thank you", ChatSender.DESK)) == Written(2)
        call = world.call_of(caller)
        call.take_up(read(written(call.talk)))
        found = told(world, caller, ReadMessages(0))
        assert isinstance(found, MessagesRead)
        assert [(one.number, one.sender, one.text) for one in found.messages] == [
            (1, "guest", SECRET),
            (2, "desk", "thank you"),
        ]
        assert told(world, caller, ReadMessages(2)) == MessagesRead(())
        ended(world, caller, centre)

    def test_are_counted_and_their_words_stand_nowhere(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        guest(world, caller)
        told(world, caller, write(SECRET))
        trace = world.trace_of(caller)
        assert [notice.code for notice in world.notices if notice.code == "message"] == ["message"]
        assert any("has written 20 characters" in event.text for event in trace)
        view = world.call_of(caller).view()
        assert view.messages == 1
        for text in (repr(trace), repr(view), repr(world.notices)):
            assert "4321" not in text
        ended(world, caller, centre)

    def test_of_very_many_the_newest_are_kept(self) -> None:
        aside = Aside()
        for at in range(MOST_MESSAGES + 5):
            aside.write(float(at), ChatSender.GUEST, "", "x")
        assert (len(aside.messages), aside.messages[-1].number) == (MOST_MESSAGES, MOST_MESSAGES + 5)
        for at in range(40):
            aside.write(float(at), ChatSender.GUEST, "", "y" * 1000)
        assert sum(len(one.text) for one in aside.messages) <= MOST_CHARACTERS


class TestTheLocation:
    def test_is_shown_as_long_as_it_is_shared_and_stands_in_no_trace(
        self, world: World, caller: PeerCall, centre: PeerCall
    ) -> None:
        told(world, caller, Locate(PLACE))
        told(world, caller, Locate(PLACE))
        assert world.call_of(caller).view().location == PLACE
        told(world, caller, Locate(None))
        assert world.call_of(caller).view().location is None
        codes = [notice.code for notice in world.notices if notice.code.startswith("location")]
        assert codes == ["location-shared", "location-ended"]
        told(world, caller, Locate(PLACE))
        trace, call_id = world.trace_of(caller), world.call_of(caller).talk.call_id
        ended(world, caller, centre)
        assert "116.39" not in repr(trace)
        assert world.views[call_id].state == "ended" and world.views[call_id].location is None


class TestLeaving:
    def test_takes_the_location_along(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        name = guest(world, caller)
        told(world, caller, Locate(PLACE))
        told(world, caller, Remove(name, "7001"))
        assert world.call_of(caller).view().location is None
        ended(world, caller, centre)

    def test_for_ever_leaves_no_place_behind(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        told(world, caller, Locate(PLACE))
        assert lost(world.call_of(caller).view(), 5.0).location is None, "a process that died tells the archive nothing"
        ended(world, caller, centre)


class TestConsentAndRating:
    def test_stand_in_the_record_and_the_trace(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        for _ in range(2):  # a reload of the page is the same guest
            join = Join(Desk("phone", kind="guest", by="guest m1"), browser_offer(), "desks", consent="v2", at=7.0)
            made = told(world, caller, join)
            assert isinstance(made, Admitted)
            world.run(0.2)
        told(world, caller, Rate(4))
        call = world.call_of(caller)
        call.take_up(read(written(call.talk)))
        trace, call_id = world.trace_of(caller), call.talk.call_id
        ended(world, caller, centre)
        view = world.views[call_id]
        assert (view.state, view.consents, view.rating) == ("ended", (ConsentView("guest-1", "v2", 7.0),), 4)
        texts = [event.text for event in trace]
        assert texts.count("its user has agreed to the text v2") == 1
        assert [notice.code for notice in world.notices if notice.code == "rated"] == ["rated"]


class TestAPhoto:
    def test_is_told_to_the_desks_and_the_trace(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        told(world, caller, TellPhoto("guest-1", 1, 4000, 3000))
        assert world.call_of(caller).view().photos == 1
        assert any("guest-1 has sent photo 1 (4000x3000)" in event.text for event in world.trace_of(caller))
        assert [notice.code for notice in world.notices if notice.code == "photo"] == ["photo"]
        told(world, caller, TellPhoto("guest-1", 2, 0, 0, UploadKind.PDF))
        assert world.call_of(caller).view().photos == 2
        assert [notice.text for notice in world.notices if notice.code == "file"] == [
            "guest-1 has sent file 2 (PDF, not checked)"
        ]
        ended(world, caller, centre)
