"""A telephone number sought in SQLite, in any spelling, by the columns `caller` and `called`. No I/O of its own."""

from __future__ import annotations

import sqlite3

from splitter.core.numbers import LEAST_ALIKE, WantedNumber

FROM_OR_TO = (  # by the last digits first, for there may be a million rows
    f"(caller = ? OR called = ? OR substr(caller, -{LEAST_ALIKE}) = ? AND is_wanted(caller)"
    f" OR substr(called, -{LEAST_ALIKE}) = ? AND is_wanted(called))"
)
"""The condition, once a connection has learnt the number."""


def values_of(number: str) -> tuple[str, str, str, str]:
    """The values of `FROM_OR_TO`."""
    ending = WantedNumber(number).ending
    return number, number, ending, ending


def learn_number(db: sqlite3.Connection, number: str) -> None:
    """Teach this connection to tell a number in whatever spelling."""
    db.create_function("is_wanted", 1, WantedNumber(number).names, deterministic=True)
