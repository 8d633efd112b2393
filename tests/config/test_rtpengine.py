"""[rtpengine.NAME] and who uses them: what is read, what is refused, and with which words."""

from __future__ import annotations

import pytest

from splitter.config.load import parse
from splitter.core.errors import ConfigError
from splitter.core.net import Address
from splitter.media.ng.settings import RtpengineSettings
from tests.config.test_reference import REFERENCE

ONE = '[rtpengine.one]\naddress = "10.1.0.30:2223"\n'


def text(tables: str, users: str = '["access"]') -> str:
    """The reference with these rtpengines."""
    whole = REFERENCE.read_text(encoding="utf-8").replace("#rtpengine_for = []", f"rtpengine_for = {users}")
    start = whole.index("[rtpengine.one]")
    return whole[:start] + tables + whole[whole.index("\n# ---- ", start) :]


def problems(tables: str, users: str = '["access"]') -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse(text(tables, users))
    return [line.split(": ", 1)[1] for line in error.value.problems]


class TestReading:
    def test_is_by_name(self) -> None:
        settings = parse(text(ONE + '[rtpengine.two]\naddress = "[2001:db8::30]:2223"\nweight = 3\n'))
        assert settings.rtpengines == (
            RtpengineSettings("one", Address("10.1.0.30", 2223), 1),
            RtpengineSettings("two", Address("2001:db8::30", 2223), 3),
        )
        assert settings.media.rtpengine_for == ("access",)

    def test_one_that_nobody_uses_may_stand_there(self) -> None:
        assert parse(text(ONE, "[]")).rtpengines


class TestProblems:
    def test_a_network_that_there_is_not(self) -> None:
        assert problems(ONE, '["acces"]') == [
            'media.rtpengine_for[1]: there is no network "acces"; did you mean "access"?'
        ]

    def test_no_rtpengine_where_one_is_used(self) -> None:
        wanted = "add [rtpengine.NAME] with its address, or remove this"
        assert problems("") == [f"media.rtpengine_for: there is no rtpengine; {wanted}"]
        assert problems(ONE + "weight = 0\n") == [
            f"media.rtpengine_for: none of them takes relays: all weights are 0; {wanted}"
        ]

    def test_what_each_must_have(self) -> None:
        remedy = 'say where it is controlled, such as address = "10.1.0.30:2223"'
        assert problems("[rtpengine.one]\n") == [f"rtpengine.one.address: is missing; {remedy}"]
        assert "has no port" in problems(ONE.replace(":2223", ""))[0]
        assert "is not an IP address" in problems(ONE.replace("10.1.0.30", "farm.example"))[0]
        assert "out of range" in problems(ONE + "weight = -1\n")[0]

    def test_one_address_twice(self) -> None:
        assert problems(ONE + ONE.replace("one", "two")) == [
            "rtpengine.two.address: is that of rtpengine.one too; give each its own, or remove one"
        ]
