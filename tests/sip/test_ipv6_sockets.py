"""The driver on [::1]: Via, received, Contact and responses over real sockets of IPv6, alone and beside IPv4."""

from __future__ import annotations

import asyncio

import pytest

from splitter.core.net import Address
from splitter.sip.message import Request, Response
from tests.transport.scene import TcpPeer, UdpPeer, ok, outgoing, scene, soon, wire

SIX = "::1"


class TestIncoming:
    async def test_received_and_rport_are_filled_in(self) -> None:
        async with scene(("udp",), host=SIX, on_request=ok) as stage:
            peer = await UdpPeer.open(SIX)
            peer.send(wire(via=Address("2001:db8::9", 5060)), stage.address())
            response = await peer.response()
            assert response.via.host == "2001:db8::9"
            assert (response.via.received, response.via.rport) == (SIX, peer.address.port)
            assert f"received={SIX}" in str(response.headers)  # no brackets (RFC 5118 §4.5)
            event = await soon(stage.requests)
            assert event.flow.remote == peer.address

    async def test_nothing_is_added_where_via_is_right(self) -> None:
        async with scene(("udp",), host=SIX, on_request=ok) as stage:
            peer = await UdpPeer.open(SIX)
            peer.send(wire(via=peer.address, params=""), stage.address())
            response = await peer.response()
            assert str(response.via) == f"SIP/2.0/UDP [::1]:{peer.address.port};branch=z9hG4bKpeer1"

    async def test_over_a_connection(self) -> None:
        async with scene(("tcp",), host=SIX, on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(wire(via=Address(SIX, 5060), transport="TCP"))
            response = await peer.message()
            assert isinstance(response, Response)
            assert (response.status, response.via.rport) == (200, peer.address.port)
            peer.close()


class TestOutgoing:
    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    async def test_via_is_a_reference_with_its_port(self, transport: str) -> None:
        async with scene((transport,), host=SIX) as stage:
            if transport == "udp":
                peer = await UdpPeer.open(SIX)
                stage.driver.request(outgoing(), stage.flow(peer.address), stage.listen)
                request = await peer.request()
                peer.send(request.respond(200, to_tag="peer").serialize(), stage.address())
            else:
                accepted: asyncio.Queue[TcpPeer] = asyncio.Queue()
                server = await asyncio.start_server(lambda r, w: accepted.put_nowait(TcpPeer(r, w)), SIX, 0)
                there = Address(*server.sockets[0].getsockname()[:2])
                stage.driver.request(outgoing(), stage.flow(there, "tcp"), stage.listen)
                stream = await soon(accepted)
                message = await stream.message()
                assert isinstance(message, Request)
                request = message
                await stream.send(request.respond(200, to_tag="peer").serialize())
                server.close()
            local = stage.address(transport)
            assert (request.via.host, request.via.port) == (SIX, local.port)
            assert f"SIP/2.0/{transport.upper()} [::1]:{local.port};" in str(request.headers)
            assert (await stage.answered()).response.status == 200

    async def test_a_uri_with_a_reference_leads_there(self) -> None:
        async with scene(("udp", "tcp"), host=SIX) as stage:
            peer = await UdpPeer.open(SIX)
            flow = stage.driver.locate("access", f"sip:agent@[0:0::1]:{peer.address.port};ob")
            assert flow is not None
            stage.driver.request(outgoing(), flow, stage.listen)
            assert (await peer.request()).method == "OPTIONS"

    async def test_a_peer_that_is_gone_is_known_by_icmp(self) -> None:
        async with scene(("udp",), host=SIX) as stage:
            peer = await UdpPeer.open(SIX)
            address = peer.address
            peer.transport.close()
            await asyncio.sleep(0)
            stage.driver.request(outgoing(), stage.flow(address), stage.listen)
            event = await soon(stage.events)
            assert getattr(event, "status", None) == 503
