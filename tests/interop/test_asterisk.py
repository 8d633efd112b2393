"""Asterisk as the centre, configured by sipconf/asterisk: a queue with music, an agent's phone, hold, transfer, the end.

The caller and the phones are SIPp, each with a voice of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import MUSIC_TONE, Asterisk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_PORT, Scene, hang_up, pick_up, until
from tests.interop.sipp import TOLD, Sipp
from tests.interop.voice import Voice

pytestmark = pytest.mark.interop

AGENT_TONE, COLLEAGUE_TONE = 770.0, 880.0


@pytest.fixture
def asterisk(gateway: Gateway) -> Iterator[Asterisk]:
    """Asterisk beside a gateway; when the test is over it holds no channel."""
    with Asterisk(gateway.desk) as asterisk:
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


class Phone:
    """An agent's phone: SIPp and a voice that talks to whoever called."""

    def __init__(self, scene: Scene, name: str, host: str, tone: float, scenario: str, **more: Any) -> None:
        self.voice = scene.voice(host, CENTRE_PORT, tone)
        self.sipp = scene.centre(scenario, name=name, host=host, **more)

    def picked_up(self) -> None:
        """Wait until it is called, and talk."""
        self.voice.talk_to(until(self.sipp, "INVITE").sdp.address_of(0))
        until(self.sipp, "ACK")


def called(scene: Scene, scenario: str, **more: Any) -> tuple[Sipp, Voice]:
    """The caller, answered and talking."""
    voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
    caller = scene.caller(scenario, "transcoded", **more)
    voice.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
    return caller, voice


def hears(voice: Voice, tone: float, who: str) -> None:
    """From now on that tone."""
    voice.forget()
    eventually(lambda: voice.hears(tone), who, 8, voice.in_words)


class TestQueue:
    def test_the_caller_hears_the_music_then_the_agent(
        self, gateway: Gateway, asterisk: Asterisk, scene: Scene
    ) -> None:
        phone = Phone(scene, "agent", scene.desk.agent, AGENT_TONE, "centre-answers", ring_ms=TOLD)
        caller, voice = called(scene, "caller-hangs-up", held_ms=TOLD)
        hears(voice, MUSIC_TONE, "the caller hears the music of the queue")
        pick_up(phone.sipp)
        phone.picked_up()
        hears(voice, AGENT_TONE, "the caller hears the agent")
        hears(phone.voice, CALLER_TONE, "the agent hears the caller")
        hang_up(caller)
        phone.sipp.finish()

    def test_the_call_id_reaches_the_agents_phone(self, gateway: Gateway, asterisk: Asterisk, scene: Scene) -> None:
        phone = Phone(scene, "agent", scene.desk.agent, AGENT_TONE, "centre-answers")
        caller, _ = called(scene, "caller-hangs-up", held_ms=TOLD)
        phone.picked_up()
        [call] = gateway.calls()
        assert phone.sipp.received("INVITE").get("x-splitter-call") == call["call_id"]
        assert scene.desk.caller not in phone.sipp.received("INVITE").body
        hang_up(caller)
        phone.sipp.finish()

    def test_the_caller_who_gives_up_in_the_queue_leaves_nothing(
        self, gateway: Gateway, asterisk: Asterisk, scene: Scene
    ) -> None:
        phone = scene.centre("centre-is-given-up", name="agent", host=scene.desk.agent)
        caller, voice = called(scene, "caller-hangs-up", held_ms=TOLD)
        hears(voice, MUSIC_TONE, "the caller hears the music of the queue")
        until(phone, "INVITE", 180, sent=True)
        hang_up(caller)
        phone.finish()

    def test_the_agent_hangs_up(self, gateway: Gateway, asterisk: Asterisk, scene: Scene) -> None:
        phone = Phone(scene, "agent", scene.desk.agent, AGENT_TONE, "agent-hangs-up", held_ms=200)
        caller, _ = called(scene, "caller-waits")
        phone.picked_up()
        phone.sipp.finish()
        caller.finish()


