"""Kamailio as the SBC in front of two gateways: route sets over UDP, TCP and TLS; dispatching, failover and drain."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.process import LabProcess
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.stage import call_id_in
from tests.interop.addresses import Desk
from tests.interop.kamailio import PATIENT_S, PORTS, SILENT_S, Site
from tests.interop.process import eventually
from tests.interop.scene import hang_up, until
from tests.interop.sipp import TOLD, Seen
from tests.patience import PATIENCE_S
from tests.patience import until as soon

pytestmark = pytest.mark.interop


@pytest.fixture(scope="class")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Kamailio in front of one gateway, for all tests of a class; over the transport that is its parameter."""
    with Desk() as desk, Site(desk, tmp_path_factory.mktemp("kamailio"), request.param) as site:
        yield site


@pytest.fixture
def pair(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Site]:
    """Kamailio in front of two gateways; over UDP, or the transport that is its parameter. One may die where the test
    says so: then Kamailio waits for an answer less long."""
    silence_s = SILENT_S if request.node.get_closest_marker("parametrize") else PATIENT_S
    with Site(desk, tmp_path, getattr(request, "param", "udp"), gateways=2, silence_s=silence_s) as site:
        yield site


def routes(message: Seen, site: Site) -> list[str]:
    """The Record-Route lines, with "gateway" and "operator" for Kamailio's sides."""
    lines = [line.split(";ftag")[0].strip("<>") for line in message.get_all("record-route")]
    names = {site.kamailio.gateway_side: "gateway", site.kamailio.operator_side: "operator"}
    for address, name in names.items():
        lines = [line.replace(address, name) for line in lines]
    return lines


def took(site: Site, calls: list[int | None]) -> None:
    """So many calls have begun and ended in each gateway; None for one that cannot be asked. The record comes last."""

    def counts() -> list[int | None]:
        pairs = zip(site.gateways, calls, strict=True)
        return [None if count is None else len(gateway.calls(ended=True)) for gateway, count in pairs]

    eventually(lambda: counts() == calls, f"the gateways took {calls} calls", 5, counts)


@pytest.mark.parametrize("site", list(PORTS), indirect=True, scope="class")
class TestRouteSet:
    """RFC 3261 §12.2, §16.4, §16.6, RFC 5658: both sides of Kamailio stand in Record-Route, and requests follow them."""

    def test_hold_and_bye_of_the_caller(self, site: Site, request: pytest.FixtureRequest) -> None:
        transport = request.node.callspec.params["site"]
        centre = site.scene.centre("centre-is-held", name="c1", answer2="centre-held", answer3="centre-resumed")
        caller = site.caller("caller-holds", name="a1", offer2="transcoded-hold", offer3="transcoded-resume")
        caller.finish()
        centre.finish()
        answer = caller.received("INVITE", 200)
        parameter = "" if transport == "udp" else f";transport={transport}"
        port = ":5061" if transport == "tls" else ""
        assert routes(answer, site) == [f"sip:gateway{port}{parameter};r2=on;lr=on", "sip:operator;r2=on;lr=on"]
        assert f"{site.corners[0].access}:{PORTS[transport]}{parameter}>" in answer.get("contact")
        answers = [m.sdp.media[0].direction for m in caller.messages() if (m.method, m.status) == ("INVITE", 200)]
        assert answers == ["sendrecv", "recvonly", "sendrecv"]
        site.gateways[0].must_be_idle()

    def test_hold_of_the_centre(self, site: Site) -> None:
        """The gateway's own re-INVITEs go to Kamailio's side, and come out at the other."""
        centre = site.scene.centre("centre-holds", name="c2", offer2="centre-hold", offer3="centre-resume")
        caller = site.caller("caller-held", name="a2", answer2="transcoded-held", answer3="transcoded-resumed")
        caller.finish()
        centre.finish()
        offers = [m for m in caller.all_received("INVITE") if not m.status]
        assert [offer.sdp.media[0].direction for offer in offers] == ["sendonly", "sendrecv"]
        for offer in offers:
            assert offer.get_all("via")[0].split()[1].startswith(site.kamailio.operator_side)
            assert not offer.get("route"), "Kamailio has taken both of its routes off"

    def test_bye_of_the_centre(self, site: Site) -> None:
        centre = site.scene.centre("centre-hangs-up", name="c3")
        caller = site.caller("caller-waits", name="a3")
        caller.finish()
        centre.finish()
        assert caller.received("BYE").get("user-to-user") == "99aabb;encoding=hex"

    def test_cancel(self, site: Site) -> None:
        centre = site.scene.centre("centre-is-given-up", name="c4")
        caller = site.caller("caller-cancels-after-180", name="a4")
        caller.finish()
        centre.finish()

    def test_a_refusal_reaches_the_caller(self, site: Site) -> None:
        centre = site.scene.centre("centre-refuses", name="c5", status="486", reason="Busy Here")
        caller = site.caller("caller-refused", name="a5", status="486")
        caller.finish()
        centre.finish()


