"""Ids that the shell completes: of calls, asked of the running gateway. Whatever goes wrong, it completes nothing.

The shell says `splitter call <Tab>` by running us with _SPLITTER_COMPLETE; see click's documentation.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import click
import msgspec
from click.shell_completion import CompletionItem

from splitter.cli.door import RefusedByGateway, door_of

_LIMIT_S = 1.0  # nobody waits longer for a Tab
_MOST = 100


class _Call(msgspec.Struct):
    call_id: str
    caller: str = ""
    state: str = ""


def live_calls(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of live calls that begin so."""
    return _calls(ctx, incomplete, ended=False)


def all_calls(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of live calls that begin so, and of those that ended last."""
    return [*_calls(ctx, incomplete, ended=False), *_calls(ctx, incomplete, ended=True)]


def _calls(ctx: click.Context, incomplete: str, ended: bool) -> list[CompletionItem]:
    said = ctx.find_root().params
    door = door_of(said.get("socket_path"), said.get("config_path") or "", limit_s=_LIMIT_S)
    try:
        with redirect_stderr(io.StringIO()):  # a line there would stand in the middle of what is being typed
            found = door.listed(_Call, "calls", "calls", limit=_MOST, ended=int(ended))
    except (RefusedByGateway, click.exceptions.Exit, msgspec.MsgspecError, OSError):
        return []
    return [
        CompletionItem(call.call_id, help=f"{call.caller or 'number hidden'}, {call.state}")
        for call in found
        if call.call_id.startswith(incomplete)
    ]
