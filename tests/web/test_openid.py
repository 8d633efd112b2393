"""Logins by an identity provider: one that is not of this house, and what a hostile one, or a hostile page, may try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web as http
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from oidc_provider_mock import User, run_server_in_thread

from splitter.calls.logins import limits
from splitter.calls.logins.access import Scope
from splitter.calls.logins.openid import OpenIdSettings
from splitter.config.load import parse
from splitter.core.clock import SystemClock
from splitter.core.errors import ConfigError
from splitter.web.access.sealed import seal, unseal
from splitter.web.logins.openid import OpenIdFault, OpenIdProvider, claim
from tests.config.test_accounts import BASE
from tests.web.kit import Gateway, Web, web
from tests.web.test_login import say

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider's own libraries

CONSOLE = "http://localhost:8443/console/"
ANN = {"preferred_username": "ann", "groups": ["agents", "staff"], "extension": "8001"}
EVA = {"preferred_username": "eva", "groups": ["leads"]}
EVE = {"preferred_username": "eve", "groups": ["staff"], "extension": "8009"}
PATH = "/v1/login/openid"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    people = [User(sub=name, claims=claims) for name, claims in (("1", ANN), ("2", EVA), ("3", EVE))]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


def settings(issuer: str, **more: Any) -> OpenIdSettings:
    groups: dict[str, Any] = {"agents": ("agents",), "supervisors": ("leads",), **more}
    return OpenIdSettings(issuer, "desk", "s3cret", CONSOLE, **groups)


@asynccontextmanager
async def console(directory: Path, openid: OpenIdSettings) -> AsyncIterator[tuple[Gateway, Web]]:
    async with web(directory) as (parts, outside):
        parts.ports.access.openid = openid
        parts.clock.time += time.time() - parts.clock.wall()
        yield parts, outside


async def through(outside: Web, sub: str) -> dict[str, str]:
    """Begin, log in at the provider; code and state, as the browser comes back with them."""
    status, body = await outside.ask("POST", f"{PATH}/begin")
    assert status == 200
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(body["url"], data={"sub": sub}, allow_redirects=False) as back,
    ):
        address = urlsplit(back.headers["Location"])
        assert f"{address.scheme}://{address.netloc}{address.path}" == CONSOLE
        return {name: values[0] for name, values in parse_qs(address.query).items()}


@pytest.mark.parametrize(
    ("sub", "name", "extension", "scope"),
    [("1", "ann", "8001", "desk"), ("2", "eva", "eva", "calls:supervise")],
)
async def test_a_person_logs_in_there(
    sub: str, name: str, extension: str, scope: str, issuer: str, tmp_path: Path
) -> None:
    async with console(tmp_path, settings(issuer)) as (_, outside):
        assert await outside.ask("GET", "/v1/login") == (200, {"password": True, "openid": "Company login"})
        status, body = await outside.ask("POST", PATH, **say(**await through(outside, sub)))
        assert (status, body["user"], body["extension"]) == (200, name, extension)
        _, me = await outside.ask("GET", "/v1/me", body["token"])
        assert me["name"] == name and scope in me["scopes"]


async def test_who_has_no_role_is_told_so(issuer: str, tmp_path: Path) -> None:
    async with console(tmp_path, settings(issuer)) as (parts, outside):
        assert await outside.code("POST", PATH, **say(**await through(outside, "3"))) == (403, "no-role")
        parts.ports.access.openid = settings(issuer, agents=("*",))
        status, body = await outside.ask("POST", PATH, **say(**await through(outside, "3")))
        assert (status, body["extension"]) == (200, "8009")


async def test_passwords_may_be_no_longer_taken(issuer: str, tmp_path: Path) -> None:
    async with console(tmp_path, settings(issuer, passwords=False)) as (_, outside):
        assert await outside.code("POST", "/v1/login", **say(user="8001", password="red")) == (403, "no-passwords")
        assert (await outside.ask("GET", "/v1/login"))[1]["password"] is False


class TestAHostilePage:
    async def test_has_no_code_of_another_browser(self, issuer: str, tmp_path: Path) -> None:
        """Login CSRF (RFC 6749 §10.12): the victim's browser is given the code of somebody else."""
        async with console(tmp_path, settings(issuer)) as (_, outside):
            theirs = await through(outside, "1")
            outside.session.cookie_jar.clear()
            assert await outside.code("POST", PATH, **say(**theirs)) == (409, "login-not-begun")
            await through(outside, "2")
            assert await outside.code("POST", PATH, **say(**theirs)) == (409, "login-not-begun")

    async def test_has_no_state_that_could_be_ours(self, issuer: str, tmp_path: Path) -> None:
        async with console(tmp_path, settings(issuer)) as (_, outside):
            await through(outside, "1")
            assert await outside.code("POST", PATH, **say(code="x", state="\u00e9")) == (409, "login-not-begun")

    async def test_cannot_use_a_code_twice_or_late(self, issuer: str, tmp_path: Path) -> None:
        async with console(tmp_path, settings(issuer)) as (parts, outside):
            came = await through(outside, "1")
            assert (await outside.ask("POST", PATH, **say(**came)))[0] == 200
            assert (await outside.code("POST", PATH, **say(**came)))[1] == "login-not-begun"
            came = await through(outside, "1")
            parts.clock.time += 601
            assert (await outside.code("POST", PATH, **say(**came)))[1] == "login-not-begun"

    async def test_has_to_wait_when_it_guesses(self, issuer: str, tmp_path: Path) -> None:
        async with console(tmp_path, settings(issuer)) as (_, outside):
            state = (await through(outside, "1"))["state"]
            for number in range(limits.USER_FAILURES):
                wrong = await outside.code("POST", PATH, **say(code=f"guess{number}", state=state))
                assert wrong == (401, "wrong-login")
            assert (await outside.code("POST", PATH, **say(code="x", state=state)))[1] == "too-many-logins"

    async def test_gets_a_cookie_that_no_script_reads(self, issuer: str, tmp_path: Path) -> None:
        async with console(tmp_path, settings(issuer)) as (parts, outside):
            async with outside.request("POST", f"{PATH}/begin") as response:
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"Path={PATH}" in cookie
                assert "code_challenge_method=S256" in (await response.json())["url"]
            parts.ports.access.openid = settings(issuer, passwords=True)
            assert "state" not in cookie

    async def test_without_a_provider_finds_nothing(self, outside: Web) -> None:
        assert await outside.code("POST", f"{PATH}/begin") == (404, "no-openid")
        assert await outside.code("POST", PATH, **say(code="x", state="y")) == (404, "no-openid")