class TestLongRequest:
    """RFC 3261 §18.1.1: over UDP by its route, but too long for a datagram: the gateway's re-INVITE comes by TCP."""

    def test_of_the_gateway(self, desk: Desk, tmp_path: Path) -> None:
        limit = "\n[transport]\nudp_request_limit_bytes = 500\n"
        with Site(desk, tmp_path, more=limit) as site:
            centre = site.scene.centre("centre-holds", offer2="centre-hold", offer3="centre-resume")
            caller = site.caller("caller-held", answer2="transcoded-held", answer3="transcoded-resumed")
            caller.finish()
            centre.finish()
            for offer in (m for m in caller.all_received("INVITE") if not m.status):
                ways = [via.split()[0].rpartition("/")[2] for via in offer.get_all("via")]
                assert ways == ["UDP", "TCP"], "from the gateway by TCP, to the caller by UDP"


class TestStranger:
    """Whoever is neither the operator nor a gateway gets silence."""

    @pytest.mark.parametrize("site", ["udp"], indirect=True, scope="class")
    def test_is_not_answered(self, site: Site) -> None:
        def options(host: str) -> bytes:
            lines = (
                f"OPTIONS sip:{site.kamailio.operator_side} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK-{host}",
                f"From: <sip:x@{host}>;tag=1",
                f"To: <sip:{site.kamailio.operator_side}>",
                f"Call-ID: {host}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 70",
                "Content-Length: 0",
            )
            return "\r\n".join((*lines, "", "")).encode()

        with socket.socket(type=socket.SOCK_DGRAM) as stranger, socket.socket(type=socket.SOCK_DGRAM) as operator:
            for ours, host in ((stranger, site.desk.stranger), (operator, site.desk.caller)):
                ours.bind((host, 5060))
                ours.settimeout(PATIENCE_S)
                ours.sendto(options(host), (site.kamailio.operator_side, 5060))
            assert operator.recv(4096).startswith(b"SIP/2.0 200 OK")
            eventually(lambda: f"{site.desk.stranger}:5060, who is neither" in site.kamailio.log(), "it is noticed", 5)
            stranger.setblocking(False)
            with pytest.raises(BlockingIOError):
                stranger.recv(4096)


class TestHandset:
    """The lab's handset, centre and seat, by what they hear and see; TLS between Kamailio and the gateway."""

    CALLER, SEAT, AGENT_HZ = 1, 7, 660.0

    @pytest.mark.parametrize("site", ["tls"], indirect=True, scope="class")
    async def test_tones_and_pictures(self, site: Site) -> None:
        desk = site.desk
        centre = LabProcess("splitter.lab.centre", "--listen", f"{desk.centre}:5060", "--plan", '{"queue_s": 0.3}')
        handset, seat = Handset(HandsetSettings(), desk.caller), Seat(SeatSettings(), desk.seat)
        try:
            await asyncio.gather(centre.start(), handset.start(), seat.start())
            await centre.wait_for("ready")
            outcome = await handset.dial("12345", Address(site.kamailio.operator_side, 5060)).answered()
            assert outcome.accepted
            invite = await centre.wait_for("invite")
            call_id = call_id_in(invite)
            assert call_id is not None
            assert (await seat.join(call_id, Address(site.corners[0].core, 5060)).answered()).accepted
            await self._see_and_hear(handset, seat)
            assert (await handset.hold()).accepted
            assert (await handset.resume()).accepted
            await self._see_and_hear(handset, seat)
            centre.send(do="hangup", call=invite["call"])
            assert await handset.call.ended() == "the peer sent BYE"
            assert await seat.call.ended() == "the peer sent BYE"
        finally:
            for party in (handset, seat, centre):
                await party.stop()

    async def _see_and_hear(self, handset: Handset, seat: Seat) -> None:
        """From now on."""
        caller, agent, hearing = handset.video.sight, seat.video.sight, handset.audio.hearing
        seen, shown, heard = caller.rising(self.SEAT), agent.rising(self.CALLER), hearing.seconds(self.AGENT_HZ)
        await soon(lambda: caller.rising(self.SEAT) > seen + 4)
        await soon(lambda: agent.rising(self.CALLER) > shown + 4)
        await soon(lambda: hearing.seconds(self.AGENT_HZ) > heard + 0.2)


