"""Logging in, and making tokens for others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.logins import limits
from splitter.calls.logins.access import GRANTED, AccountRole, ApiSettings, Scope
from splitter.calls.logins.accounts import Account
from splitter.calls.logins.hashes import hash_of
from splitter.calls.logins.passwords import Passwords
from splitter.calls.logins.totp import secret_text
from splitter.web.access.used_codes import UsedCodes
from tests.web.kit import Gateway, Web, web


def say(**fields: Any) -> dict[str, Any]:
    return {"data": json.dumps(fields), "headers": {"Content-Type": "application/json"}}


class Claims:
    """What two gateways share."""

    def __init__(self) -> None:
        self._used: set[tuple[str, int]] = set()

    async def claim(self, user: str, step: int) -> bool:
        known = (user, step) in self._used
        self._used.add((user, step))
        return not known


class TestLogin:
    @pytest.mark.parametrize(("user", "password", "extension"), [("8001", "red", "501"), ("8002", "blue", "8002")])
    async def test_makes_a_desk_of_an_account(
        self, user: str, password: str, extension: str, parts: Gateway, outside: Web
    ) -> None:
        status, body = await outside.ask("POST", "/v1/login", **say(user=user, password=password))
        assert status == 200
        assert (body["user"], body["extension"], body["name"]) == (user, extension, user)
        assert body["expires_at"] == int(parts.clock.wall()) + 43_200
        _, me = await outside.ask("GET", "/v1/me", body["token"])
        assert me == {
            "name": user,
            "extension": extension,
            "scopes": ["desk"],
            "expires_at": body["expires_at"],
            "call_id": "",
            "gateways": [],
            "ice_servers": [],
            "dispositions": [],
        }

    async def test_lasts_as_long_as_the_operator_says(self, tmp_path: Path) -> None:
        async with web(tmp_path, ApiSettings(token_lifetime_s=60)) as (parts, outside):
            _, body = await outside.ask("POST", "/v1/login", **say(user="8001", password="red"))
            parts.clock.time += 59
            assert (await outside.ask("GET", "/v1/me", body["token"]))[0] == 200
            parts.clock.time += 1
            assert (await outside.code("GET", "/v1/me", body["token"]))[1] == "expired-token"

    async def test_of_a_wrong_password_and_of_nobody_say_the_same(self, outside: Web) -> None:
        wrong = await outside.ask("POST", "/v1/login", **say(user="8001", password="blue"))
        nobody = await outside.ask("POST", "/v1/login", **say(user="9999", password="blue"))
        assert wrong == nobody and wrong[0] == 401 and wrong[1]["error"]["code"] == "wrong-login"

    async def test_that_is_guessed_at_has_to_wait(self, parts: Gateway, outside: Web) -> None:
        for _ in range(limits.USER_FAILURES):
            assert (await outside.code("POST", "/v1/login", **say(user="8001", password="x")))[1] == "wrong-login"
        async with outside.request("POST", "/v1/login", **say(user="8001", password="red")) as response:
            assert response.status == 429 and response.headers["Retry-After"] == "60"
        status, _ = await outside.ask("POST", "/v1/login", **say(user="8002", password="blue"))
        assert status == 200, "others are not kept out"
        parts.clock.time += 60
        assert (await outside.ask("POST", "/v1/login", **say(user="8001", password="red")))[0] == 200
        status, _ = await outside.ask("POST", "/v1/login", **say(user="8001", password="red"))
        assert status == 200, "a good login forgives what was before"

    async def test_of_many_users_from_one_source_has_to_wait_too(self, outside: Web) -> None:
        for number in range(limits.SOURCE_FAILURES):
            await outside.code("POST", "/v1/login", **say(user=f"u{number}", password="x"))
        assert (await outside.code("POST", "/v1/login", **say(user="new", password="x")))[0] == 429

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"user":"8001"}',
            b'{"user":8001,"password":"red"}',
            b'{"user":"8001","password":"red","admin":true}',
            b'{"user":"","password":"red"}',
            b'{"user":"8001","password":"' + b"x" * 300 + b'"}',
            b'{"user":"\xff","password":"red"}',
            b'{"user":"\\ud800","password":"red"}',
            b"[" * 10_000,
        ],
    )
    async def test_that_is_none_is_refused(self, body: bytes, outside: Web) -> None:
        more: dict[str, Any] = {"data": body, "headers": {"Content-Type": "application/json"}}
        status, code = await outside.code("POST", "/v1/login", **more)
        assert status == 400 and code in ("bad-body", "no-body")

    async def test_by_form_is_none(self, outside: Web) -> None:
        """Else a page of another site could log somebody in by a form, without asking first."""

        refused = await outside.code("POST", "/v1/login", data={"user": "8001", "password": "red"})
        assert refused == (415, "wrong-type")
        text: dict[str, Any] = {"data": '{"user":"8001","password":"red"}', "headers": {"Content-Type": "text/plain"}}
        assert await outside.code("POST", "/v1/login", **text) == (415, "wrong-type")


class TestMaking:
    async def test_logs_a_desk_in_without_its_password(self, parts: Gateway, outside: Web) -> None:
        wish = say(extension="501", expires_in_s=600)
        status, made = await outside.ask("POST", "/v1/tokens", "admin", **wish)
        assert (status, made["expires_at"]) == (201, int(parts.clock.wall()) + 600)
        _, me = await outside.ask("GET", "/v1/me", made["token"])
        assert (me["extension"], me["scopes"], me["name"]) == ("501", ["desk"], "501")

    async def test_may_be_for_all_that_can_be_granted(self, outside: Web) -> None:
        scopes = sorted(set(GRANTED) - {Scope.ADMIN})
        status, made = await outside.ask("POST", "/v1/tokens", "admin", **say(scopes=scopes, extension="501"))
        _, me = await outside.ask("GET", "/v1/me", made["token"])
        assert (status, me["scopes"]) == (201, scopes)

    async def test_lasts_no_longer_than_a_login(self, parts: Gateway, outside: Web) -> None:
        wish = say(scopes=["calls:read"], expires_in_s=2_000_000)
        _, made = await outside.ask("POST", "/v1/tokens", "admin", **wish)
        assert made["expires_at"] == int(parts.clock.wall()) + 43_200

    @pytest.mark.parametrize(
        ("wish", "refusal"),
        [
            ({"scopes": ["desk"]}, (422, "no-extension")),
            ({"scopes": ["admin"]}, (422, "wrong-scope")),
            ({"scopes": ["guest"]}, (422, "wrong-scope")),
            ({"scopes": ["everything"]}, (422, "wrong-scope")),
            ({"scopes": []}, (400, "bad-body")),
            ({"scopes": ["desk"], "expires_in_s": 0}, (400, "bad-body")),
            ({"scopes": ["desk"], "expires_in_s": 1e300}, (400, "bad-body")),
        ],
    )
    async def test_of_what_nobody_may_grant_is_refused(
        self, wish: dict[str, Any], refusal: tuple[int, str], outside: Web
    ) -> None:
        assert await outside.code("POST", "/v1/tokens", "admin", **say(**wish)) == refusal

    async def test_of_tokens_is_for_administrators(self, outside: Web) -> None:
        for token in ("reader", "cti", "desk", "painter"):
            assert await outside.code("POST", "/v1/tokens", token, **say(extension="1")) == (403, "wrong-scope")


APP = secret_text(b"12345678901234567890")


def let_in(parts: Gateway, *accounts: Account) -> None:
    parts.ports.access.passwords = Passwords(accounts, (), "decoy")


class TestASecondFactor:
    @pytest.fixture(autouse=True)
    def account(self, parts: Gateway) -> None:
        let_in(parts, Account("8001", argon2=hash_of("red", b"0" * 16), totp=APP))
        parts.clock.time += 59 - parts.clock.wall()  # see tests/calls/logins/test_totp.py

    async def test_is_asked_for_once_the_password_is_right(self, outside: Web) -> None:
        wrong = await outside.code("POST", "/v1/login", **say(user="8001", password="blue", code="287082"))
        assert wrong == (401, "wrong-login")
        right = await outside.code("POST", "/v1/login", **say(user="8001", password="red"))
        assert right == (401, "code-needed")
        status, body = await outside.ask("POST", "/v1/login", **say(user="8001", password="red", code="287082"))
        assert (status, body["extension"]) == (200, "8001")
        again = await outside.code("POST", "/v1/login", **say(user="8001", password="red", code="287082"))
        assert again == (401, "wrong-code"), "a code is good once"

    async def test_is_good_once_over_a_restart_as_well(self, outside: Web, parts: Gateway, tmp_path: Path) -> None:
        said = say(user="8001", password="red", code="287082")
        parts.ports.access.codes = UsedCodes(tmp_path / "used-codes.json")
        assert (await outside.ask("POST", "/v1/login", **said))[0] == 200
        parts.ports.access.codes = UsedCodes(tmp_path / "used-codes.json")
        assert await outside.code("POST", "/v1/login", **said) == (401, "wrong-code")

    async def test_is_good_once_in_a_cluster(self, outside: Web, parts: Gateway) -> None:
        said = say(user="8001", password="red", code="287082")
        claims = Claims()
        for status in (200, 401):  # at one gateway, and then at another
            parts.ports.access.codes = UsedCodes(None, claims)
            assert (await outside.ask("POST", "/v1/login", **said))[0] == status

    async def test_is_asked_for_where_nothing_can_be_written(
        self, outside: Web, parts: Gateway, tmp_path: Path
    ) -> None:
        (tmp_path / "used-codes.json").write_text("{not JSON")
        parts.ports.access.codes = UsedCodes(tmp_path / "used-codes.json")
        (tmp_path / "used-codes.json.part").mkdir()
        said = say(user="8001", password="red", code="287082")
        assert (await outside.ask("POST", "/v1/login", **said))[0] == 200
        assert await outside.code("POST", "/v1/login", **said) == (401, "wrong-code")

    async def test_cannot_be_guessed_at(self, outside: Web) -> None:
        for number in range(limits.USER_FAILURES):
            said = say(user="8001", password="red", code=f"{number:06}")
            assert (await outside.code("POST", "/v1/login", **said))[1] == "wrong-code"
        said = say(user="8001", password="red", code="287082")
        assert (await outside.code("POST", "/v1/login", **said))[1] == "too-many-logins"


async def test_many_guesses_at_once_are_no_more_than_one_after_another(parts: Gateway, outside: Web) -> None:
    let_in(parts, Account("8001", argon2=hash_of("red", b"0" * 16)))
    guesses = [outside.code("POST", "/v1/login", **say(user="8001", password=f"p{n}")) for n in range(30)]
    said = [code for _, code in await asyncio.gather(*guesses)]
    assert (said.count("wrong-login"), said.count("too-many-logins")) == (limits.USER_FAILURES, 20)


@pytest.mark.parametrize(
    ("role", "extension", "scopes"),
    [
        ("agent", "8001", ["desk"]),
        (
            "supervisor",
            "8001",
            [
                "calls:control",
                "calls:identity",
                "calls:join",
                "calls:read",
                "calls:supervise",
                "desk",
                "pictures",
                "recordings:own",
                "recordings:read",
            ],
        ),
        ("auditor", "", ["calls:read", "recordings:read"]),
        ("admin", "8001", ["admin", "desk"]),
    ],
)
async def test_roles_say_what_a_login_may_do(
    role: str, extension: str, scopes: list[str], parts: Gateway, outside: Web
) -> None:
    let_in(parts, Account("8001", "red", role=AccountRole(role)))
    _, body = await outside.ask("POST", "/v1/login", **say(user="8001", password="red"))
    _, me = await outside.ask("GET", "/v1/me", body["token"])
    assert (me["name"], me["extension"], me["scopes"]) == ("8001", extension, scopes)
