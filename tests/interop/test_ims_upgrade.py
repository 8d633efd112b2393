"""SIPp as a handset that is asked for video: it consents, refuses, cannot, answers in steps, or lets nobody answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_TONE, Scene, until
from tests.interop.sipp import TOLD, Seen, Sipp
from tests.interop.test_ims_handset import RELIABLE, finish, handset, once

pytestmark = pytest.mark.interop


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each call here ends well, and leaves nothing behind."""
    return shared_gateway


class Upgrade:
    """A voice call whose caller is about to be asked."""

    def __init__(self, gateway: Gateway, scene: Scene, scenario: str, headers: str = "", **more: Any) -> None:
        self.gateway = gateway
        self.ours, self.theirs = scene.voices()
        self.centre = scene.centre("centre-answers")
        values = {"ponder_ms": 300, "held_ms": TOLD, **more}
        self.caller: Sipp = handset(scene, scenario, "ims-voice", headers, **values)
        self.theirs.talk_to(until(self.centre, "INVITE").sdp.address_of(0))
        self.ours.talk_to(until(self.caller, "INVITE", 200).sdp.address_of(0))
        until(self.centre, "ACK")
        eventually(lambda: self.video()["state"] == "off" and self._state() == "connected", "the call stands", 5)

    def ask(self) -> Seen:
        """The desk asks by the API; the question as the handset got it."""
        assert self.gateway.ask("POST", f"/v1/calls/{self.call()['call_id']}/video") == 202
        return until(self.caller, "INVITE")

    def drop(self) -> None:
        assert self.gateway.ask("DELETE", f"/v1/calls/{self.call()['call_id']}/video") == 202

    def comes_to(self, state: str, outcome: str, usual_s: float = 10.0) -> None:
        """What desks are shown in the end; the voice has been heard on both sides."""
        eventually(
            lambda: (self.video()["state"], self.video()["outcome"]) == (state, outcome),
            f"video is {state}, {outcome}",
            usual_s,
            self.caller.complaint,
        )
        eventually(
            lambda: self.ours.hears(CENTRE_TONE) and self.theirs.hears(CALLER_TONE),
            "both hear each other",
            6,
            self.ours.in_words,
        )

    def end(self, *last: Any, **more: Any) -> None:
        """The caller hangs up. The arguments of `until` say what it has said or heard last."""
        self.caller.go_on(until(self.caller, *(last or ("ACK",)), **more))
        finish(self.caller, self.centre)
        asked = [m for m in self.centre.messages() if m.method == "INVITE" and not m.status and not m.sent]
        assert len(asked) == 1, "the centre hears nothing of video"

    def call(self) -> dict[str, Any]:
        (call,) = self.gateway.calls()
        return call

    def _state(self) -> str:
        return str(self.call()["state"])

    def video(self) -> dict[str, Any]:
        video: dict[str, Any] = self.call()["video"]
        return video


class TestConsent:
    def test_accepted_after_a_while(self, gateway: Gateway, scene: Scene) -> None:
        call = Upgrade(gateway, scene, "ims-asked", answer2="ims-asked", ponder_ms=TOLD)
        before = once(call.caller, "INVITE", 200).sdp
        offer = call.ask().sdp
        assert offer.media[0] == before.media[0] and offer.media[1].port and len(offer.media) == 2
        assert call.video()["state"] == "asking"
        call.caller.go_on(until(call.caller, "INVITE", 180, sent=True))
        call.comes_to("on", "accepted")
        assert call.video()["limits"]["bitrate_kbps"] == 512
        call.end()

    def test_and_dropped_again_by_the_desk(self, gateway: Gateway, scene: Scene) -> None:
        call = Upgrade(gateway, scene, "ims-asked-dropped", answer2="ims-asked", answer3="ims-asked-off")
        call.ask()
        call.comes_to("on", "accepted")
        call.drop()
        offer = until(call.caller, "UPDATE").sdp
        assert [bool(media.port) for media in offer.media] == [True, False]
        call.comes_to("off", "accepted")
        call.end("UPDATE", 200, sent=True)

    def test_in_steps(self, gateway: Gateway, scene: Scene) -> None:
        """183 with the answer, PRACK, an UPDATE while its user thinks, 200 without a description."""
        call = Upgrade(
            gateway,
            scene,
            "ims-asked-in-steps",
            RELIABLE,
            answer2="ims-asked",
            offer3="ims-asked-again",
            ponder_ms=TOLD,
        )
        call.ask()
        answer = until(call.caller, "UPDATE", 200).sdp
        assert answer.media[1].port and call.video()["state"] == "asking"
        call.caller.go_on(until(call.caller, "UPDATE", 200))
        call.comes_to("on", "accepted")
        call.end()

    def test_after_glare(self, gateway: Gateway, scene: Scene) -> None:
        call = Upgrade(gateway, scene, "ims-asked-glare", answer2="ims-asked")
        call.ask()
        call.comes_to("on", "accepted")
        questions = {m.get("cseq"): m.sdp.session[1] for m in call.caller.all_received("INVITE", 0)}
        assert len(questions) == 2 and len(set(questions.values())) == 2, "the o= version moves on"
        call.end("ACK", times=2)


class TestRefusal:
    def test_by_port_0(self, gateway: Gateway, scene: Scene) -> None:
        call = Upgrade(gateway, scene, "ims-asked", answer2="ims-asked-refused")
        call.ask()
        call.comes_to("off", "refused")
        call.end()

    @pytest.mark.parametrize(
        ("status", "reason", "outcome"),
        [(488, "Not Acceptable Here", "unsupported"), (603, "Decline", "refused"), (486, "Busy Here", "refused")],
    )
    def test_by_a_status(self, gateway: Gateway, scene: Scene, status: int, reason: str, outcome: str) -> None:
        call = Upgrade(gateway, scene, "ims-asked-refuses", status=status, reason=reason)
        call.ask()
        call.comes_to("off", outcome)
        if status == 488:
            assert gateway.ask("POST", f"/v1/calls/{call.call()['call_id']}/video") == 422
        call.end()

    def test_by_nobody(self, make_gateway: Any, scene: Scene) -> None:
        gateway = make_gateway(consent_limit_s=5)
        call = Upgrade(gateway, scene, "ims-asked-ignores")
        call.ask()
        call.comes_to("off", "no-answer", 12)
        call.end()