class TestTwoGateways:
    def test_calls_are_spread(self, pair: Site) -> None:
        centre = pair.scene.centre("load-centre", calls=6)
        pair.caller("caller-hangs-up", calls=6, options=["-r", "10"]).finish()
        centre.finish()
        took(pair, [3, 3])

    @pytest.mark.parametrize("pair", ["udp", "tls"], indirect=True)
    def test_one_is_killed_and_comes_back(self, pair: Site) -> None:
        pair.kill(0)
        centre = pair.scene.centre("load-centre", calls=2)
        pair.caller("caller-hangs-up", calls=2, options=["-r", "10"]).finish()
        centre.finish()
        eventually(
            lambda: len(pair.gateways[1].calls(ended=True)) == 2,
            "the call that fell to the silent one has gone to the other",
        )
        eventually(lambda: pair.kamailio.states() == ["IP", "AP"], "it is known to be down", 15, pair.kamailio.states)
        pair.restarted(0)
        eventually(lambda: pair.kamailio.states() == ["AP", "AP"], "it is known to be back", 15, pair.kamailio.states)
        centre = pair.scene.centre("load-centre", name="later-centre", calls=2)
        pair.caller("caller-hangs-up", name="later-caller", calls=2, options=["-r", "10"]).finish()
        centre.finish()
        took(pair, [1, 3])

    def test_one_drains(self, pair: Site) -> None:
        """Its own call goes on and ends in its time; new ones go to the other, at first by its 503, then by OPTIONS."""
        centre = pair.scene.centre("load-centre", calls=3)
        old = pair.caller("caller-hangs-up", name="old", held_ms=TOLD)
        until(old, "INVITE", 200)
        [draining] = [gateway for gateway in pair.gateways if gateway.calls()]
        other = pair.gateways[1 - pair.gateways.index(draining)]
        draining.process.signal(signal.SIGTERM)
        eventually(lambda: draining.status()["state"] == "draining", "it drains", 5)
        pair.caller("caller-hangs-up", name="new", port=5070, calls=2, options=["-r", "10"]).finish()
        eventually(
            lambda: "gateway answered 503" in pair.kamailio.log(), "one of the two was meant for the one that drains"
        )
        took(pair, [2 if gateway is other else 0 for gateway in pair.gateways])
        eventually(lambda: "IP" in pair.kamailio.states(), "its 503 to OPTIONS is heeded", 5, pair.kamailio.states)
        assert not old.all_received("BYE") and draining.process.running, "it has not dropped its call for that"
        hang_up(old)
        centre.finish()
        assert draining.process.wait(5) == 0

    @pytest.mark.parametrize("pair", ["udp", "tcp"], indirect=True)
    def test_none_is_left(self, pair: Site) -> None:
        for gateway in pair.gateways:
            gateway.stop()
        caller = pair.caller("caller-refused", status="503")
        caller.finish()
        assert caller.received("INVITE", 503).get("retry-after") == "10", "of Kamailio, not of a gateway"
        eventually(
            lambda: pair.kamailio.states() == ["IP", "IP"], "they are known to be down", 15, pair.kamailio.states
        )
        at_once = pair.caller("caller-refused", name="at-once", status="503")
        at_once.finish()
        assert not at_once.all_received("INVITE", 100), "nothing was tried"
