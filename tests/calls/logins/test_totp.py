"""Codes of authenticator apps (RFC 6238)."""

from __future__ import annotations

import pytest

from splitter.calls.logins.totp import OneTimeCodes, address_of, parse_totp, secret_text
from splitter.core.keys import ValueProblem

SECRET = secret_text(b"12345678901234567890")
# RFC 6238, appendix B: the last six of the eight digits of SHA-1
KNOWN = {59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037"}


@pytest.mark.parametrize(("wall", "code"), KNOWN.items())
def test_are_those_of_the_rfc(wall: int, code: str) -> None:
    assert OneTimeCodes().take("8001", SECRET, code, wall)
    assert OneTimeCodes().take("8001", SECRET, code, wall + 30) and OneTimeCodes().take("8001", SECRET, code, wall - 30)
    assert not OneTimeCodes().take("8001", SECRET, code, wall + 90)
    assert not OneTimeCodes().take("8001", SECRET, code[::-1], wall)


def test_are_good_once() -> None:
    codes = OneTimeCodes()
    assert codes.take("8001", SECRET, KNOWN[59], 59)
    assert not codes.take("8001", SECRET, KNOWN[59], 59) and not codes.take("8001", SECRET, KNOWN[59], 75)
    assert codes.take("8002", SECRET, KNOWN[59], 59), "that of somebody else is another one"
    assert codes.take("8001", SECRET, KNOWN[2000000000], 2000000000)


def test_are_good_once_over_a_restart() -> None:
    codes = OneTimeCodes()
    assert codes.take("8001", SECRET, KNOWN[59], 59) and codes.take("8002", SECRET, KNOWN[59], 59)
    used = codes.used(60)
    assert used == {"8001": 1, "8002": 1}
    assert not OneTimeCodes(used).take("8001", SECRET, KNOWN[59], 75)
    assert codes.used(59 + 60) == {}, "what is too old anyway need not be kept"


@pytest.mark.parametrize("code", ["", "2870821", "28708", "\u0662\u0668\u0667\u0660\u0668\u0662", "287082\n"])
def test_of_another_form_are_wrong(code: str) -> None:
    assert not OneTimeCodes().take("8001", SECRET, code, 59)


def test_have_a_secret_of_base_32() -> None:
    assert parse_totp("gezd gnbv gy3t qojq gezd gnbv gy3t qojq") == SECRET
    for wrong in ("hunter2!", "GEZDGNBV", "1" * 32):
        with pytest.raises(ValueProblem):
            parse_totp(wrong)
    assert address_of("8001", "splitter", SECRET).startswith("otpauth://totp/splitter:8001?")
