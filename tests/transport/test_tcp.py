"""SIP over TCP: framing, reuse of connections, limits, and the way between UDP and TCP (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.core.net import Address
from splitter.lab.places import free_ports
from splitter.sip.events import CancelArrived, RequestFailed
from splitter.sip.message import Request, Response
from splitter.transport import connecting
from splitter.transport.settings import TransportSettings
from tests.patience import PATIENCE_S, until
from tests.transport.scene import HOST, LeapingClock, TcpListener, TcpPeer, bound, ok, outgoing, scene, soon, wire


def tcp_wire(peer: TcpPeer, method: str = "OPTIONS", **fields: Any) -> bytes:
    return wire(method, via=peer.address, transport="TCP", **fields)


class TestFramingSection18_3:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 333])
    async def test_messages_in_pieces(self, size: int) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            stream = b"".join(
                tcp_wire(peer, branch=f"z9hG4bK{i}", call_id=f"c{i}", body=b"line\r\n\r\n" * i) for i in range(3)
            )
            for start in range(0, len(stream), size):
                await peer.send(stream[start : start + size])
                if start % 5 == 0:
                    await asyncio.sleep(0)
            assert [(await peer.message()).call_id for _ in range(3)] == ["c0", "c1", "c2"]
            bodies = [(await soon(stage.requests)).request.body for _ in range(3)]
            assert bodies == [b"line\r\n\r\n" * i for i in range(3)]
            peer.close()

    async def test_keep_alives_between_messages_are_answered(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(b"\r\n\r\n")
            assert await asyncio.wait_for(peer.reader.readexactly(2), PATIENCE_S) == b"\r\n"
            await peer.send(tcp_wire(peer))
            assert (await peer.message()).cseq == (1, "OPTIONS")
            peer.close()

    @pytest.mark.parametrize(
        "data",
        [
            b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\nContent-Length: -5\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
            b"x" * 70_000,
        ],
        ids=["no length", "negative length", "huge length", "no end of headers"],
    )
    async def test_a_stream_that_cannot_be_cut_is_closed_and_counted(self, data: bytes) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(data)
            assert await peer.closed() == b""
            assert stage.counters.counts["malformed", "access", "tcp"] == 1
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    async def test_a_request_without_content_length_is_answered_and_the_connection_closed(self) -> None:
        """RFC 3261 §18.3: on a stream it is needed; nobody knows where the next message begins."""

        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            bare = tcp_wire(peer, call_id="bare").replace(b"Content-Length: 0\r\n", b"")
            assert b"Content-Length" not in bare
            await peer.send(tcp_wire(peer, call_id="good") + bare)
            answers = [await peer.message() for _ in range(2)]
            assert [(one.call_id, getattr(one, "status", 0)) for one in answers] == [("good", 200), ("bare", 400)]
            assert await peer.closed() == b""
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    async def test_a_stray_nul_costs_no_message(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            for name in ("a", "b"):
                await peer.send(tcp_wire(peer, call_id=name, branch=f"z9hG4bK{name}") + b"\0")
            assert [(await peer.message()).call_id for _ in range(2)] == ["a", "b"]
            peer.close()

    async def test_a_malformed_message_does_not_end_the_connection(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(b"nonsense\r\nContent-Length: 0\r\n\r\n" + tcp_wire(peer))
            assert (await peer.message()).cseq == (1, "OPTIONS")
            assert stage.counters.counts["malformed", "access", "tcp"] == 1
            peer.close()


class TestReuseSection18:
    async def test_a_peer_is_reached_at_once_while_its_connection_is_open(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(tcp_wire(peer))
            flow = (await soon(stage.requests)).flow
            assert stage.driver.reaches(flow)
            assert stage.driver.reaches(flow._replace(transport="udp"))
            peer.close()
            await until(lambda: not stage.driver.reaches(flow))

    async def test_responses_go_over_the_connection_of_the_request(self) -> None:
        async with scene() as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(tcp_wire(peer, "INVITE", params=""))
            arrived = await soon(stage.requests)
            assert arrived.flow.remote == peer.address
            stage.driver.respond(arrived.txn, arrived.request.respond(486, to_tag="t"))
            statuses = []
            for _ in range(2):
                message = await peer.message()
                assert isinstance(message, Response)
                statuses.append(message.status)
            assert statuses == [100, 486]
            assert stage.driver.sizes()["connections"] == 1
            peer.close()

    async def test_our_requests_share_one_connection(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            flow = stage.flow(listener.address, "tcp")
            for i in range(3):
                stage.driver.request(outgoing(call_id=f"c{i}"), flow, stage.listen)
            peer = await listener.peer()
            for _ in range(3):
                request = await peer.message()
                assert isinstance(request, Request)
                assert request.via.transport == "TCP"
                assert request.via.port == stage.address("tcp").port
                await peer.send(request.respond(200, to_tag="t").serialize())
            assert [(await stage.answered()).response.call_id for _ in range(3)] == ["c0", "c1", "c2"]
            assert listener.accepted.empty()
            assert stage.driver.sizes()["connections"] == 1
            peer.close()

    async def test_our_connection_comes_from_the_listeners_address(self) -> None:
        async with scene(("tcp",), host="127.0.0.3") as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing(), stage.flow(listener.address, "tcp"), stage.listen)
            peer = await listener.peer()
            assert peer.writer.get_extra_info("peername")[0] == "127.0.0.3"
            peer.close()

    async def test_the_peer_may_use_the_connection_that_we_opened(self) -> None:
        async with scene(on_request=ok) as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing("INVITE"), stage.flow(listener.address, "tcp"), stage.listen)
            peer = await listener.peer()
            await peer.message()
            await peer.send(tcp_wire(peer, call_id="theirs"))
            response = await peer.message()
            assert response.call_id == "theirs"
            assert isinstance(response, Response)
            peer.close()

    async def test_with_alias_our_requests_go_over_the_connection_of_the_peer_rfc_5923(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(wire(via=Address(HOST, 5099), transport="TCP", params=";alias"))
            await peer.message()
            flow = stage.flow(Address(HOST, 5099), "tcp")
            stage.driver.request(outgoing(call_id="ours"), flow, stage.listen)
            assert (await peer.message()).call_id == "ours"
            peer.close()
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    async def test_a_connection_has_one_alias_the_latest(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            for port in range(6000, 6020):
                await peer.send(
                    wire(via=Address(HOST, port), transport="TCP", params=";alias", branch=f"z9hG4bK{port}")
                )
                await peer.message()
            assert stage.driver.connections.aliases == 1
            stage.driver.request(outgoing(), stage.flow(Address(HOST, 6019), "tcp"), stage.listen)
            assert isinstance(await peer.message(), Request)
            peer.close()

    async def test_a_connection_that_is_closing_is_not_used(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            flow = stage.flow(listener.address, "tcp")
            stage.driver.request(outgoing(call_id="c1"), flow, stage.listen)
            first = await listener.peer()
            await first.message()
            for connection in stage.driver.connections.streams:
                connection.close()
            stage.driver.request(outgoing(call_id="c2"), flow, stage.listen)
            second = await listener.peer()
            assert (await second.message()).call_id == "c2"
            assert stage.driver.sizes()["connections"] == 1
            for peer in (first, second):
                peer.close()

    async def test_a_response_whose_connection_is_gone_goes_to_sent_by_section_18_2_2(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(wire("INVITE", via=listener.address, transport="TCP", params=""))
            arrived = await soon(stage.requests)
            peer.close()
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            stage.driver.respond(arrived.txn, arrived.request.respond(180, to_tag="t"))
            again = await listener.peer()
            message = await again.message()
            assert isinstance(message, Response)
            assert message.status == 180
            again.close()

    async def test_cancel_over_the_connection(self) -> None:
        async with scene() as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(tcp_wire(peer, "INVITE") + tcp_wire(peer, "CANCEL"))
            arrived = await soon(stage.requests)
            stage.driver.adopt(arrived.txn, stage.listen)
            got = []
            for _ in range(2):
                message = await peer.message()
                assert isinstance(message, Response)
                got.append((message.status, message.cseq[1]))
            assert got[:2] == [(100, "INVITE"), (200, "CANCEL")]
            peer.close()


class TestFailures:
    async def test_nobody_listens(self) -> None:
        async with scene() as stage:
            sock = bound()
            flow = stage.flow(Address(*sock.getsockname()), "tcp")
            txn = stage.driver.request(outgoing(), flow, stage.listen)
            assert stage.events.empty()
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert (event.txn, event.status) == (txn, 503)
            assert str(flow.remote) in event.reason
            assert set(stage.driver.sizes().values()) == {0}
            sock.close()

    async def test_a_connection_that_leads_to_itself_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nobody listens at a port that the system gives out, TCP can connect a socket with itself (RFC 9293
        §3.5); our own OPTIONS would come back, and a dead neighbour would be alive."""
        [port] = free_ports(HOST, 1)

        class Own(socket.socket):
            def bind(self, address: Any) -> None:
                super().bind((address[0], port))

        names = {name: getattr(socket, name) for name in ("AF_INET", "AF_INET6", "SOCK_STREAM")}
        monkeypatch.setattr(connecting, "socket", SimpleNamespace(socket=Own, **names))
        async with scene() as stage:
            stage.driver.request(outgoing(), stage.flow(Address(HOST, port), "tcp"), stage.listen)
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert event.status == 503 and "led to itself" in event.reason

    async def test_nobody_accepts_in_time(self) -> None:
        settings = TransportSettings(tcp_connect_limit_s=0.1)
        with _full_backlog() as full:
            async with scene(settings=settings) as stage:
                flow = stage.flow(full, "tcp")
                stage.driver.request(outgoing(), flow, stage.listen)
                event = await soon(stage.events)
                assert isinstance(event, RequestFailed)
                assert event.status == 503
                assert "within 0.1 s" in event.reason

    async def test_a_request_whose_connection_breaks_is_sent_once_more(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing(), stage.flow(listener.address, "tcp"), stage.listen)
            first = await listener.peer()
            request = await first.message()
            _reset(first)
            second = await listener.peer()
            again = await second.message()
            assert isinstance(again, Request)
            assert again.via.branch == request.via.branch
            await second.send(again.respond(200, to_tag="t").serialize())
            assert (await stage.answered()).response.status == 200
            second.close()

    async def test_but_only_once(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing(), stage.flow(listener.address, "tcp"), stage.listen)
            for _ in range(2):
                peer = await listener.peer()
                await peer.message()
                _reset(peer)
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert event.status == 503

    async def test_an_invite_that_rings_outlives_its_connection(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            stage.driver.request(outgoing("INVITE"), stage.flow(listener.address, "tcp"), stage.listen)
            first = await listener.peer()
            invite = await first.message()
            assert isinstance(invite, Request)
            await first.send(invite.respond(180, to_tag="t").serialize())
            assert (await stage.answered()).response.status == 180
            _reset(first)
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            second = await TcpPeer.connect(stage.address("tcp"))
            await second.send(invite.respond(486, to_tag="t").serialize())
            assert (await stage.answered()).response.status == 486
            second.close()


class TestLimits:
    async def test_a_message_that_never_ends_loses_its_connection(self) -> None:
        async with scene(settings=TransportSettings(tcp_message_limit_s=0.1)) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(b"OPTIONS sip:x SIP/2.0\r\nVia: ")
            assert await peer.closed() == b""
            assert stage.requests.empty()

    async def test_trickling_bytes_do_not_prolong_it(self) -> None:
        async with scene(settings=TransportSettings(tcp_message_limit_s=0.1)) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))

            async def trickle() -> None:
                while True:
                    await peer.send(b"x")
                    await asyncio.sleep(0.01)

            trickling = asyncio.ensure_future(trickle())
            await peer.closed()
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    async def test_an_idle_connection_is_closed_and_a_used_one_is_not(self) -> None:
        clock = LeapingClock()
        settings = TransportSettings(tcp_idle_limit_s=100, tcp_message_limit_s=0.1)
        async with scene(settings=settings, clock=clock, on_request=ok) as stage:
            idle, used = [await TcpPeer.connect(stage.address("tcp")) for _ in range(2)]
            await until(lambda: stage.driver.sizes()["connections"] == 2)
            clock.leapt_s = 60
            await used.send(tcp_wire(used, "ACK"))  # nothing goes back
            await until(lambda: len(stage.seen) == 1)
            clock.leapt_s = 120
            assert await idle.closed() == b""
            await used.send(tcp_wire(used, branch="z9hG4bK2", call_id="c2"))
            assert (await used.message()).call_id == "c2"
            used.close()

    async def test_past_the_limit_new_ones_are_refused(self) -> None:
        async with scene(settings=TransportSettings(tcp_connections=2), on_request=ok) as stage:
            peers = [await TcpPeer.connect(stage.address("tcp")) for _ in range(2)]
            for peer in peers:
                await peer.send(tcp_wire(peer, branch=f"z9hG4bK{peer.address.port}", call_id=str(peer.address)))
                await peer.message()
            assert stage.counters.counts["connections", "access"] == 2
            await TcpPeer.refused(stage.address("tcp"))
            assert stage.counters.counts["connection_refused", "access", "limit"] == 1
            peers[0].close()
            await until(lambda: stage.counters.counts["connections", "access"] == 1)
            fourth = await TcpPeer.connect(stage.address("tcp"))
            await fourth.send(tcp_wire(fourth, branch="z9hG4bK4", call_id="c4"))
            assert (await fourth.message()).call_id == "c4"
            for peer in (peers[1], fourth):
                peer.close()

    async def test_a_peer_that_never_reads_loses_its_connection_not_our_memory(self) -> None:
        async with scene() as stage:
            listener = await TcpListener.open()
            flow = stage.flow(listener.address, "tcp")
            stage.driver.request(outgoing(call_id="first"), flow, stage.listen)
            peer = await listener.peer()
            await until(lambda: stage.driver.sizes()["connections"] == 1)
            with capture_logs():
                for i in range(400):  # 24 MB: more than any kernel buffers for a peer that does not read
                    stage.driver.request(outgoing(body=b"x" * 60_000, call_id=f"c{i}"), flow, stage.listen)
                    await asyncio.sleep(0)
                    if not listener.accepted.empty():
                        break
                await listener.peer()  # the first connection was given up, and what it held is tried once more
            peer.writer.transport.abort()

    async def test_an_unknown_source_is_cut_off_without_a_byte(self) -> None:
        async with scene(source_ok=lambda flow: flow.transport == "udp") as stage:
            await TcpPeer.refused(stage.address("tcp"))
            assert stage.counters.counts["unknown_source", "access", "tcp"] == 1
            assert not stage.counters.counts["malformed", "access", "tcp"]
            assert stage.driver.sizes()["connections"] == 0
            assert stage.seen == []


class TestCancelledEvent:
    async def test_is_told_over_tcp_too(self) -> None:
        async with scene() as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(tcp_wire(peer, "INVITE"))
            arrived = await soon(stage.requests)
            stage.driver.adopt(arrived.txn, stage.listen)
            await peer.send(tcp_wire(peer, "CANCEL"))
            assert isinstance(await soon(stage.events), CancelArrived)
            peer.close()


@contextmanager
def _full_backlog() -> Iterator[Address]:
    """A listener that takes no more connections: their SYNs get no answer."""
    with bound() as full, ExitStack() as fillers:
        full.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield Address(*full.getsockname())


def _reset(peer: TcpPeer) -> None:
    """Close with RST, as a peer does that was restarted."""
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
