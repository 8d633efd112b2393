"""Ids that the shell completes: of calls, asked of the running gateway. Whatever goes wrong, it completes nothing.

The shell says `splitter call <Tab>` by running us with _SPLITTER_COMPLETE; see click's documentation.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, suppress

import click
import msgspec
from click.shell_completion import CompletionItem

from splitter.cli.door import door_of
from splitter.cli.text import plain

_LIMIT_S = 1.0  # nobody waits longer for a Tab
_MOST, _MOST_BEGUN = 100, 1000  # with nothing typed, and of what begins so


class _Call(msgspec.Struct):
    call_id: str
    caller: str = ""
    state: str = ""


def live_calls(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of live calls that begin so."""
    return _calls(ctx, incomplete, (False,))


def all_calls(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of live calls that begin so, and of those that ended last."""
    return _calls(ctx, incomplete, (False, True))


def _calls(ctx: click.Context, incomplete: str, kinds: tuple[bool, ...]) -> list[CompletionItem]:
    said = ctx.find_root().params
    door = door_of(said.get("socket_path"), said.get("config_path") or "", limit_s=_LIMIT_S)
    most, found = _MOST_BEGUN if incomplete else _MOST, list[_Call]()
    # A line on standard error, or a traceback, would stand in the middle of what is being typed.
    with redirect_stderr(io.StringIO()), suppress(Exception):
        for ended in kinds:
            found += door.listed(_Call, "calls", "calls", limit=most, ended=int(ended))
    return [
        CompletionItem(call.call_id, help=plain(f"{call.caller or 'number hidden'}, {call.state}"))
        for call in found
        if call.call_id.startswith(incomplete)
    ]
