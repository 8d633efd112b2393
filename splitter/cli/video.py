"""splitter raise, drop, bind, show, snapshot: what an agent does with a call's video, from the command line."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from splitter.calls.view import CallView
from splitter.cli.completing import live_calls
from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.text import fail, say, source_words

CALL = click.argument("reference", metavar="CALL", shell_complete=live_calls)


PHONE = click.argument("phone", metavar="[PHONE]", required=False)


@click.command("raise")
@CALL
@PHONE
@click.option("--else-link", is_flag=True, help="A caller whose phone cannot is sent a link.")
@click.pass_context
def raise_video(ctx: click.Context, reference: str, phone: str | None, else_link: bool) -> None:
    """Ask the caller for video, or a PHONE that was invited such as phone-1; consent is given there. What came of it:
    splitter call CALL."""
    if phone and else_link:
        raise click.UsageError("a link is for the caller alone")
    if else_link:
        try:
            open_door(ctx).send("POST", {"else_link": True}, "calls", reference, "video")
        except RefusedByGateway as error:
            fail(str(error))
    else:
        _do(ctx, "POST", reference, *(("phones", phone) if phone else ()), "video")
    say(f"{phone or 'the caller'} is asked for video")


@click.command()
@CALL
@PHONE
@click.pass_context
def drop(ctx: click.Context, reference: str, phone: str | None) -> None:
    """Go back to voice: the caller's video is removed, or that of a PHONE that was invited; the call goes on."""
    _do(ctx, "DELETE", reference, *(("phones", phone) if phone else ()), "video")
    say(f"{phone or 'the call'} goes back to voice")


@click.command()
@CALL
@click.argument("extension", required=False)
@click.option("--off", is_flag=True, help="Take it back: the call is no desk's.")
@click.pass_context
def bind(ctx: click.Context, reference: str, extension: str | None, off: bool) -> None:
    """Give a call to the desk of an EXTENSION, where the centre did not say whose it is."""
    if off == (extension is not None):
        raise click.UsageError("say an extension, or --off")
    door = open_door(ctx)
    try:
        if extension is None:
            door.read("DELETE", "calls", reference, "desk")
            say("the call is no desk's")
            return
        view = msgspec.json.decode(
            door.send("PUT", {"extension": extension}, "calls", reference, "desk"), type=CallView
        )
    except RefusedByGateway as error:
        fail(str(error))
    say(f"the call is that of desk {view.extension}")


@click.command()
@CALL
@click.argument("source")
@click.option("--to", "viewer", default="caller", show_default=True, help="Who is to see it: the caller, or a party.")
@click.option("--of", multiple=True, help="Who is to be in the mosaic, once for each of two to four; else everybody.")
@click.pass_context
def show(ctx: click.Context, reference: str, source: str, viewer: str, of: tuple[str, ...]) -> None:
    """Show SOURCE: a party such as desk-1, an image as picture:ID, "slate" (the waiting picture), "speaker"
    (whoever speaks), "mosaic" (several parties in one picture), or "auto"."""
    wish = {"source": "" if source == "auto" else source, "viewer": viewer, "of": of}
    try:
        open_door(ctx).send("PUT", wish, "calls", reference, "display")
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{viewer} is shown {source_words(source)}")


@click.command()
@CALL
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; by default CALL.png.")
@click.pass_context
def snapshot(ctx: click.Context, reference: str, output: Path | None) -> None:
    """Take a screenshot of the caller's video, as a PNG file."""
    image = _do(ctx, "POST", reference, "snapshots")
    file = output or Path(f"{reference}.png")
    try:
        file.write_bytes(image)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    say(f"{file}: {len(image)} bytes")


def _do(ctx: click.Context, method: str, reference: str, *what: str) -> bytes:
    door: Door = open_door(ctx)
    try:
        return door.read(method, "calls", reference, *what)
    except RefusedByGateway as error:
        fail(str(error))
