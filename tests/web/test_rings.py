"""Requests, connections and event sockets that are over leave no ring of objects to the garbage collector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from splitter.calls.desks import Desks
from splitter.core.net import Address
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from tests.garbage import no_rings
from tests.patience import until
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL, Gateway, web

TOKEN = "Authorization: Bearer reader\r\n"
REQUESTS = {
    "a page": "GET /console/ HTTP/1.1\r\nHost: x\r\n",
    "a stranger": "GET /v1/me HTTP/1.1\r\nHost: x\r\n",
    "a call": f"GET /v1/calls/{CALL.call_id} HTTP/1.1\r\nHost: x\r\n{TOKEN}",
    "no call": f"GET /v1/calls/none HTTP/1.1\r\nHost: x\r\n{TOKEN}",
    "nothing": "GET /nothing HTTP/1.1\r\nHost: x\r\n",
    "a body that is none": "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1\r\n",
    "no HTTP": "nonsense\r\n",
}
OPENING = (
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: splitter.v1, bearer.reader\r\n\r\n"
)


async def leaves_none(parts: Gateway, act: Callable[[Address], Awaitable[None]], package: str = "splitter.") -> None:
    parts.calls.add(CALL)
    api = parts.server.api
    await act(api.addresses[0])  # what is made once is made now
    await until(lambda: not api.connections)
    with no_rings(package):
        await act(api.addresses[0])
        await until(lambda: not api.connections)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", REQUESTS)
async def test_of_a_request(parts: Gateway, name: str) -> None:
    async def ask(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"{REQUESTS[name]}Connection: close\r\n\r\nx".encode())
        assert (await reader.read()).startswith(b"HTTP/1.")
        writer.close()

    await leaves_none(parts, ask)


async def test_of_a_connection_that_asks_nothing(parts: Gateway) -> None:
    async def come_and_go(address: Address) -> None:
        _, writer = await asyncio.open_connection(*address)
        writer.close()

    await leaves_none(parts, come_and_go)


@pytest.mark.parametrize("package", ["splitter.", "aiohttp.web"])
@pytest.mark.parametrize("politely", [True, False])
async def test_of_an_event_socket(tmp_path: Path, politely: bool, package: str) -> None:
    """Each web call has one, and each desk a new one after each gap of its network."""
    hub, clock = Hub(VirtualClock(), "e"), VirtualClock()

    async def listen(address: Address) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://{address}/v1/events", protocols=("splitter.v1", "bearer.reader")) as opened,
        ):
            await opened.receive()

    async def leave(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(OPENING)
        assert (await reader.read(100)).startswith(b"HTTP/1.1 101")
        writer.close()

    async with web(tmp_path, events=Events(hub, Desks(), clock).handle) as (parts, _):
        await leaves_none(parts, listen if politely else leave, package)
