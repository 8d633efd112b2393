"""splitter host: which desk says who is in a call's video, and what the caller sees."""

from __future__ import annotations

import click

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import fail, say


@click.command()
@click.argument("reference", metavar="CALL")
@click.argument("extension", metavar="EXTENSION")
@click.pass_context
def host(ctx: click.Context, reference: str, extension: str) -> None:
    """Make another desk that is in a call's video its host. Nobody has to leave; the voice stays where it is."""
    try:
        open_door(ctx).send("PUT", {"extension": extension}, "calls", reference, "host")
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{extension} is the host")
