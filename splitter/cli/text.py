"""How commands speak: exit codes, tables, times, harmless text. Writes to the terminal.

What strangers wrote (numbers, names, reasons, whole messages) passes here before a terminal sees it: through
`plain`, and a control character shows as `\\x1b` instead of acting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import click
import msgspec

from splitter.core.text import ACTING
from splitter.core.text import plain as plain

FAILED = 1
NOT_RUNNING = 3


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


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; the cells are harmless."""
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (titles, *rows))
    return "\n".join(line.rstrip() for line in lines)


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
