"""splitter token: what it prints goes into the configuration as it is, and lets the token in."""

from __future__ import annotations

import hashlib

import pytest

from splitter.calls.logins.access import Scope
from splitter.config.load import parse
from tests.cli.kit import splitter
from tests.config.test_accounts import BASE


@pytest.mark.parametrize("name", ["crm", "a.b@c d"])
def test_is_told_once_and_kept_as_its_hash(name: str) -> None:
    result = splitter("token", name, "--scope", "seat", "--scope", "pictures", "--extension", "8001")
    assert result.exit_code == 0
    secret = result.stderr.split("Bearer ")[1].split()[0]
    [token] = parse(BASE.format(pbx="", seats="", rest=result.stdout)).tokens
    assert token.sha256 == hashlib.sha256(secret.encode()).hexdigest() and secret not in result.stdout
    assert (token.name, token.extension, token.scopes) == (name, "8001", frozenset({Scope.SEAT, Scope.PICTURES}))


def test_is_another_one_each_time() -> None:
    assert splitter("token", "crm").stdout != splitter("token", "crm").stdout
