"""How commands speak: exit codes, tables, times. Writes to the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import click

FAILED = 1
NOT_RUNNING = 3


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say why on standard error, and leave."""
    click.echo(message, err=True)
    raise click.exceptions.Exit(code)


def counted(number: int, thing: str) -> str:
    """1 problem, 2 problems."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart."""
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
