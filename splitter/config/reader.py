"""Reads one table of the configuration key by key and collects every problem instead of stopping at the first."""

from __future__ import annotations

import math
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, overload

from splitter.config.locate import Locator, Path
from splitter.core.keys import ValueProblem, suggest

T = TypeVar("T")
D = TypeVar("D")


class Problems:
    """The problems of a file, one line each."""

    def __init__(self, file: str, locator: Locator) -> None:
        self._file = file
        self._locator = locator
        self._found: list[tuple[int, str]] = []
        self._paths: set[Path] = set()

    def add(self, path: Path, what: str, remedy: str) -> None:
        """Note a problem with the value at `path`."""
        self._paths.add(path)
        line = self._locator.line(path)
        self._found.append((line, f"{dotted(path)}: {what}; {remedy}"))

    def within(self, path: Path) -> bool:
        """True where something is wrong at `path` or below it: what only follows from that need not be told."""
        return any(found[: len(path)] == path for found in self._paths)

    def lines(self) -> list[str]:
        """The problems in the order of the file, each once."""
        found = sorted(self._found, key=lambda found: found[0])
        return list(dict.fromkeys(f"{self._file}:{line}: {text}" for line, text in found))

    def texts(self) -> list[str]:
        """The same without file and line, for a configuration that stands in no file."""
        return list(dict.fromkeys(text for _, text in self._found))

    def __len__(self) -> int:
        return len(self._found)


