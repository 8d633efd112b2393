"""Rows of the header table about INFO: digits, key frames, Info Packages."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.lab.offers import Voice
from splitter.media.ports.events import KeyFrameWanted
from splitter.media.ports.voice import Capability
from splitter.rtp.telephone_event import Digit
from splitter.sip.message import Request
from tests.calls.kit import arrived, connected, ended, picked_up, ringing
from tests.calls.table import header, lines_of, notes, whole_call
from tests.world import PeerCall, World


class TestFastUpdate:
    """RFC 5168: a wish for a key frame is consumed; ours is sent where RTCP cannot say it and INFO is allowed."""

    BODY = (
        b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
    )

    @pytest.mark.parametrize("untrusted", [(), ("sbc", "pbx")])
    def test_of_the_caller_is_consumed(self, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = connected(world)
            caller.request("INFO", body=self.BODY, content_type="application/media_control+xml")
            caller.expect("200 INFO")
            world.run(0.1)
            assert world.engine.asked["request_key_frame"] == 1
            centre.hears_nothing(1)
            ended(world, caller, centre)

    @pytest.mark.parametrize(("allow", "asked"), [("INVITE, ACK, BYE, INFO", True), ("INVITE, ACK, BYE", False)])
    def test_of_ours_where_the_room_has_no_other_way(self, allow: str, asked: bool, world: World) -> None:
        caller, centre = arrived(world)
        centre.answer()
        caller.expect("200")
        caller.allow = allow
        caller.reinvite()
        caller.expect("200 re-INVITE")
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        assert room is not None
        world.engine.tell(room, KeyFrameWanted(call.talk.call_id, "caller"))
        world.run(1)
        infos = [heard.message for heard in caller.unread if heard.what == "INFO"]
        assert [one.content_type for one in infos if one] == ["application/media_control+xml"] * asked
        assert not any("INFO" in what for what in centre.heard)
        caller.unread.clear()
        ended(world, caller, centre)


class TestDigits:
    """RFC 4733 flows through; a digit in INFO is passed on as INFO, else in the voice, else not at all. Never twice."""

    RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
    BODY = b"Signal=5\r\nDuration=200\r\n"
    NO_INFO = "INVITE, ACK, CANCEL, BYE"

    def test_telephone_events_are_offered_and_answered_end_to_end(self, world: World) -> None:
        caller, centre = connected(world, voice=Voice.AMR)
        theirs, ours = lines_of(centre.invite)[0], caller.terminal.theirs
        assert [codec.clock for codec in theirs.codecs if codec.name == "telephone-event"] == [16000, 8000]
        assert ours is not None
        assert [codec.clock for codec in ours.media[0].codecs if codec.name == "telephone-event"] == [16000]
        assert world.engine.digits == []
        ended(world, caller, centre)

    @pytest.mark.parametrize("by_caller", [True, False])
    @pytest.mark.parametrize(("kind", "body"), [(RELAY, BODY), (PLAIN, b"5"), (RELAY, b"Signal=hf\r\n")])
    def test_as_info_where_the_other_side_takes_it(self, by_caller: bool, kind: str, body: bytes, world: World) -> None:
        caller, centre = connected(world)
        one, other = (caller, centre) if by_caller else (centre, caller)
        press(one, body, kind)
        info = other.expect("INFO").message
        assert info is not None and (info.content_type, info.body) == (kind, body)
        one.expect("200 INFO")
        world.run(1)
        assert world.engine.digits == []
        ended(world, caller, centre)

    @pytest.mark.parametrize("by_caller", [True, False])
    @pytest.mark.parametrize(
        ("voice", "format"), [(Voice.AMR, (101, 16000)), (Voice.G711, (101, 8000)), (Voice.EVS, None)]
    )
    def test_in_the_voice_where_it_does_not(
        self, by_caller: bool, voice: Voice, format: tuple[int, int] | None, world: World
    ) -> None:
        caller, centre = without_info(world, by_caller, voice=voice)
        one, other = (caller, centre) if by_caller else (centre, caller)
        format = format or negotiated_events(other)
        press(one, self.BODY, self.RELAY)
        one.expect("200 INFO")
        call = world.call_of(caller)
        assert world.engine.digits == [(call.talk.call_id, 1 if by_caller else 0, Digit(5, 200, *format))]
        assert "INFO" not in other.heard
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [405, 415, 469, 501])
    def test_in_the_voice_where_it_refuses_the_info(self, status: int, world: World) -> None:
        """Asked once, it is not asked again."""
        caller, centre = connected(world)
        centre.statuses["INFO"] = status
        for _ in range(2):
            press(caller, self.BODY, self.RELAY)
            caller.expect("200 INFO")
        assert centre.heard.count("INFO") == 1
        assert len(world.engine.digits) == 2
        centre.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [408, 481, 500, 503])
    def test_what_speaks_of_the_other_leg_does_not_cross(self, status: int, world: World) -> None:
        """It may have taken the digit: it is not sent twice."""
        caller, centre = connected(world)
        centre.statuses["INFO"] = status
        press(caller, self.BODY, self.RELAY)
        caller.expect("500 INFO")
        assert world.engine.digits == []
        centre.unread.clear()
        ended(world, caller, centre)

    def test_415_where_there_is_no_way(self, world: World) -> None:
        offer = (
            b"v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n"
            b"m=audio 10000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        caller, centre = without_info(world, True, offer=offer)
        press(caller, self.BODY, self.RELAY)
        refusal = caller.expect("415 INFO")
        assert header(refusal, "accept") == [
            "application/media_control+xml, application/dtmf-relay, application/dtmf, application/vnd.nortelnetworks.digits"
        ]
        assert world.engine.digits == []
        ended(world, caller, centre)

    @pytest.mark.parametrize("body", [b"Signal=hf", b"Signal=", b"nonsense"])
    def test_what_is_no_digit_cannot_go_in_the_voice(self, body: bytes, world: World) -> None:
        caller, centre = without_info(world, True)
        press(caller, body, self.RELAY)
        caller.expect("415 INFO")
        ended(world, caller, centre)

    def test_an_engine_that_cannot_put_digits_into_the_voice_is_not_asked_to(self, world: World) -> None:
        world.engine.can -= {Capability.DIGITS}
        caller, centre = without_info(world, True)
        press(caller, self.BODY, self.RELAY)
        caller.expect("415 INFO")
        assert "send_digit" not in world.engine.asked
        ended(world, caller, centre)

    def test_a_worker_that_does_not_answer_costs_the_digit_alone(self, world: World) -> None:
        caller, centre = without_info(world, True)
        world.engine.stuck.add("send_digit")
        press(caller, self.BODY, self.RELAY)
        caller.expect("500 INFO")
        assert any("a digit was lost" in note for note in notes(world, caller))
        ended(world, caller, centre)

    def test_infos_go_one_at_a_time_and_in_order(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """The first one is lost and repeated: the others wait, for a lower CSeq would be refused."""
        lost = [1]

        def drop(sent: object) -> bool:
            message = getattr(sent, "message", None)
            if isinstance(message, Request) and message.method == "INFO" and message.call_id == centre.sip_call_id:
                lost[0] -= 1
                return lost[0] >= 0
            return False

        world.wire.drop = drop
        for key in (b"1", b"2", b"3"):
            press(caller, key, self.PLAIN)
        bodies = []
        for _ in range(3):
            message = centre.expect("INFO").message
            assert message is not None
            bodies.append(message.body)
        assert bodies == [b"1", b"2", b"3"]
        for _ in range(3):
            caller.expect("200 INFO")
        ended(world, caller, centre)

    def test_a_call_that_ends_leaves_none_unanswered(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.wire.drop = lambda sent: (
            isinstance(sent.message, Request)
            and sent.message.method == "INFO"
            and (sent.message.call_id == centre.sip_call_id)
        )
        press(caller, b"1", self.PLAIN)
        press(caller, b"2", self.PLAIN)
        world.run(1)
        centre.bye()
        world.run(1)
        assert sorted(what for what in caller.heard if what.endswith("INFO")) == ["500 INFO"] * 2
        world.settle()

    def test_of_a_seat_concern_nobody(self) -> None:
        with World() as world, whole_call(world) as (caller, centre, seat):
            press(seat, b"1", self.PLAIN)
            seat.expect("415 INFO")
            assert "INFO" not in caller.heard + centre.heard and world.engine.digits == []


class TestDigitsBeforeTheAnswer:
    """As INFO in the only early dialog, else in the early media, else after the answer; never twice."""

    PLAIN = "application/dtmf"
    NO_INFO = TestDigits.NO_INFO

    def test_as_info_where_the_centre_takes_it(self, world: World) -> None:
        caller, centre = ringing_with_media(world)
        press(caller, b"1", self.PLAIN)
        info = centre.expect("INFO").message
        assert info is not None and info.body == b"1"
        caller.expect("200 INFO")
        answered(world, caller, centre)
        assert world.engine.digits == [] and centre.heard.count("INFO") == 1
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [None, 415, 481])
    def test_in_early_media_where_it_does_not(self, status: int | None, world: World) -> None:
        """481: it knows no INFO in early dialogs."""
        caller, centre = ringing_with_media(world, allow=self.NO_INFO if status is None else "")
        centre.statuses["INFO"] = status or 200
        press(caller, b"1", self.PLAIN)
        caller.expect("200 INFO")
        call = world.call_of(caller)
        expected = [(call.talk.call_id, 1, Digit(1, 160, 101, 16000))]
        assert world.engine.digits == expected
        centre.unread.clear()
        answered(world, caller, centre)
        assert world.engine.digits == expected and centre.heard.count("INFO") == (status is not None)
        ended(world, caller, centre)

    def test_they_wait_for_the_answer_where_nothing_can_take_them(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.allow = self.NO_INFO
        centre.ring(180)
        caller.expect("180")
        for key in (b"1", b"2"):
            press(caller, key, self.PLAIN)
        world.run(3)
        assert world.engine.digits == [] and not caller.unread
        answered(world, caller, centre)
        caller.expect("200 INFO")
        caller.expect("200 INFO")
        assert [digit.event for _, _, digit in world.engine.digits] == [1, 2]
        assert "INFO" not in centre.heard
        ended(world, caller, centre)

    def test_of_several_early_dialogs_none_is_chosen(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.ring(180, fork="2")
        caller.expect("180")
        press(caller, b"1", self.PLAIN)
        centre.hears_nothing(1)
        answered(world, caller, centre)
        assert centre.expect("INFO").message is not None
        caller.expect("200 INFO")
        assert world.engine.digits == []
        ended(world, caller, centre)

    def test_one_that_waits_too_long_is_refused(self, world: World) -> None:
        """It would come as a surprise."""
        caller, centre = arrived(world)
        centre.allow = self.NO_INFO
        centre.ring(180)
        caller.expect("180")
        press(caller, b"1", self.PLAIN)
        world.run(4)
        assert not caller.unread
        caller.expect("500 INFO", limit_s=2)
        answered(world, caller, centre)
        assert world.engine.digits == []
        ended(world, caller, centre)

    def test_of_the_centre_wait_for_the_callers_dialog(self, world: World) -> None:
        caller, centre = ringing_with_media(world)
        press(centre, b"7", self.PLAIN)
        caller.hears_nothing(1)
        centre.answer()
        caller.expect("200")
        assert {caller.expect("INFO").what} == {"INFO"}
        world.run(0.1)
        assert "200 INFO" in centre.heard and world.engine.digits == []
        centre.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("by_caller", [True, False])
    def test_a_call_that_is_given_up_leaves_none_unanswered(self, by_caller: bool, world: World) -> None:
        caller, centre = arrived(world)
        centre.allow = self.NO_INFO
        centre.ring(180)
        caller.expect("180")
        press(caller, b"1", self.PLAIN)
        press(centre, b"2", self.PLAIN)
        world.run(1)
        if by_caller:
            caller.cancel()
        else:
            centre.refuse(486)
        world.run(1)
        assert "487 INFO" in caller.heard and "487 INFO" in centre.heard
        world.settle()

    def test_no_more_wait_than_the_voice_could_take(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.allow = self.NO_INFO
        centre.ring(180)
        caller.expect("180")
        for _ in range(40):
            press(caller, b"1", self.PLAIN)
            world.run(0.05)
        assert caller.heard.count("500 INFO") == 8
        answered(world, caller, centre, unread=False)
        world.run(1)
        assert len(world.engine.digits) == 32 == caller.heard.count("200 INFO")
        caller.unread.clear()
        ended(world, caller, centre)


class TestInfoPackages:
    """RFC 6086 §4.2.2: none is offered, so none is taken."""

    def test_get_469(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.request("INFO", [("Info-Package", "infoDtmf")], b"5", "application/dtmf")
        assert header(caller.expect("469 INFO"), "recv-info") == [""]
        centre.hears_nothing(1)
        ended(world, caller, centre)


# ---- steps ----


def press(call: PeerCall, body: bytes, kind: str) -> None:
    call.request("INFO", body=body, content_type=kind)


def without_info(world: World, centre_lacks: bool, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """An answered call in which the centre, or the caller, does not allow INFO."""
    caller = world.sbc.invite(**offered)
    centre = world.pbx.take()
    if centre_lacks:
        centre.allow = TestDigits.NO_INFO
    picked_up(caller, centre)
    if not centre_lacks:
        caller.allow = TestDigits.NO_INFO
        caller.update(bare=True)
        caller.expect("200 UPDATE")
    world.run(0.1)
    return caller, centre


def ringing_with_media(world: World, allow: str = "") -> tuple[PeerCall, PeerCall]:
    """The centre is heard before it answers."""
    caller, centre = arrived(world)
    centre.allow = allow or centre.allow
    centre.ring(183, media=True)
    caller.expect("183")
    return caller, centre


def answered(world: World, caller: PeerCall, centre: PeerCall, unread: bool = True) -> None:
    """The centre answers, with the voice connected."""
    centre.answer()
    if unread:
        caller.expect("200")
    centre.expect("ACK")
    world.run(0.1)
    assert world.voice_faults(caller) == []


def negotiated_events(call: PeerCall) -> tuple[int, int]:
    """telephone-event as this peer and the gateway agreed on it."""
    assert call.terminal.ours is not None and call.terminal.theirs is not None
    common = set(call.terminal.ours.media[0].formats) & set(call.terminal.theirs.media[0].formats)
    codecs = [codec for codec in call.terminal.ours.media[0].codecs if str(codec.payload_type) in common]
    (events,) = [codec for codec in codecs if codec.name == "telephone-event"]
    return events.payload_type, events.clock