KEY, OTHER = ECKey.generate_key("P-256", {"kid": "a"}), ECKey.generate_key("P-256", {"kid": "a"})


class Hostile:
    """A provider that says whatever a test wants."""

    def __init__(self) -> None:
        self.url = self.token = ""
        self.keys, self.asked_keys = KeySet([KEY]), 0
        self.asked = 0
        self.odd_keys: list[Any] = []
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "1"}

    async def serve(self, request: http.Request) -> http.Response:
        self.asked += 1
        match request.path:
            case "/.well-known/openid-configuration":
                told = {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/auth",
                    "jwks_uri": f"{self.url}/keys",
                }
                more = {"token_endpoint": f"{self.url}/token", "userinfo_endpoint": f"{self.url}/user"}
                return http.json_response({**told, **more, **self.metadata})
            case "/keys":
                self.asked_keys += 1
                keys = self.keys.as_dict(private=False)["keys"]
                return http.json_response({"keys": [*self.odd_keys, *keys]})
            case "/token":
                return http.json_response({"id_token": self.token, "access_token": "t", "token_type": "Bearer"})
            case _:
                return http.json_response(self.userinfo)

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": "desk", "sub": "1", "iat": now, "exp": now + 60, "nonce": "n", **ANN, **more}

    def signs(self, key: Any = KEY, alg: str = "ES256", **more: Any) -> None:
        self.token = jwt.encode({"alg": alg, "kid": "a"}, self.claims(**more), key, algorithms=[alg])


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    provider = Hostile()
    app = http.Application()
    app.router.add_route("*", "/{path:.*}", provider.serve)
    runner = http.AppRunner(app)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield provider
    await runner.cleanup()


