"""Relays that browsers may use: their passwords are what TURN servers expect, and end with the token."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from splitter.calls.logins.access import ApiSettings
from splitter.config.load import parse
from splitter.core.errors import ConfigError
from splitter.web.relays import LONGEST_S, relays_for
from tests.config.test_load import GOOD

SETTINGS = ApiSettings(turn_servers=("turns:turn.example.org:443?transport=tcp",), turn_secret="north")


def test_the_password_is_the_hash_of_the_name_that_ends() -> None:
    [one] = relays_for(SETTINGS, "8001", 2000.0, 1000.0)
    assert one.urls == ["turns:turn.example.org:443?transport=tcp"] and one.username == "2000:8001"
    # Of the draft's own words: base64(hmac(secret key, username)).
    expected = hmac.new(b"north", b"2000:8001", hashlib.sha1).digest()
    assert base64.b64decode(one.credential) == expected


@pytest.mark.parametrize("expires_at", [None, 1000.0 + 10 * LONGEST_S])
def test_none_lasts_for_ever(expires_at: float | None) -> None:
    [one] = relays_for(SETTINGS, "crm", expires_at, 1000.0)
    assert one.username == f"{1000 + int(LONGEST_S)}:crm"


def test_a_name_cannot_say_more_than_it_is() -> None:
    [one] = relays_for(SETTINGS, "guest 1:9999999999\r\n", 2000.0, 1000.0)
    assert one.username == "2000:guest19999999999"


def test_without_servers_there_are_none() -> None:
    assert relays_for(ApiSettings(), "8001", 2000.0, 1000.0) == []


API = '[api]\nlisten = ["127.0.0.1:8443"]\n'


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ('turn_servers = ["turn:t.example"]', "api.turn_secret: is missing"),
        ('turn_secret = "x"', "api.turn_servers: is missing"),
        ('turn_servers = ["stun:t.example"]\nturn_secret = "x"', 'api.turn_servers[1]: "stun:t.example" is no TURN'),
        ('turn_servers = ["turn:t.example:70000"]\nturn_secret = "x"', "is no TURN server"),
        ('turn_servers = ["turn:t.example?transport=sctp"]\nturn_secret = "x"', "api.turn_servers[1]"),
    ],
)
def test_what_will_not_do_is_a_problem(keys: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + API + keys + "\n")
    assert any(problem in one for one in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    "url", ["turn:t.example", "turns:[2001:db8::1]:443?transport=tcp", "turn:10.1.0.9:3478?transport=udp"]
)
def test_what_browsers_take_is_taken(url: str) -> None:
    assert parse(GOOD + API + f'turn_servers = ["{url}"]\nturn_secret = "x"\n').api.turn_servers == (url,)
