"""splitter host, say: which desk says what the caller sees; and a word to those in a call."""

from __future__ import annotations

import click

from splitter.cli.completing import live_calls
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import fail, say


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("extension", metavar="EXTENSION")
@click.pass_context
def host(ctx: click.Context, reference: str, extension: str) -> None:
    """Make another desk that is in a call's video its host. Nobody has to leave; the voice stays where it is."""
    try:
        open_door(ctx).send("PUT", {"extension": extension}, "calls", reference, "host")
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{extension} is the host")


@click.command("say")
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("words", metavar="TEXT...", nargs=-1, required=True)
@click.pass_context
def say_in_call(ctx: click.Context, reference: str, words: tuple[str, ...]) -> None:
    """Write a message to those in a call: the agent's desk, and the caller where it has a browser in the call."""
    try:
        open_door(ctx).send("POST", {"text": " ".join(words)}, "calls", reference, "messages")
    except RefusedByGateway as error:
        fail(str(error))
    say("it is written")
