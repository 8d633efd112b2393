"""splitter why: why somebody was not heard or not seen in a call, in a sentence, with what proves it."""

from __future__ import annotations

import click
import msgspec

from splitter.cli.completing import all_calls
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, fail, say, say_json, table
from splitter.cli.trace import call_meant
from splitter.web.calls.shapes import DiagnosisShown, FindingShown


@click.command()
@click.argument("reference", metavar="ID|NUMBER", shell_complete=all_calls)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def why(ctx: click.Context, reference: str, as_json: bool) -> None:
    """Say why a call had no voice or no video, with the lines of its trace that prove it.

    ID may be shortened, or be the short code. A NUMBER, caller or called, names its latest call. `splitter trace` shows
    all that happened.
    """
    door = open_door(ctx)
    try:
        call_id = call_meant(door, reference)
        diagnosis = msgspec.json.decode(door.read("GET", "calls", call_id, "why"), type=DiagnosisShown)
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(diagnosis)
        return
    say(f"call {diagnosis.call_id}")
    for finding in (diagnosis.voice, diagnosis.video):
        _say(finding)


def _say(finding: FindingShown) -> None:
    say()
    say(f"{finding.words[:1].upper()}{finding.words[1:]}.", fg=None if finding.fine else "yellow")
    rows = [(f"  {clock(one.at)}", one.leg or "-", one.kind, one.text) for one in finding.proof]
    for line in table(("", "", "", ""), rows).splitlines()[1:] if rows else ():
        say(line)
