"""SIPp on both sides: what changes in mid-call, from either side: hold, resume, downgrade, re-INVITE without an offer."""

from __future__ import annotations

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_TONE, Scene, until
from tests.interop.sipp import TOLD, Sipp

pytestmark = pytest.mark.interop


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each call here ends well, and leaves nothing behind."""
    return shared_gateway


def invites(party: Sipp, *, sent: bool) -> list[str]:
    """The directions of the audio line of each INVITE, in order, without retransmissions."""
    seen: dict[str, str] = {}
    for message in party.messages():
        if message.method == "INVITE" and not message.status and message.sent is sent:
            seen.setdefault(message.get("cseq"), message.sdp.media[0].direction if message.body else "none")
    return list(seen.values())


class TestCallerHolds:
    def test_the_centre_is_put_on_hold_and_taken_back(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-is-held", answer2="centre-held", answer3="centre-resumed")
        caller = scene.caller(
            "caller-holds", "transcoded", offer2="transcoded-hold", offer3="transcoded-resume", held_ms=700
        )
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        caller.finish()
        centre.finish()
        assert invites(centre, sent=False) == ["sendrecv", "sendonly", "sendrecv"]
        answers = [m.sdp for m in caller.messages() if (m.method, m.status) == ("INVITE", 200)]
        assert [a.media[0].direction for a in answers] == ["sendrecv", "recvonly", "sendrecv"]
        assert [a.media[1].direction for a in answers] == ["sendrecv", "recvonly", "sendrecv"], "video, by us"
        assert len({a.address_of(0) for a in answers}) == 1, "our ports do not move"
        assert len({a.address_of(1) for a in answers}) == 1
        versions = [
            int(m.body.split("o=")[1].split()[2])
            for m in centre.messages()
            if m.method == "INVITE" and m.body and not m.sent
        ]
        assert versions == list(range(versions[0], versions[0] + 3)), "o= version + 1 each (RFC 3264 §8)"

    def test_voice_flows_again_after_it(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-is-held", answer2="centre-held", answer3="centre-resumed")
        caller = scene.caller(
            "caller-holds", "transcoded", offer2="transcoded-hold", offer3="transcoded-resume", rest_ms=TOLD
        )
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        eventually(lambda: len(invites(centre, sent=False)) == 3, "hold and resume", 10, centre.complaint)
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE, 0.1), "the caller hears the centre", 3, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE, 0.1), "the centre hears the caller", 3, theirs.in_words)
        caller.go_on(until(caller, "ACK", sent=True, times=3))
        caller.finish()
        centre.finish()


class TestCentreHolds:
    def test_the_callers_audio_alone_is_held(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-holds", offer2="centre-hold", offer3="centre-resume")
        caller = scene.caller("caller-held", "transcoded", answer2="transcoded-held", answer3="transcoded-resumed")
        caller.finish()
        centre.finish()
        assert invites(caller, sent=False) == ["sendonly", "sendrecv"]
        for message in caller.messages():
            if message.method == "INVITE" and not message.status and not message.sent:
                assert message.sdp.kinds == ("audio", "video")
                assert message.sdp.media[1].port, "video on hold is not the call on hold, and the other way round"
        answers = [
            m.sdp.media[0].direction
            for m in centre.messages()
            if (m.sent, m.method, m.status) == (False, "INVITE", 200)
        ]
        assert answers == ["recvonly", "sendrecv"]


class TestCentreAsksForAnOffer:
    """RFC 3261 §14: a re-INVITE without SDP; the offer comes in our 200, the answer in its ACK."""

    def test_it_gets_the_voice_alone(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-asks-for-offer", answer4="centre-resume")
        caller = scene.caller("caller-asked-once", "transcoded", answer2="transcoded-resumed")
        caller.finish()
        centre.finish()
        offers = [m for m in centre.messages() if (m.sent, m.method, m.status) == (False, "INVITE", 200)]
        assert offers[-1].sdp.kinds == ("audio",)
        assert offers[-1].sdp.address_of(0) == centre.received("INVITE").sdp.address_of(0), (
            "the media stays where it is"
        )


class TestCallerDropsVideo:
    def test_the_line_is_kept_the_voice_goes_on_and_video_does_not_come_back(
        self, gateway: Gateway, scene: Scene
    ) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        caller = scene.caller(
            "caller-drops-video",
            "transcoded",
            offer2="transcoded-no-video",
            answer4="transcoded-no-video",
            rest_ms=TOLD,
        )
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        first = until(caller, "INVITE", 200)
        ours.talk_to(first.sdp.address_of(0))
        last = until(caller, "ACK", sent=True, times=3)
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE, 0.1), "the caller hears the centre", 3, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE, 0.1), "the centre hears the caller", 3, theirs.in_words)
        caller.go_on(last)
        caller.finish()
        centre.finish()
        answers = [m.sdp for m in caller.messages() if (m.method, m.status) == ("INVITE", 200)]
        assert [a.kinds for a in answers] == [("audio", "video")] * 3
        assert [bool(a.media[1].port) for a in answers] == [True, False, False], "refused, and not offered again"
        assert {a.address_of(0) for a in answers} == {first.sdp.address_of(0)}
        assert invites(centre, sent=False) == ["sendrecv"], "the centre never learns of it"
