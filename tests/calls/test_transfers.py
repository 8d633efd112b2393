"""The centre hands a call on by REFER (RFC 3515, RFC 5589): blind and attended, and whatever may come between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.calls.asks import LeaveVoice
from splitter.calls.settings import Transfers
from splitter.lab.offers import Voice
from splitter.sip.message import Request
from splitter.sip.parse import parse_message
from tests.calls.kit import connected as answered
from tests.calls.kit import redirecting, relay_target, told, with_webrtc
from tests.calls.test_outwards import answered as outwards
from tests.calls.test_phones import invited, joined, over
from tests.dialogs.test_replaces import replacing
from tests.world import PeerCall, World
from tests.world.wire import Sent

TO, OUTSIDE = "8002", "13900001111"


@pytest.fixture
def world() -> Iterator[World]:
    """A gateway whose centre may transfer by REFER."""
    with World(trunk={"transfers": Transfers.REFER}) as made:
        yield made


def hears(call: PeerCall, what: str, limit_s: float = 10.0) -> None:
    """Wait until a call hears this, whatever else it hears before."""
    world = call.peer.world
    there = world.loop.run_until(lambda: any(one.what == what for one in call.unread), limit_s)
    assert there, f"{call} waits for {what}\n{world.ladder(call)}"
    while call.unread.popleft().what != what:
        pass


def refer(centre: PeerCall, to: str = f"<sip:{TO}@10.2.0.5>", *more: tuple[str, str]) -> None:
    centre.request("REFER", [("Refer-To", to), *more])


def transferring(world: World, *more: tuple[str, str], **offered: Voice) -> tuple[PeerCall, PeerCall, PeerCall]:
    """A blind transfer that rings; (caller, the one that asked, the one that is called)."""
    caller, centre = answered(world, **offered)
    refer(centre, f"<sip:{TO}@10.2.0.5>", *more)
    hears(centre, "202 REFER")
    new = world.pbx.take()
    new.ring(180)
    world.run(0.1)
    return caller, centre, new


def notices(world: World, call: PeerCall) -> list[str]:
    """What the one that asked was told, each as its status, and "!" where that was the last."""
    told = {event.data for event in world.trace_of(call) if event.direction == "out" and event.text == "NOTIFY"}
    requests = [request for data in told if isinstance(request := parse_message(data), Request)]
    return [_notice(request) for request in sorted(requests, key=lambda request: request.cseq)]


def _notice(request: Request) -> str:
    assert request.headers.get("content-type") == "message/sipfrag;version=2.0"
    over = (request.headers.get("subscription-state") or "").startswith("terminated")
    return request.body.decode().split()[1] + ("!" if over else "")


def _is_final_notice(sent: Sent) -> bool:
    return sent.data.startswith(b"NOTIFY ") and b"SIP/2.0 200 OK" in sent.data


def codes(world: World) -> list[str]:
    return [notice.code for notice in world.notices]


class TestABlindTransfer:
    def test_gives_the_call_to_whom_the_centre_names(self, world: World) -> None:
        caller, centre, new = transferring(world)
        assert notices(world, caller) == ["100", "180"]
        assert world.voice_faults(caller) == [] and not caller.unread, "the two talk on"
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert notices(world, caller) == ["100", "180", "200!"]
        assert world.voice_faults(caller) == [] and not caller.unread, "the caller notices nothing"
        view = world.call_of(caller).view()
        assert (view.extension, view.bound_by, [leg.name for leg in view.legs]) == (
            TO,
            "centre refer-to",
            ["centre", "caller", "centre-2"],
        )
        new.reinvite(audio="sendonly")
        hears(new, "200 re-INVITE")
        over(world, caller, new)

    @pytest.mark.parametrize("lost", [1, 99], ids=["once", "always"])
    def test_says_that_it_is_done_before_it_hangs_up(self, world: World, lost: int) -> None:
        """A BYE that overtakes the last notice would hide from the one that asked how it went."""
        caller, centre, new = transferring(world)
        left = iter(range(lost))
        world.wire.drop = lambda sent: _is_final_notice(sent) and next(left, None) is not None
        new.answer()
        world.run(0.3)
        assert [event.text for event in world.trace_of(caller) if event.text == "BYE"] == [], "the notice is not heard"
        hears(centre, "BYE", 60)
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_calls_as_the_caller_calls(self, world: World) -> None:
        caller, centre, new = transferring(world, ("Referred-By", "<sip:8001@10.2.0.5>"))
        first, invite = centre.invite, new.invite
        for name in ("x-splitter-call", "p-asserted-identity"):
            assert invite.headers.get(name) == first.headers.get(name)
        assert invite.from_.user == first.from_.user and invite.uri.startswith(f"sip:{TO}@")
        assert invite.headers.get("referred-by") == "<sip:8001@10.2.0.5>"
        assert [line.kind for line in new.offered_session().media] == ["audio"]
        new.answer()
        hears(centre, "BYE")
        over(world, caller, new)

    @pytest.mark.parametrize("status", [486, 404, 603])
    def test_that_fails_leaves_the_caller_where_it_was(self, world: World, status: int) -> None:
        caller, centre, new = transferring(world)
        new.refuse(status)
        world.run(0.5)
        assert notices(world, caller)[-1] == f"{status}!" and centre.state == "confirmed"
        assert world.voice_faults(caller) == [] and "transfer-failed" in codes(world)
        centre.reinvite(audio="sendonly")
        hears(caller, "INVITE")
        refer(centre)  # and once more
        hears(centre, "202 REFER")
        again = world.pbx.take()
        again.answer()
        hears(centre, "BYE")
        over(world, caller, again)

    def test_tries_the_next_trunk_where_one_cannot(self, world: World) -> None:
        caller, centre, new = transferring(world)
        new.refuse(503)
        other = world.pbx2.take()
        other.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert world.voice_faults(caller) == [] and world.call_of(caller).view().route == "pbx2"
        over(world, caller, other)

    def test_follows_a_number_whose_calls_are_forwarded(self, world: World) -> None:
        caller, centre = answered(world)
        redirecting(world, (302, "<sip:8005@10.2.0.5>"))
        refer(centre)
        hears(centre, "202 REFER")
        new = world.pbx.take()
        assert new.invite.uri.startswith("sip:8005@")
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_rings_for_a_minute_at_most(self, world: World) -> None:
        caller, centre, new = transferring(world)
        hears(new, "CANCEL", 61.0)
        world.run(0.5)
        assert notices(world, caller)[-1] == "408!"
        over(world, caller, centre)

    def test_whose_answer_cannot_be_used_fails(self, world: World) -> None:
        caller, centre, new = transferring(world)
        new.respond_first(200, None, "", ())
        hears(new, "BYE")
        world.run(0.5)
        assert notices(world, caller)[-1] == "488!" and world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_ends_a_hold_that_came_before_it(self, world: World) -> None:
        caller, centre = answered(world)
        centre.reinvite(audio="sendonly")
        hears(centre, "200 re-INVITE")
        refer(centre)
        new = world.pbx.take()
        new.answer()
        hears(centre, "BYE")
        world.run(1.0)
        way = caller.terminal.way("audio")
        assert way is not None and way.sends and way.receives and world.voice_faults(caller) == []
        over(world, caller, new)

    def test_lets_the_caller_change_its_codec_for_whom_it_gets(self, world: World) -> None:
        caller, centre, new = transferring(world, voice=Voice.AMR)
        new.answer()
        hears(centre, "BYE")
        world.run(1.0)
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_binds_whom_the_centre_names_behind_the_number(self, world: World) -> None:
        caller, centre, new = transferring(world)
        new.answer(headers=[("P-Asserted-Identity", "<sip:8003@10.2.0.5>")])
        hears(centre, "BYE")
        world.run(0.5)
        assert world.call_of(caller).view().extension == "8003"
        over(world, caller, new)

    def test_takes_the_picture_from_the_desk_before_to_the_next_one(self, world: World) -> None:
        caller, centre = answered(world)
        centre.update(bare=True, headers=[("P-Asserted-Identity", "<sip:7001@10.2.0.5>")])
        hears(centre, "200 UPDATE")
        with_webrtc(world, caller, "tab-1", "7001")
        refer(centre)
        new = world.pbx.take()
        new.ring(180, headers=[("P-Asserted-Identity", f"<sip:{TO}@10.2.0.5>")])
        world.run(0.5)
        assert [one.desk.extension for one in world.call_of(caller).talk.parties.all()] == ["7001"], "it only rings"
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert world.call_of(caller).view().extension == TO
        assert not world.call_of(caller).talk.parties.all() and "party-removed" in codes(world)
        with_webrtc(world, caller, "tab-2", TO)
        over(world, caller, new)

    def test_may_be_said_without_being_told(self, world: World) -> None:
        caller, centre, new = transferring(world, ("Refer-Sub", "false"), ("Supported", "norefersub"))
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert notices(world, caller) == []
        over(world, caller, new)


class TestAnAttendedTransfer:
    def test_replaces_the_dialog_of_the_other_agent(self, world: World) -> None:
        caller, centre = answered(world)
        refer(centre, f"<sip:{TO}@10.2.0.9?Replaces=abc%40pbx%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>")
        new = world.pbx.take()
        assert new.invite.headers.get("replaces") == "abc@pbx;to-tag=1;from-tag=2"
        assert new.invite.headers.get("require") == "replaces"
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert notices(world, caller) == ["100", "200!"] and world.voice_faults(caller) == []
        over(world, caller, new)

    def test_to_a_call_of_this_gateway_is_refused(self, world: World) -> None:
        caller, centre = answered(world)
        other, consult = answered(world)
        dialog = consult.dialog
        assert dialog is not None
        named = f"{dialog.id.call_id};to-tag={dialog.id.remote_tag};from-tag={dialog.id.local_tag}"
        named = named.replace("@", "%40").replace(";", "%3B").replace("=", "%3D")
        refer(centre, f"<sip:{TO}@10.2.0.1?Replaces={named}>")
        hears(centre, "488 REFER")
        for one in (caller, other):
            one.bye()
        for one in (centre, consult):
            hears(one, "BYE")
        world.settle()


class TestWhoAsked:
    def test_may_hang_up_at_once(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        hears(centre, "200 BYE")
        world.run(1.0)
        assert caller.state == "confirmed" and not caller.unread
        assert world.call_of(caller).view().extension == TO
        new.answer()
        world.run(1.0)
        assert world.voice_faults(caller) == []
        new.reinvite(audio="sendonly")
        hears(new, "200 re-INVITE")
        over(world, caller, new)

    def test_has_hung_up_and_the_caller_hears_what_comes_before_the_answer(self, world: World) -> None:
        caller, centre = answered(world)
        refer(centre)
        new = world.pbx.take()
        new.ring(183, media=True)
        world.run(0.1)
        before = relay_target(world, caller, 1)
        assert before == centre.terminal.local("audio")
        centre.bye()
        world.run(0.1)
        early = relay_target(world, caller, 1)
        assert early not in (None, before)
        new.answer()
        world.run(1.0)
        assert relay_target(world, caller, 1) == new.terminal.local("audio") == early
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_has_hung_up_and_the_next_trunk_is_tried(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        world.run(0.5)
        new.refuse(503)
        other = world.pbx2.take()
        other.answer()
        world.run(1.0)
        assert world.voice_faults(caller) == [] and world.call_of(caller).view().route == "pbx2"
        over(world, caller, other)

    def test_has_hung_up_and_nobody_comes(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        world.run(0.5)
        new.refuse(486)
        bye = caller.expect("BYE").message
        assert bye is not None and bye.headers.get("reason") == "SIP;cause=486"
        world.settle()

    def test_has_hung_up_and_the_caller_does_too(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        world.run(0.5)
        caller.bye()
        hears(new, "CANCEL")
        world.settle()

    def test_has_hung_up_and_the_caller_changes_its_session(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        world.run(0.5)
        caller.reinvite(move=True)
        world.run(1.0)
        new.answer()
        hears(caller, "200 re-INVITE")
        world.run(1.0)
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_hangs_up_while_it_is_asked_something(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.on_reinvite = lambda call: None
        caller.reinvite(audio="sendonly")
        hears(centre, "INVITE")
        centre.bye()
        hears(caller, "500 re-INVITE")
        new.answer()
        world.run(5.0)
        assert caller.state == "confirmed" and world.voice_faults(caller) == []
        over(world, caller, new)


class TestMeanwhile:
    def test_the_caller_hangs_up(self, world: World) -> None:
        caller, centre, new = transferring(world)
        caller.bye()
        hears(new, "CANCEL")
        hears(centre, "BYE")
        world.settle()

    def test_an_answer_that_crosses_the_end_is_ended(self, world: World) -> None:
        caller, _, new = transferring(world)
        caller.bye()
        new.answer()
        hears(new, "BYE")
        world.settle()

    def test_the_caller_is_being_asked_and_the_new_one_waits_for_that(self, world: World) -> None:
        caller, centre, new = transferring(world)
        caller.on_reinvite = lambda call: None
        centre.reinvite(audio="sendonly")
        hears(caller, "INVITE")
        new.answer()
        hears(new, "ACK")
        new.reinvite(move=True)
        hears(new, "491 re-INVITE")
        assert world.call_of(caller).pending.transfer is not None
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        hears(centre, "BYE")
        world.run(2.0)
        way = caller.terminal.way("audio")
        assert way is not None and way.sends and way.receives and world.voice_faults(caller) == []
        over(world, caller, new)

    def test_the_new_one_hangs_up_before_it_has_the_place(self, world: World) -> None:
        caller, centre, new = transferring(world)
        caller.on_reinvite = lambda call: None
        centre.reinvite(audio="sendonly")
        hears(caller, "INVITE")
        new.answer()
        hears(new, "ACK")
        new.bye()
        hears(new, "200 BYE")
        world.run(0.2)
        assert notices(world, caller)[-1] == "487!"
        caller.accept()
        world.run(1.0)
        assert centre.state == "confirmed"
        over(world, caller, centre)

    def test_the_worker_dies(self, world: World) -> None:
        caller, centre, new = transferring(world)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.kill(relay.worker)
        world.run(1.0)
        new.answer()
        hears(centre, "BYE")
        world.run(2.0)
        assert world.voice_faults(caller) == []
        over(world, caller, new)

    def test_an_operator_ends_the_call(self, world: World) -> None:
        caller, centre, new = transferring(world)
        world.calls.hangup(world.call_of(caller).talk.call_id, "enough")
        for one in (caller, centre):
            hears(one, "BYE")
        hears(new, "CANCEL")
        world.settle()


class TestWhatDies:
    def test_the_gateway_while_it_rings(self, world: World) -> None:
        caller, centre, new = transferring(world)
        world.run(0.5)
        assert world.restart().taken_up == 1
        hears(new, "CANCEL")
        world.run(2.0)
        assert notices(world, caller)[-1] == "503!" and world.voice_faults(caller) == []
        refer(centre)
        hears(centre, "202 REFER")
        again = world.pbx.take()
        again.answer()
        hears(centre, "BYE")
        world.run(1.0)
        assert world.voice_faults(caller) == []
        over(world, caller, again)

    def test_the_gateway_as_whom_it_calls_answers(self, world: World) -> None:
        """What it has confirmed until then took numbers that its record does not have (RFC 3262 §4)."""
        caller, centre = answered(world)
        refer(centre)
        new = world.pbx.take()
        for status in (183, 180):
            new.ring(status, media=status == 183, reliable=True)
            hears(new, "PRACK")
        world.run(0.5)
        world.lives[-1].records.flush()
        world.kill()
        new.answer()
        world.begin_again()
        hears(new, "BYE")
        world.run(2.0)
        assert new.state == "ended" and centre.state == "confirmed"
        over(world, caller, centre)

    def test_the_gateway_while_an_answer_waits(self, world: World) -> None:
        caller, centre, new = transferring(world)
        caller.on_reinvite = lambda call: None
        centre.reinvite(audio="sendonly")
        hears(caller, "INVITE")
        new.answer()
        hears(new, "ACK")
        world.run(0.5)
        caller.on_reinvite = PeerCall.accept
        assert world.restart().taken_up == 1
        hears(new, "BYE")
        world.run(5.0)
        assert centre.state == caller.state == "confirmed"
        over(world, caller, centre)

    def test_the_gateway_after_it(self, world: World) -> None:
        caller, centre, new = transferring(world)
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert world.restart().taken_up == 1
        world.run(1.0)
        assert world.voice_faults(caller) == [] and world.call_of(caller).view().extension == TO
        over(world, caller, new)

    def test_the_gateway_while_the_caller_waits_alone(self, world: World) -> None:
        caller, centre, new = transferring(world)
        centre.bye()
        world.run(0.5)
        world.restart()
        hears(new, "CANCEL")
        hears(caller, "BYE", 40.0)
        world.settle()


class TestWhatIsRefused:
    def test_by_a_trunk_that_may_not(self) -> None:
        with World() as world:
            caller, centre = answered(world)
            refer(centre)
            answer = centre.expect("405 REFER").message
            assert answer is not None and "REFER" not in (answer.headers.get("allow") or "")
            over(world, caller, centre)

    def test_of_a_caller(self, world: World) -> None:
        caller, centre = answered(world)
        refer(caller)
        hears(caller, "405 REFER")
        over(world, caller, centre)

    @pytest.mark.parametrize("number", [OUTSIDE, "0090012345678", "abc", "../etc"])
    def test_a_number_that_no_rule_allows_here(self, world: World, number: str) -> None:
        caller, centre = answered(world)
        refer(centre, f"<sip:{number}@10.2.0.5>")
        hears(centre, "403 REFER")
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    @pytest.mark.parametrize(
        ("to", "status"),
        [
            ("<http://10.2.0.5/8002>", 416),
            ("<sip:8002@10.2.0.5;method=BYE>", 403),
            ("<sip:10.2.0.5>", 400),
            ("<sip:" + "8" * 600 + "@10.2.0.5>", 400),
            ("<sip:8002@10.2.0.5?Replaces=a>", 400),
            ("<sip:8002@10.2.0.5?Replaces=a%0d%0aVia:x;to-tag=1;from-tag=2>", 400),
            ("<sip:8002@10.2.0.5>, <sip:8003@10.2.0.5>", 400),
        ],
    )
    def test_what_cannot_be_read_or_is_no_call(self, world: World, to: str, status: int) -> None:
        caller, centre = answered(world)
        refer(centre, to)
        hears(centre, f"{status} REFER")
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_other_headers_of_the_uri_are_not_followed(self, world: World) -> None:
        caller, centre = answered(world)
        refer(centre, f"<sip:{TO}@evil.example?Route=%3Csip:evil.example%3E&Subject=hi>")
        new = world.pbx.take()
        assert new.invite.headers.get("route") is None and new.invite.headers.get("subject") is None
        new.answer()
        hears(centre, "BYE")
        over(world, caller, new)

    def test_where_three_talk_or_are_about_to(self, world: World) -> None:
        caller, centre = answered(world)
        phone = invited(world, caller)
        refer(centre, "<sip:8003@10.2.0.5>")
        hears(centre, "403 REFER")
        phone.answer()
        hears(phone, "ACK")
        world.run(0.5)
        refer(centre, "<sip:8003@10.2.0.5>")
        hears(centre, "403 REFER")
        refer(phone, "<sip:8003@10.2.0.5>")
        hears(phone, "403 REFER")
        over(world, caller, centre, phone)

    def test_a_second_one_while_the_first_is_under_way(self, world: World) -> None:
        caller, centre, new = transferring(world)
        refer(centre, "<sip:8003@10.2.0.5>")
        hears(centre, "491 REFER")
        new.answer()
        hears(centre, "BYE")
        over(world, caller, new)

    def test_one_that_goes_in_a_circle(self, world: World) -> None:
        caller, centre = answered(world)
        for _ in range(31):
            refer(centre)
            new = world.pbx.take()
            new.answer()
            hears(centre, "BYE")
            centre = new
        refer(centre)
        hears(centre, "482 REFER")
        over(world, caller, centre)


class TestACallOutwards:
    def test_is_handed_on_as_well(self, world: World) -> None:
        centre, person = outwards(world)
        refer(centre)
        new = world.pbx.take()
        assert new.invite.from_.user == "13912345678"
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert world.voice_faults(person) == []
        over(world, person, new)


def test_a_phone_may_be_invited_again_afterwards(world: World) -> None:
    caller, centre, new = transferring(world)
    new.answer()
    hears(centre, "BYE")
    world.run(0.5)
    phone = joined(world, caller, "8003")
    over(world, caller, new, phone)


def places(world: World, trunk: str = "pbx") -> int:
    return world.calls.services.admission.limits.calls(trunk)


class TestItsPlaceOnATrunk:
    def test_is_one_whoever_has_the_call(self, world: World) -> None:
        caller, centre = answered(world)
        for number in range(3):
            refer(centre)
            new = world.pbx.take()
            assert places(world) == 2
            new.answer()
            hears(centre, "BYE")
            world.run(0.5)
            assert places(world) == 1
            if number == 0:
                world.restart()
            centre = new
        over(world, caller, centre)
        world.run(1.0)
        assert places(world) == places(world, "sbc") == 0

    def test_is_that_of_who_takes_it_over_by_itself(self, world: World) -> None:
        caller, centre, new = transferring(world)
        new.answer()
        hears(centre, "BYE")
        other = replacing(world, new, voice=Voice.G711)
        other.expect("200")
        hears(new, "BYE")
        refer(other)
        third = world.pbx.take()
        third.answer()
        hears(other, "BYE")
        world.run(0.5)
        assert places(world) == 1
        over(world, caller, third)

    def test_of_an_agent_who_leaves_is_free(self, world: World) -> None:
        caller, centre = answered(world, voice=Voice.G711)
        phone = joined(world, caller)
        assert places(world) == 2
        told(world, caller, LeaveVoice("agent 8001"))
        hears(centre, "BYE")
        assert places(world) == 1
        over(world, caller, phone)
