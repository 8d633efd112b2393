"""splitter drain: the gateway takes no new calls, and those that live go on."""

from __future__ import annotations

import time

import click
import msgspec

from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.status import DaemonStatus
from splitter.cli.text import counted, fail, say

_LOOK_S = 1.0


class DrainAnswer(msgspec.Struct):
    """The answer to /v1/drain; see splitter.web.status.reloads.Drained."""

    draining: bool
    since: float | None
    calls: int


@click.command()
@click.option("--off", is_flag=True, help="Take new calls again.")
@click.option("--wait", is_flag=True, help="Wait until no call lives.")
@click.pass_context
def drain(ctx: click.Context, off: bool, wait: bool) -> None:
    """Take no new calls: they get 503 with Retry-After, and so do OPTIONS of trunks, so that the SBC goes elsewhere.

    Calls that live go on, and seats may still join them. It holds until --off, or until the gateway is started again.
    """
    if off and wait:
        raise click.UsageError("--wait is for a drain, not for its end")
    door = open_door(ctx)
    try:
        done = msgspec.json.decode(door.read("DELETE" if off else "POST", "drain"), type=DrainAnswer)
        if off:
            say("new calls are taken again")
            return
        say(f"draining: no new calls are taken; {counted(done.calls, 'call')} left")
        if wait:
            _wait(door)
    except RefusedByGateway as error:
        fail(str(error))


def _wait(door: Door) -> None:
    left = -1
    while True:
        found = door.get(DaemonStatus, "status")
        if found.draining_since is None:
            fail("the drain was ended: new calls are taken again")
        if not found.calls:
            say("no call is left")
            return
        if found.calls != left:
            left = found.calls
            say(f"{counted(left, 'call')} left")
        time.sleep(_LOOK_S)
