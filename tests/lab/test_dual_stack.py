"""Calls through the real gateway with IPv6 on one side and IPv4 on the other: signalling, voice and pictures."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall
from splitter.lab.audio import AudioStream
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.places import free_ports
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.tone import Tone
from splitter.sip.message import Request
from splitter.sip.uri import SipUri
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.interop

V4, V6 = "127.0.0.1", "::1"
CALLED = "12345"
CALLER_HZ, CENTRE_HZ = 1000.0, 660.0
CALLER, SEAT = 1, 7


class Centre:
    """A voice centre that answers every call with a tone."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.agent = UserAgent("centre", host)
        self.calls: list[tuple[AgentCall, Request]] = []

    async def start(self) -> None:
        self.audio = await AudioStream.open(self._host, Tone(CENTRE_HZ), (CALLER_HZ,))
        self.party = MediaParty(self._host, Dialect(picture=VideoLine.NONE), self.audio, None, IdSource())
        self.agent.new_party = lambda: self.party
        self.agent.on_call = self._on_call
        await self.agent.start()

    def _on_call(self, call: AgentCall, request: Request) -> None:
        self.calls.append((call, request))
        call.ring()
        call.accept()

    async def stop(self) -> None:
        await self.party.close()
        await self.agent.stop()


@dataclass
class Scene:
    """Everybody, started; `access` is where the gateway hears the handset."""

    gateway: GatewayProcess
    centre: Centre
    handset: Handset
    seat: Seat


@asynccontextmanager
async def scene(caller: str, centre: str, desk: str) -> AsyncIterator[Scene]:
    """A gateway whose three networks have these addresses, and a party on each."""
    there = Centre(centre)
    handset = Handset(HandsetSettings(tone_hz=CALLER_HZ, listen_hz=(CENTRE_HZ,)), caller)
    seat = Seat(SeatSettings(), desk)
    with tempfile.TemporaryDirectory(prefix="splitter-") as folder:
        await there.start()
        gateway = GatewayProcess(Path(folder), there.agent.address, CALLED, V4)
        configure(gateway, {"access": caller, "core": centre, "desk": desk})
        try:
            await gateway.start()
            await handset.start()
            await seat.start()
            yield Scene(gateway, there, handset, seat)
            await at_rest(gateway)
        finally:
            await seat.stop()
            await handset.stop()
            status = await gateway.stop()
            await there.stop()
        assert status == 0


def configure(gateway: GatewayProcess, hosts: dict[str, str]) -> None:
    """Give each network of the configuration its host, and the peers of its trunk with it."""
    head, *sections = gateway.configuration.read_text().split("[network.")
    written = [head]
    for section in sections:
        name = section.partition("]")[0]
        host = hosts[name]
        old = getattr(gateway, name)
        new = Address(host, free_ports(host, 1)[0])
        setattr(gateway, name, new)
        written.append(
            section.replace(str(old), str(new)).replace(f'media_address = "{V4}"', f'media_address = "{host}"')
        )
    text = "[network.".join(written)
    for trunk, network in (("sbc", "access"), ("seats", "desk")):
        start = text.index(f"[trunk.{trunk}]")
        text = text[:start] + text[start:].replace(f'peers = ["{V4}"]', f'peers = ["{hosts[network]}"]', 1)
    gateway.configuration.write_text(text)


async def at_rest(gateway: GatewayProcess) -> None:
    """Wait until the gateway holds nothing; TimeoutError if something stays."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await gateway.get("/v1/status")
            if not any(status[name] for name in ("calls", "dialogs", "relays", "rooms", "ports", "tasks")):
                return
            await asyncio.sleep(0.05)


def addresses(party: MediaParty) -> set[str]:
    """Where the gateway wants its media, by the last description it sent to this party."""
    remote = party.remote
    assert remote is not None
    return {remote.address_of(index).host for index in range(len(remote.media))}


def contact_host(message: object) -> str:
    contact = message.contact  # type: ignore[attr-defined]
    assert contact is not None
    host: str = contact.sip.host
    return host


@pytest.mark.parametrize(
    ("caller", "centre", "desk"),
    [(V6, V4, V4), (V4, V6, V6), (V6, V6, V6)],
    ids=["caller over IPv6", "centre and seat over IPv6", "all over IPv6"],
)
async def test_voice_and_pictures_cross_from_family_to_family(caller: str, centre: str, desk: str) -> None:
    async with scene(caller, centre, desk) as on:
        call = on.handset.dial(CALLED, on.gateway.access)
        assert (await call.answered()).accepted
        assert addresses(on.handset.party) == {caller}
        assert addresses(on.centre.party) == {centre}
        assert contact_host(call.final) == caller
        ((_, invite),) = on.centre.calls
        assert contact_host(invite) == invite.via.host == centre
        assert SipUri.parse(invite.uri).host == centre
        (known,) = (await on.gateway.get("/v1/calls"))["calls"]
        assert (await on.seat.join(known["call_id"], on.gateway.desk).answered()).accepted
        assert addresses(on.seat.party) == {desk}
        heard, spoken = on.handset.audio.hearing, on.centre.audio.hearing
        await until(lambda: heard.seconds(CENTRE_HZ) > 0.3 and spoken.seconds(CALLER_HZ) > 0.3)
        await until(lambda: on.handset.video.sight.rising(SEAT) > 4 and on.seat.video.sight.rising(CALLER) > 4)
        before = heard.seconds(CENTRE_HZ)
        assert (await on.handset.hold()).accepted
        assert (await on.handset.resume()).accepted
        await until(lambda: heard.seconds(CENTRE_HZ) > before + 0.2)
        await on.handset.hang_up()
        assert await on.centre.calls[0][0].ended() == "the peer sent BYE"
        assert await on.seat.call.ended() == "the peer sent BYE"
