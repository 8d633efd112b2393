"""splitter bans: hostile sources."""

from __future__ import annotations

import click
import msgspec

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import fail, say, say_json, span, table


class ListedBan(msgspec.Struct):
    """A ban as /v1/bans lists it."""

    source: str
    reason: str
    offences: int
    expires_in_s: float


@click.command()
@click.option("--lift", metavar="SOURCE", help="End the ban of this address.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.pass_context
def bans(ctx: click.Context, lift: str | None, as_json: bool) -> None:
    """List the sources that are banned because they misbehaved, or lift a ban."""
    door = open_door(ctx)
    try:
        if lift is not None:
            door.read("DELETE", "bans", lift)
            say(f"{lift} is no longer banned")
            return
        found = door.listed(ListedBan, "bans", "bans")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif not found:
        say("nobody is banned")
    else:
        rows = [(ban.source, ban.reason, str(ban.offences), span(ban.expires_in_s)) for ban in found]
        say(table(("SOURCE", "LAST REASON", "OFFENCES", "ENDS IN"), rows))
