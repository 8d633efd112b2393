"""splitter invite: a link for the caller's browser, sent by SMS, and what became of it; or a phone, which is called."""

from __future__ import annotations

import click
import msgspec

from splitter.calls.states import PhonePart
from splitter.cli.completing import live_calls
from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.phones import call_phone
from splitter.cli.text import clock, fail, say, say_json, table


class MadeLink(msgspec.Struct):
    """A new link, as the gateway answers."""

    id: str
    link: str
    expires_at: float
    sent: bool
    reason: str


class ListedLink(msgspec.Struct):
    """A link as /v1/calls/…/invitations lists it."""

    id: str
    expires_at: float
    holds: bool
    state: str
    reason: str
    devices: int
    used: int
    kind: str = "guest"
    title: str = ""


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.option("--to", "number", metavar="NUMBER", help="The number to send it to; the caller's by default.")
@click.option("--language", type=click.Choice(("en", "zh")), help="Of the message; sms.language by default.")
@click.option("--devices", type=click.IntRange(1, 5), default=1, show_default=True, help="How many may use the link.")
@click.option("--expert", is_flag=True, help="For somebody else than the caller, who sees all and is seen by choice.")
@click.option("--name", "title", default="", help="What people at desks call whom it lets in.")
@click.option("--list", "as_list", is_flag=True, help="Make none: show those that there are, and their messages.")
@click.option("--revoke", metavar="ID", help="Make none: take this one back.")
@click.option("--phone", metavar="NUMBER", help="No link: call this number, and connect it with those who talk.")
@click.option(
    "--part",
    type=click.Choice([part.value for part in PhonePart]),
    default=PhonePart.TALKS.value,
    help="Of the phone: it talks; only listens; or whispers to the agent.",
)
@click.option("--video", is_flag=True, help="Of the phone: call it with video, where the network calls it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def invite(
    ctx: click.Context,
    reference: str,
    number: str | None,
    language: str | None,
    devices: int,
    expert: bool,
    title: str,
    as_list: bool,
    revoke: str | None,
    phone: str | None,
    part: str,
    video: bool,
    as_json: bool,
) -> None:
    """Send the caller a link, so that the phone's browser shows video; let an expert in; or call a phone.

    CALL may be shortened, or be the short code.
    """
    door, place = open_door(ctx), ("calls", reference, "invitations")
    try:
        if phone:
            call_phone(door, reference, phone, part, video, as_json)
        elif revoke:
            door.read("DELETE", *place, revoke)
            say(f"{revoke} lets nobody in any longer")
        elif as_list:
            _show(door, place, as_json)
        else:
            wish = {"number": number, "language": language or "", "devices": devices}
            wish |= {"kind": "expert" if expert else "guest", "title": title}
            made = msgspec.json.decode(door.send("POST", wish, *place), type=MadeLink)
            _tell(made, as_json)
    except RefusedByGateway as error:
        fail(str(error))


def _tell(made: MadeLink, as_json: bool) -> None:
    if as_json:
        say_json(made)
        return
    say(made.link)
    say(f"{made.id}: {'it is being sent' if made.sent else made.reason}; it holds until {clock(made.expires_at)}")


def _show(door: Door, place: tuple[str, ...], as_json: bool) -> None:
    found = door.listed(ListedLink, "invitations", *place)
    if as_json:
        say_json(found)
    elif not found:
        say("no link was made for this call")
    else:
        rows = [
            (
                one.id,
                "yes" if one.holds else "no",
                clock(one.expires_at),
                f"{one.used}/{one.devices}",
                one.state,
                one.reason,
                one.kind,
                one.title or "-",
            )
            for one in found
        ]
        say(table(("ID", "HOLDS", "UNTIL", "DEVICES", "MESSAGE", "REASON", "FOR", "NAME"), rows))
