"""splitter calls --ended: records of calls, as a table, as CSV or as JSON lines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime

import click
import msgspec

from splitter.calls.after.detail import CallDetail, to_csv
from splitter.cli.door import Door
from splitter.cli.text import clock, fitted, say, say_encoded, span
from splitter.web.records.shapes import RecordList

_PAGE = 500
_TITLES = ("ID", "STARTED", "TALKED", "CALLER", "CALLED", "CENTRE", "AGENT", "VIDEO", "STATUS", "ENDED BECAUSE")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(text: str) -> float:
    """Unix seconds of what was written: "90s", "2h", "3d" ago, or a date and time of this machine's zone.

    Raises:
        click.UsageError: it is neither.
    """
    if ago := re.fullmatch(r"(\d{1,9})([smhd])", text.strip()):
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(f'"{text}" is no time: write such as 2h, 3d, 2026-12-24 or 2026-12-24T18:00') from None


def print_ended(door: Door, wanted: dict[str, str], limit: int | None, form: str | None) -> None:
    """Print records, and say on standard error what is missing. Raises RefusedByGateway."""
    if form is None:
        rows = [row for page in _pages(door, wanted, limit or 50) for row in page]
        say(_table(rows) if rows else "no call has ended yet" if not wanted else "no call like that has ended")
        return
    head = True
    for page in _pages(door, wanted, limit):
        if form == "csv":
            click.echo(to_csv(page, head), nl=False)
            head = False
        for row in page if form == "jsonl" else ():
            say_encoded(msgspec.json.encode(row).decode())
    if head and form == "csv":
        click.echo(to_csv((), head), nl=False)


def _pages(door: Door, wanted: dict[str, str], limit: int | None) -> Iterator[list[CallDetail]]:
    left, before = limit, wanted.get("before")
    asked = {name: value for name, value in wanted.items() if name != "before"}
    told: set[str] = set()
    left_out = 0
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        found = door.get(RecordList, "records", limit=size, before=before, **asked)
        for node in set(found.missing) - told:
            click.echo(f"calls that ended at the gateway {node} are not in this list: it does not answer", err=True)
        told |= set(found.missing)
        left_out += found.left_out
        if found.records:
            yield found.records
        if found.next is None:
            break
        before = repr(found.next)
        left = None if left is None else left - len(found.records)
    if left_out:
        click.echo(f"{left_out} rows of another version could not be read", err=True)


def _table(rows: list[CallDetail]) -> str:
    titles = [*_TITLES]
    cells = [_row(row) for row in rows]
    if any(row.no_video for row in rows):
        titles.append("NO PICTURE BECAUSE")
        cells = [(*cell, row.no_video or "-") for cell, row in zip(cells, rows, strict=True)]
    if any(row.node for row in rows):
        titles.append("NODE")
        cells = [(*cell, row.node or "-") for cell, row in zip(cells, rows, strict=True)]
    return fitted(titles, cells, ("CENTRE", "CALLED", "STATUS"))


def _row(row: CallDetail) -> tuple[str, ...]:
    talked = "-" if row.answered_at is None else span(row.voice_s)
    numbers = (row.caller, row.called, row.route or "-", row.agent or "-", row.video or "-")
    return (row.call_id, clock(row.started_at), talked, *numbers, str(row.status or "-"), row.reason)
