"""Who really asks behind a proxy, and what every response tells browsers."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.logins import limits
from splitter.calls.logins.access import ApiSettings
from splitter.core.net import Address
from splitter.web.door import listener
from splitter.web.http.proxies import Proxies
from tests.patience import PATIENCE_S, until
from tests.web.kit import Gateway, Web, gateway, web

PROXY = ip_network("127.0.0.1/32")
BEHIND = ApiSettings(proxies=(PROXY,))
HSTS, CORP = "Strict-Transport-Security", "Cross-Origin-Resource-Policy"


def login(password: str, source: str = "", user: str = "8001") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **({"X-Forwarded-For": source} if source else {})}
    return {"data": json.dumps({"user": user, "password": password}), "headers": headers}


class TestWhoAsks:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "found"),
        [
            ("127.0.0.1", [], "127.0.0.1"),
            ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
            ("198.51.100.7", ["203.0.113.1"], "198.51.100.7"),  # no proxy of ours: it may say what it likes
            ("127.0.0.1", ["203.0.113.1, 198.51.100.7"], "198.51.100.7"),  # what a client wrote before the proxy did
            ("127.0.0.1", ["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),  # two proxies in a row
            ("127.0.0.1", ["unknown"], "127.0.0.1"),
            ("127.0.0.1", ["\x00"], "127.0.0.1"),
            ("127.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
            ("127.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::ffff:127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", [", ".join(["10.0.0.2"] * 5000)], "10.0.0.2"),
        ],
    )
    def test_is_the_last_one_that_a_proxy_of_ours_names(self, peer: str, forwarded: list[str], found: str) -> None:
        assert Proxies((PROXY, ip_network("10.0.0.0/24"))).remote(peer, forwarded) == found


class TestLogins:
    async def test_behind_a_proxy_others_guess_and_the_right_password_gets_in(self, tmp_path: Path) -> None:
        """Three addresses kept all agents out when all of them were one source."""

        async with web(tmp_path, BEHIND) as (_, outside):
            for number in range(3):
                for _ in range(limits.SOURCE_FAILURES + 5):
                    await outside.ask("POST", "/v1/login", **login("x", f"203.0.113.{number}"))
            status, _ = await outside.ask("POST", "/v1/login", **login("red", "203.0.113.1"))
            assert status == 429, "who guesses has to wait, and learns nothing"
            assert (await outside.ask("POST", "/v1/login", **login("red", "198.51.100.7")))[0] == 200

    async def test_without_a_proxy_nobody_chooses_its_source(self, outside: Web) -> None:
        for number in range(limits.USER_FAILURES):
            assert (await outside.ask("POST", "/v1/login", **login("x", f"203.0.113.{number}")))[0] == 401
        assert (await outside.ask("POST", "/v1/login", **login("x", "203.0.113.99")))[0] == 429

    async def test_connections_of_a_proxy_are_those_of_many(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listener, "PER_SOURCE", 2)
        async with web(tmp_path, BEHIND) as (parts, outside):
            host, port = parts.server.api.addresses[0]
            writers = [(await asyncio.open_connection(host, port))[1] for _ in range(5)]
            await until(lambda: parts.server.api.connections >= 5)
            assert (await outside.ask("GET", "/v1/openapi.json"))[0] == 200
            for writer in writers:
                writer.close()


class TestHeaders:
    PATHS = ("/", "/console/", "/sdk/splitter.js", "/v1/openapi.json", "/v1/calls", "/nothing", "/v1/login")

    @pytest.mark.parametrize("path", PATHS)
    async def test_protect_every_response(self, path: str, outside: Web) -> None:
        async with outside.request("GET", path) as response:
            assert response.headers[CORP] == "same-origin"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Server"] == "splitter"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "frame-ancestors" in response.headers["Content-Security-Policy"]
            assert HSTS not in response.headers, "never over plain HTTP (RFC 6797 §7.2)"

    async def test_say_to_come_by_tls_alone_where_a_proxy_speaks_it(self, tmp_path: Path) -> None:
        async with web(tmp_path, BEHIND) as (_, outside):
            said: dict[str, Any] = {"headers": {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}}
            for path in self.PATHS:
                async with outside.request("GET", path, **said) as response:
                    assert response.headers[HSTS] == "max-age=31536000", path

    async def test_of_no_http_say_nothing_of_versions(self, parts: Gateway) -> None:
        reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            answer = (await reader.read()).decode()
        writer.close()
        assert answer.startswith("HTTP/1.") and " 400 " in answer.partition("\r\n")[0]
        assert "Server: splitter" in answer and CORP in answer and "aiohttp" not in answer

    async def test_on_the_control_socket_do_no_harm(self, tmp_path: Path) -> None:
        async with gateway(tmp_path, settings=ApiSettings(listen=(Address("127.0.0.1", 0),))) as parts:
            reader, writer = await asyncio.open_unix_connection(parts.socket)
            writer.write(b"GET /v1/calls HTTP/1.1\r\nHost: splitter\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(PATIENCE_S):
                assert b" 200 " in await reader.readline()
            writer.close()
