"""splitter token: what it prints goes into the configuration as it is, and lets the token in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from splitter.calls.logins.access import Scope
from splitter.config.load import parse
from tests.cli.kit import splitter
from tests.config.test_accounts import BASE
from tests.web.kit import in_thread, web


@pytest.mark.parametrize("name", ["crm", "a.b@c d"])
def test_is_told_once_and_kept_as_its_hash(name: str) -> None:
    result = splitter("token", name, "--scope", "desk", "--scope", "pictures", "--extension", "8001")
    assert result.exit_code == 0
    secret = result.stderr.split("Bearer ")[1].split()[0]
    [token] = parse(BASE.format(pbx="", seats="", rest=result.stdout)).tokens
    assert token.sha256 == hashlib.sha256(secret.encode()).hexdigest() and secret not in result.stdout
    assert (token.name, token.extension, token.scopes) == (name, "8001", frozenset({Scope.DESK, Scope.PICTURES}))


def test_is_another_one_each_time() -> None:
    assert splitter("token", "crm").stdout != splitter("token", "crm").stdout


async def test_is_believed_no_more(tmp_path: Path) -> None:
    async with web(tmp_path) as (parts, outside):
        assert (await outside.ask("GET", "/v1/calls", "reader"))[0] == 200
        result = await in_thread(splitter, "--socket", parts.socket, "token", "--revoke", "reader")
        assert result.exit_code == 0 and "revoked until the next start" in result.stdout, "this one keeps no file"
        assert (await outside.ask("GET", "/v1/calls", "reader"))[0] == 401


def test_says_nothing_that_the_configuration_would_not_take() -> None:
    wrong = splitter("token", "crm", "--scope", "calls")
    assert wrong.exit_code == 2 and "calls:read" in wrong.stderr and not wrong.stdout
    nowhere = splitter("token", "crm", "--scope", "desk")
    assert nowhere.exit_code == 2 and "--extension" in nowhere.stderr and not nowhere.stdout


def test_needs_a_name() -> None:
    assert splitter("token").exit_code == 2
