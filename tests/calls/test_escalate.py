"""Raising a voice call to video and dropping it again: what becomes of each answer that a phone may give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import DropVideo, RaiseVideo
from splitter.calls.settings import CallSettings
from splitter.calls.states import Lack
from splitter.calls.view import VideoView
from splitter.core.errors import MediaError, MediaUnavailable, NoPorts
from splitter.lab.offers import VideoLine
from splitter.sip.message import Request
from tests.calls.kit import connected, denied, ended, header, joined, ringing, sdp, told
from tests.sdp.edits import replace_attributes
from tests.world import Heard, PeerCall, World

RAISE, DROP = RaiseVideo("agent 7001"), DropVideo("agent 7001")


def silent(call: PeerCall) -> None:
    """From now on the script answers re-INVITEs."""
    call.on_reinvite = lambda _: None


def voice_call(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """An answered call without video, whose caller waits for its script to answer re-INVITEs."""
    caller, centre = connected(world, **{"picture": VideoLine.NONE, **offered})
    silent(caller)
    return caller, centre


def asked(world: World, caller: PeerCall) -> Heard:
    """The agent has asked for video, and the phone has the question."""
    told(world, caller, RAISE)
    return caller.expect("INVITE")


def asked_call(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """A voice call whose phone has the question; (caller, centre)."""
    caller, centre = voice_call(world, **offered)
    asked(world, caller)
    return caller, centre


def view(world: World, caller: PeerCall) -> VideoView:
    return world.views[world.call_of(caller).talk.call_id].video


def codes(world: World) -> list[str]:
    """What desks were told of the caller's video."""
    return [notice.code for notice in world.notices if notice.code.startswith(("video", "asking", "caller"))]


def picture(world: World, caller: PeerCall) -> bool:
    """The room sends the caller a picture and takes its own."""
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    media = room.members.get("caller") if room else None
    return media is not None and media.sending and media.receiving


