"""How commands speak: exit codes, tables, times, harmless text. Writes to the terminal.

What strangers wrote (numbers, names, reasons, whole messages) passes here before a terminal sees it: through
`plain`, and a control character shows as `\\x1b` instead of acting.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Sequence
from typing import Any, NoReturn

import click
import msgspec

from splitter.core.text import ACTING
from splitter.core.text import plain as plain

FAILED = 1
NOT_RUNNING = 3
_GAP, _LEAST_CELL = 2, 8


def say(text: str = "", fg: str | None = None) -> None:
    """Print lines, harmless ones."""
    click.secho("\n".join(map(plain, text.split("\n"))), fg=fg if coloured() else None)


def coloured() -> bool:
    """Whether a terminal is to have colours: not where NO_COLOR says otherwise (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say_json(value: Any) -> None:
    """Print a value as JSON, without loss."""
    say_encoded(msgspec.json.format(msgspec.json.encode(value)).decode())


def say_encoded(text: str) -> None:
    """Print what is JSON already: what would act on a terminal as an escape of JSON."""
    click.echo("\n".join(ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n")))


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say why on standard error, and leave."""
    click.echo("\n".join(map(plain, message.split("\n"))), err=True)
    raise click.exceptions.Exit(code)


def counted(number: int, thing: str) -> str:
    """A number with its word: "1 problem", "2 problems"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def source_words(source: str) -> str:
    """Name a source as people know it: by its own name, and in the words that documents have for it."""
    return "slate (the waiting picture)" if source == "slate" else source


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; the cells are harmless."""
    return _aligned([titles, *([plain(cell) for cell in row] for row in rows)])


def fitted(titles: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()) -> str:
    """A table that is no wider than the terminal; where nobody looks at one, it is whole.

    Args:
        spare: titles of columns that are left out first, in this order. Then the widest cells are cut, never those of
            the first column.
    """
    whole, room = [[*titles], *([plain(cell) for cell in row] for row in rows)], _room()
    for title in spare:
        if not room or _width(whole) <= room:
            break
        column = whole[0].index(title)
        whole = [row[:column] + row[column + 1 :] for row in whole]
    while room and (excess := _width(whole) - room) > 0:
        widths = _widths(whole)
        width, column = max((width, column) for column, width in enumerate(widths[1:], 1))
        if width <= _LEAST_CELL:
            break
        second = max((other for at, other in enumerate(widths[1:], 1) if at != column), default=0)
        most = max(_LEAST_CELL, width - excess, min(second, width - 1))
        whole = [[*row[:column], cut(row[column], most), *row[column + 1 :]] for row in whole]
    return _aligned(whole)


def cut(text: str, most: int) -> str:
    """The beginning of a text, as far as it fits into so many columns of a terminal."""
    if across(text) <= most:
        return text
    kept = ""
    for letter in text:
        if across(kept + letter) > most - 1:
            break
        kept += letter
    return f"{kept.rstrip()}…"


def across(text: str) -> int:
    """The columns of a terminal that a text takes: Chinese letters are two wide (UAX #11), accents none."""
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _room() -> int:
    """The width of the terminal; 0 where the output goes to none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(across, column)) for column in zip(*rows, strict=True)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    return sum(widths := _widths(rows)) + _GAP * (len(widths) - 1)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = _widths(rows)
    padded = ((cell + " " * (width - across(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join((" " * _GAP).join(row).rstrip() for row in padded)


def clock(at: float | None) -> str:
    """Wall time as people read it: today's without the date."""
    if at is None:
        return "-"
    local = time.localtime(at)
    same_day = local[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", local)


def span(seconds: float) -> str:
    """A duration: 7s, 3:05, 1:00:07, 2d 3:00:00."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    days, rest = divmod(whole, 86_400)
    hours, minutes, secs = rest // 3600, rest // 60 % 60, rest % 60
    short = f"{hours}:{minutes:02}:{secs:02}" if hours or days else f"{minutes}:{secs:02}"
    return f"{days}d {short}" if days else short
