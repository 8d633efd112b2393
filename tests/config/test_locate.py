"""Lines of keys, checked against documents whose values say on which line they stand."""

from __future__ import annotations

import tomllib

import pytest

from splitter.config.locate import Locator, Path

# Every value is the number of its own line, or holds it: so tomllib's reading proves the locator's, path by path.
EVERYTHING = '''# a comment with = and [brackets] and "quotes"
top = 2
"quoted key" = 3
'literal.key' = 4
dotted.key.deep = 5
dotted . spaced . "q.k" = 6   # spaces around dots

[table]
bare-key_1 = 9
text = "10 # no comment, no ] } , end"
literal = '11 \\'
"esc\\"aped" = 12

  [ table . "sub.table" ]  # indented header
  inner = 15
[[array]]
first = 17
[[array]]
first = 19
  [array.nested]
  value = 21
  [[array.nested.list]]
  deep = 23
  [[array.nested.list]]
  deep = 25

[multi]
text = """28
line with = and [header]
and an escaped quote \\""" and "" more"""
after = 31
literal = \'\'\'32
[not.a.table]
\'\'\'
after2 = 35
quotes = """36 ends in quotes"""""
after3 = 37
list = [
  39,
  # a comment with ] in it
  41, 41,
  [ 42,
    43 ],
  "44 ] , #",
]
after4 = 46
inline = { a = 47, b.c = 47, "d e" = [47, {x = 47}], f = {} }
empty = [] # nothing
after5 = 49
date = 1979-05-27T07:32:00Z
floats = [ 5.1e+1, 51, ]
after6 = 52
[later]
[dotted2.implicit.table]
value = 55
[dotted2]
own = 57
'''


def leaves(value: object, path: Path = ()) -> list[tuple[Path, object]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [(path, value)]


def line_told_by(value: object) -> int | None:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str):
        return int(value.split()[0])
    return None


class TestValues:
    def test_every_value_is_found_on_the_line_it_names(self) -> None:
        locator = Locator(EVERYTHING)
        told = [(path, line_told_by(value)) for path, value in leaves(tomllib.loads(EVERYTHING))]
        checked = [(path, line) for path, line in told if line is not None]
        assert {path: locator.line(path) for path, _ in checked} == dict(checked)
        assert len(checked) == 38

    def test_windows_line_ends_change_nothing(self) -> None:
        windows = EVERYTHING.replace("\n", "\r\n")
        locator = Locator(windows)
        for path, value in leaves(tomllib.loads(windows)):
            line = line_told_by(value)
            assert line is None or locator.line(path) == line, path

    def test_a_date_does_not_disturb_what_follows(self) -> None:
        assert Locator(EVERYTHING).line(("multi", "date")) == 50


class TestTables:
    @pytest.mark.parametrize(
        ("path", "line"),
        [
            (("table",), 8),
            (("table", "sub.table"), 14),
            (("array",), 16),
            (("array", 0), 16),
            (("array", 1), 18),
            (("array", 1, "nested"), 20),
            (("array", 1, "nested", "list", 1), 24),
            (("dotted",), 5),
            (("later",), 53),
            (("dotted2", "implicit"), 54),
            (("dotted2",), 56),
        ],
    )
    def test_a_table_stands_where_it_is_opened(self, path: Path, line: int) -> None:
        assert Locator(EVERYTHING).line(path) == line

    def test_a_missing_key_is_placed_at_the_nearest_table(self) -> None:
        locator = Locator(EVERYTHING)
        assert locator.line(("array", 1, "nested", "no", "such")) == 20
        assert locator.line(("nowhere",)) == 1


class TestOddDocuments:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "# only a comment",
            "\n\n",
            "a=1",
            "a = [[], [[]], {}]",
            "a = '''''' ",
            'a = """"""',
            'a = "\\\\"',
            "[a]\n[a.b]\n[[a.c]]\n",
            "a = [ # c\n1 # d\n, # e\n]",
        ],
    )
    def test_whatever_tomllib_reads_is_read(self, text: str) -> None:
        tomllib.loads(text)
        Locator(text)
