"""Keep-alive over streams, both ways (RFC 5626 §3.5.1, §4.4.1)."""

from __future__ import annotations

import asyncio

import pytest

from splitter.core.net import Flow
from splitter.sip.dialog import DialogId
from splitter.sip.events import RequestArrived, ResponseArrived
from splitter.sip.message import Request
from splitter.transport.driver import Driver
from splitter.transport.settings import TransportSettings
from tests.patience import PATIENCE_S, until
from tests.transport.pki import client, paper
from tests.transport.scene import LeapingClock, Scene, TcpListener, TcpPeer, outgoing, scene, soon, wire

SETTINGS = TransportSettings(keep_alive_s=10, tcp_idle_limit_s=60, tcp_message_limit_s=0.1)
PING, PONG = b"\r\n\r\n", b"\r\n"
OWNER = ("8001", "binding")


async def connected(stage: Scene, transport: str = "tcp") -> tuple[TcpPeer, Flow]:
    """A peer that has sent a message, and its flow."""
    peer = await TcpPeer.connect(stage.address(transport), client() if transport == "tls" else None)
    await peer.send(wire("ACK", via=peer.address, transport=transport.upper()))
    await until(lambda: bool(stage.seen))
    return peer, stage.seen[0][1]


async def some(peer: TcpPeer, size: int) -> bytes:
    return await asyncio.wait_for(peer.reader.readexactly(size), PATIENCE_S)


class TestOurPings:
    @pytest.mark.parametrize("transport", ["tcp", "tls"])
    async def test_go_over_connections_that_a_registration_needs(self, transport: str) -> None:
        clock = LeapingClock()
        async with scene(("tcp", "tls"), tls=paper().settings(), settings=SETTINGS, clock=clock) as stage:
            peer, flow = await connected(stage, transport)
            stage.driver.hold(OWNER, flow)
            for _ in range(10):  # 110 s: far over the idle limit
                clock.leapt_s += 11
                assert await some(peer, 4) == PING
                await peer.send(PONG)
                await until(lambda: _heard(stage))
            stage.driver.release(OWNER)
            clock.leapt_s += 61
            assert await peer.closed() == b""
            peer.close()

    async def test_others_get_none_and_are_closed_when_idle(self) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            peer, _ = await connected(stage)
            clock.leapt_s += 30
            await asyncio.sleep(
                0.2
            )  # some looks at the connections; a ping would be a failure, its absence is not proved
            clock.leapt_s += 31
            assert await peer.closed() == b""
            peer.close()

    async def test_a_peer_that_answered_once_must_go_on_answering(self) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            peer, flow = await connected(stage)
            stage.driver.hold(OWNER, flow)
            clock.leapt_s += 11
            assert await some(peer, 4) == PING
            await peer.send(PONG)
            await until(lambda: _heard(stage))
            clock.leapt_s += 11
            assert await some(peer, 4) == PING
            clock.leapt_s += 11
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            peer.close()

    async def test_one_that_never_answers_is_left_alone(self) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            peer, flow = await connected(stage)
            stage.driver.hold(OWNER, flow)
            for _ in range(5):
                clock.leapt_s += 11
                assert await some(peer, 4) == PING
            assert stage.driver.sizes()["connections"] == 1
            peer.close()

    async def test_what_waits_on_a_connection_found_dead_goes_over_a_new_one(self) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            listener = await TcpListener.open()
            flow = stage.flow(listener.address, "tcp")
            stage.driver.hold(OWNER, flow)
            stage.driver.request(outgoing("INVITE"), flow, stage.listen)
            first = await listener.peer()
            await first.message()
            clock.leapt_s += 11
            assert await some(first, 4) == PING
            await first.send(PONG)
            await until(lambda: _heard(stage))
            clock.leapt_s += 11
            assert await some(first, 4) == PING
            clock.leapt_s += 11
            second = await listener.peer()
            assert (await second.message()).cseq == (7, "INVITE")
            for peer in (first, second):
                peer.close()


