"""SIP over WebSocket (RFC 7118), with aiohttp as the client, and with clients that mean no good."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, WSServerHandshakeError
from structlog.testing import capture_logs

from splitter.core.net import Address, Flow
from splitter.sip.dialog import DialogId
from splitter.sip.events import RequestArrived, RequestFailed
from splitter.sip.message import Message, Request, Response
from splitter.sip.parse import parse_message
from splitter.transport.driver import Driver
from splitter.transport.settings import TransportSettings
from tests.patience import PATIENCE_S, until
from tests.transport.pki import client, paper
from tests.transport.scene import HOST, LeapingClock, Scene, TcpPeer, ok, outgoing, scene, soon, wire

WEB = ("udp", "ws", "wss")
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


@asynccontextmanager
async def browser(
    address: Address, tls: ssl.SSLContext | None = None, source: str = HOST, **fields: Any
) -> AsyncIterator[ClientWebSocketResponse]:
    """A client as JsSIP is one."""
    url = f"{'wss' if tls else 'ws'}://{address}/sip"
    async with ClientSession(connector=TCPConnector(local_addr=(source, 0))) as session:
        settings: dict[str, object] = {"protocols": ("sip",), **fields}
        async with session.ws_connect(url, ssl=tls or True, **settings) as socket:  # type: ignore[call-overload]
            yield socket


async def message(socket: ClientWebSocketResponse) -> Message:
    frame = await socket.receive(PATIENCE_S)
    assert frame.type is WSMsgType.TEXT, frame
    return parse_message(frame.data.encode())


def ws_wire(method: str = "OPTIONS", **fields: Any) -> bytes:
    """A request as a browser makes it: it does not know its own address (RFC 7118 §5)."""
    known = {"transport": "WS", "params": "", "via": Address("df7jal23ls0d.invalid", 5060), **fields}
    text = wire(method, **known).decode()
    return text.replace("df7jal23ls0d.invalid:5060", "df7jal23ls0d.invalid").replace(">", ";transport=ws>").encode()


class TestExchangeRfc7118:
    @pytest.mark.parametrize("transport", ["ws", "wss"])
    @pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
    async def test_a_request_in_one_frame_gets_its_response_in_one(self, transport: str, binary: bool) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address(transport), client() if transport == "wss" else None) as socket,
        ):
            assert socket.protocol == "sip"
            data = ws_wire()
            await (socket.send_bytes(data) if binary else socket.send_str(data.decode()))
            response = await message(socket)
            assert isinstance(response, Response)
            assert response.status == 200
            assert response.via.host == "df7jal23ls0d.invalid"
            arrived = await soon(stage.requests)
            assert arrived.flow.transport == transport
            assert arrived.flow.reliable
            assert stage.seen[0][3] == data

    async def test_our_requests_go_over_the_clients_connection(self) -> None:
        async with scene(WEB, tls=paper().settings(), on_request=ok) as stage:
            async with browser(stage.address("ws")) as socket:
                await socket.send_bytes(ws_wire())
                await message(socket)
                flow = (await soon(stage.requests)).flow
                stage.driver.request(outgoing("INFO"), flow, stage.listen)
                request = await message(socket)
                assert isinstance(request, Request)
                assert (request.via.transport, request.via.port) == ("WS", stage.address("ws").port)
                await socket.send_bytes(request.respond(200, to_tag="t").serialize())
                assert (await stage.answered()).flow == flow
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            stage.driver.request(outgoing("INFO"), flow, stage.listen)
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert "WebSocket connection" in event.reason
            assert set(stage.driver.sizes().values()) == {0}

    async def test_a_contact_that_is_no_place_leads_nowhere_else(self) -> None:
        async with scene(WEB, tls=paper().settings()) as stage:
            locate = stage.driver.locate
            assert locate("access", "sip:8001@df7jal23ls0d.invalid;transport=ws") is None
            for uri in ("sip:8001@127.0.0.9;transport=ws", "sip:8001@127.0.0.9;transport=wss"):
                with pytest.raises(Exception, match="WebSocket"):
                    locate("access", uri)

    async def test_without_a_content_length_the_frame_says_where_the_message_ends(self) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address("ws")) as socket,
        ):
            data = ws_wire("MESSAGE", body=b"hello").replace(b"Content-Length: 5\r\n", b"")
            await socket.send_bytes(data)
            await message(socket)
            assert (await soon(stage.requests)).request.body == b"hello"

    async def test_a_body_that_is_no_text_goes_in_a_binary_frame(self) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address("ws")) as socket,
        ):
            await socket.send_bytes(ws_wire())
            await message(socket)
            flow = (await soon(stage.requests)).flow
            stage.driver.request(outgoing("MESSAGE", body=b"\xff\x00\xfe"), flow, stage.listen)
            frame = await socket.receive(PATIENCE_S)
            assert frame.type is WSMsgType.BINARY
            assert parse_message(frame.data).body == b"\xff\x00\xfe"

    async def test_pings_are_answered_frames_and_crlf_alike(self) -> None:
        async with (
            scene(WEB, tls=paper().settings()) as stage,
            browser(stage.address("ws"), autoping=False) as socket,
        ):
            await socket.ping(b"there?")
            pong = await socket.receive(PATIENCE_S)
            assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"there?")
            await socket.send_str("\r\n\r\n")
            assert (await socket.receive(PATIENCE_S)).data == "\r\n"
            assert stage.seen == []

    async def test_a_malformed_message_does_not_end_the_connection(self) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address("ws")) as socket,
        ):
            await socket.send_str("nonsense")
            await socket.send_bytes(ws_wire())
            assert isinstance(await message(socket), Response)
            assert stage.counters.counts["malformed", "access", "ws"] == 1

    async def test_many_messages_keep_their_order(self) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address("ws")) as socket,
        ):
            for i in range(200):
                await socket.send_bytes(ws_wire(branch=f"z9hG4bK{i}", call_id=f"c{i}"))
            assert [(await message(socket)).call_id for _ in range(200)] == [f"c{i}" for i in range(200)]

    async def test_at_the_end_clients_are_told(self) -> None:
        async with scene(WEB, tls=paper().settings()) as stage, browser(stage.address("ws")) as socket:
            await until(lambda: stage.driver.sizes()["connections"] == 1)
            stopping = asyncio.ensure_future(stage.driver.stop())
            frame = await socket.receive(PATIENCE_S)
            assert (frame.type, frame.data) == (WSMsgType.CLOSE, 1001)
            await stopping


class TestHandshakeRfc7118Section5:
    @pytest.mark.parametrize("protocols", [(), ("xmpp",), ("sipx",)])
    async def test_needs_the_sub_protocol_sip(self, protocols: tuple[str, ...]) -> None:
        async with scene(WEB, tls=paper().settings()) as stage:
            with pytest.raises(WSServerHandshakeError) as refusal:
                async with browser(stage.address("ws"), protocols=protocols):
                    pass
            assert refusal.value.status == 400
            await until(lambda: stage.counters.counts["abuse", "access", "ws", "not-sip"] >= 1)

    async def test_one_of_several_sub_protocols_is_enough(self) -> None:
        async with (
            scene(WEB, tls=paper().settings()) as stage,
            browser(stage.address("ws"), protocols=("xmpp", "sip")) as socket,
        ):
            assert socket.protocol == "sip"

    @pytest.mark.parametrize(
        ("origin", "welcome"),
        [("https://desk.example", True), ("https://DESK.example", True), ("https://evil.example", False), (None, True)],
    )
    async def test_pages_of_other_origins_may_not_connect(self, origin: str | None, welcome: bool) -> None:
        async with scene(WEB, tls=paper().settings(), web_origins=("https://desk.example",)) as stage:
            try:
                async with browser(stage.address("ws"), origin=origin):
                    assert welcome
            except WSServerHandshakeError as refusal:
                assert not welcome
                assert refusal.status == 403

    @pytest.mark.parametrize(
        ("transport", "origin", "host", "welcome"),
        [
            ("ws", "https://evil.example", "", False),
            ("ws", "null", "", False),
            ("ws", "file://", "", False),
            ("ws", "http://", "", False),
            ("ws", "http://[", "", False),
            ("ws", "http://127.0.0.1", "", True),  # our own page, from another port of this host
            ("ws", "https://127.0.0.1:8443", "", True),
            ("ws", "http://127.0.0.2", "", False),
            ("ws", "http://localhost:3000", "", True),  # a page of this machine
            ("ws", "http://localhost:3000", "10.1.0.10", False),
            ("ws", "http://localhost.evil.example", "", False),
            ("ws", "http://evil.example", "evil.example", False),  # DNS rebinding: its name leads to our address
            ("wss", "https://desk.example", "desk.example", True),
            ("wss", "https://evil.example", "desk.example", False),
        ],
    )
    async def test_without_any_setting_our_own_pages_may_alone(
        self, transport: str, origin: str, host: str, welcome: bool
    ) -> None:
        async with scene(WEB, tls=paper().settings(), spared=()) as stage:
            headers = {"Host": host} if host else None
            secure = client() if transport == "wss" else None
            for _ in range(20):
                try:
                    async with browser(stage.address(transport), secure, origin=origin, headers=headers):
                        assert welcome
                except WSServerHandshakeError as refusal:
                    assert not welcome and refusal.status == 403
            assert not stage.driver.bans(), "the page is a stranger's, not the browser"

    async def test_plain_http_is_told_what_is_spoken_here(self) -> None:
        async with scene(WEB, tls=paper().settings()) as stage:
            peer = await TcpPeer.connect(stage.address("ws"))
            await peer.send(b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await peer.closed()).startswith(b"HTTP/1.1 426 ")
            await until(lambda: stage.counters.counts["abuse", "access", "ws", "not-sip"] >= 1)
            assert stage.driver.sizes()["connections"] == 0

    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x00\xf4\x01\x00\x00",
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500,
        ],
        ids=["tls", "sip", "header flood"],
    )
    async def test_what_is_no_http_is_cut_off_without_a_traceback(
        self, data: bytes, capfd: pytest.CaptureFixture[str]
    ) -> None:
        async with scene(WEB, tls=paper().settings()) as stage:
            peer = await TcpPeer.connect(stage.address("ws"))
            await peer.send(data + b"\r\n\r\n")
            await peer.closed()
            peer.close()
            await until(lambda: stage.counters.counts["abuse", "access", "ws", "not-sip"] >= 1)

        assert "Traceback" not in capfd.readouterr().err


class TestBehindAProxy:
    async def test_who_connects_is_whom_the_proxy_names(self) -> None:
        headers = {"X-Forwarded-For": "192.0.2.9, 203.0.113.7"}
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok, web_proxies=("127.0.0.1/32",)) as stage,
            browser(stage.address("ws"), headers=headers) as socket,
        ):
            await socket.send_str(ws_wire().decode())
            assert isinstance(await message(socket), Response)
            assert (await soon(stage.requests)).flow.remote.host == "203.0.113.7"

    async def test_nobody_names_itself(self) -> None:
        async with (
            scene(WEB, tls=paper().settings(), on_request=ok) as stage,
            browser(stage.address("ws"), headers={"X-Forwarded-For": "203.0.113.7"}) as socket,
        ):
            await socket.send_str(ws_wire().decode())
            await message(socket)
            assert (await soon(stage.requests)).flow.remote.host == HOST

    async def test_whom_no_trunk_names_may_not_connect_and_leaves_its_place(self) -> None:
        settings = TransportSettings(tcp_connections_per_source=2)

        def known(flow: Flow) -> bool:
            return not flow.remote.host.startswith("203.")

        async def status_for(stage: Scene, host: str) -> int:
            """What a client of this address is told, as soon as the one before it has left."""
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    try:
                        async with browser(stage.address("ws"), headers={"X-Forwarded-For": host}):
                            return 101
                    except WSServerHandshakeError as refusal:
                        return refusal.status
                    except ClientError:
                        await asyncio.sleep(0.01)

        async with scene(
            WEB, tls=paper().settings(), settings=settings, source_ok=known, web_proxies=("127.0.0.1/32",)
        ) as stage:
            assert [await status_for(stage, "203.0.113.7") for _ in range(4)] == [403] * 4
            assert await status_for(stage, "198.51.100.1") == 101

    async def test_each_has_its_own_limit_of_connections(self) -> None:
        settings = TransportSettings(tcp_connections_per_source=2)
        async with (
            scene(WEB, tls=paper().settings(), settings=settings, web_proxies=("127.0.0.1/32",)) as stage,
            AsyncExitStack() as stack,
        ):

            async def connect(host: str) -> None:
                await stack.enter_async_context(browser(stage.address("ws"), headers={"X-Forwarded-For": host}))

            for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.3"):
                await connect(host)
            with pytest.raises(WSServerHandshakeError):
                await connect("192.0.2.3")
            await connect("192.0.2.2")


class TestHostileClients:
    async def test_a_handshake_that_trickles_ends_after_its_time(self) -> None:
        settings = TransportSettings(handshake_limit_s=0.1)
        async with scene(WEB, tls=paper().settings(), settings=settings) as stage:
            peer = await TcpPeer.connect(stage.address("ws"))
            await peer.send(b"GET / HTTP/1.1\r\nX-Slow: ")
            await _trickle(peer, b"x")
            assert stage.counters.counts["abuse", "access", "ws", "slow"] == 1

    async def test_so_does_a_frame(self) -> None:
        settings = TransportSettings(tcp_message_limit_s=0.1)
        async with scene(WEB, tls=paper().settings(), settings=settings) as stage:
            peer = await _upgraded(stage)
            await peer.send(b"\x81\xfe\x08\x00\x01\x02\x03\x04")  # 2048 bytes will come
            await _trickle(peer, b"x")
            assert stage.counters.counts["abuse", "access", "ws", "slow"] == 1
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    async def test_a_frame_over_the_limit_ends_the_connection_before_it_has_come(self) -> None:
        settings = TransportSettings(message_limit_bytes=2000)
        async with scene(WEB, tls=paper().settings(), settings=settings, on_request=ok) as stage:
            peer = await _upgraded(stage)
            await peer.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\x01\x02\x03\x04")
            await peer.closed()
            peer.close()
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            assert stage.counters.counts["malformed", "access", "ws"] == 1
            async with browser(stage.address("ws")) as socket:
                await socket.send_bytes(ws_wire("MESSAGE", body=b"x" * 1500))
                assert isinstance(await message(socket), Response)
                await socket.send_bytes(ws_wire("MESSAGE", body=b"x" * 2000, branch="z9hG4bK2", call_id="c2"))
                assert (await socket.receive(PATIENCE_S)).type is WSMsgType.CLOSE

    async def test_a_frame_of_no_kind_ends_the_connection(self) -> None:
        async with scene(WEB, tls=paper().settings()) as stage:
            peer = await _upgraded(stage)
            await peer.send(b"\x8f\x80\x00\x00\x00\x00")  # a reserved opcode
            await peer.closed()
            peer.close()
            await until(lambda: stage.driver.sizes()["connections"] == 0)
            assert stage.counters.counts["malformed", "access", "ws"] == 1

    async def test_a_client_that_never_reads_loses_its_connection_not_our_memory(self) -> None:
        async with scene(WEB, tls=paper().settings(), on_request=ok) as stage:
            peer = await _upgraded(stage)
            await until(lambda: stage.driver.sizes()["connections"] == 1)
            (stream,) = stage.driver.connections.streams
            with capture_logs():
                for i in range(600):
                    stage.driver.request(outgoing("INFO", b"x" * 60_000, f"c{i}"), stream.flow, stage.listen)
                    await asyncio.sleep(0)
                    if not stream.usable:
                        break
                await until(lambda: stage.driver.sizes()["connections"] == 0)
            assert stage.counters.counts["abuse", "access", "ws", "slow"] == 1
            peer.close()


class TestKeepAlive:
    async def test_a_client_in_a_dialog_is_pinged_and_one_that_is_gone_is_given_up(self) -> None:
        clock = LeapingClock()
        settings = TransportSettings(keep_alive_s=1, tcp_message_limit_s=0.1)
        async with (
            scene(WEB, tls=paper().settings(), settings=settings, clock=clock, on_request=_register) as stage,
            browser(stage.address("ws"), autoping=False) as socket,
        ):
            await socket.send_bytes(ws_wire("INVITE"))
            assert (await message(socket)).cseq == (1, "INVITE")  # 100
            assert (await message(socket)).to_tag == "scene"
            await socket.send_bytes(ws_wire("ACK", to_tag="scene", branch="z9hG4bKack"))
            await until(lambda: stage.driver.sizes()["holds"] == 1)
            clock.leapt_s += 2
            ping = await socket.receive(PATIENCE_S)
            assert ping.type is WSMsgType.PING
            await socket.pong(ping.data)
            clock.leapt_s += 9
            ping = await socket.receive(PATIENCE_S)
            assert ping.type is WSMsgType.PING
            clock.leapt_s += 11  # and no pong
            await until(lambda: stage.driver.sizes()["connections"] == 0)


def _register(driver: Driver, event: RequestArrived) -> None:
    """Make a dialog of an INVITE."""
    request = event.request
    driver.register(DialogId(request.call_id, "scene", request.from_tag or ""), lambda event: None)
    driver.respond(event.txn, request.respond(200, to_tag="scene"))


async def _upgraded(stage: Scene) -> TcpPeer:
    """A raw connection whose handshake is done."""
    peer = await TcpPeer.connect(stage.address("ws"))
    await peer.send(UPGRADE.encode())
    answer = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return peer


async def _trickle(peer: TcpPeer, byte: bytes) -> None:
    """Send byte by byte until the connection is closed."""

    async def send() -> None:
        while True:
            await peer.send(byte)
            await asyncio.sleep(0.01)

    sending = asyncio.ensure_future(send())
    await peer.closed()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    peer.close()
