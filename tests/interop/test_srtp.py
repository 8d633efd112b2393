"""Keys in SDP (SDES, RFC 4568) with real peers: baresip's SRTP on one side, Asterisk's over TLS on the other."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.lab.seat import Seat, SeatSettings
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.baresip import HANDSET_TONE, SENDER, Baresip
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CENTRE_PORT, Scene, until
from tests.interop.test_baresip import FRAMES, SEAT, happens, shown
from tests.interop.voice import Voice
from tests.transport.pki import authority, paper

AGENT_TONE = 770.0

_TLS = """
[transport-tls]
type = transport
protocol = tls
bind = {centre}:5061
cert_file = {inside}/etc/own.pem
priv_key_file = {inside}/etc/own.key
ca_list_file = {inside}/etc/authority.pem
method = tlsv1_2
verify_server = no
"""


class SecureAsterisk(Asterisk):
    """Asterisk whose trunk to the gateway is TLS with SRTP, as sipconf/asterisk says.

    Attributes:
        either: it takes plain RTP as well.
    """

    either = False

    def start(self) -> Asterisk:
        own = paper(f"IP:{self._desk.centre}")
        (self.folder / "etc").mkdir()
        for source, name in (
            (own.certificate, "own.pem"),
            (own.key, "own.key"),
            (authority().certificate, "authority.pem"),
        ):
            shutil.copy(source, self.folder / "etc" / name)
        return super().start()

    def _here(self, text: str) -> str:
        text = super()._here(text)
        if "[splitter]" not in text:
            return text
        text = text.replace(
            "[splitter]\ntype = endpoint\ntransport = transport-udp\n",
            "[splitter]\ntype = endpoint\ntransport = transport-tls\nmedia_encryption = sdes\n",
        )
        if self.either:
            text = text.replace(
                "media_encryption = sdes\n", "media_encryption = sdes\nmedia_encryption_optimistic = yes\n"
            )
        text = text.replace(
            f"contact = sip:{self._desk.core}:5060", f"contact = sip:{self._desk.core}:5061\\;transport=tls"
        )
        return text + _TLS.format(centre=self._desk.centre, inside=self._inside)


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], desk: Desk, request: pytest.FixtureRequest) -> Gateway:
    """A gateway with SRTP on both sides: told in clear to the handset, over TLS to the centre."""
    wanted = getattr(request, "param", "required")
    own = paper(f"IP:{desk.core}")
    return make_gateway(
        core_listen=f', "tls:{desk.core}:5061"',
        core_tls=f'certificate = "{own.certificate}"\nkey = "{own.key}"\nca = "{authority().certificate}"',
        sbc_more='srtp = "required"\nsrtp_in_clear = true',
        pbx_port=5061,
        pbx_login=f'transport = "tls"\nsrtp = "{wanted}"',
    )


@pytest.fixture
def handset(gateway: Gateway, desk: Desk, tmp_path: Path) -> Iterator[Baresip]:
    with Baresip(desk, tmp_path, secure=True) as handset:
        yield handset


@pytest.fixture
def asterisk(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    made = SecureAsterisk(gateway.desk, modules="res_srtp")
    made.either = getattr(request, "param", False)
    with made as asterisk:
        yield asterisk


def hears(voice: Voice, tone: float, who: str) -> None:
    voice.forget()
    eventually(lambda: voice.hears(tone), who, 8, voice.in_words)


class TestBothSides:
    def test_are_heard_and_seen_and_outlive_deaths(
        self, gateway: Gateway, asterisk: Asterisk, handset: Baresip, scene: Scene
    ) -> None:
        agent = scene.voice(scene.desk.agent, CENTRE_PORT, AGENT_TONE)
        phone = scene.centre("centre-answers", name="agent", host=scene.desk.agent)
        handset.call("12345")
        agent.talk_to(until(phone, "INVITE").sdp.address_of(0))
        until(phone, "ACK")
        hears(agent, HANDSET_TONE, "the agent hears baresip")
        eventually(lambda: AGENT_TONE in handset.chord(), "baresip hears the agent", 8)
        [call] = gateway.calls()
        asyncio.run(self._is_seen(gateway, handset, call["call_id"]))
        trace = gateway.cli("trace", call["call_id"], "--raw")
        assert trace.count("a=crypto:") >= 4 and "RTP/SAVP" in trace
        keys = {line.partition("inline:")[2].strip("|\r\n ") for line in trace.splitlines() if "inline:" in line}
        assert all(set(key.partition("|")[0]) == {"x"} for key in keys), keys
        gateway.kill_workers()
        agent.forget()
        eventually(lambda: agent.hears(HANDSET_TONE), "the agent hears baresip again", 10, agent.in_words)
        eventually(lambda: AGENT_TONE in handset.chord(), "baresip hears the agent again", 10)
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait(5)
        gateway.start()
        hears(agent, HANDSET_TONE, "the agent hears baresip over the restart")
        eventually(lambda: AGENT_TONE in handset.chord(), "baresip hears the agent over the restart", 10)
        assert [one["call_id"] for one in gateway.calls()] == [call["call_id"]]
        handset.hang_up()
        phone.finish()

    @pytest.mark.parametrize("asterisk", [True], indirect=True, ids=["either"])
    @pytest.mark.parametrize("gateway", ["optional"], indirect=True)
    def test_may_leave_it_to_the_other_one(
        self, gateway: Gateway, asterisk: Asterisk, handset: Baresip, scene: Scene
    ) -> None:
        """RTP/AVP with keys beside it, as Asterisk's media_encryption_optimistic has it."""
        agent = scene.voice(scene.desk.agent, CENTRE_PORT, AGENT_TONE)
        phone = scene.centre("centre-answers", name="agent", host=scene.desk.agent)
        handset.call("12345")
        agent.talk_to(until(phone, "INVITE").sdp.address_of(0))
        until(phone, "ACK")
        hears(agent, HANDSET_TONE, "the agent hears baresip")
        eventually(lambda: AGENT_TONE in handset.chord(), "baresip hears the agent", 8)
        [call] = gateway.calls()
        trace = gateway.cli("trace", call["call_id"], "--raw")
        assert len([line for line in trace.splitlines() if "RTP/AVP" in line and "m=audio" in line]) >= 2
        assert trace.count("a=crypto:") >= 3, "the offer and Asterisk's answer have keys"
        handset.hang_up()
        phone.finish()

    async def _is_seen(self, gateway: Gateway, handset: Baresip, call_id: str) -> None:
        """A seat in clear sees baresip's pictures, and baresip sees the seat's."""
        seat = Seat(SeatSettings(extension="8001"), gateway.desk.seat)
        await seat.start()
        try:
            outcome = await seat.join(call_id, Address(gateway.desk.access, 5060)).answered()
            assert outcome.accepted, outcome
            await happens(lambda: seat.video.sight.rising(SENDER) >= FRAMES, "the seat sees baresip's picture move")
            await happens(lambda: shown(handset, handset.folder / "now.png") == SEAT, "baresip sees the seat's picture")
            await seat.leave()
        finally:
            await seat.stop()
