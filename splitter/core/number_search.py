"""A telephone number sought in SQLite, in any spelling, by the columns `caller` and `called`. No I/O of its own."""

from __future__ import annotations

import sqlite3

from splitter.core.numbers import LEAST_ALIKE, WantedNumber

_COLUMNS = ("caller", "called")
_IS_IT = f"({{0}} = ? OR substr({{0}}, -{LEAST_ALIKE}) = ? AND is_wanted({{0}}))"
_ENDS_SO = "substr({0}, -length(?)) = ?"
FROM_OR_TO = f"({' OR '.join(_IS_IT.format(column) for column in _COLUMNS)})"
"""The condition, once a connection has learnt the number: row by row."""

LAST = 4
"""Characters at the end of a number that a table of many rows has an index by; see `branches`."""

Clause = tuple[str, tuple[object, ...]]
"""A condition and its values."""


def values_of(number: str) -> tuple[str, ...]:
    """The values of `FROM_OR_TO`."""
    return _is_it(number) * 2


def _is_it(number: str) -> tuple[str, ...]:
    """The values of `_IS_IT`."""
    return number, WantedNumber(number).ending


def learn_number(db: sqlite3.Connection, number: str) -> None:
    """Teach this connection to tell a number in whatever spelling."""
    db.create_function("is_wanted", 1, WantedNumber(number).names, deterministic=True)


def index_of(column: str, then: str) -> str:
    """What the index of a column is on, for `branches` in the order of `then`."""
    return f"substr({column}, -{LAST}), {then}"


def branches(number: str, whole: bool = True, end: bool = False) -> list[Clause]:
    """The ways in which a row may be from or to a number; it meets one of them at most.

    Each is answered by one index in its order (`index_of`), so that of many rows the newest are read and no others. A
    number that is too short for the index is one way, row by row.

    Args:
        whole: rows of the number itself are wanted, in any spelling.
        end: rows of numbers that end so.
    """
    tests = [(_IS_IT, _is_it(number))] * whole + [(_ENDS_SO, (number, number))] * end
    condition = f"({' OR '.join(test for test, _ in tests)})"
    values: tuple[object, ...] = sum((values for _, values in tests), ())
    caller, called = (condition.format(column) for column in _COLUMNS)
    if len(number) < LAST:
        return [(f"({caller} OR {called})", values * 2)]
    found: list[Clause] = []
    for last in dict.fromkeys((number[-LAST:], WantedNumber(number).ending[-LAST:] or number[-LAST:])):
        found.append((f"substr(caller, -{LAST}) = ? AND {caller}", (last, *values)))
        found.append((f"substr(called, -{LAST}) = ? AND {called} AND NOT {caller}", (last, *values * 2)))
    return found
