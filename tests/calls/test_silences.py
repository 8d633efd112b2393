"""A voice that does not come: what is a fault and is told, and what has its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.after.diagnosis import why
from splitter.core.net import Address
from splitter.media.ports.events import (
    MediaStarted,
    PeerClaim,
    PictureStopped,
    StrangerHeard,
    VoiceMissed,
    VoiceReturned,
)
from splitter.sdp.model import Session
from splitter.telemetry import metrics
from tests.calls.kit import connected, ringing
from tests.counted import value
from tests.world import PeerCall, World

NONE, SOURCE = "no video comes", Address("203.0.113.9", 4000)


def missed(
    world: World,
    caller: PeerCall,
    end: str = "centre",
    lasted_s: float = 12.0,
    *,
    never: bool = False,
    claim: PeerClaim = PeerClaim.NOTHING,
) -> None:
    """The engine tells of a silence."""
    tell(world, caller, VoiceMissed("", end, world.clock.wall() - lasted_s, lasted_s, never, claim))


def tell(world: World, caller: PeerCall, event: VoiceMissed | VoiceReturned | MediaStarted | StrangerHeard) -> None:
    relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
    assert relay is not None
    world.engine.tell(relay, event)
    world.run(0.01)


def silences(world: World, caller: PeerCall) -> list[tuple[str, bool]]:
    """Whose voice was missed, and whether it still is."""
    return [(one.leg, one.until is None) for one in world.call_of(caller).view().silences]


@pytest.fixture
def caller(world: World) -> PeerCall:
    """Of a call that was answered a minute ago."""
    caller, _ = connected(world)
    world.run(60)
    return caller


def over(world: World, caller: PeerCall) -> None:
    caller.bye()
    world.run(1)
    world.settle()


class TestAVoiceThatStops:
    def test_is_told_to_all(self, world: World, caller: PeerCall) -> None:
        before = value(metrics.quality.VOICES_MISSED, "centre")
        missed(world, caller)
        assert value(metrics.quality.VOICES_MISSED, "centre") == before + 1
        assert silences(world, caller) == [("centre", True)]
        assert [notice.code for notice in world.notices][-1:] == ["voice-missing"]
        assert "no voice comes from the centre any more, for 12 s: neither RTP nor RTCP arrives" in world.ladder(caller)
        over(world, caller)

    def test_is_told_once(self, world: World, caller: PeerCall) -> None:
        for lasted_s in (12.0, 24.0):
            missed(world, caller, lasted_s=lasted_s)
        assert len(world.notices) == 1 and len(silences(world, caller)) == 1
        over(world, caller)

    def test_and_comes_back_is_over(self, world: World, caller: PeerCall) -> None:
        missed(world, caller)
        world.run(8)
        tell(world, caller, VoiceReturned("", "centre", world.clock.wall()))
        [silence] = world.call_of(caller).view().silences
        assert silence.until is not None and silence.until - silence.since == pytest.approx(20, abs=0.5)
        assert world.notices[-1].code == "voice-returned"
        over(world, caller)

    def test_and_comes_to_another_relay_is_over(self, world: World, caller: PeerCall) -> None:
        missed(world, caller)
        tell(world, caller, MediaStarted("", "audio", "centre", Address("10.1.0.9", 4000), world.clock.wall()))
        assert silences(world, caller) == [("centre", False)]
        over(world, caller)

    def test_is_why_the_call_had_no_voice_at_its_end(self, world: World, caller: PeerCall) -> None:
        call_id = world.call_of(caller).talk.call_id
        missed(world, caller, claim=PeerClaim.SENDS)
        world.run(5)
        over(world, caller)
        view = world.views[call_id]
        assert view.silences[0].until is None
        words = why(view, view.carried, world.traces[call_id]).voice.words
        assert not view.carried or "no voice came" in words or "stopped 1" in words


class TestWhatIsNoFault:
    def test_is_a_muted_phone_that_says_so_by_rtcp(self, world: World, caller: PeerCall) -> None:
        missed(world, caller, claim=PeerClaim.QUIET)
        assert silences(world, caller) == []
        over(world, caller)

    def test_is_a_short_pause(self, world: World, caller: PeerCall) -> None:
        missed(world, caller, lasted_s=6.0)
        assert silences(world, caller) == []
        over(world, caller)

    @pytest.mark.parametrize("direction", ["sendonly", "inactive"])
    def test_is_hold(self, direction: str, world: World, caller: PeerCall) -> None:
        """The caller holds the centre: that has nothing to send, and an inactive caller has not either."""
        caller.reinvite(audio=direction)
        world.run(2)
        missed(world, caller, "centre")
        if direction == "inactive":
            missed(world, caller, "caller")
        assert silences(world, caller) == []
        over(world, caller)

    def test_is_forgotten_when_the_side_is_put_on_hold(self, world: World, caller: PeerCall) -> None:
        missed(world, caller)
        caller.reinvite(audio="sendonly")
        world.run(2)
        assert silences(world, caller) == []
        over(world, caller)

    def test_is_ringing(self, world: World) -> None:
        caller, _ = ringing(world)
        missed(world, caller, "caller", 20.0, never=True)
        assert silences(world, caller) == []
        caller.cancel()
        world.run(1)
        world.settle()


class TestAVoiceThatNeverCame:
    def test_is_judged_from_the_answer_on(self, world: World) -> None:
        caller, _ = connected(world)
        missed(world, caller, "caller", 40.0, never=True)
        assert silences(world, caller) == [], "it rang for 40 s, and was answered just now"
        world.run(5)
        missed(world, caller, "caller", 45.0, never=True)
        assert silences(world, caller) == [("caller", True)]
        assert "no voice comes from the caller since the answer, for 5 s" in world.ladder(caller)
        over(world, caller)

    def test_says_where_else_something_comes_from(self, world: World, caller: PeerCall) -> None:
        tell(world, caller, StrangerHeard("", "audio", "caller", Address("203.0.113.9", 4000), 101))
        missed(world, caller, "caller", never=True)
        [silence] = world.call_of(caller).view().silences
        assert silence.why == "packets come from an address that its SDP does not name (101 so far)"
        over(world, caller)

    def test_on_both_sides_is_said(self, world: World, caller: PeerCall) -> None:
        missed(world, caller, "caller", never=True)
        missed(world, caller, "centre", never=True)
        assert world.call_of(caller).view().silences[1].why == "nor does any from the caller, and no RTCP"
        over(world, caller)


class TestACodecThatPauses:
    @pytest.mark.parametrize(
        ("ours", "theirs", "silent"),
        [("8 13", "8 13", False), ("8", "8 13", True), ("18", "18", False), ("8 18", "8 18", True), ("8", "8", True)],
    )
    def test_may_be_silent_after_it_spoke(
        self, ours: str, theirs: str, silent: bool, world: World, caller: PeerCall
    ) -> None:
        """Comfort noise (RFC 3389) that both agreed on, and G.729, unless it is only another choice."""
        terms = world.call_of(caller).caller.terms
        assert terms.local is not None and terms.remote is not None
        terms.local, terms.remote = _speaking(terms.local, ours), _speaking(terms.remote, theirs)
        missed(world, caller, "caller")
        assert silences(world, caller) == ([("caller", True)] if silent else [])
        over(world, caller)


def _speaking(session: Session, formats: str) -> Session:
    voice, *rest = session.media
    return replace(session, media=(voice.with_(formats=tuple(formats.split())), *rest))


class TestAPictureThatNeverComes:
    """Video that was agreed on, and of which nothing came."""

    def tell(self, world: World, caller: PeerCall, event: MediaStarted | StrangerHeard | PictureStopped) -> None:
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None
        world.engine.tell(room, event)
        world.run(0.01)

    def said(self, world: World, caller: PeerCall) -> list[str]:
        """What the trace says of it, once more than the time has gone by."""
        world.run(6)
        found = [line.partition("no video comes")[2] for line in world.ladder(caller).split("\n") if NONE in line]
        over(world, caller)
        return found

    def test_is_told_after_five_seconds(self, world: World) -> None:
        caller, _ = connected(world)
        world.run(4)
        assert NONE not in world.ladder(caller)
        words = " from the caller though it was to come, for 5 s: its SDP says that it sends"
        assert self.said(world, caller) == [words]

    def test_with_where_something_comes_from(self, world: World) -> None:
        caller, _ = connected(world)
        self.tell(world, caller, StrangerHeard("", "video", "caller", SOURCE, 101))
        [words] = self.said(world, caller)
        assert "for 5 s: packets come from an address that its SDP does not name" in words

    def test_and_comes_in_time_is_no_fault(self, world: World) -> None:
        caller, _ = connected(world)
        self.tell(world, caller, MediaStarted("", "video", "caller", SOURCE))
        assert self.said(world, caller) == []

    def test_nor_is_one_that_has_stopped_again(self, world: World) -> None:
        caller, _ = connected(world)
        self.tell(world, caller, MediaStarted("", "video", "caller", SOURCE))
        self.tell(world, caller, PictureStopped("", "caller", "the phone says goodbye"))
        assert self.said(world, caller) == []

    @pytest.mark.parametrize("direction", ["recvonly", "inactive"])
    def test_nor_one_that_is_not_to_come(self, world: World, direction: str) -> None:
        caller, _ = connected(world)
        caller.reinvite(video=direction)
        assert self.said(world, caller) == []

    @pytest.mark.parametrize("direction", ["recvonly", "inactive"])
    def test_is_waited_for_anew_once_it_is_to_come_again(self, world: World, direction: str) -> None:
        caller, _ = connected(world)
        caller.reinvite(video=direction)
        world.run(20)
        assert NONE not in world.ladder(caller)
        caller.reinvite(video="sendrecv")
        world.run(4)
        assert NONE not in world.ladder(caller)
        assert len(self.said(world, caller)) == 1

    def test_and_comes_after_a_hold_is_no_fault(self, world: World) -> None:
        caller, _ = connected(world)
        caller.reinvite(video="inactive")
        world.run(20)
        caller.reinvite(video="sendrecv")
        world.run(1)
        self.tell(world, caller, MediaStarted("", "video", "caller", SOURCE))
        assert self.said(world, caller) == []
