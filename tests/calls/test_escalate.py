"""Raising a voice call to video: the question, and what becomes of each way to say yes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.lab.offers import VideoLine
from splitter.sip.message import Request
from tests.calls.kit import connected, ended, header, joined, sdp, told
from tests.calls.question_kit import RAISE, asked, asked_call, codes, picture, silent, stands, view, voice_call
from tests.world import PeerCall, World


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
