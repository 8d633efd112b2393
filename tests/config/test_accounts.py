"""Logins in the configuration: accounts, registrar, and who we are at a centre; secrets are never shown."""

from __future__ import annotations

import pytest

from splitter.config.load import parse
from splitter.config.model import Settings
from splitter.core.errors import ConfigError
from splitter.sip.digest import secret_of

BASE = """
[network.access]
listen = ["udp:127.0.0.1:5060"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.0/24"]
[trunk.pbx]
role = "centre"
network = "access"
address = "127.0.0.4"
{pbx}
[trunk.seats]
role = "seat"
network = "access"
peers = ["127.0.2.0/24"]
{seats}
[[route]]
called = ".*"
to = ["pbx"]
{rest}
"""
ACCOUNT = '[[account]]\nuser = "8001"\npassword = "red"\n'


def settings(pbx: str = "", seats: str = "", rest: str = "") -> Settings:
    return parse(BASE.format(pbx=pbx, seats=seats, rest=rest), "f.toml")


def problems(pbx: str = "", seats: str = "", rest: str = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(pbx, seats, rest)
    return caught.value.problems


class TestAccounts:
    def test_are_read(self) -> None:
        digits = secret_of("SHA-256", "8002", "r", "blue")
        hashed = f'[[account]]\nuser = "8002"\nha1 = ["sha-256:{digits.upper()}"]\nextension = "502"\n'
        found = settings(seats='authenticate = true\nrealm = "r"\nalgorithms = ["SHA-256"]', rest=ACCOUNT + hashed)
        one, other = found.accounts
        assert (one.user, one.password, one.names) == ("8001", "red", {"8001"})
        assert (other.secret("SHA-256", "r"), other.names) == (digits, {"8002", "502"})
        assert one.secret("MD5", "r") == secret_of("MD5", "8001", "r", "red")
        seats = found.trunks["seats"]
        assert (seats.authenticate, seats.realm, seats.algorithms) == (True, "r", ("SHA-256",))

    @pytest.mark.parametrize(
        ("seats", "rest", "problem"),
        [
            ("authenticate = true", "", "trunk.seats.authenticate: there is no account; add [[account]]"),
            ("authenticate = true", '[[account]]\nuser = "1"', "account[1].password: is missing"),
            ("", '[[account]]\npassword = "x"', "account[1].user: is missing"),
            ("", '[[account]]\nuser = "a b"\npassword = "x"', 'account[1].user: "a b" cannot be the user part'),
            ("", ACCOUNT + ACCOUNT, 'account[2]: "8001" is a user or extension of account[1] too'),
            (
                "",
                ACCOUNT + 'ha1 = ["MD5:0123456789abcdef0123456789abcdef"]',
                "account[1].ha1: stands beside a password",
            ),
            ("", '[[account]]\nuser = "1"\nha1 = ["MD5:12"]', "the MD5 hash has not 32 hexadecimal digits"),
            ("", '[[account]]\nuser = "1"\nha1 = ["SHA-1:12"]', '"SHA-1" is no algorithm that we know'),
            (
                "authenticate = true",
                '[[account]]\nuser = "1"\nha1 = ["MD5:0123456789abcdef0123456789abcdef"]',
                'account[1].ha1: has no hash for SHA-256, SHA-512-256, which trunk "seats" offers',
            ),
            ("algorithms = []", "", "trunk.seats.algorithms: is empty"),
            ('realm = "a\\"b"', "", "cannot be a realm"),
            ("", "[registrar]\nmin_expires_s = 600\nmax_expires_s = 60", "registrar.max_expires_s: is less than min"),
        ],
    )
    def test_that_do_not_fit_are_problems(self, seats: str, rest: str, problem: str) -> None:
        found = problems(seats=seats, rest=rest)
        assert len(found) == 1
        assert problem in found[0]


class TestOurOwnLogin:
    def test_is_read(self) -> None:
        own = 'register = true\nusername = "gw"\npassword = "x"\nrealm = "r"\ndomain = "pbx.example"\n'
        pbx = settings(pbx=own + "register_expires_s = 300").trunks["pbx"]
        assert (pbx.register, pbx.username, pbx.password, pbx.realm, pbx.domain, pbx.register_expires_s) == (
            *(True, "gw", "x", "r"),
            *("pbx.example", 300),
        )

    @pytest.mark.parametrize(
        ("pbx", "seats", "problem"),
        [
            ("register = true", "", "trunk.pbx.username: is missing"),
            ('username = "gw"', "", "trunk.pbx.password: is missing"),
            ('password = "x"', "", "trunk.pbx.username: is missing"),
            ("authenticate = true", "", "trunk.pbx.authenticate: is for seats"),
            ("", "register = true", "trunk.seats.register: is for trunks of role centre"),
            ('domain = "a b"', "", '"a b" is no domain'),
        ],
    )
    def test_that_cannot_work_is_a_problem(self, pbx: str, seats: str, problem: str) -> None:
        found = problems(pbx, seats)
        assert len(found) == 1
        assert problem in found[0]


class TestSecrets:
    @pytest.mark.parametrize(
        "rest",
        [
            '[[account]]\nuser = "1"\npassword = 4711471147\n',  # not quoted
            '[[account]]\nuser = "1"\npassword = "4711471147\n',  # quote left open
            '[[account]]\nuser = "1"\nha1 = ["MD5:4711471147"]\n',
            '[[account]]\nuser = "1"\nha1 = ["4711471147"]\n',
        ],
    )
    def test_are_shown_by_no_problem(self, rest: str) -> None:
        found = problems(rest=rest)
        assert found and "4711471147" not in "".join(found)

    def test_are_not_shown_with_the_settings(self) -> None:
        assert "hunter2" not in repr(settings(pbx='username = "gw"\npassword = "hunter2"', rest=ACCOUNT))