class TestDialogs:
    async def test_hold_the_connection_that_their_requests_come_over(self) -> None:
        async with scene(("tcp",), on_request=_accept) as stage:
            peer = await TcpPeer.connect(stage.address("tcp"))
            await peer.send(wire("INVITE", via=peer.address, transport="TCP"))
            await peer.message()
            await peer.message()
            await peer.send(wire("ACK", via=peer.address, transport="TCP", to_tag="scene", branch="z9hG4bKa"))
            await until(lambda: stage.driver.sizes()["holds"] == 1)
            request = (await soon(stage.requests)).request
            stage.driver.unregister(DialogId(request.call_id, "scene", "from1"))
            assert stage.driver.sizes()["holds"] == 0
            peer.close()

    async def test_and_the_one_that_ours_go_over(self) -> None:
        async with scene(("tcp",)) as stage:
            listener = await TcpListener.open()
            flow = stage.flow(listener.address, "tcp")
            txn = stage.driver.request(outgoing("INVITE"), flow, stage.listen)
            peer = await listener.peer()
            invite = await peer.message()
            assert isinstance(invite, Request)
            await peer.send(invite.respond(200, to_tag="theirs").serialize())
            event = await soon(stage.events)
            assert isinstance(event, ResponseArrived)
            dialog = DialogId(invite.call_id, "ours", "theirs")
            stage.driver.register(dialog, stage.listen)
            ack = outgoing("ACK")
            ack.headers.set("To", "<sip:12345@127.0.0.1>;tag=theirs")
            stage.driver.acknowledge(txn, ack, flow)
            assert stage.driver.sizes()["holds"] == 1
            stage.driver.unregister(dialog)
            assert stage.driver.sizes()["holds"] == 0
            peer.close()


class TestTheirPings:
    @pytest.mark.parametrize("transport", ["tcp", "tls"])
    async def test_are_answered_one_for_one(self, transport: str) -> None:
        async with scene(("tcp", "tls"), tls=paper().settings()) as stage:
            peer = await TcpPeer.connect(stage.address(transport), client() if transport == "tls" else None)
            await peer.send(PING * 3)
            assert await some(peer, 6) == PONG * 3
            peer.close()

    async def test_keep_the_connection_of_a_peer_that_has_spoken(self) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            spoken, _ = await connected(stage)
            silent = await TcpPeer.connect(stage.address("tcp"))
            for _ in range(3):
                clock.leapt_s += 50
                await spoken.send(PING)
                assert await some(spoken, 2) == PONG
                if not silent.reader.at_eof():
                    silent.writer.write(PING)
            assert (await silent.closed()).strip() == b""
            assert stage.driver.sizes()["connections"] == 1
            for peer in (spoken, silent):
                peer.close()

    @pytest.mark.parametrize("rest", [b"\r", b"\r\n", b"\r\n\r"])
    async def test_half_a_ping_is_no_message_that_never_ends(self, rest: bytes) -> None:
        clock = LeapingClock()
        async with scene(("tcp",), settings=SETTINGS, clock=clock) as stage:
            peer, _ = await connected(stage)
            await peer.send(rest)
            await until(lambda: _heard(stage, since=0.0))
            clock.leapt_s += 5  # the limit of a message is 0.1 s
            await peer.send(PING[len(rest) :] + PING)
            assert (await some(peer, 2))[:2] == PONG
            peer.close()


def _heard(stage: Scene, since: float | None = None) -> bool:
    """True once the last ping was answered, or bytes came."""
    (stream,) = stage.driver.connections.streams
    return stream.pinged_at is None if since is None else stream.heard_at > stream.used_at


def _accept(driver: Driver, event: RequestArrived) -> None:
    request = event.request
    driver.register(DialogId(request.call_id, "scene", request.from_tag or ""), lambda event: None)
    driver.respond(event.txn, request.respond(200, to_tag="scene"))
