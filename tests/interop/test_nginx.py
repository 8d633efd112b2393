"""nginx before the API, with the file of sipconf/nginx: desks come through it, and the internet sees guests' paths alone."""

from __future__ import annotations

import asyncio
import getpass
import io
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from PIL import Image

from splitter.calls.logins import limits
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.places import free_ports
from splitter.lab.whip import WebSeat, WebSeatSettings
from tests.browser.centre import AGENT_HZ, Centre
from tests.interop.process import Process
from tests.patience import PATIENCE_S, until
from tests.transport.pki import authority, paper

pytestmark = pytest.mark.interop

CONFIGURATION = Path(__file__).parents[2] / "sipconf" / "nginx" / "splitter.conf"
DESKS, GUESTS = "video.example.com", "guest.video.example.com"
HOST, CALLED, CALLER, DESK = "127.0.0.1", "12345", 1, 8
GATEWAY = """
[api]
listen = ["{api}"]
proxies = ["127.0.0.1"]
media_network = "desk"
guest_url = "https://{guests}/guest/"

[[account]]
user = "2001"
password = "open sesame"
"""
AROUND = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/splitter.conf;
}}
"""


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=HOST, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@dataclass
class Front:
    """What stands behind nginx, and how to reach it."""

    gateway: GatewayProcess
    api: Address
    port: int

    def url(self, site: str, path: str = "") -> str:
        return f"https://{site}:{self.port}{path}"

    async def status(self, site: str, path: str, method: str = "GET", source: str = "", **more: Any) -> int:
        """Of an answer. `source`: the address that asks."""
        async with (
            aiohttp.ClientSession(connector=connector(source)) as http,
            http.request(method, self.url(site, path), allow_redirects=False, **more) as response,
        ):
            await response.read()
            return response.status

    async def ask(self, site: str, path: str, method: str, **more: Any) -> Any:
        """The decoded body of a good answer."""
        async with (
            aiohttp.ClientSession(connector=connector()) as http,
            http.request(method, self.url(site, path), **more) as response,
        ):
            assert response.status < 300, await response.text()
            return await response.json()


def connector(source: str = "") -> aiohttp.TCPConnector:
    context = ssl.create_default_context(cafile=authority().certificate)
    return aiohttp.TCPConnector(ssl=context, resolver=Here(), local_addr=(source, 0) if source else None)


@asynccontextmanager
async def front(folder: Path) -> AsyncIterator[Front]:
    api, port = (Address(HOST, number) for number in free_ports(HOST, 2))
    mine = paper(f"DNS:{DESKS},DNS:{GUESTS}")
    text = CONFIGURATION.read_text()
    for old, new in {
        "127.0.0.1:8080;\n    keepalive": f"{api};\n    keepalive",
        "listen 443 ": f"listen {port} ",
        "/etc/nginx/splitter.pem": str(mine.certificate),
        "/etc/nginx/splitter.key": str(mine.key),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "splitter.conf").write_text(text)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=getpass.getuser()))
    centre = Centre(HOST)
    await centre.start()
    gateway = GatewayProcess(folder, centre.address, CALLED, HOST, GATEWAY.format(api=api, guests=GUESTS))
    nginx = Process("nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder)
    try:
        await gateway.start()
        here = Front(gateway, api, port.port)
        await until(lambda: _listens(port))
        yield here
    finally:
        nginx.stop()
        await gateway.stop()
        await centre.stop()


def _listens(address: Address) -> bool:
    with socket.socket() as one:
        return one.connect_ex((address.host, address.port)) == 0


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as here:
        yield here


class TestDesks:
    async def test_a_desk_logs_in_hears_events_joins_and_puts_up_a_large_picture(self, here: Front) -> None:
        desk = WebSeat(WebSeatSettings(sender=DESK), HOST, connector=connector())
        handset = Handset(HandsetSettings(listen_hz=(AGENT_HZ,)), HOST)
        await handset.start()
        try:
            await desk.start(here.url(DESKS), "open sesame")
            outcome = await handset.dial(CALLED, here.gateway.access).answered(PATIENCE_S)
            assert outcome.accepted
            await until(lambda: desk.place is not None)
            place = desk.place
            assert place is not None
            await until(lambda: handset.video.sight.rising(DESK) >= 5 and place.sight.rising(CALLER) >= 5)
            noise = np.random.default_rng(1).integers(0, 255, (900, 1200, 3), np.uint8)
            data = io.BytesIO()
            Image.fromarray(noise).save(data, "PNG")
            assert len(data.getvalue()) > 2_000_000
            reply = await desk.ask(
                "POST",
                f"/v1/pictures?call={place.call_id}",
                data=data.getvalue(),
                headers={"Content-Type": "image/png"},
            )
            assert reply.status == 201, reply.in_words()
            link = await desk.ask("POST", f"/v1/calls/{place.call_id}/invitations")
            assert link.body["link"].startswith(f"https://{GUESTS}/g/")
            code = link.body["link"].rpartition("/")[2]
            assert await here.status(GUESTS, f"/g/{code}") == 302
            login = await here.ask(GUESTS, "/v1/guests", "POST", json={"code": code, "device": "0" * 32})
            guest = {"Authorization": f"Bearer {login['token']}"}
            assert await here.status(GUESTS, "/v1/me", headers=guest) == 200
            party = f"/v1/calls/{place.call_id}/parties"
            offer: dict[str, Any] = {"data": b"v=0\r\n", "headers": {**guest, "Content-Type": "application/sdp"}}
            assert await here.status(GUESTS, party, "POST", **offer) == 406  # the gateway's word on this SDP
            assert await here.status(GUESTS, f"/v1/calls/{place.call_id}", headers=guest) == 404
            await desk.ask("DELETE", f"/v1/calls/{place.call_id}")
            await until(lambda: handset.call.state == "ended")
            await until(lambda: desk.calls[place.call_id]["state"] == "ended")  # the event socket says so
        finally:
            await desk.stop()
            await handset.stop()

    async def test_whoever_guesses_passwords_waits_and_alone(self, here: Front) -> None:
        guesses = [{"user": f"u{number}", "password": "x"} for number in range(60)]
        # All at once: nginx lets another one through every three seconds.
        said = await asyncio.gather(*(here.status(DESKS, "/v1/login", "POST", json=guess) for guess in guesses))
        assert set(said) == {401, 429} and said.count(401) >= 20
        # The gateway itself, which has counted what came through, lets others in.
        desk = WebSeat(WebSeatSettings(), HOST)
        await desk.start(f"http://{here.api}", "open sesame")
        await desk.stop()

    async def test_whoever_guesses_at_the_gateway_keeps_nobody_else_out(self, here: Front) -> None:
        """Behind nginx all would be one source, were it not for X-Forwarded-For."""

        right, wrong = ({"user": "2001", "password": word} for word in ("open sesame", "x"))
        for number in range(2, 6):
            said = [
                await here.status(DESKS, "/v1/login", "POST", source=f"127.0.0.{number}", json=wrong)
                for _ in range(limits.USER_FAILURES + 1)
            ]
            assert said == [401] * limits.USER_FAILURES + [429]
        assert await here.status(DESKS, "/v1/login", "POST", source="127.0.0.2", json=right) == 429
        assert await here.status(DESKS, "/v1/login", "POST", json=right) == 200


class TestSites:
    async def test_the_internet_sees_what_guests_need_alone(self, here: Front) -> None:
        for path, status in {
            "/guest/": 200,
            "/guest/guest.js": 200,
            "/sdk/splitter.js": 200,
            "/v1/me": 401,
            "/v1/guests": 405,
            "/": 404,
            "/console/": 404,
            "/v1/login": 404,
            "/v1/calls": 404,
            "/v1/events": 404,
            "/v1/openapi.json": 404,
            "/v1/calls/x/video": 404,
            "/guest/../console/": 404,
        }.items():
            assert await here.status(GUESTS, path) == status, path
        for path, status in {"/": 302, "/console/": 200, "/v1/openapi.json": 200, "/v1/calls": 401}.items():
            assert await here.status(DESKS, path) == status, path
