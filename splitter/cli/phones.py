"""splitter dial, redial: calls outwards for a desk. splitter remove, mute, leave: who is in the voice of a call.

`splitter invite --phone` calls somebody into it.
"""

from __future__ import annotations

import click
import msgspec

from splitter.calls.states import PhonePart
from splitter.calls.view import CallView
from splitter.cli.completing import all_calls, live_calls
from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.text import fail, say, say_json
from splitter.web.calls.shapes import CallId, PhoneMade


def call_phone(door: Door, reference: str, number: str, part: str, video: bool, as_json: bool) -> None:
    """Have a number called into the voice of a call, and its picture asked for. Raises RefusedByGateway."""
    wish = {"number": number, "part": part, "video": video}
    made = msgspec.json.decode(door.send("POST", wish, "calls", reference, "phones"), type=PhoneMade)
    if as_json:
        say_json(made)
        return
    say(f"{number} is being called as {made.name}; what becomes of it: splitter call {made.call_id[:8]}")


@click.command()
@click.argument("extension")
@click.argument("number")
@click.option("--video", is_flag=True, help="Ask for video as soon as both have answered.")
@click.pass_context
def dial(ctx: click.Context, extension: str, number: str, video: bool) -> None:
    """Call a number for a desk: the phone of EXTENSION rings first, then NUMBER."""
    _place(open_door(ctx), extension, number, video)


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=all_calls)
@click.option("--for", "extension", metavar="EXTENSION", help="Whose phone rings first; that of the call by default.")
@click.option("--video", is_flag=True, help="Ask for video as soon as both have answered.")
@click.pass_context
def redial(ctx: click.Context, reference: str, extension: str | None, video: bool) -> None:
    """Call the person of an earlier call once more, such as one that broke off."""
    door = open_door(ctx)
    try:
        view = door.get(CallView, "calls", reference)
    except RefusedByGateway as error:
        fail(str(error))
    _place(door, extension or view.extension, view.number, video)


def _place(door: Door, extension: str, number: str, video: bool) -> None:
    wish = {"extension": extension, "number": number, "video": video}
    try:
        placed = msgspec.json.decode(door.send("POST", wish, "calls"), type=CallId)
    except RefusedByGateway as error:
        fail(str(error))
    say(f"the phone of {extension} rings, then {number} is called: splitter call {placed.call_id[:8]}")


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("phone", metavar="NAME")
@click.pass_context
def remove(ctx: click.Context, reference: str, phone: str) -> None:
    """Remove a phone such as phone-1 from a call's voice, or call it no longer; or a party such as expert-1 from its
    video. The others go on."""
    kind = "phones" if phone.startswith("phone-") else "parties"
    try:
        open_door(ctx).read("DELETE", "calls", reference, kind, phone)
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{phone} is removed")


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("phone", metavar="PHONE")
@click.argument("wanted", metavar="talks|listens|whispers", type=click.Choice([one.value for one in PhonePart]))
@click.pass_context
def part(ctx: click.Context, reference: str, phone: str, wanted: str) -> None:
    """Let a phone that was invited talk, only listen, or whisper to the agent."""
    try:
        open_door(ctx).send("PUT", {"part": wanted}, "calls", reference, "phones", phone)
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{phone} {wanted} from now on")


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.pass_context
def leave(ctx: click.Context, reference: str) -> None:
    """Let the agent's phone leave a call in which a phone that was invited goes on with the caller."""
    try:
        open_door(ctx).read("DELETE", "calls", reference, "voices", "centre")
    except RefusedByGateway as error:
        fail(str(error))
    say("the agent has left; the others go on")


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("voice", metavar="VOICE")
@click.option("--off", is_flag=True, help="Let it be heard again.")
@click.pass_context
def mute(ctx: click.Context, reference: str, voice: str, off: bool) -> None:
    """Let nobody hear a voice: caller, centre or phone-1, while three or more talk."""
    try:
        open_door(ctx).send("PUT", {"muted": not off}, "calls", reference, "voices", voice)
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{voice} is heard again" if off else f"nobody hears {voice}")
