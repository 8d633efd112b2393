"""splitter seats: which SIP seats are registered, and how they are reached."""

from __future__ import annotations

import time

import click
import msgspec

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, fail, fitted, say, say_json, span


class ListedSeat(msgspec.Struct):
    """A registration as /v1/desks lists it; see splitter.calls.logins.reception.SeatView."""

    trunk: str
    user: str
    extension: str
    peer: str
    contact: str
    registered_at: float
    expires_at: float
    user_agent: str
    instance: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.pass_context
def seats(ctx: click.Context, as_json: bool) -> None:
    """List the SIP seats that are registered."""
    try:
        found = open_door(ctx).listed(ListedSeat, "registrations", "desks")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif not found:
        say("no seat is registered")
    else:
        titles = ("USER", "EXTENSION", "TRUNK", "FROM", "CONTACT", "SINCE", "FOR", "CLIENT")
        say(fitted(titles, [_row(seat) for seat in found]))


def _row(seat: ListedSeat) -> tuple[str, ...]:
    left = span(seat.expires_at - time.time())
    where = (seat.trunk, seat.peer, seat.contact)
    return (seat.user, seat.extension or "-", *where, clock(seat.registered_at), left, seat.user_agent or "-")
