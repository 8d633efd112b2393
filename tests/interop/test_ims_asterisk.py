"""Asterisk as a centre that insists: reliable responses, session timers, and INVITEs without an offer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import MUSIC_TONE, Asterisk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, Scene, hang_up, pick_up, until
from tests.interop.sipp import TOLD

pytestmark = pytest.mark.interop


@contextmanager
def strict(desk: Desk, *lines: str) -> Iterator[Asterisk]:
    """Asterisk with more lines in its endpoint of the gateway; it holds no channel when the test is over."""

    class Strict(Asterisk):
        def _here(self, text: str) -> str:
            return super()._here(re.sub(r"(?m)^\[splitter\]\ntype = endpoint$", "\n".join(["\\g<0>", *lines]), text))

    with Strict(desk) as asterisk:
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


def talk(scene: Scene, gateway: Gateway, **more: Any) -> str:
    """A caller hears the music of the queue, hangs up, and nothing is left; returns what was said with the centre."""
    voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
    caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD, **more)
    voice.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
    eventually(lambda: voice.hears(MUSIC_TONE), "the caller hears the music", 6, voice.in_words)
    [call] = gateway.calls()
    hang_up(caller)
    return gateway.cli("trace", call["call_id"], "--raw")


class TestStrictCentre:
    def test_100rel_required(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        """The queue's music is early media, in a reliable 183; then an agent answers, and the gateway knows who it is."""
        gateway = make_gateway(called="1234[56]")
        with strict(scene.desk, "100rel = required"):
            agent = scene.centre("centre-answers", name="agent", host=scene.desk.agent, ring_ms=TOLD)
            voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
            caller = scene.caller("caller-hangs-up", "transcoded", called="12346", held_ms=TOLD)
            voice.talk_to(until(caller, "INVITE", 183).sdp.address_of(0))
            eventually(lambda: voice.hears(MUSIC_TONE), "the music is heard early", 6, voice.in_words)
            [call] = gateway.calls()
            pick_up(agent)
            until(agent, "ACK")
            eventually(lambda: gateway.calls()[0]["extension"] == "8001", "the agent who picked up has the call", 5)
            assert gateway.calls()[0]["bound_by"] == "centre p-asserted-identity"
            hang_up(caller)
            agent.finish()
            said = gateway.cli("trace", call["call_id"], "--raw")
        assert re.search(r"(?s)RSeq: \d+.*\n +PRACK sip:.*RAck: \d+ 1 INVITE", said.replace("\r", ""))

    def test_session_timers_required(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        gateway = make_gateway(session_expires_s=90)
        with strict(scene.desk, "timers = required", "timers_sess_expires = 90"):
            said = talk(scene, gateway)
        assert "Session-Expires: 90;refresher=" in said

    def test_session_timers_and_no_offer(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        gateway = make_gateway(pbx_login="delayed_offer = true")
        with strict(scene.desk, "timers = required"):
            said = talk(scene, gateway)
        assert "INVITE" in said


class TestDelayedOffer:
    def test_the_caller_is_answered_with_audio_and_video(
        self, make_gateway: Callable[..., Gateway], scene: Scene
    ) -> None:
        gateway = make_gateway(pbx_login="delayed_offer = true")
        with strict(scene.desk):
            voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
            caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
            answer = until(caller, "INVITE", 200).sdp
            voice.talk_to(answer.address_of(0))
            assert [bool(m.port) for m in answer.media] == [True, True]
            eventually(lambda: voice.hears(MUSIC_TONE), "the caller hears the music", 6, voice.in_words)
            hang_up(caller)
        assert gateway.process.running
