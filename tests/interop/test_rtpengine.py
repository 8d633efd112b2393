"""Calls whose voice Debian's rtpengine carries, between SIPp and the gateway; two of them, and what a death costs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_TONE, Scene, hang_up, until
from tests.interop.sipp import TOLD
from tests.interop.test_faults import invites
from tests.media.ng.rtpengine import Rtpengine, rtpengines


@pytest.fixture
def daemons(desk: Desk) -> Iterator[list[Rtpengine]]:
    """Two that run, on other addresses than the gateway's own."""
    interfaces = f"access/{desk.host(30)}", f"core/{desk.host(31)}"
    with rtpengines("one", "two", first_port=50_000, interfaces=interfaces) as made:
        yield made


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], daemons: list[Rtpengine]) -> Gateway:
    tables = [f'[rtpengine.{one.name}]\naddress = "{one.address}"\n' for one in daemons]
    return make_gateway(rtpengine_for='["access"]', rtpengines="\n".join(tables))


def carriers(daemons: list[Rtpengine]) -> list[int]:
    """How many calls each of them has."""
    return [len(one.calls()) for one in daemons]


class TestTheVoice:
    def test_goes_both_ways_and_nothing_is_left(
        self, gateway: Gateway, scene: Scene, desk: Desk, daemons: list[Rtpengine]
    ) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up", held_ms=TOLD)
        offered = until(centre, "INVITE").sdp.address_of(0)
        answered = until(caller, "INVITE", 200).sdp.address_of(0)
        assert (answered[0], offered[0]) == (desk.host(30), desk.host(31))
        theirs.talk_to(offered)
        ours.talk_to(answered)
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the centre", 5, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the centre hears the caller", 5, theirs.in_words)
        assert carriers(daemons) == [1, 0]
        assert "rtpengine     one at" in gateway.cli("status")
        hang_up(caller)
        centre.finish()
        eventually(lambda: carriers(daemons) == [0, 0], "no call is left", 5)

    def test_flows_again_after_a_hold_through_the_same_ports(
        self, gateway: Gateway, scene: Scene, daemons: list[Rtpengine]
    ) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-is-held", answer2="centre-held", answer3="centre-resumed")
        caller = scene.caller(
            "caller-holds", "transcoded", offer2="transcoded-hold", offer3="transcoded-resume", rest_ms=TOLD
        )
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        eventually(lambda: len(invites(centre)) == 3, "hold and resume", 10, centre.complaint)
        assert len({invite.sdp.address_of(0) for invite in invites(centre)}) == 1
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE, 0.1), "the caller hears the centre", 3, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE, 0.1), "the centre hears the caller", 3, theirs.in_words)
        caller.go_on(until(caller, "ACK", sent=True, times=3))
        caller.finish()
        centre.finish()
        eventually(lambda: carriers(daemons) == [0, 0], "no call is left", 5)


class TestAnRtpengineThatDies:
    @pytest.mark.parametrize("left", ["another", "nobody"])
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
    def test_costs_the_voice_a_moment(
        self,
        gateway: Gateway,
        scene: Scene,
        desk: Desk,
        daemons: list[Rtpengine],
        number: signal.Signals,
        left: str,
    ) -> None:
        if left == "nobody":
            daemons[1].kill()
            eventually(lambda: "rtpengine two" in str(gateway.status()["alarms"]), "its death is seen", 8)
        ours, theirs = scene.voices()
        centre = scene.centre("centre-rehomed", answer2="centre-resumed", held_ms=TOLD)
        caller = scene.caller("caller-rehomed", answer2="transcoded-resumed")
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        eventually(lambda: ours.hears(CENTRE_TONE) and theirs.hears(CALLER_TONE), "both are heard", 5, ours.in_words)
        daemons[0].kill(number)
        eventually(lambda: invites(caller), "the caller is told where the voice is now", 8, caller.complaint)
        told = invites(caller)[-1].sdp
        assert told.kinds == ("audio", "video")
        assert told.address_of(0)[0] == (desk.host(30) if left == "another" else desk.access)
        ours.talk_to(told.address_of(0))
        eventually(lambda: len(invites(centre)) > 1, "the centre is told the new address", 8, centre.complaint)
        theirs.talk_to(invites(centre)[-1].sdp.address_of(0))
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the centre again", 8, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the centre hears the caller again", 8, theirs.in_words)
        if left == "another":
            assert carriers(daemons[1:]) == [1]
        centre.go_on(until(centre, "ACK", times=2))
        caller.finish()
        centre.finish()
        daemons[0].kill(signal.SIGCONT)
        eventually(lambda: left == "nobody" or carriers(daemons[1:]) == [0], "no call is left", 5)
        if number == signal.SIGSTOP:
            eventually(lambda: daemons[0].calls() == [], "what it had is deleted once it is awake", 8)
