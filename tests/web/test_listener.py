"""The listener that others reach: TLS, certificates that are renewed, and whoever is slow, long or many."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import uvloop
from structlog.testing import capture_logs

from splitter.calls.logins.access import ApiSettings
from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.telemetry import metrics
from splitter.web.door import listener
from splitter.web.door.listener import identity_of
from splitter.web.http import bodies
from tests.transport.pki import Paper, client, paper
from tests.web.kit import Gateway, Web, gateway, web

JSON = {"Content-Type": "application/json"}


def refused(reason: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_api_refused_total", {"reason": reason}) or 0.0


def installed(folder: Path, made: Paper) -> ApiSettings:
    """A certificate where the configuration says that it is."""
    shutil.copy(made.certificate, folder / "c.pem")
    shutil.copy(made.key, folder / "k.pem")
    return ApiSettings(certificate=str(folder / "c.pem"), key=str(folder / "k.pem"))


async def serial_of(address: Address) -> int:
    _, writer = await asyncio.open_connection(*address, ssl=client())
    certificate = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    return int(certificate["serialNumber"], 16)


class TestWithoutIt:
    async def test_nothing_listens_but_the_control_socket(self, tmp_path: Path) -> None:
        async with gateway(tmp_path) as parts:
            assert parts.server.api.addresses == [] and parts.server.api.alarms(0.0) == []


class TestTls:
    @pytest.mark.parametrize("runner", [asyncio.new_event_loop, uvloop.new_event_loop], indirect=True)
    async def test_a_renewed_certificate_is_for_who_comes_later(self, tmp_path: Path) -> None:
        async with web(tmp_path, installed(tmp_path, paper(serial=21))) as (parts, _):
            [address] = parts.server.api.addresses
            assert await serial_of(address) == 21
            reader, writer = await asyncio.open_connection(*address, ssl=client())
            for serial in (22, 23, 22):
                renewed = parts.ports.access.settings
                installed(tmp_path, paper(serial=serial))
                parts.server.api.adopt(renewed, identity_of(renewed))
                while await serial_of(address) != serial:  # noqa: ASYNC110 - pytest's timeout is the limit
                    await asyncio.sleep(0.01)
            writer.write(b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\n\r\n")
            assert b"200 OK" in await reader.readline(), "who is connected stays"
            writer.close()
            assert parts.server.api.addresses == [address]

    async def test_a_bad_one_changes_nothing(self, tmp_path: Path) -> None:
        settings = installed(tmp_path, paper(serial=24))
        async with web(tmp_path, settings, client()) as (parts, _):
            (tmp_path / "c.pem").write_text("nothing")
            with pytest.raises(LocalError, match=r"api\.certificate"):
                identity_of(settings)
            assert await serial_of(parts.server.api.addresses[0]) == 24

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
    async def test_an_old_version_does_not_come_in(self, tmp_path: Path) -> None:
        async with web(tmp_path, installed(tmp_path, paper()), client()) as (parts, _):
            old = client()
            old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(*parts.server.api.addresses[0], ssl=old)

    async def test_a_certificate_that_cannot_be_read_is_an_alarm_not_the_end(self, tmp_path: Path) -> None:
        settings = replace(installed(tmp_path, paper(serial=25)), listen=(Address("127.0.0.1", 0),))
        (tmp_path / "c.pem").unlink()

        with capture_logs() as logs:
            async with gateway(tmp_path, settings=settings) as parts:
                [alarm] = parts.server.api.alarms(0.0)
                assert alarm.startswith("the API is not served: api.certificate")
                assert parts.server.api.addresses == []
                installed(tmp_path, paper(serial=25))
                parts.server.api.adopt(settings, identity_of(settings))
                assert parts.server.api.alarms(time.time()) == []
                assert await serial_of(parts.server.api.addresses[0]) == 25
        assert any("calls go on" in line["event"] for line in logs)


class TestAddresses:
    async def test_one_that_is_taken_is_an_alarm_and_the_others_serve(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            both = (Address(*taken.getsockname()), Address("127.0.0.1", 0))
            with capture_logs():
                async with gateway(tmp_path, settings=ApiSettings(listen=both)) as parts:
                    assert len(parts.server.api.addresses) == 1
                    assert "not served on" in parts.server.api.alarms(0.0)[0]

    async def test_of_ipv6_are_served_too(self, tmp_path: Path) -> None:
        async with gateway(tmp_path, settings=ApiSettings(listen=(Address("::1", 0),))) as parts:
            [address] = parts.server.api.addresses
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{address}/v1/openapi.json") as response,
            ):
                assert response.status == 200


class TestPatience:
    """Whoever is slow or long must not keep others waiting."""

    async def test_ends_with_who_says_nothing(self, monkeypatch: pytest.MonkeyPatch, parts: Gateway) -> None:
        monkeypatch.setattr(listener, "IDLE_LIMIT_S", 0.1)
        for said in (b"", b"GET /v1/me HT", b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
            writer.write(said)
            await reader.read()  # until it is closed; pytest's timeout is the limit
            writer.close()

    async def test_ends_with_a_body_that_trickles(self, monkeypatch: pytest.MonkeyPatch, parts: Gateway) -> None:
        monkeypatch.setattr(bodies, "ARRIVAL_LIMIT_S", 0.1)
        monkeypatch.setattr(listener, "LINGER_S", 0.1)
        before = refused("slow")
        reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
        writer.write(
            b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        answer = await reader.read()
        assert b"408" in answer.splitlines()[0] and b'"too-slow"' in answer
        assert refused("slow") == before + 1
        writer.close()

    async def test_ends_with_a_handshake_that_never_comes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listener, "HANDSHAKE_LIMIT_S", 0.1)
        async with web(tmp_path, installed(tmp_path, paper()), client()) as (parts, _):
            reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
            assert await reader.read() == b""
            writer.close()

    async def test_is_for_so_many_connections(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, outside: Web
    ) -> None:
        monkeypatch.setattr(listener, "PER_SOURCE", 3)
        before = refused("connections")
        held = [await asyncio.open_connection(*parts.server.api.addresses[0]) for _ in range(3)]
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
            assert await reader.read() == b""
            writer.close()
        assert refused("connections") == before + 1
        for _, other in held:
            other.close()
        while parts.server.api.connections:  # noqa: ASYNC110 - pytest's timeout is the limit
            await asyncio.sleep(0.01)
        assert (await outside.ask("GET", "/v1/me", "reader"))[0] == 200


class TestHostileRequests:
    @pytest.mark.parametrize(
        "data",
        [
            b"\x00" * 100 + b"\r\n\r\n",
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
            b"GET /v1/me HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            b"GET /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"SPLIT / SIP/2.0\r\n\r\n",
        ],
    )
    async def test_are_refused_and_others_served(self, parts: Gateway, outside: Web, data: bytes) -> None:
        with capture_logs():
            reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
            writer.write(data)
            first = (await reader.readline()).split()
            assert first[:2] in ([b"HTTP/1.0", b"400"], [b"HTTP/1.1", b"400"]), first
            writer.close()
            assert (await outside.ask("GET", "/v1/me", "reader"))[0] == 200

    async def test_that_are_no_http_are_counted_and_not_quoted_in_the_log(
        self, parts: Gateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A header may hold a token, and be broken behind it."""

        with capture_logs() as logs:
            before = refused("no-http")
            for head in (b"Authorization: Bearer secret\xff\0", b"secret", b"Content-Length: secret"):
                reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
                writer.write(b"GET /v1/calls HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
                assert b" 400 " in await reader.readline()
                writer.close()
            assert refused("no-http") == before + 3
        assert "secret" not in caplog.text + str(logs)

    async def test_that_are_too_large_are_not_read(self, parts: Gateway) -> None:
        before = refused("body")
        reader, writer = await asyncio.open_connection(*parts.server.api.addresses[0])
        writer.write(
            b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000000\r\n\r\n"
        )
        assert b"413" in await reader.readline()
        writer.close()
        assert refused("body") == before + 1

    async def test_whose_length_is_not_said_are_read_no_further(self, outside: Web) -> None:
        async def endless() -> object:
            while True:
                yield b"x" * 10_000

        try:
            refusal = await outside.code("POST", "/v1/login", data=endless(), headers=JSON)
            assert refusal == (413, "too-large")
        except aiohttp.ClientConnectionError:
            pass  # the door was shut while we were talking

    async def test_that_are_compressed_are_not_unpacked(self, outside: Web) -> None:
        import gzip

        bomb = gzip.compress(b'{"user":"' + b"a" * 50_000_000 + b'"}')
        headers = {**JSON, "Content-Encoding": "gzip"}
        assert await outside.code("POST", "/v1/login", data=bomb, headers=headers) == (415, "wrong-encoding")

    async def test_with_strange_references_find_nothing(self, outside: Web) -> None:
        for reference in ("%00", "%ff%fe", "a'%20OR%201=1", "..%2f..", "\N{SUPERSCRIPT TWO}", "%", "x" * 3000):
            status, _ = await outside.code("GET", f"/v1/calls/{reference}", "reader")
            assert status == 404, reference