class SlowClock(SystemClock):
    """Ten seconds pass with each request to a provider."""

    def __init__(self, provider: Hostile) -> None:
        self._provider = provider

    def now(self) -> float:
        return 100.0 + 10.0 * self._provider.asked


class TestAHostileProvider:
    async def person(self, hostile: Hostile) -> Any:
        return await OpenIdProvider(settings(hostile.url), SystemClock()).person("code", "n", "v")

    async def test_that_is_none_is_believed(self, hostile: Hostile) -> None:
        hostile.signs(aud=["desk", "other"], azp="desk")
        assert (await self.person(hostile))["preferred_username"] == "ann"

    async def test_that_says_much_is_heard_to_its_end(self, hostile: Hostile) -> None:
        hostile.metadata = {"claims_supported": ["x" * 100] * 7_000}
        hostile.signs()
        assert (await self.person(hostile))["preferred_username"] == "ann"
        hostile.metadata = {"claims_supported": ["x" * 100] * 20_000}
        with pytest.raises(OpenIdFault, match="too long"):
            await self.person(hostile)

    async def test_that_has_keys_of_another_kind_too(self, hostile: Hostile) -> None:
        hostile.odd_keys = [{"kty": "OKP", "crv": "X999", "x": "AA"}, {"kty": "new"}, {"kty": "RSA", "n": 7}, "x", {}]
        hostile.signs()
        assert (await self.person(hostile))["preferred_username"] == "ann"
        hostile.keys = KeySet([])
        with pytest.raises(OpenIdFault, match="no key") as caught:
            await self.person(hostile)
        assert caught.value.away

    @pytest.mark.parametrize(
        "said",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"iss": "https://another.example"},
            {"aud": "another"},
            {"aud": ["another"]},
            {"aud": ["desk", "another"], "azp": "another"},
            {"exp": 1},
            {"exp": None},
            {"iat": 4_000_000_000, "exp": 4_000_000_060},
            {"key": OTHER},
            {"key": OctKey.import_key("s3cret" * 8), "alg": "HS256"},
        ],
        ids=["nonce", "no-nonce", "iss", "aud", "aud-list", "azp", "late", "no-exp", "early", "key", "secret"],
    )
    async def test_is_not(self, said: dict[str, Any], hostile: Hostile) -> None:
        hostile.signs(**said)
        with pytest.raises(OpenIdFault, match=r"not to be believed|another program") as caught:
            await self.person(hostile)
        assert not caught.value.away

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
    async def test_signs_nothing(self, token: str, hostile: Hostile) -> None:
        hostile.token = token
        with pytest.raises(OpenIdFault):
            await self.person(hostile)

    @pytest.mark.parametrize(
        "metadata",
        [
            {"issuer": "https://another.example"},
            {"token_endpoint": "http://192.0.2.1/token"},
            {"token_endpoint": "file:///etc/passwd"},
            {"jwks_uri": 7},
            {"authorization_endpoint": "javascript://localhost/%0aalert(1)"},
        ],
        ids=str,
    )
    async def test_leads_nowhere(self, metadata: dict[str, Any], hostile: Hostile) -> None:
        hostile.metadata = metadata
        with pytest.raises(OpenIdFault) as caught:
            await OpenIdProvider(settings(hostile.url), SystemClock()).address("s", "n", "v")
        assert caught.value.away

    async def test_tells_nothing_of_somebody_else(self, hostile: Hostile) -> None:
        hostile.signs(groups=None)
        hostile.userinfo = {"sub": "2", "groups": ["leads"]}
        with pytest.raises(OpenIdFault, match="somebody else"):
            await self.person(hostile)
        hostile.userinfo = {"sub": "1", "groups": ["leads"], "preferred_username": "admin"}
        hostile.token = jwt.encode(
            {"alg": "ES256", "kid": "a"}, {k: v for k, v in hostile.claims().items() if k != "groups"}, KEY
        )
        found = await self.person(hostile)
        assert (found["groups"], found["preferred_username"]) == (["leads"], "ann")

    async def test_changes_its_keys(self, hostile: Hostile) -> None:
        clock = SystemClock()
        provider = OpenIdProvider(settings(hostile.url), clock)
        hostile.signs()
        await provider.person("code", "n", "v")
        hostile.signs(OTHER)
        for _ in range(3):
            with pytest.raises(OpenIdFault):
                await provider.person("code", "n", "v")
        assert hostile.asked_keys == 1, "forged tokens do not make us ask each time"

    async def test_that_is_slow_is_asked_once(self, hostile: Hostile) -> None:
        clock = SlowClock(hostile)
        provider = OpenIdProvider(settings(hostile.url), clock)
        hostile.metadata = {"issuer": "https://another.example"}
        asked = [provider.address("s", "n", "v") for _ in range(5)]
        heard = [str(one) for one in await asyncio.gather(*asked, return_exceptions=True)]
        assert sum("just now" in words for words in heard) == 4 and hostile.asked == 1

    async def test_that_is_away_is_not_asked_each_time(self, hostile: Hostile) -> None:
        provider = OpenIdProvider(settings(hostile.url), SystemClock())
        hostile.metadata = {"issuer": "https://another.example"}
        for words in ("calls itself", "just now"):
            with pytest.raises(OpenIdFault, match=words) as caught:
                await provider.address("s", "n", "v")
            assert caught.value.away


