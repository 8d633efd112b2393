"""Who may use which route over the network (RFC 6750): each one is tried with every kind of token."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.calls.logins.access import ApiSettings, Scope
from splitter.telemetry import metrics
from splitter.web.access.bearer import Bearer, mint
from splitter.web.api import table
from splitter.web.http.routes import Operation
from tests.transport.pki import authority, client, paper
from tests.web.kit import CALL, SECRET, TOKENS, Gateway, Web, web

SETTINGS = ApiSettings()


def refused(reason: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_api_refused_total", {"reason": reason}) or 0.0


def path_of(route: Operation) -> str:
    """An address of it that leads to nothing."""
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", "none", route.path)


class TestEveryRoute:
    async def test_but_the_open_ones_asks_who_it_is(self, parts: Gateway, outside: Web) -> None:
        open_ones = set()
        for route in table(parts.ports):
            if not route.scopes:
                open_ones.add((route.method, route.path))
                continue
            async with outside.request(route.method, path_of(route)) as response:
                assert response.status == 401, route
                assert response.headers["WWW-Authenticate"] == 'Bearer realm="splitter"'
        assert open_ones == {
            ("GET", "/v1/login"),
            ("POST", "/v1/login"),
            ("POST", "/v1/login/openid/begin"),
            ("POST", "/v1/login/openid"),
            ("POST", "/v1/web/path-checks"),
            ("DELETE", "/v1/web/path-checks/{check}"),
            ("POST", "/v1/guests"),
            ("POST", "/v1/web/calls"),
            ("POST", "/v1/sms/{carrier}/receipts/{key}"),
            ("GET", "/g/{code}"),
            ("GET", "/healthz"),
            ("GET", "/readyz"),
            ("OPTIONS", "/v1/calls/{ref}/parties"),
            ("GET", "/v1/openapi.json"),
        }

    @pytest.mark.parametrize("token", sorted(TOKENS))
    async def test_lets_in_who_has_one_of_its_scopes_and_nobody_else(
        self, token: str, parts: Gateway, outside: Web
    ) -> None:
        scopes = {Scope(scope) for scope in TOKENS[token].split()}

        for route in table(parts.ports):
            if not route.scopes:
                continue
            async with outside.request(route.method, path_of(route), token) as response:
                body = await response.text()
                may = bool(scopes & route.scopes) or Scope.ADMIN in scopes
                if not may:
                    assert response.status == 403 and "wrong-scope" in body, (route.method, route.path)
                    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
                else:
                    assert "wrong-scope" not in body and response.status not in (401, 500), (route, body)

    async def test_asks_nothing_on_the_control_socket(self, parts: Gateway) -> None:
        import aiohttp

        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(parts.socket)) as session:
            for route in table(parts.ports):
                async with session.request(route.method, f"http://splitter{path_of(route)}") as response:
                    assert response.status not in (401, 403), route

    async def test_that_is_read_answers_head_as_well(self, outside: Web) -> None:
        async with outside.request("HEAD", "/v1/status", "reader") as response:
            assert response.status == 200 and not await response.read()
        async with outside.request("HEAD", "/v1/status") as response:
            assert response.status == 401


class TestTokens:
    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ("Bearer wrong", "wrong-token"),
            ("Bearer ", "wrong-token"),
            ("Bearer s1.e30.AAAA", "wrong-token"),
            ("Bearer " + "a" * 5000, "wrong-token"),
            ("Basic cmVhZGVyOg==", "no-token"),
            ("reader", "no-token"),
            ("", "no-token"),
            ("Bearer r\xe9ader", "wrong-token"),
        ],
    )
    async def test_that_are_none_are_refused(self, header: str, code: str, outside: Web) -> None:
        before = refused(code)
        assert await outside.code("GET", "/v1/status", headers={"Authorization": header}) == (401, code)
        assert refused(code) == before + 1

    async def test_in_any_case_of_the_scheme_are_taken(self, outside: Web) -> None:
        status, _ = await outside.ask("GET", "/v1/status", headers={"Authorization": "bearer reader"})
        assert status == 200

    async def test_in_the_address_are_none(self, outside: Web) -> None:
        for name in ("token", "access_token", "bearer"):
            assert (await outside.code("GET", f"/v1/status?{name}=reader"))[1] == "no-token"

    async def test_of_ours_hold_until_they_expire(self, parts: Gateway, outside: Web) -> None:
        bearer = Bearer("crm", frozenset({Scope.READ}))
        token = mint(SECRET, bearer, parts.clock.wall() + 60)
        _, me = await outside.ask("GET", "/v1/me", token)
        assert me == {
            "name": "crm",
            "extension": "",
            "scopes": ["calls:read"],
            "expires_at": parts.clock.wall() + 60,
            "call_id": "",
            "gateways": [],
            "ice_servers": [],
            "dispositions": [],
        }
        parts.clock.time += 60
        before = refused("expired")
        async with outside.request("GET", "/v1/me", token) as response:
            assert response.status == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"]
            assert (await response.json())["error"]["code"] == "expired-token"
        assert refused("expired") == before + 1


class TestCertificates:
    """Mutual TLS: who shows a certificate that a [[token]] names needs no bearer token."""

    def settings(self) -> ApiSettings:
        made = paper()
        return replace(
            SETTINGS,
            certificate=str(made.certificate),
            key=str(made.key),
            client_ca=str(authority().certificate),
            web_origins=("https://crm.example",),
        )

    async def test_stand_for_their_token(self, tmp_path: Path) -> None:
        async with web(tmp_path, self.settings(), client(paper(serial=7))) as (parts, outside):
            parts.calls.add(CALL)
            status, me = await outside.ask("GET", "/v1/me")
            assert (status, me["name"], me["scopes"]) == (200, "machine", ["calls:read"])
            assert (await outside.code("DELETE", f"/v1/calls/{CALL.call_id}"))[1] == "wrong-scope"
            _, me = await outside.ask("GET", "/v1/me", "admin")
            assert me["name"] == "admin", "a token says more"
            assert (await outside.code("GET", "/v1/me", "wrong"))[1] == "wrong-token", "a wrong one is not made good"

    async def test_are_not_needed_by_who_has_a_token(self, tmp_path: Path) -> None:
        async with web(tmp_path, self.settings(), client()) as (_, outside):
            assert (await outside.code("GET", "/v1/me"))[1] == "no-token"
            assert (await outside.ask("GET", "/v1/me", "reader"))[0] == 200

    async def test_of_another_authority_do_not_come_in(self, tmp_path: Path) -> None:
        import aiohttp

        async with web(tmp_path, self.settings(), client(paper(serial=8, signed=False))) as (_, outside):
            with pytest.raises(aiohttp.ClientError):
                await outside.ask("GET", "/v1/me")

    @pytest.mark.parametrize(
        ("origin", "status"),
        [("https://evil.example", 403), ("null", 403), ("https://crm.example", 200), ("own", 200), ("", 200)],
    )
    async def test_work_for_pages_of_our_own_and_named_sites_alone(
        self, tmp_path: Path, origin: str, status: int
    ) -> None:
        async with web(tmp_path, self.settings(), client(paper(serial=7))) as (_, outside):
            sent = outside.base if origin == "own" else origin
            headers = {"Origin": sent} if sent else {}
            assert (await outside.ask("GET", "/v1/me", headers=headers))[0] == status
