"""Calls outwards with real peers: an agent's phone at Asterisk, the gateway, and baresip as the phone in the network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splitter.core.net import Address
from splitter.lab.seat import Seat, SeatSettings
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.baresip import HANDSET_TONE, SENDER, Baresip
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, until
from tests.interop.sipp import TOLD, Sipp
from tests.interop.voice import Voice

pytestmark = pytest.mark.interop

AGENT_TONE, AGENT_PORT = 770.0, 7200
NUMBER, PHONE = "013900000001", "+99900000001"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway that leads every number outside to baresip's."""
    return make_gateway(outwards_as=PHONE)


@pytest.fixture
def asterisk(gateway: Gateway) -> Iterator[Asterisk]:
    """Asterisk beside a gateway; when the test is over it holds no channel."""
    with Asterisk(gateway.desk) as asterisk:
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


@pytest.fixture
def phone(gateway: Gateway, desk: Desk, tmp_path: Path) -> Iterator[Baresip]:
    """A video phone in the network."""
    with Baresip(desk, tmp_path) as phone:
        yield phone


def dials(scene: Scene, scenario: str, **more: Any) -> tuple[Sipp, Voice]:
    """The agent's phone 8001 dials out; (phone, voice)."""
    voice = scene.voice(scene.desk.agent, AGENT_PORT, AGENT_TONE)
    return scene.agent(scenario, called=NUMBER, caller="8001", audio_port=AGENT_PORT, **more), voice


def view(gateway: Gateway) -> dict[str, Any]:
    """The one call that lives."""
    [call] = gateway.calls()
    return call


async def happens(true: Callable[[], object], what: str, usual_s: float = 15.0) -> None:
    """Wait for it while the desk goes on in this loop."""
    await asyncio.to_thread(eventually, true, what, usual_s)


class TestBaresip:
    def test_is_called_heard_raised_to_video_and_seen(
        self, gateway: Gateway, asterisk: Asterisk, phone: Baresip, scene: Scene
    ) -> None:
        agent, voice = dials(scene, "caller-hangs-up", held_ms=TOLD)
        eventually(lambda: gateway.calls(), "the call is there", 10, asterisk.log)
        eventually(lambda: "Incoming call" in phone.text(), "baresip rings", 10, phone.text)
        phone.command("accept")
        voice.talk_to(until(agent, "INVITE", 200).sdp.address_of(0))
        eventually(lambda: voice.hears(HANDSET_TONE, 1.0), "the agent hears the phone", 10, voice.in_words)
        eventually(lambda: phone.heard().seconds(AGENT_TONE) > 1.0, "the phone hears the agent", 10)
        call = view(gateway)
        assert (call["direction"], call["called"]) == ("out", NUMBER)
        asyncio.run(self._video(gateway, str(call["call_id"])))
        voice.forget()
        eventually(lambda: voice.hears(HANDSET_TONE), "the voice went on all the time", 10, voice.in_words)
        phone.hang_up()
        agent.stop()

    async def _video(self, gateway: Gateway, call_id: str) -> None:
        desk = Seat(SeatSettings(), gateway.desk.seat)
        await desk.start()
        try:
            outcome = await desk.join(call_id, Address(gateway.desk.access, 5060)).answered()
            assert outcome.accepted, outcome
            assert await asyncio.to_thread(gateway.ask, "POST", f"/v1/calls/{call_id}/video") == 202
            await happens(lambda: view(gateway)["video"]["state"] == "on", "the phone has consented")
            await happens(lambda: desk.video.sight.rising(SENDER) >= 15, "the desk sees the phone's picture move")
            await desk.leave()
        finally:
            await desk.stop()

    def test_refuses_and_the_agent_hears_why(
        self, gateway: Gateway, asterisk: Asterisk, phone: Baresip, scene: Scene
    ) -> None:
        agent, _ = dials(scene, "caller-refused", status=486)
        eventually(lambda: "Incoming call" in phone.text(), "baresip rings", 10, phone.text)
        phone.hang_up()
        agent.finish()
        eventually(lambda: not gateway.calls(), "nothing is left", 5)


class TestAnythingElse:
    def test_of_the_centre_is_not_connected(
        self, make_gateway: Callable[..., Gateway], desk: Desk, scene: Scene
    ) -> None:
        gateway = make_gateway(outwards="0999")
        with Asterisk(desk):
            agent, _ = dials(scene, "caller-refused", status=403)
            agent.finish()
        assert not gateway.calls()
