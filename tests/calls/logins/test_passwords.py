"""Passwords that are shown as they are: right or wrong, whichever way the account keeps them."""

from __future__ import annotations

import pytest

from splitter.calls.logins.accounts import Account
from splitter.calls.logins.passwords import Passwords
from splitter.sip.digest import ALGORITHMS, secret_of

PLAIN = Account("8001", "red", extension="501")
HASHED = Account("8002", ha1={"MD5": secret_of("MD5", "8002", "seats.example", "blue")})
PASSWORDS = Passwords((PLAIN, HASHED), ("gw", "seats.example"), "decoy")


@pytest.mark.parametrize(("user", "password", "account"), [("8001", "red", PLAIN), ("8002", "blue", HASHED)])
def test_the_right_one_says_whose_it_is(user: str, password: str, account: Account) -> None:
    assert PASSWORDS.account(user, password) is account


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("8001", "blue"),
        ("8001", ""),
        ("8001", "RED"),
        ("8002", ""),
        ("8002", "red"),
        ("8002", HASHED.ha1["MD5"]),  # who read the file does not know the password
        ("8003", "red"),
        ("8003", "decoy"),  # of nobody
        ("", "decoy"),
        ("", ""),
        ("8001", "\ud800"),
    ],
)
def test_a_wrong_one_is_nobodys(user: str, password: str) -> None:
    assert PASSWORDS.account(user, password) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_hash_will_do(algorithm: str) -> None:
    account = Account("1", ha1={algorithm: secret_of(algorithm, "1", "r", "pw")})
    assert Passwords((account,), ("r",), "decoy").account("1", "pw") is account
    assert Passwords((account,), ("other",), "decoy").account("1", "pw") is None