def test_claims_may_lie_deep() -> None:
    claims = {"realm_access": {"roles": ["a"]}, "https://x.example/groups": ["b"], "groups": ["c"]}
    assert claim(claims, "realm_access.roles") == ["a"]
    assert claim(claims, "https://x.example/groups") == ["b"]
    assert claim(claims, "groups") == ["c"] and claim(claims, "groups.a") is None and claim(claims, "x") is None


def test_groups_of_several_roles_add_up() -> None:
    both = OpenIdSettings(agents=("*",), auditors=("audit",))
    assert both.scopes_of(["audit"]) == {Scope.DESK, Scope.READ, Scope.RECORDINGS}
    assert both.scopes_of([]) == {Scope.DESK} and OpenIdSettings().scopes_of(["audit"]) == frozenset()


def test_a_sealed_text_is_ours() -> None:
    text = seal(b"s", "o1", b"payload")
    assert unseal(b"s", "o1", text) == b"payload"
    for secret, version, shown in ((b"t", "o1", text), (b"s", "o2", text), (b"s", "o1", text[:-2]), (b"s", "o1", "ü")):
        with pytest.raises(ValueError):
            unseal(secret, version, shown)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('client_id = "desk"', "openid.issuer: is missing"),
        ('issuer = "http://login.example"', "is not https"),
        ('issuer = "https://login.example"', "openid.client_id: is missing"),
        ('issuer = "https://login.example"\nclient_id = "d"\nurl = "https://d.example/"', "nobody would be let in"),
        ('issuer = "https://login.example/?a"', "is no address"),
        ('groups_claim = "a b"', "is no claim"),
    ],
)
def test_what_is_wrong_is_said(table: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(BASE.format(pbx="", seats="", rest=f"[openid]\n{table}\n"))
    assert any(problem in one for one in caught.value.problems), caught.value.problems
