"""splitter trace: what happened to a call, over all its legs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

import click
import msgspec

from splitter.calls.view import CallView
from splitter.cli.completing import all_calls
from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.text import coloured, counted, fail, plain, say_encoded
from splitter.telemetry import golden
from splitter.telemetry.ladder import Ladder, legs_of
from splitter.telemetry.pcap import Capture
from splitter.telemetry.trace import TraceEvent

# Seats may join while we follow; this many get a column before they do.
_SEATS_EXPECTED = ("seat-1",)


@click.command()
@click.argument("reference", metavar="ID|NUMBER", shell_complete=all_calls)
@click.option("--raw", is_flag=True, help="Whole messages, in the format that tests replay.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the call ends.")
@click.option("--json", "as_json", is_flag=True, help="One event per line; messages in words, or with --raw in base64.")
@click.option(
    "--pcap",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the messages as a capture file, for Wireshark and the like; - is standard output.",
)
@click.option("--width", type=click.IntRange(60), help="Wrap at this column; by default the terminal's width.")
@click.pass_context
def trace(
    ctx: click.Context,
    reference: str,
    raw: bool,
    follow: bool,
    as_json: bool,
    pcap: str | None,
    width: int | None,
) -> None:
    """Show what happened to a call, over all its legs, as a ladder.

    ID may be shortened, or be the short code. A NUMBER, caller or called, names its latest call.
    """
    if pcap and (raw or as_json):
        raise click.UsageError("--pcap goes with neither --raw nor --json")
    door = open_door(ctx)
    try:
        call_id = call_meant(door, reference)
        lines = door.lines("calls", call_id, "trace", raw=int(raw or not as_json), follow=int(follow))
        if as_json:
            for line in lines:
                say_encoded(line.decode().rstrip("\n"))
            return
        events = (msgspec.json.decode(line, type=TraceEvent) for line in lines)
        if pcap:
            _write_pcap(events, follow, pcap)
            return
        _echo(_raw(events) if raw else _ladder(events, follow, width))
    except RefusedByGateway as error:
        fail(str(error))
    except KeyboardInterrupt:
        pass  # how --follow ends


def call_meant(door: Door, reference: str) -> str:
    """The id of the call that is meant: by id or short code, else the latest from or to the number."""
    try:
        found = msgspec.json.decode(door.read("GET", "calls", reference))
        return str(found["call_id"])
    except RefusedByGateway as error:
        if error.code != "no-such-call":
            raise
        calls = door.listed(CallView, "calls", "search", number=reference, limit=1)
        if not calls:
            fail(f"there is no call {reference}, and none from or to this number")
        return calls[0].call_id


def _raw(events: Iterable[TraceEvent]) -> Iterator[str]:
    yield golden.FIRST_LINE
    for event in events:
        yield golden.dump_event(event).removesuffix("\n")


def _write_pcap(events: Iterator[TraceEvent], follow: bool, file: str) -> None:
    """Write a capture; each message is in the file as soon as it is here. Numbers and names of callers are in it."""
    capture = Capture()
    if not follow:
        whole = list(events)
        capture.learn(whole)
        events = iter(whole)
    records = (record for event in events for record in capture.records(event))
    first = next(records, None)
    if first is None:
        fail("no message is kept of this call")
    try:
        with _opened(file) as out:
            out.write(capture.head())
            for record in chain([first], records):
                out.write(record)
                out.flush()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    left = f"; {capture.left_out} without an address are not in it" if capture.left_out else ""
    click.echo(f"{counted(capture.messages, 'message')} written; headers below SIP are made up{left}", err=True)


def _opened(file: str) -> IO[bytes]:
    """The file, for its owner alone."""
    if file == "-":
        return click.open_file("-", "wb")
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _ladder(events: Iterator[TraceEvent], follow: bool, width: int | None) -> Iterator[str]:
    """Lines of the ladder. Its columns must be known before its first line, so only --follow has to guess them."""
    if follow:
        legs = [*legs_of(()), *_SEATS_EXPECTED]
    else:
        whole = list(events)
        legs, events = legs_of(whole), iter(whole)
    first = next(events, None)
    if first is None:
        fail("nothing is kept of this call")
    terminal = sys.stdout.isatty()
    if width is None and terminal:
        width = shutil.get_terminal_size().columns
    ladder = Ladder(legs, width, colour=terminal and coloured(), clean=plain)
    yield ladder.header()
    for event in chain([first], events):
        yield from ladder.lines(event)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line, color=True)  # we decided on colour ourselves
