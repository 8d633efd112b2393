"""The API under a flood of strangers: who is known goes before them, and calls before everybody."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from splitter.core.net import Address
from splitter.telemetry import metrics
from splitter.web.door import precedence
from splitter.web.door.turnstile import Busy, Turnstile
from splitter.web.http.documents import Document, takes_gzip
from tests.patience import until
from tests.web.kit import Gateway, Web, gateway

DOCUMENT = "/v1/openapi.json"


def waiting() -> float:
    return metrics.REGISTRY.get_sample_value("splitter_api_waiting") or 0.0


@pytest.fixture
def rationed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stranger is let in, and each of those who follow only after hours, however slow the machine is."""
    monkeypatch.setattr(precedence, "STRANGERS", 1e-8)


class TestStrangers:
    @pytest.mark.usefixtures("rationed")
    @pytest.mark.parametrize("path", [DOCUMENT, "/console/", "/v1/me", "/nothing", "/v1/login"])
    async def test_wait_for_each_other_and_not_before_who_is_known(self, path: str, outside: Web) -> None:
        async with aiohttp.ClientSession() as known:
            headers = {"Authorization": "Bearer reader"}
            async with known.get(f"{outside.base}/v1/me", headers=headers) as first:
                assert first.status == 200  # its connection stays
            flood = [asyncio.create_task(outside.ask("GET", path)) for _ in range(30)]
            await until(lambda: waiting() > 20)
            for _ in range(20):
                async with known.get(f"{outside.base}/v1/me", headers=headers) as answer:
                    assert answer.status == 200
            assert not any(task.done() for task in flood), "the flood still waits"
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)

    @pytest.mark.usefixtures("rationed")
    async def test_with_a_wrong_token_are_strangers(self, outside: Web) -> None:
        flood = [asyncio.create_task(outside.ask("GET", "/v1/me", token="guess")) for _ in range(30)]
        await until(lambda: waiting() > 20)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)

    async def test_are_all_served_in_the_end(
        self, outside: Web, parts: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        patient = Turnstile(precedence.STRANGERS, 600.0)  # however slow the machine is
        monkeypatch.setattr(parts.server.precedence, "strangers", patient)
        answers = await asyncio.gather(*(outside.ask("GET", DOCUMENT) for _ in range(60)))
        assert {status for status, _ in answers} == {200}
        assert waiting() == 0

    async def test_who_waits_too_long_is_told_to_come_again(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, outside: Web
    ) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{outside.base}{DOCUMENT}") as first:
                await first.read()  # the connection is there

            async def enter(source: str, price_s: float = 0.0) -> None:
                raise Busy

            monkeypatch.setattr(parts.server.precedence.strangers, "enter", enter)
            async with session.get(f"{outside.base}{DOCUMENT}") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                assert (await answer.json())["error"]["code"] == "busy"


class TestMetrics:
    async def test_whoever_scrapes_is_a_stranger_and_bounded_as_they_are(self, tmp_path: Path) -> None:
        async with gateway(tmp_path, Address("127.0.0.1", 0)) as parts:
            (address,) = parts.server.scraped.addresses
            async with aiohttp.ClientSession() as session:
                for _ in range(2):
                    async with session.get(f"http://{address}/metrics") as answer:
                        assert b"splitter_api_waiting" in await answer.read()
                assert parts.server.scraped.connections == 1


class TestDocuments:
    async def test_are_compressed_for_who_takes_that(self, outside: Web) -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            bodies = {}
            for coding in ("gzip, br", "identity"):
                sent = {"Accept-Encoding": coding}
                async with session.get(f"{outside.base}{DOCUMENT}", headers=sent) as answer:
                    bodies[coding] = await answer.read()
                    tag = answer.headers["ETag"]
                    assert answer.headers.get("Content-Encoding") == ("gzip" if coding != "identity" else None)
                    assert "Accept-Encoding" in answer.headers["Vary"] and answer.headers["Content-Length"]
                sent["If-None-Match"] = tag
                async with session.get(f"{outside.base}{DOCUMENT}", headers=sent) as again:
                    assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b"")
            assert gzip.decompress(bodies["gzip, br"]) == bodies["identity"]
            assert json.loads(bodies["identity"])["openapi"] == "3.1.0"
            assert len(bodies["gzip, br"]) < len(bodies["identity"]) / 4

    @pytest.mark.parametrize(
        ("accepted", "taken"),
        [("", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0, br", False)],
    )
    def test_only_for_who_says_so(self, accepted: str, taken: bool) -> None:
        assert takes_gzip(accepted) is taken

    def test_what_hardly_shrinks_is_sent_as_it_is(self) -> None:
        asked = make_mocked_request("GET", "/", {"Accept-Encoding": "gzip"})
        answer = Document(bytes(range(256))).response(asked, "image/png", {})
        assert (answer.headers.get("Content-Encoding"), answer.body) == (None, bytes(range(256)))


class TestBehindAProxy:
    @pytest.mark.usefixtures("rationed")
    async def test_its_connections_do_not_wait_behind_strangers(self) -> None:
        """Who of its visitors comes shows at the request; strangers among them wait there."""
        order = precedence.Precedence()
        flood = [asyncio.create_task(order.connect(f"192.0.2.{number}", secure=True)) for number in range(30)]
        await asyncio.sleep(0)
        await order.connect("", secure=False)
        assert sum(task.done() for task in flood) < len(flood)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
