"""SIPp as a handset of the IMS: PRACK, UPDATE, preconditions, session timers, glare, video up and down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_TONE, Scene, hang_up, pick_up, until
from tests.interop.sipp import TOLD, Seen, Sipp

pytestmark = pytest.mark.interop

RELIABLE = "Supported: 100rel\n"
PRECONDITION = "Supported: 100rel\nRequire: precondition\n"
CONFIRM = "qos remote sendrecv"


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each call here ends well, and leaves nothing behind."""
    return shared_gateway


def handset(scene: Scene, scenario: str, offer: str, headers: str = RELIABLE, **more: Any) -> Sipp:
    return scene.caller(scenario, offer, headers=headers, **{"reserve_ms": 300, **more})


def once(party: Sipp, method: str, status: int) -> Seen:
    """The one message of its kind, repetitions aside."""
    found = {(m.get("cseq"), m.get("rseq"), m.body): m for m in party.all_received(method, status)}
    assert len(found) == 1, f"{len(found)} of {status} {method}\n{party.complaint()}"
    return next(iter(found.values()))


def finish(caller: Sipp, centre: Sipp) -> None:
    caller.finish()
    centre.finish()


def answer_after(centre: Sipp, _: Seen) -> None:
    """Have a centre that announces until it is TOLD answer: what came before it has passed."""
    centre.go_on(until(centre, "INVITE", 183, sent=True))


