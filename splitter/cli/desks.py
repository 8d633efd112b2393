"""splitter desks: which agents' desks are there, with which clients, and in which calls."""

from __future__ import annotations

import click

from splitter.calls.desks import ClientView, DeskView
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, fail, fitted, say, say_json

_TITLES = ("EXTENSION", "STATE", "KIND", "CLIENT", "SINCE", "IN CALLS")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.pass_context
def desks(ctx: click.Context, as_json: bool) -> None:
    """List the agents' desks: who is there, by which client, and in which call.

    `splitter seats` lists SIP seats that are registered.
    """
    try:
        found = open_door(ctx).listed(DeskView, "desks", "desks")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif not found:
        say("no desk is known: nobody has logged in, and no [[account]] has an extension")
    else:
        say(fitted(_TITLES, [row for desk in found for row in _rows(desk)]))


def _rows(desk: DeskView) -> list[tuple[str, ...]]:
    if not desk.clients:
        return [(desk.extension, desk.state, "-", "-", "-", "-")]
    return [(desk.extension, desk.state, *_client(client)) for client in desk.clients]


def _client(client: ClientView) -> tuple[str, ...]:
    return (client.kind, client.client or "-", clock(client.since), ", ".join(client.calls) or "-")
