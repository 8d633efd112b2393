"""The flow `split`: from the caller's INVITE to the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.after.diagnosis import why
from splitter.calls.states import Lack
from splitter.calls.trunks.hunt import REDIRECTS_MOST
from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.lab.offers import VideoLine, Voice
from splitter.sdp.model import Connection
from splitter.sip.message import Request
from tests.calls.kit import arrived, connected, ended, header, line, picked_up, redirecting, relay_target, ringing, sdp
from tests.world import World

ELSEWHERE = Connection.to("2001:db8::5")


class TestPlainCall:
    def test_the_centre_gets_a_voice_call(self, world: World) -> None:
        caller, centre = arrived(world, headers=[("P-Asserted-Identity", "<tel:+86139>"), ("Max-Forwards", "40")])
        invite, offer = centre.invite, centre.terminal
        assert b"m=video" not in invite.body and b"H264" not in invite.body
        assert invite.headers.get("p-asserted-identity") == "<tel:+86139>"
        assert invite.from_.user == caller.number and invite.max_forwards == 39
        call = world.call_of(caller)
        assert invite.headers.get("x-splitter-call") == call.talk.call_id
        assert invite.contact is not None and invite.contact.sip.host == "10.2.0.1"
        assert offer is centre.terminal
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_the_audio_goes_through_unchanged_but_for_the_address(self, world: World) -> None:
        caller, centre = arrived(world, voice=Voice.AMR)
        body = centre.invite.body.decode()
        for wanted in ("a=fmtp:106 octet-align=1;mode-change-capability=2;max-red=0", "a=maxptime:240"):
            assert wanted in body
        assert "10.1.0" not in body
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert line(answer, "audio").formats == ("107", "101")
        ended(world, caller, centre)

    def test_the_caller_gets_the_centres_audio_and_our_video(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert [media.kind for media in answer.media] == ["audio", "video"]
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        assert room is not None and answer.address_of(1).rtp_port == room.local["caller"].rtp_port
        assert line(answer, "video").formats == ("123",)
        world.run(0.1)
        media = room.members["caller"]
        assert media is not None and media.remote.rtp == caller.terminal.local("video")
        assert relay_target(world, caller, 0) == caller.terminal.local("audio")
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        ended(world, caller, centre)

    def test_other_lines_keep_their_index_with_port_0(self, world: World) -> None:
        offer = (
            b"v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n"
            b"m=application 5000 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            b"m=video 5002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e01f\r\n"
            b"m=text 5004 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
            b"m=audio 5006 RTP/AVP 8\r\n"
        )
        caller, centre = arrived(world, offer=offer)
        assert centre.invite.body.count(b"m=") == 1
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert [(media.kind, media.port > 0) for media in answer.media] == [
            ("application", False),
            ("video", True),
            ("text", False),
            ("audio", True),
        ]
        ended(world, caller, centre)

    def test_contact_towards_the_sbc_says_video_and_towards_the_centre_nothing(self, world: World) -> None:
        caller, centre = ringing(world)
        said = centre.invite.headers.get("contact") or ""
        assert "video" not in said and "g.3gpp" not in said
        centre.answer()
        contact = caller.expect("200").message
        assert contact is not None and ";video;+g.3gpp.icsi-ref=" in (contact.headers.get("contact") or "")
        ended(world, caller, centre)

    def test_who_answered_is_told_within_trust_alone(self) -> None:
        for trusted, told in ((True, "<sip:1001@pbx>"), (False, None)):
            with World(trunk={"trusted": trusted}) as world:
                caller, centre = arrived(world)
                centre.answer(headers=[("P-Asserted-Identity", "<sip:1001@pbx>")])
                answer = caller.expect("200").message
                assert answer is not None and answer.headers.get("p-asserted-identity") == told
                ended(world, caller, centre)


class TestWithoutVideo:
    def test_a_voice_call_opens_no_room(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        assert not world.engine.rooms
        ended(world, caller, centre)

    def test_video_that_cannot_be_used_is_refused_and_the_voice_answered(self, world: World) -> None:
        offer = (
            b"v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\nm=audio 5006 RTP/AVP 8\r\n"
            b"m=video 5002 RTP/SAVPF 99\r\na=rtpmap:99 H264/90000\r\n"
        )
        caller, centre = arrived(world, offer=offer)
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert [media.port > 0 for media in answer.media] == [True, False]
        ended(world, caller, centre)


class TestEarlyMedia:
    def test_183_and_then_200_with_the_same_description(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        early = caller.expect("183")
        assert relay_target(world, caller, 0) == caller.terminal.sent.address_of(0)[:2]
        centre.answer()
        final = caller.expect("200")
        assert sdp(early) == sdp(final)
        assert early.message is not None and final.message is not None
        assert early.message.to_tag == final.message.to_tag
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_200_with_another_description_than_the_183(self, world: World) -> None:
        """It comes too late to be the answer (RFC 3261 §13.2.1), but there are centres that mean it: offered again."""
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        early = sdp(caller.expect("183"))
        centre.answer(centre.terminal.answer(centre.offered_session(), codec=2))
        assert sdp(caller.expect("200")) == early
        offer = sdp(caller.expect("INVITE"))
        assert line(offer, "audio").formats == ("105", "102")
        world.run(0.2)
        ended(world, caller, centre)

    def test_200_without_a_description_after_a_183_that_had_one(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        early = sdp(caller.expect("183"))
        ours = centre.terminal.sent
        offer = centre.offered_session()
        centre.respond_first(200, None, "", ())
        assert sdp(caller.expect("200")) == early
        centre.expect("ACK")
        assert ours is not None
        centre.terminal.agree(ours, offer)
        ended(world, caller, centre)

    def test_180_without_and_200_with_a_description(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.answer()
        assert [media.port > 0 for media in sdp(caller.expect("200")).media] == [True, True]
        ended(world, caller, centre)

    def test_forks_ring_in_dialogs_of_their_own_on_one_port(self, world: World) -> None:
        caller, centre = arrived(world)
        heard = []
        for fork in ("a", "b"):
            centre.ring(183, fork=fork, media=True)
            heard.append(caller.expect("183"))
        tags = {early.message.to_tag for early in heard if early.message}
        ports = {line(sdp(early), "audio").port for early in heard}
        assert len(tags) == 2 and len(ports) == 1
        centre.answer(fork="a")
        final = caller.expect("200")
        assert final.message is not None and heard[0].message is not None
        assert final.message.to_tag == heard[0].message.to_tag
        assert sdp(final) == sdp(heard[0])
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_a_fork_without_end_is_bounded_and_may_answer_all_the_same(self, world: World) -> None:
        caller, centre = arrived(world)
        for number in range(40):
            centre.ring(180, fork=str(number))
            world.run(0.05)
        assert caller.heard.count("180") == 32
        caller.unread.clear()
        centre.answer(fork="39")
        caller.expect("200")
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_199_of_a_fork_is_not_passed_on(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.ring(199, fork="gone")
        caller.hears_nothing(1)
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_early_media_that_cannot_be_used_rings_all_the_same(self, world: World) -> None:
        caller, centre = arrived(world)
        answer = centre.terminal.answer(centre.offered_session(), audio="off")
        centre.ring(183, answer)
        assert caller.expect("183").session is None
        centre.early_answers.clear()
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_early_media_that_cannot_be_reached_rings_all_the_same(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, replace(centre.terminal.answer(centre.offered_session()), connection=ELSEWHERE))
        assert caller.expect("183").session is None
        centre.early_answers.clear()
        picked_up(caller, centre)
        ended(world, caller, centre)


class TestFailover:
    @pytest.mark.parametrize("status", [500, 503, 504])
    def test_a_centre_out_of_order(self, status: int, world: World) -> None:
        caller = world.sbc.invite()
        world.pbx.take().refuse(status)
        second = world.pbx2.take()
        picked_up(caller, second)
        ended(world, caller, second)

    def test_a_centre_that_does_not_answer_at_all(self, world: World) -> None:
        world.pbx.vanish()
        caller = world.sbc.invite()
        second = world.pbx2.take(10)
        assert world.now < 6
        second.answer()
        caller.expect("200")
        ended(world, caller, second)

    def test_a_centre_that_cannot_be_reached(self, world: World) -> None:
        """The transport says so at once; no timer is waited for."""
        world.wire.closed.add(world.pbx.address)
        caller = world.sbc.invite()
        second = world.pbx2.take()
        assert world.now < 0.1
        second.answer()
        caller.expect("200")
        world.run(0.2)
        ended(world, caller, second)

    def test_no_route_is_left(self, world: World) -> None:
        caller = world.sbc.invite()
        world.pbx.take().refuse(503)
        world.pbx2.take().refuse(503)
        refusal = caller.expect("480").message
        assert refusal is not None and "503" in (refusal.headers.get("warning") or "")
        world.settle()

    def test_busy_is_passed_on_and_no_other_route_is_tried(self, world: World) -> None:
        caller = world.sbc.invite()
        world.pbx.take().refuse(486)
        caller.expect("486")
        world.settle()
        assert not world.pbx2.calls

    def test_early_media_of_a_route_that_failed_leaves_no_trace(self, world: World) -> None:
        caller, first = arrived(world)
        first.ring(183, media=True)
        caller.expect("183")
        first.refuse(503)
        second = world.pbx2.take()
        picked_up(caller, second)
        ended(world, caller, second)

    def test_ringing_too_long(self) -> None:
        with World(trunk={"ring_limit_s": 20.0}) as world:
            caller, centre = ringing(world)
            centre.expect("CANCEL", 25)
            caller.expect("480")
            world.settle()


class TestRedirects:
    """RFC 3261 §8.1.3.4: the centre names other numbers, which are called at that centre."""

    def test_the_best_liked_comes_first_and_then_the_next(self, world: World) -> None:
        redirecting(world, (302, "<sip:8002@nowhere.invalid>;q=0.5, <tel:8001>;q=0.7, <sip:pbx.example>"))
        caller, first = arrived(world)
        assert first.invite.uri == "sip:8001@10.2.0.5:5060"
        first.refuse(486)
        second = world.pbx.take()
        assert second.invite.uri == "sip:8002@10.2.0.5:5060"
        assert "pbx names 8001, 8002 instead" in [event.text for event in world.trace_of(caller)]
        picked_up(caller, second)
        ended(world, caller, second)

    def test_in_a_circle_end(self, world: World) -> None:
        answers = [(302, f"<sip:{number}@pbx>, <sip:8000@pbx>, <sip:110@pbx>") for number in range(8001, 8020)]
        asked = redirecting(world, *answers)
        caller = world.sbc.invite()
        caller.expect("480")
        assert len(asked) == len(set(asked)) == 1 + REDIRECTS_MOST
        world.settle()

    @pytest.mark.parametrize(
        ("status", "contact"),
        [
            (301, "<urn:service:sos>"),
            (302, '"'),
            (302, "<sip:pbx.example>"),
            (305, "<sip:8001@proxy>"),
            (380, "<tel:1>"),
        ],
    )
    def test_that_name_no_number_are_refusals(self, status: int, contact: str, world: World) -> None:
        asked = redirecting(world, (status, contact))
        caller = world.sbc.invite()
        caller.expect("480")
        assert len(asked) == 1 and not world.pbx.arrived
        world.settle()

    def test_to_who_declines_for_all_end_there(self, world: World) -> None:
        redirecting(world, (300, "<sip:8001@pbx>, <sip:8002@pbx>"))
        caller, centre = arrived(world)
        centre.refuse(603)
        caller.expect("603")
        world.settle()

    def test_to_a_server_that_has_died_leave_the_next_route(self, world: World) -> None:
        """The caller must not wait for it once more for each number."""
        redirecting(world, (302, "<sip:8001@pbx>, <sip:8002@pbx>"))
        world.wire.drop = lambda sent: sent.data.startswith(b"INVITE sip:800")
        caller = world.sbc.invite()
        second = world.pbx2.take(6.0)
        picked_up(caller, second)
        ended(world, caller, second)

    def test_to_who_does_not_take_calls_now_leave_the_next_route(self, world: World) -> None:
        redirecting(world, (302, "<sip:8001@pbx>"))
        caller, centre = arrived(world)
        centre.refuse(503)
        picked_up(caller, second := world.pbx2.take())
        ended(world, caller, second)


class TestAnswersThatCannotBeUsed:
    def test_audio_refused_in_the_200(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.answer(audio="off")
        caller.expect("480")
        world.run(0.1)
        assert sorted(centre.heard) == ["ACK", "BYE", "INVITE"]
        world.settle()

    def test_audio_that_cannot_be_reached(self, world: World) -> None:
        """RFC 6157: a centre that has gone over to IPv6 hears nothing of ours, and says nothing that reaches us."""
        caller, centre = arrived(world)
        centre.answer(replace(centre.terminal.answer(centre.offered_session()), connection=ELSEWHERE))
        assert "IPv6" in (header(caller.expect("480").message, "warning") or "")
        world.run(0.1)
        assert sorted(centre.heard) == ["ACK", "BYE", "INVITE"]
        world.settle()

    def test_no_description_in_the_200(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.respond_first(200, None, "", ())
        caller.expect("480")
        world.run(0.1)
        assert sorted(centre.heard) == ["ACK", "BYE", "INVITE"]
        world.settle()

    @pytest.mark.parametrize(
        "lines",
        [
            [("Contact", "<tel:+8610>")],
            [("Contact", "<sips:pbx@10.2.0.5>")],
            [("Contact", "<sip:pbx@pbx.example.invalid>")],
            [("Contact", "<sip:pbx@[2001:db8::1]>")],
            [("Contact", '"open <sip:pbx')],
            [("Record-Route", "<<>>")],
            [("Allow", '"INVITE')],
        ],
    )
    def test_headers_of_the_200_that_cannot_be_read_or_used(self, lines: list[tuple[str, str]], world: World) -> None:
        """The call lives, and can be ended."""
        caller, centre = arrived(world)
        contact = [pair for pair in centre.own_headers() if pair[0] not in dict(lines)]
        centre.own_headers = lambda: [*contact, *lines]  # type: ignore[method-assign]
        picked_up(caller, centre)
        world.run(1)
        ended(world, caller, centre)


class TestRoomTrouble:
    def test_a_room_that_fails_costs_the_picture_alone(self, world: World) -> None:
        world.engine.fault = lambda what, call: MediaUnavailable("full") if what == "open_room" else None
        caller, centre = arrived(world)
        centre.answer()
        assert [media.port > 0 for media in sdp(caller.expect("200")).media] == [True, False]
        ended(world, caller, centre)

    def test_no_ports_for_the_picture_cost_that_alone_and_everybody_is_told(self, world: World) -> None:
        world.engine.fault = lambda what, call: NoPorts("no free media ports") if what == "open_room" else None
        caller, centre = arrived(world)
        centre.answer()
        assert [media.port > 0 for media in sdp(caller.expect("200")).media] == [True, False]
        view = world.call_of(caller).view()
        assert view.video.fault == Lack.PORTS.words
        found = why(view, (), world.traces[view.call_id]).video
        assert found.words == f"the caller's video cannot be used: {Lack.PORTS.words}"
        assert "video is refused: no media ports are left" in found.proof[0].text
        ended(world, caller, centre)

    def test_what_it_was_refused_for_is_still_known_after_an_update(self, world: World) -> None:
        """Handsets of IMS send one in each call, once their network has reserved its resources (RFC 3312)."""
        world.engine.fault = lambda what, call: NoPorts("no free media ports") if what == "open_room" else None
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True)
        caller.expect("183")
        world.run(1)
        caller.update(caller.terminal.sent)
        assert [media.port > 0 for media in sdp(caller.expect("200 UPDATE")).media] == [True, False]
        assert world.call_of(caller).view().video.fault == Lack.PORTS.words
        picked_up(caller, centre)
        assert world.call_of(caller).view().video.fault == Lack.PORTS.words
        ended(world, caller, centre)

    @pytest.mark.parametrize("stuck", ["open_room", "join", "set_participant"])
    def test_a_room_that_hangs_does_not_delay_the_voice(self, stuck: str, world: World) -> None:
        world.engine.stuck = {stuck}
        caller, centre = arrived(world)
        before = world.now
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert world.now - before < 0.3
        assert line(answer, "audio").port
        assert bool(line(answer, "video").port) == (stuck == "set_participant")
        assert world.voice_faults(caller) == []
        world.run(3)
        ended(world, caller, centre)

    def test_no_ports_for_the_voice(self, world: World) -> None:
        world.engine.down = {0, 1}
        refusal = world.sbc.invite().expect("503").message
        assert refusal is not None and refusal.headers.get("retry-after") == "2"
        world.settle()


class TestWhatIsTurnedAway:
    def refused(self, world: World, status: str, **invite: Any) -> Request:
        heard = world.sbc.invite(**invite).expect(status)
        world.settle()
        assert not world.pbx.calls
        assert heard.message is not None
        return heard.message  # type: ignore[return-value]

    def test_an_unknown_extension(self, world: World) -> None:
        message = self.refused(world, "420", headers=[("Require", "quantum-leap")])
        assert message.headers.get("unsupported") == "quantum-leap"

    @pytest.mark.parametrize(
        "lines",
        [
            b"m=video 5002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n",
            b"m=audio 0 RTP/AVP 8\r\n",
            b"m=audio 5006 RTP/SAVP 8\r\n",
            b"m=audio 5006 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        ],
    )
    def test_no_usable_audio(self, lines: bytes, world: World) -> None:
        head = b"v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n"
        message = self.refused(world, "488", offer=head + lines)
        assert (message.headers.get("warning") or "").startswith("399 splitter ")

    def test_max_forwards_used_up(self, world: World) -> None:
        self.refused(world, "483", headers=[("Max-Forwards", "0")])

    def test_a_number_without_a_route(self, world: World) -> None:
        self.refused(world, "404", called="999")
