"""The event socket over the network (RFC 6455): opening, presence, and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from splitter.calls.desks import Desks
from splitter.calls.logins.access import Scope
from splitter.telemetry import metrics
from splitter.web.access.bearer import Bearer, mint
from splitter.web.events import socket as events
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from tests.patience import PATIENCE_S, until
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL, SECRET, Gateway, Web, web


@dataclass
class Scene:
    """A gateway with a hub, and somebody outside."""

    parts: Gateway
    outside: Web
    hub: Hub
    desks: Desks
    clock: VirtualClock

    @asynccontextmanager
    async def listening(self, token: str = "reader", query: str = "", **more: Any):  # type: ignore[no-untyped-def]
        more = {"protocols": ("splitter.v1", f"bearer.{token}"), **more}
        async with self.outside.session.ws_connect(f"{self.outside.base}/v1/events{query}", **more) as opened:
            yield opened

    async def refused(self, token: str = "reader", query: str = "", **more: Any) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            async with self.listening(token, query, **more):
                pass
        return error.value.status


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = VirtualClock()
    hub = Hub(clock, "e1")
    desks = Desks(("501",), hub.desk)
    async with web(tmp_path, events=Events(hub, desks, clock).handle, clock=clock) as (parts, outside):
        yield Scene(parts, outside, hub, desks, clock)
        await until(lambda: len(hub) == 0 and not desks.online("501"))


async def frame(opened: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return json.loads((await opened.receive(PATIENCE_S)).data)  # type: ignore[no-any-return]


def closed(reason: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_event_listeners_closed_total", {"reason": reason}) or 0.0


class TestOpening:
    async def test_selects_our_subprotocol_and_never_the_token(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            assert opened.protocol == "splitter.v1"
            assert [(await frame(opened))["type"] for _ in range(2)] == ["hello", "ready"]

    async def test_by_header_for_programs(self, scene: Scene) -> None:
        headers = {"Authorization": "Bearer reader"}
        async with scene.listening(protocols=("splitter.v1",), headers=headers) as opened:
            assert (await frame(opened))["me"]["name"] == "reader"

    @pytest.mark.parametrize(("token", "status"), [("stranger", 401), ("painter", 403)])
    async def test_not_for_everybody(self, token: str, status: int, scene: Scene) -> None:
        assert await scene.refused(token) == status

    @pytest.mark.parametrize(
        "query", ["?after=x", "?after=-1", "?after=" + "9" * 30, "?client=" + "a" * 65, "?client=%00"]
    )
    async def test_refuses_what_makes_no_sense(self, query: str, scene: Scene) -> None:
        assert await scene.refused(query=query) == 400

    async def test_says_what_a_plain_request_lacks(self, scene: Scene) -> None:
        assert await scene.outside.code("GET", "/v1/events", "reader") == (426, "no-websocket")

    async def test_one_login_has_so_many_at_most(self, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
        monkeypatch.setattr(events, "MOST_OF_ONE", 2)
        async with scene.listening(), scene.listening():
            assert await scene.refused() == 503
            async with scene.listening("cti"):
                pass
        await until(lambda: len(scene.hub) == 0)
        async with scene.listening():
            pass


class TestFrames:
    async def test_what_happens_arrives_at_once(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            await frame(opened), await frame(opened)
            scene.hub.call(CALL)
            told = await frame(opened)
            assert (told["type"], told["seq"], told["call"]["call_id"]) == ("call", 1, CALL.call_id)

    async def test_resumes_over_the_query(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            await frame(opened), await frame(opened)
        await until(lambda: len(scene.hub) == 0)
        scene.hub.call(CALL)
        scene.hub.call(replace(CALL, showing="seat-1"))
        async with scene.listening(query="?after=1&epoch=e1") as opened:
            frames = [await frame(opened) for _ in range(3)]
        assert frames[0]["resumed"] is True and frames[1]["call"]["showing"] == "seat-1"
        assert frames[2] == {"type": "ready", "seq": 2, "after": "e1:2"}

    async def test_resumes_by_the_cursor_that_a_frame_said(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            await frame(opened)
            cursor = (await frame(opened))["after"]
        await until(lambda: len(scene.hub) == 0)
        scene.hub.call(CALL)
        async with scene.listening(query=f"?after={cursor}") as opened:
            assert (await frame(opened))["resumed"] is True
            told = await frame(opened)
        assert (told["type"], told["stream"], told["seq"]) == ("call", "e1", 1)

    async def test_pings_when_nothing_happens_and_says_from_where_to_resume(
        self, monkeypatch: pytest.MonkeyPatch, scene: Scene
    ) -> None:
        monkeypatch.setattr(events, "PING_S", 0.2)
        async with scene.listening("desk") as opened:
            await frame(opened), await frame(opened)
            scene.hub.call(CALL)  # somebody else's
            assert await frame(opened) == {"type": "ping", "seq": 1, "after": "e1:1"}

    async def test_what_the_listener_says_is_nothing_to_us(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            await frame(opened), await frame(opened)
            await opened.send_str('{"type":"hang-up-everything"}')
            await opened.send_bytes(b"\0" * 100)
            scene.hub.call(CALL)
            assert (await frame(opened))["type"] == "call"


class TestPresence:
    async def test_a_desk_is_online_as_long_as_its_socket(self, scene: Scene) -> None:
        async with scene.listening("desk", "?client=tab-1") as opened:
            await frame(opened)
            [view] = scene.desks.views()
            assert (view.extension, view.state, view.clients[0].client) == ("501", "online", "tab-1")
        await until(lambda: not scene.desks.online("501"))

    @pytest.mark.parametrize(("token", "query"), [("desk", ""), ("cti", "?client=tab-1"), ("reader", "?client=tab-1")])
    async def test_who_only_looks_on_is_no_desk(self, token: str, query: str, scene: Scene) -> None:
        async with scene.listening(token, query) as opened:
            await frame(opened)
            assert not scene.desks.online("501")

    async def test_the_same_client_anew_takes_the_place_of_its_old_socket(self, scene: Scene) -> None:
        """A laptop wakes up in another network: its old connection is still open here."""

        async with scene.listening("desk", "?client=tab-1") as old:
            await frame(old)
            async with scene.listening("desk", "?client=tab-1") as new:
                await frame(new), await frame(old)
                assert (await old.receive(PATIENCE_S)).type is aiohttp.WSMsgType.CLOSE and old.close_code == 4009
                await until(lambda: len(scene.hub) == 1)
                assert [c.client for c in scene.desks.view("501").clients] == ["tab-1"]

    async def test_two_clients_of_one_desk(self, scene: Scene) -> None:
        async with scene.listening("desk", "?client=tab-1") as one:
            await frame(one)
            async with scene.listening("desk", "?client=tab-2") as two:
                await frame(two)
                assert len(scene.desks.view("501").clients) == 2
            await until(lambda: len(scene.desks.view("501").clients) == 1)
            assert scene.desks.online("501")


class TestEnding:
    async def test_when_the_token_ends(self, scene: Scene) -> None:
        wang = Bearer("wang", frozenset({Scope.DESK}), "501")
        async with scene.listening(mint(SECRET, wang, scene.clock.wall() + 1.4)) as opened:
            await frame(opened), await frame(opened)
            scene.clock.time += 2
            message = await opened.receive(PATIENCE_S)
            assert (message.type, opened.close_code) == (aiohttp.WSMsgType.CLOSE, 4001)

    async def test_when_the_gateway_ends(self, scene: Scene) -> None:
        async with scene.listening() as opened:
            await frame(opened), await frame(opened)
            scene.hub.close()
            assert (await opened.receive(PATIENCE_S)).type is aiohttp.WSMsgType.CLOSE
            assert opened.close_code == 1001

    async def test_a_listener_that_reads_nothing(self, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
        """It costs a bounded queue, and then its connection; nobody else notices."""
        monkeypatch.setattr(events, "SEND_LIMIT_S", 0.3)
        monkeypatch.setattr(events, "CLOSE_LIMIT_S", 0.3)
        before = closed("slow")

        host, port = scene.outside.base.removeprefix("http://").split(":")
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.setblocking(False)
            await asyncio.get_running_loop().sock_connect(lazy, (host, int(port)))
            opening = (
                f"GET /v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: splitter.v1, bearer.reader\r\n\r\n"
            )
            await asyncio.get_running_loop().sock_sendall(lazy, opening.encode())
            await until(lambda: len(scene.hub) == 1)
            async with scene.listening("cti") as quick:
                await frame(quick), await frame(quick)
                number = 0
                while closed("slow") == before:
                    number += 1
                    scene.hub.call(replace(CALL, started_at=float(number), called="1" * 60_000))
                    told = await frame(quick)
                    assert told["call"]["started_at"] == number
                    assert number < 5000
                await until(lambda: len(scene.hub) == 1)

    async def test_a_listener_that_vanishes(self, scene: Scene) -> None:
        async with scene.listening("desk", "?client=tab-1") as opened:
            await frame(opened)
            transport = opened._response.connection.transport
            assert transport is not None
            transport.abort()
            await until(lambda: len(scene.hub) == 0 and not scene.desks.online("501"))


class TestFlood:
    @pytest.mark.parametrize("kind", ["text", "ping", "pong"])
    async def test_of_frames_ends_the_socket(self, kind: str, scene: Scene) -> None:
        before = closed("flooding")
        async with scene.listening(autoping=False, autoclose=False) as opened:
            send = {"text": lambda: opened.send_str("x"), "ping": opened.ping, "pong": opened.pong}[kind]
            with suppress(ConnectionError):
                for _ in range(10 * events.SAID):
                    await send()
            async with asyncio.timeout(PATIENCE_S):
                while not opened.closed and (await opened.receive()).type is not aiohttp.WSMsgType.CLOSE:
                    pass
            await until(lambda: closed("flooding") == before + 1)

    async def test_a_ping_is_answered_and_what_is_little_does_no_harm(self, scene: Scene) -> None:
        async with scene.listening(autoping=False) as opened:
            assert [(await frame(opened))["type"] for _ in range(2)] == ["hello", "ready"]
            for _ in range(events.SAID // 2):
                await opened.send_str("x")
            await opened.ping(b"here")
            answer = await opened.receive(PATIENCE_S)
            assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"here")

    @pytest.fixture
    def five(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "OPENINGS", 5)

    async def test_of_sockets_has_to_wait_and_nobody_else(self, five: None, scene: Scene) -> None:
        """Each one that resumes from the beginning is told all that happened."""
        for _ in range(5):
            async with scene.listening(query="?after=0&epoch=e1"):
                pass
        assert await scene.refused(query="?after=0&epoch=e1") == 429
        async with scene.listening("desk"):
            pass
        scene.clock.time += events.OPENING_FADE_S
        async with scene.listening():
            pass
