"""Video that was raised is dropped again, five times over, and ends with its call."""

from __future__ import annotations

import pytest

from splitter.lab.offers import VideoLine
from splitter.sdp.model import Media, Session
from tests.calls.kit import arrived, connected, drop_next, ended, joined, line, sdp, told
from tests.calls.question_kit import DROP, RAISE, asked_call, codes, picture, silent, stands, view
from tests.world import PeerCall, World


class TestDropped:
    def test_by_update_where_the_phone_knows_it(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        told(world, caller, DROP)
        offer = sdp(caller.expect("UPDATE"))
        assert [media.port > 0 for media in offer.media] == [True, False]
        world.run(0.1)
        assert not picture(world, caller) and seat.state == "confirmed"
        assert view(world, caller).state == "off" and codes(world) == ["video-dropped"]
        stands(world, caller, centre)

    @pytest.mark.parametrize("allow", ["INVITE, ACK, CANCEL, BYE", "INVITE, ACK, CANCEL, BYE, UPDATE"])
    def test_by_a_reinvite_where_it_does_not(self, allow: str, world: World) -> None:
        """Some say in Allow that they know it, and do not."""
        caller, centre = arrived(world, picture=VideoLine.VILTE)
        centre.answer()
        caller.expect("200")
        world.run(0.1)
        centre.unread.clear()
        world.call_of(caller).caller.record.allows = frozenset(allow.split(", "))
        caller.allow, caller.answers["UPDATE"] = allow, (501, ())
        told(world, caller, DROP)
        world.run(1)
        assert sdp([heard for heard in caller.unread if heard.what == "INVITE"][-1]).media[1].port == 0
        assert view(world, caller).state == "off"
        stands(world, caller, centre)

    def test_stops_at_once_though_the_phone_is_busy(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.call_of(caller).caller.record.allows = frozenset({"INVITE"})
        caller.on_reinvite = lambda call: call.decline(491)
        told(world, caller, DROP)
        world.run(0.2)
        assert not picture(world, caller)
        caller.on_reinvite = PeerCall.accept
        world.run(3)
        assert caller.terminal.way("video") is None and view(world, caller).state == "off"
        stands(world, caller, centre)

    @pytest.mark.parametrize(
        ("status", "headers", "window_s"), [(491, (), (0.0, 2.1)), (500, [("Retry-After", "3")], (2.9, 3.1))]
    )
    def test_an_update_that_meets_an_offer_is_sent_again(
        self, status: int, headers: list[tuple[str, str]], window_s: tuple[float, float], world: World
    ) -> None:
        """RFC 3311 §5.2: as a re-INVITE does at glare (RFC 3261 §14.1); who does not own the Call-ID waits up to 2 s."""
        caller, centre = connected(world)
        caller.answers["UPDATE"] = (status, headers)
        told(world, caller, DROP)
        caller.expect("UPDATE")
        began = world.now
        world.run(0.0)
        assert not picture(world, caller)
        caller.answers.clear()
        assert [media.port > 0 for media in sdp(caller.expect("UPDATE")).media] == [True, False]
        assert window_s[0] <= world.now - began <= window_s[1]
        world.run(0.1)
        assert caller.terminal.way("video") is None and view(world, caller).state == "off"
        stands(world, caller, centre)

    def test_an_update_that_crosses_a_change_of_the_callers(self, world: World) -> None:
        """Both are refused (491), both are sent again, and in the end both count."""
        caller, centre = connected(world)
        told(world, caller, DROP)
        caller.reinvite(move=True)
        world.run(0.1)
        assert "491 re-INVITE" in caller.heard
        world.run(5)
        caller.unread.clear()
        caller.reinvite(move=True)
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert caller.terminal.way("video") is None and view(world, caller).state == "off"
        stands(world, caller, centre)

    def test_the_phone_that_wants_video_meanwhile_gets_the_voice_alone(self, world: World) -> None:
        caller, centre = connected(world)
        world.call_of(caller).caller.record.allows = frozenset({"INVITE"})
        caller.on_reinvite = lambda call: call.decline(491)
        told(world, caller, DROP)
        world.run(0.1)
        caller.on_reinvite = PeerCall.accept
        caller.unread.clear()
        caller.reinvite(move=True)
        assert [media.port > 0 for media in sdp(caller.expect("200 re-INVITE")).media] == [True, False]
        world.run(5)
        assert view(world, caller).state == "off"
        stands(world, caller, centre)

    def test_while_another_offer_with_video_is_under_way(self, world: World) -> None:
        """What it brings once more is taken down after it."""
        caller, centre = connected(world)
        silent(caller)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        assert [media.port > 0 for media in sdp(caller.expect("INVITE")).media] == [True, True]
        told(world, caller, DROP)
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        world.run(1)
        assert caller.terminal.way("video") is None and view(world, caller).state == "off"
        centre.unread.clear()
        stands(world, caller, centre)

    def test_while_the_caller_is_asked_it_takes_the_question_back(self, world: World) -> None:
        caller, centre = asked_call(world)
        told(world, caller, DROP)
        caller.expect("CANCEL")
        world.run(0.2)
        assert (view(world, caller).state, view(world, caller).outcome) == ("off", "withdrawn")
        stands(world, caller, centre)

    def test_an_offerless_reinvite_does_not_bring_it_back(self, world: World) -> None:
        caller, centre = connected(world)
        told(world, caller, DROP)
        caller.expect("UPDATE")
        caller.reinvite(offerless=True)
        offer = sdp(caller.expect("200 re-INVITE"))
        assert [media.port > 0 for media in offer.media] == [True, False]
        stands(world, caller, centre)

    def test_by_the_caller_everybody_is_told(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert view(world, caller).state == "on"
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert view(world, caller).state == "off" and codes(world) == ["caller-dropped-video"]
        caller.reinvite(video="on")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert view(world, caller).state == "on"
        assert codes(world) == ["caller-dropped-video", "caller-added-video"]
        caller.unread.clear()
        ended(world, caller, centre)


class TestFiveTimesOnAndOff:
    @pytest.mark.parametrize("who", ["agent", "caller", "in turn"])
    def test_nothing_leaks(self, who: str, world: World) -> None:
        """m-lines, ports, payload types and participants stay as few as they were after the first time."""
        caller, centre = connected(world, picture=VideoLine.NONE)
        seen: set[tuple[object, ...]] = set()
        for turn in range(5):
            told(world, caller, RAISE)
            world.run(0.2)
            assert picture(world, caller), turn
            seen.add((*self._sizes(world, caller), self._formats(caller.terminal.theirs)))
            if who == "agent" or (who == "in turn" and turn % 2):
                told(world, caller, DROP)
            else:
                caller.reinvite(video="off")
            world.run(0.2)
            assert not picture(world, caller) and view(world, caller).state == "off"
            seen.add((*self._sizes(world, caller), ()))
        assert len(seen) == 2, seen
        stands(world, caller, centre)

    @staticmethod
    def _sizes(world: World, caller: PeerCall) -> tuple[object, ...]:
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None and caller.terminal.theirs is not None
        return len(caller.terminal.theirs.media), world.engine.ports, tuple(room.members)

    @staticmethod
    def _formats(session: Session | None) -> tuple[str, ...]:
        assert session is not None
        video: Media = line(session, "video")
        return video.formats


class TestTheEndOfTheCall:
    @pytest.mark.parametrize("who", ["caller", "centre"])
    def test_while_the_caller_is_asked(self, who: str, world: World) -> None:
        caller, centre = asked_call(world)
        caller.ponder()
        world.run(1)
        (caller if who == "caller" else centre).bye()
        world.run(1)
        other = centre if who == "caller" else caller
        assert "BYE" in other.heard
        last = list(world.views.values())[-1]
        assert (last.state, last.video.state, last.video.outcome) == ("ended", "off", "withdrawn")
        world.settle()

    def test_a_lost_ack_of_the_answer_is_repeated(self, world: World) -> None:
        caller, centre = asked_call(world)
        drop_next(world, world.sbc, "200 INVITE", times=2)
        caller.accept()
        world.run(4)
        assert view(world, caller).state == "on" and caller.settled
        ended(world, caller, centre)
