"""A table is read by what the fields of a class declare: each kind of field, on a class of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest

from splitter.config.fields import read, read_fields
from splitter.config.locate import Locator
from splitter.config.reader import Problems, Table
from splitter.core.keys import Key, Uptake, ValueProblem, optional


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def upper(text: str) -> str:
    if text == "bad":
        raise ValueProblem(f'"{text}" is bad', "write a good one")
    return text.upper()


def pair(text: str) -> tuple[str, str]:
    return text[0], text[1:]


@dataclass(frozen=True)
class Everything:
    own: int  # no key: whoever reads gives it
    must: Annotated[str, Key(parse=upper, missing="add one", taken=Uptake.LIVE)]
    pattern: Annotated[re.Pattern[str], Key(parse=re.compile, taken=Uptake.LIVE)] = field(default=re.compile("x"))
    count: Annotated[int, Key(1, 9, taken=Uptake.LIVE)] = 3
    length_s: Annotated[float, Key(0.5, 9, taken=Uptake.LIVE)] = 1.5
    flag: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    word: Annotated[str, Key(choices=("one", "two"), taken=Uptake.LIVE)] = "one"
    colour: Annotated[Colour, Key(taken=Uptake.LIVE)] = Colour.BLUE
    renamed: Annotated[str, Key(name="called", taken=Uptake.LIVE)] = ""
    secret: Annotated[str, Key(secret=True, taken=Uptake.LIVE)] = field(default="", repr=False)
    folder: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = "/run"
    file: Annotated[str, Key(file=True, not_a_file="none", taken=Uptake.LIVE)] = ""
    texts: Annotated[tuple[str, ...], Key(parse=upper, taken=Uptake.LIVE)] = ("a",)
    once: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.LIVE)] = ()
    some: Annotated[tuple[str, ...], Key(parse=upper, filled=True, taken=Uptake.LIVE)] = ("a",)
    kinds: Annotated[frozenset[str], Key(taken=Uptake.LIVE)] = frozenset()
    pairs: Annotated[Mapping[str, str], Key(parse=pair, taken=Uptake.LIVE)] = field(default_factory=dict)
    maybe: Annotated[str | None, Key(parse=optional(upper), taken=Uptake.LIVE)] = None
    colours: Annotated[tuple[Colour, ...], Key(unique=True, taken=Uptake.LIVE)] = (Colour.RED,)
    words: Annotated[tuple[str, ...], Key(choices=("one", "two"), taken=Uptake.LIVE)] = ()
    elsewhere: Annotated[int, Key(0, 9, table="other", taken=Uptake.LIVE)] = 7


def table_of(data: dict[str, object]) -> Table:
    return Table(Problems("f", Locator("")), ("t",), data, Path("/base"))


def value(name: str, written: object, key: str = "") -> Any:
    table = table_of({"must": "m", key or name: written})
    found = getattr(read(table, Everything, own=1), name)
    assert not table.problems.lines()
    return found


class TestEachKindOfField:
    def test_what_is_not_written_has_its_default(self) -> None:
        table = table_of({"must": "m"})
        assert read(table, Everything, own=1) == Everything(1, "M")
        assert not table.problems.lines()

    @pytest.mark.parametrize(
        ("name", "written", "wanted"),
        [
            ("count", 9, 9),
            ("length_s", 2, 2.0),
            ("flag", False, False),
            ("word", "two", "two"),
            ("colour", "red", Colour.RED),
            ("secret", "s", "s"),
            ("folder", "sub", "/base/sub"),
            ("folder", "/abs", "/abs"),
            ("file", "", ""),
            ("file", "none", "none"),
            ("file", "x.pem", "/base/x.pem"),
            ("texts", [], ()),
            ("texts", ["b", "b"], ("B", "B")),
            ("once", ["b", "a", "b"], ("b", "a")),
            ("some", [], ("a",)),
            ("kinds", ["b", "b"], frozenset("b")),
            ("words", ["two", "two"], ("two", "two")),
            ("colours", ["blue", "red", "blue"], (Colour.BLUE, Colour.RED)),
            ("pairs", ["ab", "cd"], {"a": "b", "c": "d"}),
            ("maybe", "", ""),
            ("maybe", "x", "X"),
            ("pattern", "y+", re.compile("y+")),
        ],
    )
    def test_what_is_written_becomes_its_type(self, name: str, written: object, wanted: object) -> None:
        found = value(name, written)
        assert found == wanted
        assert type(found) is type(wanted)

    def test_words_of_a_list_become_their_type(self) -> None:
        assert [type(one) for one in value("colours", ["red", "blue"])] == [Colour, Colour]

    def test_an_empty_path_where_there_must_be_one_is_a_problem(self) -> None:
        table = table_of({"must": "m", "folder": ""})
        assert read(table, Everything, own=1).folder == "/run"
        assert [line.partition(": ")[2] for line in table.problems.lines()] == [
            "t.folder: is empty; name a path, or leave folder out for /run"
        ]

    def test_a_key_may_have_another_name_than_its_field(self) -> None:
        assert value("renamed", "x", key="called") == "x"

    def test_a_key_of_another_table_is_read_there(self) -> None:
        assert read_fields(table_of({"elsewhere": 8}), Everything, "other") == {"elsewhere": 8}
        table = table_of({"must": "m", "elsewhere": 8})
        assert read(table, Everything, own=1).elsewhere == 7
        assert "unknown key" in table.problems.lines()[0]


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("name", "written", "problem"),
        [
            ("count", 10, "10 is out of range; use a value from 1 to 9"),
            ("count", 1.5, "must be a whole number from 1 to 9, not the number 1.5; correct the value"),
            ("length_s", True, "must be a number from 0.5 to 9, not true; correct the value"),
            ("word", "tow", '"tow" is not possible here; did you mean "two"?'),
            ("colour", "rod", '"rod" is not possible here; did you mean "red"?'),
            ("secret", 7, "must be text in quotes; put it in quotes"),
            ("must", "bad", '"bad" is bad; write a good one'),
            ("words[2]", ["one", "tow"], '"tow" is not possible here; did you mean "two"?'),
            ("colours[1]", ["rod"], '"rod" is not possible here; did you mean "red"?'),
            ("texts", "a", 'must be a list of texts, such as ["…", "…"], not the text "a"; write texts = ["a"]'),
        ],
    )
    def test_is_told_and_the_rest_is_read(self, name: str, written: object, problem: str) -> None:
        key, _, element = name.partition("[")
        table = table_of({"must": "m", "flag": False, key: written})
        settings = read(table, Everything, own=1)
        assert table.problems.lines() == [f"f:1: t.{name}: {problem}"]
        assert not settings.flag
        nothing = {"must": "", "texts": ()}  # there is a default for the others
        if element:  # of a list the others are there
            assert len(getattr(settings, key)) == len(written) - 1  # type: ignore[arg-type]
        else:
            assert getattr(settings, name) == nothing.get(name, getattr(Everything(1, ""), name))

    def test_a_necessary_key_has_its_remedy(self) -> None:
        table = table_of({})
        read(table, Everything, own=1)
        assert table.problems.lines() == ["f:1: t.must: is missing; add one"]

    def test_a_check_of_the_table_comes_before_its_unknown_keys(self) -> None:
        table = table_of({"must": "m", "x": 1})
        read(table, Everything, lambda table, settings: table.problem("must", settings.must, "remedy"), own=1)
        assert [line.split(": ")[1] for line in table.problems.lines()] == ["t.must", "t.x"]