def stands(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The voice call goes on as if nothing had been asked, and comes to its ordinary end."""
    assert not picture(world, caller)
    assert world.voice_faults(caller) == []
    centre.hears_nothing(1)
    caller.unread.clear()
    ended(world, caller, centre)


class TestTheQuestion:
    def test_appends_video_and_leaves_the_voice_as_it_is(self, world: World) -> None:
        caller, centre = voice_call(world)
        before = caller.terminal.theirs
        assert before is not None
        heard = asked(world, caller)
        offer = sdp(heard)
        assert offer.media[:-1] == before.media, "the audio is byte-identical"
        assert offer.media[-1].kind == "video" and offer.media[-1].port
        assert offer.origin == before.origin.next()
        modes = [codec.parameters["packetization-mode"] for codec in offer.media[-1].codecs]
        assert modes == ["1", "0"], "there are terminals that know mode 0 alone"
        assert isinstance(heard.message, Request) and heard.message.method == "INVITE", "never UPDATE"
        assert view(world, caller).state == "asking" and codes(world) == ["asking"]
        caller.accept()
        ended(world, caller, centre)

    def test_takes_the_slot_of_a_video_that_is_off(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """RFC 3264 §8.1: a slot with port 0 may be used again; nothing is appended beside it."""
        caller.reinvite(video="off")
        before = sdp(caller.expect("200 re-INVITE"))
        silent(caller)
        offer = sdp(asked(world, caller))
        assert [media.kind for media in offer.media] == ["audio", "video"]
        assert offer.media[0] == before.media[0]
        assert offer.media[1].formats == ("123",), "its own number for H.264"
        caller.accept()
        world.run(0.1)
        assert picture(world, caller)
        caller.unread.clear()
        ended(world, caller, centre)

    def test_never_gives_a_number_of_the_phone_another_meaning(self, world: World) -> None:
        """The phone's own line was of no use: 99 and 100 stand for H.265 there (RFC 3264 §8.3.2)."""
        video = "m=video 30000 RTP/AVP 99 100\r\na=rtpmap:99 H265/90000\r\na=rtpmap:100 H265/90000\r\na=fmtp:100 profile-id=2\r\n"
        voice = world.sbc.terminal().first_offer(picture=VideoLine.NONE)
        from splitter.sdp.write import write

        caller, centre = connected(world, offer=write(voice) + video.encode())
        assert caller.terminal.theirs is not None and not caller.terminal.theirs.media[1].port
        silent(caller)
        offer = sdp(asked(world, caller))
        assert len(offer.media) == 2 and offer.media[1].port
        assert not {"99", "100"} & set(offer.media[1].formats)
        caller.accept()
        world.run(0.1)
        assert picture(world, caller)
        ended(world, caller, centre)

    def test_is_repeated_by_its_transaction_where_it_is_lost(self, world: World) -> None:
        caller, centre = voice_call(world)
        lost: list[object] = []

        def drop(sent: object) -> bool:
            if isinstance(sent.message, Request) and sent.message.method == "INVITE" and len(lost) < 3:  # type: ignore[attr-defined]
                lost.append(sent)
                return True
            return False

        world.wire.drop = drop
        told(world, caller, RAISE)
        began = world.now
        caller.expect("INVITE")
        assert len(lost) == 3 and world.now - began == pytest.approx(0.5 + 1 + 2, abs=0.1)
        caller.accept()
        world.run(1)
        assert view(world, caller).state == "on"
        ended(world, caller, centre)

    def test_waits_until_the_voice_is_settled(self, world: World) -> None:
        caller, centre = voice_call(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        told(world, caller, RAISE)
        caller.hears_nothing(2)
        assert view(world, caller).state == "asking"
        centre.accept()
        caller.expect("200 re-INVITE")
        offer = sdp(caller.expect("INVITE"))
        assert [media.direction for media in offer.media] == ["recvonly", "sendrecv"]
        caller.accept()
        world.run(0.1)
        assert view(world, caller).state == "on" and world.voice_faults(caller) == []
        centre.unread.clear()
        ended(world, caller, centre)


class TestAccepted:
    def test_the_room_has_the_caller_and_everybody_knows(self, world: World) -> None:
        caller, centre = voice_call(world)
        seat = joined(world, caller)
        asked(world, caller)
        world.run(3)
        assert not picture(world, caller)
        caller.accept()
        world.run(0.2)
        assert picture(world, caller) and seat.state == "confirmed"
        shown = view(world, caller)
        assert (shown.state, shown.outcome, shown.supported) == ("on", "accepted", True)
        assert shown.limits is not None and shown.limits.bitrate_kbps
        assert codes(world) == ["asking", "video-accepted"]
        assert world.voice_faults(caller) == []
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_packetization_mode_0_alone(self, world: World) -> None:
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        answer = caller.terminal.answer(offer)
        second = offer.media[1].formats[1]
        kept = tuple(item for item in answer.media[1].attributes if item.name not in ("rtpmap", "fmtp")) + tuple(
            item for item in offer.media[1].attributes if (item.value or "").startswith(f"{second} ")
        )
        video = answer.media[1].with_(formats=(second,), attributes=kept)
        caller.accept(replace(answer, media=(answer.media[0], video)))
        world.run(0.1)
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None and (media := room.members["caller"]) is not None
        assert (media.send_format.packetization_mode, str(media.send_format.payload_type)) == (0, second)
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [180, 183])
    def test_while_the_phone_asks_its_user_the_question_is_open(self, status: int, world: World) -> None:
        caller, centre = asked_call(world)
        caller.ponder(status)
        world.run(40)
        assert view(world, caller).state == "asking" and world.voice_faults(caller) == []
        caller.accept()
        world.run(0.1)
        assert view(world, caller).state == "on"
        ended(world, caller, centre)


class TestAnsweredInSteps:
    """183 with the answer, PRACK, UPDATE, and a 200 without SDP (RFC 3262 §5, RFC 6141)."""

    def test_the_picture_waits_for_the_person(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.progress()
        caller.expect("PRACK")
        world.run(5)
        assert view(world, caller).state == "asking" and not picture(world, caller)
        caller.update(move=True)
        caller.expect("200 UPDATE")
        assert view(world, caller).state == "asking" and not picture(world, caller)
        caller.accept()
        world.run(0.1)
        assert view(world, caller).state == "on" and picture(world, caller)
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None and (media := room.members["caller"]) is not None and media.remote is not None
        assert media.remote.rtp == caller.terminal.local("video"), "where the UPDATE has moved it"
        assert "491 UPDATE" not in caller.heard
        ended(world, caller, centre)

    def test_an_update_may_refuse_it_after_all(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.progress()
        caller.expect("PRACK")
        caller.update(video="off")
        caller.expect("200 UPDATE")
        caller.accept()
        world.run(0.2)
        assert view(world, caller).outcome == "refused"
        stands(world, caller, centre)

    def test_a_refusal_at_the_end_takes_all_of_it_back(self, world: World) -> None:
        """RFC 6141 §3.4: the session is as before the re-INVITE."""
        caller, centre = voice_call(world)
        before = caller.terminal.ours, caller.terminal.theirs
        asked(world, caller)
        caller.progress()
        caller.expect("PRACK")
        caller.decline(603)
        caller.terminal.ours, caller.terminal.theirs = before
        world.run(0.2)
        assert view(world, caller).outcome == "refused"
        centre.reinvite(audio="sendonly")
        assert [media.kind for media in sdp(caller.expect("INVITE")).media] == ["audio"]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.2)
        stands(world, caller, centre)

    def test_a_refusal_after_an_update_leaves_what_the_update_said_without_the_video(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.progress()
        caller.expect("PRACK")
        caller.update(move=True)
        caller.expect("200 UPDATE")
        caller.on_reinvite = PeerCall.accept
        caller.decline(603)
        world.run(0.5)
        assert view(world, caller).outcome == "refused"
        told_off = [heard for heard in caller.unread if heard.what in ("INVITE", "UPDATE")]
        assert [media.port > 0 for media in sdp(told_off[-1]).media] == [True, False]
        stands(world, caller, centre)

    def test_with_preconditions(self, world: World) -> None:
        """The caller's network reserves for each line (RFC 3312): ours is ready, the phone says when it is."""
        caller, centre = voice_call(world, reliable="supported", headers=[("Require", "precondition")])
        heard = asked(world, caller)
        assert "precondition" in (header(heard.message, "supported") or "")
        status = [
            [(a.name, a.value) for a in media.attributes if a.name in ("curr", "des")] for media in sdp(heard).media
        ]
        assert status[1] == [
            ("curr", "qos local sendrecv"),
            ("curr", "qos remote none"),
            ("des", "qos mandatory local sendrecv"),
            ("des", "qos optional remote sendrecv"),
        ]
        assert ("curr", "qos remote sendrecv") in status[0]
        caller.progress()
        caller.expect("PRACK")
        ready = caller.terminal.change()
        from splitter.sdp.model import Attribute

        video = ready.media[1].with_(
            attributes=(
                *ready.media[1].attributes,
                Attribute("curr", "qos local sendrecv"),
                Attribute("curr", "qos remote sendrecv"),
                Attribute("des", "qos mandatory local sendrecv"),
                Attribute("des", "qos mandatory remote sendrecv"),
            )
        )
        caller.update(caller.terminal.note(replace(ready, media=(ready.media[0], video))))
        answer = sdp(caller.expect("200 UPDATE"))
        assert "qos remote sendrecv" in [a.value for a in answer.media[1].attributes if a.name == "curr"]
        caller.accept()
        world.run(0.2)
        assert view(world, caller).state == "on"
        centre.reinvite(audio="sendonly")
        later = sdp(caller.expect("INVITE"))
        assert not [a for media in later.media for a in media.attributes if a.name in ("curr", "des")]
        caller.accept()
        world.run(0.2)
        centre.unread.clear()
        ended(world, caller, centre)


class TestRefused:
    @pytest.mark.parametrize("status", [480, 486, 603, 606])
    def test_by_a_person(self, status: int, world: World) -> None:
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        caller.decline(status)
        world.run(0.2)
        shown = view(world, caller)
        assert (shown.state, shown.outcome, shown.supported) == ("off", "refused", None)
        assert str(status) in shown.reason and codes(world) == ["asking", "video-refused"]
        again = sdp(asked(world, caller))
        assert again.origin.version == offer.origin.version + 1, "after a refused offer too"
        assert again.media[1].formats == offer.media[1].formats
        caller.decline(status)
        world.run(0.2)
        stands(world, caller, centre)

    def test_by_port_0_which_is_the_best_way(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.accept(video="off")
        world.run(0.2)
        assert view(world, caller).outcome == "refused"
        again = sdp(asked(world, caller))
        assert [media.kind for media in again.media] == ["audio", "video"], "the slot is reused"
        caller.accept(video="off")
        world.run(0.2)
        stands(world, caller, centre)

    def test_a_refused_video_is_not_brought_up_by_an_offer_about_something_else(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.accept(video="off")
        world.run(0.2)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        assert [media.port > 0 for media in sdp(caller.expect("INVITE")).media] == [True, False]
        caller.accept()
        world.run(0.2)
        centre.unread.clear()
        centre.reinvite(audio="sendonly")
        assert [media.port > 0 for media in sdp(caller.expect("INVITE")).media] == [True, False]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.2)
        stands(world, caller, centre)

    @pytest.mark.parametrize("status", [488, 415])
    def test_by_a_phone_that_cannot(self, status: int, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(status)
        world.run(0.2)
        shown = view(world, caller)
        assert (shown.state, shown.outcome, shown.supported) == ("off", "unsupported", False)
        assert denied(world, caller, RAISE) == (422, "unsupported")
        caller.hears_nothing(2)
        stands(world, caller, centre)

    def test_the_next_change_is_as_if_it_had_never_been_asked(self, world: World) -> None:
        """The refused line is not in the session; only the o= version has moved on."""
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        caller.decline(603)
        world.run(0.1)
        centre.reinvite(audio="sendonly")
        held = sdp(caller.expect("INVITE"))
        assert [media.kind for media in held.media] == ["audio"]
        assert held.origin.version == offer.origin.version + 1
        caller.accept()
        centre.expect("200 re-INVITE")
        caller.reinvite(audio="recvonly", move=True)
        assert len(sdp(caller.expect("200 re-INVITE")).media) == 1
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [403, 420, 500, 501, 513])
    def test_anything_else_has_failed(self, status: int, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(status)
        world.run(0.2)
        assert view(world, caller).outcome == "failed" and str(status) in view(world, caller).reason
        stands(world, caller, centre)

    def test_an_answer_that_cannot_be_used(self, world: World) -> None:
        """No description at all: the phone is told what stands, and the voice goes on."""
        caller, centre = asked_call(world)
        assert caller.pending is not None
        (txn, request), caller.pending = caller.pending, None
        caller.unacknowledged.add(txn)
        caller.peer.driver.respond(txn, request.respond(200, headers=caller.own_headers()))
        caller.on_reinvite = PeerCall.accept
        world.run(1)
        assert view(world, caller).outcome == "failed"
        stands(world, caller, centre)

    def test_a_picture_that_cannot_be_used(self, world: World) -> None:
        """High profile answers baseline: it is dropped at once."""
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        answer = caller.terminal.answer(offer)
        number = answer.media[1].formats[0]
        video = replace_attributes(answer.media[1], "fmtp", f"{number} profile-level-id=64001f;packetization-mode=1")
        caller.on_reinvite = PeerCall.accept
        caller.accept(replace(answer, media=(answer.media[0], video)))
        world.run(1)
        assert view(world, caller).outcome == "failed"
        assert caller.terminal.way("video") is None
        stands(world, caller, centre)


class TestDenied:
    def test_without_media(self, world: World) -> None:
        caller, centre = voice_call(world)
        world.engine.stuck = {"open_room"}
        assert denied(world, caller, RAISE) == (503, "no-media")
        assert view(world, caller).state == "off"
        world.engine.stuck = set()
        world.run(2)
        stands(world, caller, centre)

    def test_without_ports(self, world: World) -> None:
        caller, centre = voice_call(world)
        world.engine.fault = lambda what, call: NoPorts("no free media ports") if what == "open_room" else None
        assert denied(world, caller, RAISE) == (503, "no-ports")
        world.engine.fault = lambda what, call: None
        world.engine.stuck = {"open_room"}
        assert denied(world, caller, RAISE) == (503, "no-media"), "nobody has said yet that there are none again"
        world.engine.stuck = set()
        world.run(2)
        stands(world, caller, centre)

    def test_for_what_keeps_the_caller_out_not_for_what_keeps_a_desk(self, world: World) -> None:
        caller, centre = voice_call(world)
        video = world.call_of(caller).video

        def added(name: str, fault: MediaError) -> Lack | None:
            world.engine.fault = lambda what, call: fault
            task = world.loop.create_task(video.add(name, "access"))
            world.run_until(task.done)
            return task.result()

        assert added("caller", NoPorts("no free media ports")) is Lack.PORTS
        assert added("desk-1", MediaUnavailable("full")) is Lack.MEDIA
        assert video.state.lack is Lack.PORTS
        world.engine.fault = lambda what, call: None
        stands(world, caller, centre)

    def test_while_it_is_asked_and_once_it_is_on(self, world: World) -> None:
        caller, centre = asked_call(world)
        assert denied(world, caller, RAISE) == (409, "asking")
        caller.accept()
        world.run(0.1)
        assert denied(world, caller, RAISE) == (409, "on")
        ended(world, caller, centre)

    def test_before_the_answer(self, world: World) -> None:
        caller, _centre = ringing(world, picture=VideoLine.NONE)
        assert denied(world, caller, RAISE) == (409, "not-connected")
        caller.cancel()
        world.run(1)
        world.settle()


class TestNobodyAnswers:
    def test_the_question_is_taken_back(self) -> None:
        with World(settings=CallSettings(consent_limit_s=45)) as world:
            caller, centre = asked_call(world)
            caller.ponder()
            began = world.now
            caller.expect("CANCEL", 60)
            assert world.now - began == pytest.approx(45, abs=0.1)
            world.run(0.2)
            shown = view(world, caller)
            assert (shown.state, shown.outcome) == ("off", "no-answer")
            assert codes(world) == ["asking", "video-no-answer"]
            stands(world, caller, centre)

    def test_a_200_that_crosses_the_cancel_is_followed_by_the_downgrade(self) -> None:
        with World(settings=CallSettings(consent_limit_s=10)) as world:
            caller, centre = asked_call(world)
            world.run(9.992)
            caller.on_reinvite = PeerCall.accept
            caller.accept()
            world.run(1)
            assert view(world, caller).outcome == "no-answer"
            assert caller.terminal.way("video") is None
            stands(world, caller, centre)

    def test_a_phone_that_has_gone_silent(self, world: World) -> None:
        """No response at all (408): the voice decides whether the call lives, as with a failed refresh."""
        caller, centre = voice_call(world)
        world.sbc.vanish()
        told(world, caller, RAISE)
        world.run(33)
        assert view(world, caller).outcome == "failed"
        world.sbc.come_back()
        world.run(1)
        assert world.voice_faults(caller) == []
        world.run(40)
        caller.unread.clear()
        stands(world, caller, centre)

    def test_and_whose_voice_has_ceased(self, world: World) -> None:
        caller, centre = voice_call(world)
        call_id = world.call_of(caller).talk.call_id
        world.engine.silent.add((call_id, 0))
        world.sbc.vanish()
        told(world, caller, RAISE)
        world.run(33)
        centre.expect("BYE")
        world.sbc.come_back()
        world.run(40)
        world.settle()

    def test_a_phone_that_does_not_know_the_call(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(481)
        centre.expect("BYE")
        assert world.notices[-1].code == "video-failed"
        caller.bye()
        world.settle()
