"""Ways to misconfigure, and what `splitter check` says of each: golden/misconfigured.txt is to be read as a whole.

A block of it is a change of a good file ("- " goes, "+ " comes; without "- " it comes at the end) and all that is said.
A message that one would not know what to do with is to be mended there first.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitter.config.advice import advice
from splitter.config.load import parse
from splitter.core.errors import ConfigError

GOLDEN = Path(__file__).parent / "golden" / "misconfigured.txt"
GOOD = """\
[network.access]
listen = ["udp:127.0.0.1:5060"]
[network.core]
listen = ["udp:127.0.0.1:5070"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.0/24"]
address = "127.0.1.9:5060"
trusted = true
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.4:5060"
[[route]]
called = "4.*"
to = ["pbx"]
"""


def blocks() -> list[tuple[str, str, list[str]]]:
    """What goes, what comes, and what is said of it."""
    found = []
    for block in re.split(r"\n\n+", GOLDEN.read_text(encoding="utf-8").partition("\n\n")[2].strip("\n")):
        lines = block.splitlines()
        old, new = ("".join(f"{line[2:]}\n" for line in lines if line.startswith(sign)) for sign in ("- ", "+ "))
        found.append((old, new, [line for line in lines if not line.startswith(("- ", "+ "))]))
    return found


def said(text: str) -> list[str]:
    try:
        return [f"warning: {warning}" for warning in advice(parse(text, "f"))]
    except ConfigError as error:
        return error.problems


def test_a_good_file_is_good() -> None:
    assert said(GOOD) == []


@pytest.mark.parametrize(("old", "new", "expected"), blocks())
def test_is_told_with_its_remedy(old: str, new: str, expected: list[str]) -> None:
    assert GOOD.count(old) == 1 or not old
    found = said(GOOD.replace(old, new) if old else GOOD + new)
    assert found == expected
    for line in found:
        assert re.fullmatch(r"(f:\d+|warning): [^ ]+: .+; .{4,}", line), "line, key, what is wrong, what to write"
        assert not line.endswith("; correct the value")


def test_there_are_many() -> None:
    assert len(blocks()) >= 80
