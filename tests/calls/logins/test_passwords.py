"""Passwords that are shown as they are: right or wrong, whichever way the account keeps them."""

from __future__ import annotations

import pytest

from splitter.calls.logins.accounts import Account
from splitter.calls.logins.hashes import hash_of, parse_argon2
from splitter.calls.logins.passwords import Passwords
from splitter.core.keys import ValueProblem
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


class TestArgon2:
    SLOW = Account("8003", argon2=hash_of("green", b"0" * 16))
    PASSWORDS = Passwords((PLAIN, HASHED, SLOW), ("seats.example",), "decoy")

    def test_proves_as_the_others_do(self) -> None:
        for account, password in ((PLAIN, "red"), (HASHED, "blue"), (self.SLOW, "green")):
            assert self.PASSWORDS.account(account.user, password) is account
            for wrong in ("", "Green", "decoy", self.SLOW.argon2):
                assert self.PASSWORDS.account(account.user, wrong) is None
        assert self.PASSWORDS.account("9999", "decoy") is None
        assert self.PASSWORDS.slow and not PASSWORDS.slow

    def test_takes_as_long_for_everybody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        judged: list[str] = []
        monkeypatch.setattr("splitter.calls.logins.hashes.proves", lambda _, hashed: bool(judged.append(hashed)))
        for user in ("8001", "8002", "8003", "9999"):
            self.PASSWORDS.account(user, "red")
        assert len(judged) == 4 and len(set(judged)) == 2

    @pytest.mark.parametrize(
        "text",
        [
            "green",
            "$argon2i$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$TZCCCJQw6qE40QoszdZDx3LhW/RG6J0UYvSQtFYYSrQ",
            "$argon2id$v=19$m=9999999,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$TZCCCJQw6qE40QoszdZDx3LhW/RG6J0UYvSQtFYYSrQ",
            "$argon2id$v=19$m=65536,t=999999,p=1$MDAwMDAwMDAwMDAwMDAwMA$TZCCCJQw6qE40QoszdZDx3LhW/RG6J0UYvSQtFYYSrQ",
        ],
        ids=["a-password", "another-kind", "memory", "time"],
    )
    def test_must_be_one_that_a_login_can_wait_for(self, text: str) -> None:
        with pytest.raises(ValueProblem):
            parse_argon2(text)
        assert parse_argon2(self.SLOW.argon2) == self.SLOW.argon2
