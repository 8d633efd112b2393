"""splitter reload, restart: a changed configuration, certificates included, reaches the running gateway."""

from __future__ import annotations

import click
import msgspec

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import fail, say, say_json, table

_HOW = {"live": "now", "restart": "by restart"}
_SAME_CONTENT = "nothing has changed but what files hold, such as certificates"


class ShownChange(msgspec.Struct):
    """A key that differs; see splitter.web.status.reloads.ChangedKey."""

    key: str
    change: str
    taken: str
    before: str
    after: str


class ReloadAnswer(msgspec.Struct):
    """The answer to /v1/reload; see splitter.web.status.reloads.Reloaded."""

    dry_run: bool
    changes: list[ShownChange]
    unchanged: list[str]
    refused: list[str]


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would happen.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def reload(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Take what has changed in the configuration, certificates included; calls go on.

    Tells key by key what is taken now, and what needs `splitter restart`, which loses no call either. A configuration
    with a fault changes nothing: every problem is told, and the exit code is 1.
    """
    try:
        answer = open_door(ctx).read("POST", "reload", dry_run=1 if dry_run else None)
    except RefusedByGateway as error:
        fail(str(error))
    done = msgspec.json.decode(answer, type=ReloadAnswer)
    if as_json:
        say_json(done)
    else:
        _print(done)
    if done.refused:
        raise click.exceptions.Exit(1)


def _print(done: ReloadAnswer) -> None:
    if not done.changes:
        say(_SAME_CONTENT)
        return
    how = dict.fromkeys(_HOW, _HOW["restart"]) if done.refused else _HOW
    rows = [(one.key, _change(one), how.get(one.taken, one.taken)) for one in done.changes]
    say(table(("KEY", "CHANGE", "TAKEN"), rows))
    if done.unchanged:
        say(f"unchanged: {', '.join(done.unchanged)}")
    for reason in done.refused:
        say(f"not without a restart: {reason}", fg="red")
    if any(taken == _HOW["restart"] for _, _, taken in rows):
        say("splitter restart takes the rest; calls go on")
    if done.dry_run:
        say("dry run: nothing was taken")


def _change(one: ShownChange) -> str:
    if one.before or one.after:
        return f"{one.before or 'empty'} → {one.after or 'empty'}"
    return one.change


@click.command()
@click.pass_context
def restart(ctx: click.Context) -> None:
    """Begin anew with the configuration as it is now, and with the program as it is installed now; calls go on."""
    try:
        open_door(ctx).read("POST", "restart")
    except RefusedByGateway as error:
        fail(str(error))
    say("restarting; calls go on")
