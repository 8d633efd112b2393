"""Every command of a step has somebody who carries it out: it would be found missing in a live call otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import splitter.calls.actor as actor
from splitter.calls.talk import commands, media_commands

_FILES = ("actor.py", "telling.py", "media_jobs.py", "show_jobs.py")


def _commands() -> Iterator[type]:
    """The commands that are no group of others."""
    for module in (commands, media_commands):
        found = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, commands.Command)]
        yield from (one for one in found if not any(other is not one and issubclass(other, one) for other in found))


def _carried_out() -> Iterator[str]:
    for name in _FILES:
        tree = ast.parse(Path(actor.__file__).with_name(name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Attribute):
                yield node.cls.attr


def test_each_command_is_carried_out() -> None:
    groups = {"LegCommand", "PeopleCommand"}
    assert set(_carried_out()) - groups == {one.__name__ for one in _commands()}