class TestReliable:
    """RFC 3262."""

    def test_a_183_with_sdp_and_a_200_without(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-announces", ring_ms=TOLD)
        caller = handset(scene, "ims-prack", "ims-video", held_ms=TOLD)
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        progress = until(caller, "INVITE", 183)
        ours.talk_to(progress.sdp.address_of(0))
        assert [m.port > 0 for m in progress.sdp.media] == [True, True]
        eventually(
            lambda: ours.hears(CENTRE_TONE) and theirs.hears(CALLER_TONE), "both hear each other", 6, ours.in_words
        )
        answer_after(centre, until(caller, "PRACK", 200))
        hang_up(caller)
        centre.finish()
        assert not once(caller, "INVITE", 200).body

    def test_the_prack_offers_the_chosen_codec_alone(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-announces", ring_ms=TOLD)
        caller = handset(scene, "ims-prack-offer", "ims-video", offer2="ims-chosen")
        answer_after(centre, until(caller, "PRACK", 200))
        finish(caller, centre)
        answer = once(caller, "PRACK", 200).sdp
        assert answer.media[0].formats == ("8", "101") and answer.media[1].port
        assert len([m for m in centre.messages() if m.method == "INVITE" and not m.status]) == 1, (
            "the centre hears nothing"
        )


class TestUpdate:
    """RFC 3311."""

    def test_before_the_answer(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-announces", ring_ms=TOLD)
        caller = handset(scene, "ims-update", "ims-video", offer2="ims-chosen")
        answer_after(centre, until(caller, "UPDATE", 200))
        finish(caller, centre)
        answer = once(caller, "UPDATE", 200).sdp
        assert answer.media[0].formats == ("8", "101")
        assert answer.address_of(1) == once(caller, "INVITE", 183).sdp.address_of(1)

    def test_while_ours_is_open_is_glare(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-holds", offer2="centre-hold", offer3="centre-resume", held_ms=200)
        caller = handset(
            scene, "ims-glare", "ims-video", "", offer2="ims-chosen", answer2="ims-held", answer3="ims-resumed"
        )
        finish(caller, centre)
        assert once(caller, "UPDATE", 491) and once(caller, "INVITE", 491)
        directions = [m.sdp.media[0].direction for m in centre.all_received("INVITE", 200)]
        assert directions == ["recvonly", "sendrecv"], "the centre has its hold and its talk back"


class TestPreconditions:
    """RFC 3312: nobody is alerted until the handset has its resources."""

    def test_the_whole_sequence(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("ims-centre", ring_ms=TOLD)
        caller = handset(scene, "ims-preconditions", "ims-reserving", PRECONDITION, offer2="ims-ready", held_ms=TOLD)
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        progress = until(caller, "INVITE", 183)
        ours.talk_to(progress.sdp.address_of(0))
        for media in progress.sdp.media:
            assert CONFIRM in media.attributes("conf") and "qos local sendrecv" in media.attributes("curr")
        eventually(
            lambda: ours.hears(CENTRE_TONE) and theirs.hears(CALLER_TONE), "both hear each other", 6, ours.in_words
        )
        until(caller, "INVITE", 180)
        pick_up(centre)
        hang_up(caller)
        centre.finish()
        order = [m.status or m.method for m in caller.messages() if m.status != 100]
        kept = list(dict.fromkeys(order))
        assert kept[:5] == ["INVITE", 183, "PRACK", 200, "UPDATE"] and order.index(180) > order.index("UPDATE")
        assert "qos" not in centre.received("INVITE").body

    def test_the_centre_answers_first(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers", ring_ms=0)
        caller = handset(
            scene, "ims-preconditions-late", "ims-reserving", PRECONDITION, offer2="ims-ready", reserve_ms=TOLD
        )
        until(centre, "ACK")
        assert not caller.all_received("INVITE", 200)
        caller.go_on(until(caller, "PRACK", 200))
        finish(caller, centre)

    def test_the_handset_gives_up(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers", ring_ms=0)
        caller = handset(scene, "ims-preconditions-cancel", "ims-reserving", PRECONDITION, reserve_ms=TOLD)
        until(centre, "ACK")
        caller.go_on(until(caller, "PRACK", 200))
        finish(caller, centre)
        assert "487" in centre.received("BYE").get("reason")


class TestSessionTimer:
    """RFC 4028."""

    def test_the_handset_refreshes(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers")
        headers = "Supported: timer\nSession-Expires: 90;refresher=uac\n"
        caller = handset(scene, "ims-timer", "ims-video", headers, offer2="ims-video", refresh="90;refresher=uac")
        finish(caller, centre)
        for answer in (*caller.all_received("INVITE", 200), *caller.all_received("UPDATE", 200)):
            assert answer.get("session-expires") == "90;refresher=uac"
        assert caller.received("UPDATE", 422).get("min-se") == "90"
        first, again = (m.body for m in caller.all_received("INVITE", 200)[:2])
        assert first == again, "a refresh changes nothing"

    def test_too_small(self, gateway: Gateway, scene: Scene) -> None:
        caller = handset(scene, "ims-timer-too-small", "ims-video", "Supported: timer\nSession-Expires: 60\n")
        caller.finish()
        assert caller.received("INVITE", 422).get("min-se") == "90"


class TestVideo:
    def test_up_and_down(self, gateway: Gateway, scene: Scene) -> None:
        """A voice call of the handset gets video and loses it again; the centre hears nothing of it."""
        ours, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        caller = handset(
            scene, "caller-holds", "ims-voice", "", offer2="ims-upgraded", offer3="ims-downgraded", held_ms=TOLD
        )
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        eventually(
            lambda: ours.hears(CENTRE_TONE) and theirs.hears(CALLER_TONE), "both hear each other", 6, ours.in_words
        )
        caller.go_on(until(caller, "ACK", sent=True, times=2))
        finish(caller, centre)
        answers = [m.sdp for m in caller.all_received("INVITE", 200)]
        assert [[bool(m.port) for m in a.media] for a in answers] == [[True], [True, True], [True, False]]
        assert answers[1].media[1].proto == "RTP/AVPF" and answers[1].media[1].attributes("acfg") == ("1 t=1",)
        assert len({a.address_of(0) for a in answers}) == 1
        assert len([m for m in centre.messages() if m.method == "INVITE" and not m.status and not m.sent]) == 1