def dotted(path: Path) -> str:
    """`("route", 1, "called")` as an operator reads it: `route[2].called`; elements are counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


class Table:
    """One table of the file. Every `take_…` names a key that may stand in it; `finish` reports the others."""

    def __init__(self, problems: Problems, path: Path, data: Mapping[str, object], base: pathlib.Path) -> None:
        self.path = path
        self.problems = problems
        self.base = base  # where paths of files start
        self._data = data
        self._known: set[str] = set()

    @property
    def name(self) -> str:
        """The last part of the path: the name of a network or trunk."""
        return str(self.path[-1])

    def problem(self, key: str, what: str, remedy: str) -> None:
        """Note a problem with one key of this table."""
        self.problems.add((*self.path, key), what, remedy)

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __bool__(self) -> bool:
        """True where anything is written in it."""
        return bool(self._data)

    def listed(self, key: str) -> bool:
        """True where the key holds something other than an empty list (its elements may still be bad)."""
        return self._data.get(key, []) != []

    def finish(self) -> None:
        """Report keys that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                self.problem(key, "unknown key", suggest(key, self._known))

    # ---- scalars -------------------------------------------------------------------------------------------------

    def take_text(self, key: str, default: str, choices: Iterable[str] = ()) -> str:
        """A string; one of `choices` where given."""
        value = self._take(key, str, "text in quotes")
        if value is None:
            return default
        allowed = tuple(choices)
        if allowed and value not in allowed:
            self.problem(key, f'"{value}" is not possible here', suggest(value, allowed))
            return default
        return value

    def take_secret(self, key: str) -> str:
        """A string that no problem may show; empty where it is missing."""
        self._known.add(key)
        value = self._data.get(key, "")
        if isinstance(value, str):
            return value
        self.problem(key, "must be text in quotes", "put it in quotes")
        return ""

    def take_flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._take(key, bool, "true or false")
        return default if value is None else value

    def take_integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        value = self._take(key, int, f"a whole number from {low} to {high}")
        if value is None:
            return default
        return value if self._in_range(key, value, low, high) else default

    def take_number(self, key: str, default: float, low: float, high: float) -> float:
        """A number in [low, high]; seconds, days."""
        value = self._take(key, (int, float), f"a number from {low:g} to {high:g}")
        if value is None:
            return default
        return float(value) if self._in_range(key, value, low, high) else default

    @overload
    def take_parsed(self, key: str, parse: Callable[[str], T], default: D) -> T | D: ...
    @overload
    def take_parsed(self, key: str, parse: Callable[[str], T]) -> T | None: ...
    def take_parsed(self, key: str, parse: Callable[[str], T], default: D | None = None) -> T | D | None:
        """A string that `parse` turns into a value; it raises ValueProblem for a bad one."""
        value = self._take(key, str, "text in quotes")
        if value is None:
            return default
        try:
            return parse(value)
        except ValueProblem as error:
            self.problem(key, error.what, error.remedy)
            return default

    # ---- lists and tables ----------------------------------------------------------------------------------------

    def take_list(self, key: str, parse: Callable[[str], T]) -> list[T]:
        """A list of strings, each parsed; bad elements are reported and left out."""
        values = self._take(key, list, 'a list of texts, such as ["…", "…"]')
        parsed = []
        for index, value in enumerate(values or ()):
            place = (*self.path, key, index)
            if not isinstance(value, str):
                self.problems.add(place, f"must be text in quotes, not {_spoken(value)}", "put it in quotes")
                continue
            try:
                parsed.append(parse(value))
            except ValueProblem as error:
                self.problems.add(place, error.what, error.remedy)
        return parsed

    def take_table(self, key: str) -> Table:
        """A table; an empty one where it is missing."""
        value = self._take(key, dict, f"a table, written [{dotted((*self.path, key))}]")
        return Table(self.problems, (*self.path, key), value or {}, self.base)

    def take_named_tables(self, key: str) -> list[Table]:
        """Tables with names of the operator's choice: [network.access], [network.core] …"""
        return self.take_table(key).take_all_tables()

    def take_all_tables(self) -> list[Table]:
        """Every key of this table as a table whose name is the operator's choice.

        One written as a list, [[trunk.sbc]], is complained of and read all the same, so that nothing is told of what it
        seems to lack.
        """
        return [self._take_single(name) for name in self._data]

    def _take_single(self, name: str) -> Table:
        match self._data[name]:
            case [dict() as only]:
                written = dotted((*self.path, name))
                self._known.add(name)
                self.problem(name, f"is written as a list, [[{written}]]", f"write [{written}]")
                return Table(self.problems, (*self.path, name), only, self.base)
            case _:
                return self.take_table(name)

    def take_tables(self, key: str) -> list[Table]:
        """An array of tables: [[route]] …"""
        remedy = f"a list of tables, each written [[{dotted((*self.path, key))}]]"
        values = self._take(key, list, remedy)
        tables = []
        for index, value in enumerate(values or ()):
            place = (*self.path, key, index)
            if isinstance(value, dict):
                tables.append(Table(self.problems, place, value, self.base))
            else:
                self.problems.add(place, f"must be a table, not {_spoken(value)}", f"write {remedy}")
        return tables

    # ---- inner ---------------------------------------------------------------------------------------------------

    @overload
    def _take(self, key: str, kind: type[T], wanted: str) -> T | None: ...
    @overload
    def _take(self, key: str, kind: tuple[type[T], type[D]], wanted: str) -> T | D | None: ...
    def _take(self, key: str, kind: type[T] | tuple[type[T], type[D]], wanted: str) -> T | D | None:
        self._known.add(key)
        value = self._data.get(key)
        if value is None:
            return None
        # true is an int to Python, but never a sensible number of seconds
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self.problem(key, f"must be {wanted}, not {_spoken(value)}", self._remedy(key, value, kind))
        return None

    def _remedy(self, key: str, value: object, kind: object) -> str:
        """How a value of the wrong kind would be written, where that can be guessed."""
        match value:
            case str() if kind is list:
                return f'write {key} = ["{value}"]'
            case str() if kind is bool and value.lower() in ("true", "false"):
                return f"write {key} = {value.lower()}, without quotes"
            case str() if kind not in (bool, dict) and re.fullmatch(r"-?\d+(\.\d+)?", value):
                return f"write {key} = {value}, without quotes"
            case int() | float() if kind is str and not isinstance(value, bool):
                return f'put it in quotes: {key} = "{value}"'
            case dict() if kind is list:
                return f"write [[{dotted((*self.path, key))}]]"
            case dict() if kind is not dict:
                return f"write {key} = … in place of the table [{dotted((*self.path, key))}]"
            case _:
                return "correct the value"

    def _in_range(self, key: str, value: float, low: float, high: float) -> bool:
        if math.isfinite(value) and low <= value <= high:
            return True
        self.problem(key, f"{value:g} is out of range", f"use a value from {low:g} to {high:g}")
        return False


def _spoken(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{value}"'
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the date or time {value}"
