"""splitter trunks: whether the neighbours are there, how quickly they answer, and how many calls they have."""

from __future__ import annotations

import click

from splitter.calls.view import TargetView, TrunkView
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, fail, fitted, say, say_json, table


@click.command()
@click.option("--servers", is_flag=True, help="Each server of each trunk.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.pass_context
def trunks(ctx: click.Context, servers: bool, as_json: bool) -> None:
    """Show the trunks: their state, since when and why, calls, limits, latency and jitter (ms), our registration."""
    try:
        found = open_door(ctx).listed(TrunkView, "trunks", "trunks")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif servers:
        columns = ("TRUNK", "SERVER", "STATE", "SINCE", "LATENCY", "JITTER", "BECAUSE")
        say(table(columns, [_server_row(trunk, target) for trunk in found for target in trunk.targets]))
    else:
        titles = ["TRUNK", "ROLE", "STATE", "SINCE", "CALLS", "PER SECOND", "LATENCY", "JITTER", "ADDRESS", "BECAUSE"]
        rows = [_row(trunk) for trunk in found]
        if any(trunk.registration for trunk in found):
            titles.append("REGISTRATION")
            rows = [(*row, trunk.registration or "-") for row, trunk in zip(rows, found, strict=True)]
        say(fitted(titles, rows))


def _row(trunk: TrunkView) -> tuple[str, ...]:
    calls = f"{trunk.calls} of {trunk.max_calls}" if trunk.max_calls else str(trunk.calls)
    rate = f"{trunk.calls_per_s:g}" if trunk.calls_per_s else "-"
    state = (trunk.name, trunk.role, trunk.state, clock(trunk.since))
    load = (calls, rate, _ms(trunk.latency_ms), _ms(trunk.jitter_ms))
    return (*state, *load, trunk.address or "-", trunk.reason)


def _server_row(trunk: TrunkView, target: TargetView) -> tuple[str, ...]:
    timing = (_ms(target.latency_ms), _ms(target.jitter_ms))
    return (trunk.name, target.address, target.state, clock(target.since), *timing, target.reason)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
