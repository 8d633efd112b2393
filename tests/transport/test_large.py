"""Requests that are too large for UDP (RFC 3261 §18.1.1)."""

from __future__ import annotations

from splitter.sip.message import Request
from tests.transport.scene import HOST, Scene, TcpListener, UdpPeer, both, outgoing, scene, soon


class TestLargeRequestsSection18_1_1:
    BODY = b"x" * 1400

    async def test_over_1300_bytes_they_go_over_tcp(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing(body=self.BODY), stage.flow(listener.address), stage.listen)
            peer = await listener.peer()
            request = await peer.message()
            assert isinstance(request, Request)
            assert (request.via.transport, request.via.port) == ("TCP", stage.address("tcp").port)
            await peer.send(request.respond(200, to_tag="t").serialize())
            assert (await stage.answered()).response.status == 200
            peer.close()

    async def test_others_stay_on_udp(self) -> None:
        async with scene() as stage:
            peer, sock = await both()
            listener = await TcpListener.open(sock)
            stage.driver.request(outgoing(body=b"x" * 900), stage.flow(peer.address), stage.listen)
            assert (await peer.request()).via.transport == "UDP"
            assert listener.accepted.empty()

    async def test_without_a_tcp_listener_of_ours_they_stay_on_udp(self) -> None:
        async with scene(("udp",)) as stage:
            peer = await UdpPeer.open()
            stage.driver.request(outgoing(body=self.BODY), stage.flow(peer.address), stage.listen)
            assert (await peer.request()).body == self.BODY

    async def test_where_tcp_is_refused_they_fall_back_to_udp_and_tcp_is_not_tried_again_soon(self) -> None:
        async with scene() as stage:
            peer, sock = await both()
            txn = stage.driver.request(outgoing(body=self.BODY), stage.flow(peer.address), stage.listen)
            request = await peer.request()
            assert (request.via.transport, request.via.port) == ("UDP", stage.address("udp").port)
            assert request.body == self.BODY
            peer.send(request.respond(200, to_tag="t").serialize(), stage.address())
            event = await stage.answered()
            assert (event.txn, event.response.status) == (txn, 200)
            listener = await TcpListener.open(sock)
            stage.driver.request(outgoing(body=self.BODY, call_id="c2"), stage.flow(peer.address), stage.listen)
            assert (await peer.request()).call_id == "c2"
            assert listener.accepted.empty()

    async def test_after_the_fall_back_udp_retransmits(self) -> None:
        async with scene() as stage:
            peer, sock = await both()
            stage.driver.request(outgoing("INVITE", body=self.BODY), stage.flow(peer.address), stage.listen)
            first, _ = await soon(peer.got)
            again, _ = await soon(peer.got)
            assert first == again
            sock.close()


class TestLargeAckSection18_1_1:
    """The ACK of a 2xx to a delayed offer carries the answer, and has no transaction that could notice its loss."""

    BODY = b"x" * 1400

    async def answered(self, stage: Scene, peer: UdpPeer) -> tuple[str, Request]:
        """An INVITE of ours that was answered over UDP: its transaction, and the INVITE as it went out."""
        txn = stage.driver.request(outgoing("INVITE"), stage.flow(peer.address), stage.listen)
        invite = await peer.request()
        peer.send(invite.respond(200, to_tag="theirs").serialize(), stage.address())
        await stage.answered()
        return txn, invite

    def ack(self, size: int = 1400) -> Request:
        ack = outgoing("ACK", b"x" * size)
        ack.headers.set("To", f"<sip:12345@{HOST}>;tag=theirs")
        return ack

    async def test_goes_over_tcp_and_again_for_each_repeated_2xx(self) -> None:
        async with scene() as stage:
            peer, sock = await both()
            listener = await TcpListener.open(sock)
            txn, invite = await self.answered(stage, peer)
            stage.driver.acknowledge(txn, self.ack(), stage.flow(peer.address))
            stream = await listener.peer()
            first = await stream.message()
            assert isinstance(first, Request)
            assert (first.method, first.body) == ("ACK", self.BODY)
            assert (first.via.transport, first.via.port) == ("TCP", stage.address("tcp").port)
            peer.send(invite.respond(200, to_tag="theirs").serialize(), stage.address())
            assert (await stream.message()).via.branch == first.via.branch
            assert peer.got.empty()
            stream.close()

    async def test_over_udp_where_tcp_is_refused(self) -> None:
        async with scene() as stage:
            peer, sock = await both()
            txn, invite = await self.answered(stage, peer)
            stage.driver.acknowledge(txn, self.ack(), stage.flow(peer.address))
            first = await peer.request()
            assert (first.method, first.via.transport, first.via.port) == ("ACK", "UDP", stage.address().port)
            assert first.body == self.BODY
            peer.send(invite.respond(200, to_tag="theirs").serialize(), stage.address())
            assert (await peer.request()).via.branch == first.via.branch
            sock.close()

    async def test_small_ones_and_networks_without_tcp_stay_on_udp(self) -> None:
        for listeners, size in ((("udp", "tcp"), 500), (("udp",), 1400)):
            async with scene(listeners) as stage:
                peer, sock = await both()
                listener = await TcpListener.open(sock)
                txn, _ = await self.answered(stage, peer)
                stage.driver.acknowledge(txn, self.ack(size), stage.flow(peer.address))
                assert (await peer.request()).method == "ACK"
                assert listener.accepted.empty()