class TestEarlyMusic:
    """Number 12346: the queue without an answer; nobody pays for waiting."""

    def test_is_heard_before_the_answer(self, make_gateway, desk, scene: Scene) -> None:  # type: ignore[no-untyped-def]
        make_gateway(called="1234[56]")
        with Asterisk(desk):
            phone = Phone(scene, "agent", desk.agent, AGENT_TONE, "centre-answers", ring_ms=TOLD)
            voice = scene.voice(desk.caller, 7000, CALLER_TONE)
            caller = scene.caller("caller-hangs-up", "transcoded", called="12346", held_ms=TOLD)
            voice.talk_to(until(caller, "INVITE", 183).sdp.address_of(0))
            hears(voice, MUSIC_TONE, "the music is heard early")
            assert not [m for m in caller.messages() if m.status == 200]
            pick_up(phone.sipp)
            phone.picked_up()
            hears(voice, AGENT_TONE, "the caller hears the agent")
            hang_up(caller)
            phone.sipp.finish()


class TestHold:
    def test_the_agent_holds_and_resumes(self, gateway: Gateway, asterisk: Asterisk, scene: Scene) -> None:
        phone = Phone(
            scene, "agent", scene.desk.agent, AGENT_TONE, "agent-holds",
            held_ms=TOLD, offer2="centre-hold", offer3="centre-resume",
        )  # fmt: skip
        caller, voice = called(scene, "caller-hangs-up", held_ms=TOLD)
        phone.picked_up()
        hears(voice, AGENT_TONE, "the caller hears the agent")
        phone.sipp.go_on(until(phone.sipp, "ACK"))
        hears(voice, MUSIC_TONE, "on hold the caller hears music")
        phone.sipp.go_on(until(phone.sipp, "ACK", sent=True))
        hears(voice, AGENT_TONE, "and then the agent again")
        hang_up(caller)
        phone.sipp.finish()

    def test_the_caller_holds_and_resumes(self, gateway: Gateway, asterisk: Asterisk, scene: Scene) -> None:
        phone = Phone(scene, "agent", scene.desk.agent, AGENT_TONE, "centre-answers")
        caller, voice = called(scene, "caller-holds", offer2="transcoded-hold", offer3="transcoded-resume", held_ms=300)
        phone.picked_up()
        caller.finish()
        answers = [m.sdp.media[0].direction for m in caller.messages() if (m.method, m.status) == ("INVITE", 200)]
        assert answers == ["sendrecv", "recvonly", "sendrecv"]
        assert voice.received
        phone.sipp.finish()


class TestBlindTransfer:
    def test_inside_asterisk_the_caller_talks_to_the_colleague(
        self, gateway: Gateway, asterisk: Asterisk, scene: Scene
    ) -> None:
        colleague = Phone(scene, "colleague", scene.desk.colleague, COLLEAGUE_TONE, "centre-answers")
        phone = Phone(
            scene, "agent", scene.desk.agent, AGENT_TONE, "agent-transfers",
            held_ms=TOLD, refer_to=f"sip:8002@{scene.desk.centre}",
        )  # fmt: skip
        caller, voice = called(scene, "caller-hangs-up", held_ms=TOLD)
        phone.picked_up()
        hears(voice, AGENT_TONE, "the caller hears the agent")
        phone.sipp.go_on(until(phone.sipp, "ACK"))
        colleague.picked_up()
        hears(voice, COLLEAGUE_TONE, "the caller hears the colleague")
        hears(colleague.voice, CALLER_TONE, "the colleague hears the caller")
        phone.sipp.finish()
        hang_up(caller)
        colleague.sipp.finish()


class TestLogin:
    """Asterisk that asks who we are: at REGISTER, and at each INVITE."""

    def test_we_register_and_call_and_take_it_back(self, desk: Desk, scene: Scene) -> None:
        login = 'register = true\nusername = "gateway"\npassword = "hunter2"\n'
        with Asterisk(desk, login=True) as asterisk:
            with Gateway(desk, {"pbx_login": login}) as gateway:
                eventually(lambda: gateway.metric("splitter_registered") == 1, "we are registered", 10, asterisk.log)
                assert f"gateway@{desk.core}" in asterisk.command("pjsip show aor gateway")
                phone = Phone(scene, "agent", desk.agent, AGENT_TONE, "centre-answers")
                caller, voice = called(scene, "caller-hangs-up", held_ms=TOLD)
                phone.picked_up()
                hears(voice, AGENT_TONE, "the caller hears the agent")
                hang_up(caller)
                phone.sipp.finish()
                gateway.must_be_idle()
                gateway.must_be_sound()
            assert f"gateway@{desk.core}" not in asterisk.command("pjsip show aor gateway")
