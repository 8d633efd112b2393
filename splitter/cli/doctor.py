"""splitter doctor: whether this machine, its configuration and its neighbours will do, and the remedy where not."""

from __future__ import annotations

import asyncio
import socket

import click

from splitter.cli.examination.machine import examine_machine
from splitter.cli.examination.neighbours import examine_neighbours
from splitter.cli.examination.observation import Grade, Observation, bad
from splitter.cli.examination.outsiders import examine_outsiders
from splitter.cli.examination.places import examine_places
from splitter.cli.text import FAILED, counted, say, say_json
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.core.errors import ConfigError

_COLOURS = {Grade.GOOD: None, Grade.DOUBT: "yellow", Grade.BAD: "red"}


@click.command()
@click.option("-c", "--config", "file", type=click.Path(), help="Configuration file; by default the service's.")
@click.option("--offline", is_flag=True, help="Ask no neighbour, and no name server.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.pass_context
def doctor(ctx: click.Context, file: str | None, offline: bool, as_json: bool) -> None:
    """Look at the configuration, the machine and the neighbours; each doubt comes with its remedy.

    It changes nothing. It sends OPTIONS to trunks, and asks TURN servers for a relay, which it gives back; to webhooks,
    messages' services and the like it only connects. Run it as the user that the gateway runs as. Exit code 1 where
    something does not work.
    """
    file = file or ctx.obj[1]
    findings = _examine(file, offline)
    if as_json:
        say_json(findings)
    else:
        for finding in findings:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            say(f"{finding.grade:<6} {finding.subject}: {finding.what}{remedy}", fg=_COLOURS[finding.grade])
        counts = {grade: sum(one.grade is grade for one in findings) for grade in Grade}
        say(f"{counted(counts[Grade.BAD], 'fault')}, {counted(counts[Grade.DOUBT], 'doubt')}")
    if any(finding.grade is Grade.BAD for finding in findings):
        ctx.exit(FAILED)


def _examine(file: str, offline: bool) -> list[Observation]:
    try:
        settings = load(file, expiry=True)
    except ConfigError as error:
        return [bad("configuration", *problem.split("; ", 1)) for problem in error.problems]
    findings = [*examine_places(file, settings, _runs(settings)), *examine_machine(settings)]
    if not offline:
        findings += asyncio.run(_ask(settings))
    return findings


async def _ask(settings: Settings) -> list[Observation]:
    found = await asyncio.gather(examine_neighbours(settings), examine_outsiders(settings))
    return [finding for part in found for finding in part]


def _runs(settings: Settings) -> bool:
    """Whether a gateway of this configuration runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        try:
            end.connect(settings.control_socket)
        except OSError:
            return False
    return True
