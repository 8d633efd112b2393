"""The reference of the command line, of what the commands say of themselves."""

from __future__ import annotations

import inspect

import click
from site_words import Words, english

from splitter.cli import COMMANDS, main


def commands(words: Words = english) -> str:
    """A section for each command."""
    context = click.Context(main, info_name="splitter")
    parts = [_head(words("before the command"), words), *_options(main, context, words), ""]
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        parts += _command(command, f"splitter {name}", click.Context(command, info_name=name, parent=context), words)
    return "\n".join(parts)


def _command(command: click.Command, name: str, context: click.Context, words: Words) -> list[str]:
    """What is said of a command, and of those below it."""
    below = command.commands if isinstance(command, click.Group) else {}
    parts = [f"## {name}", ""]
    if not below:
        parts += [f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```", ""]
    parts += [_paragraph(text, words) for text in inspect.cleandoc(command.help or "").split("\n\n")]
    options = _options(command, context, words)
    parts += [_head(words("option"), words), *options, ""] if options else []
    for inner, one in below.items():
        if one.hidden:
            continue
        parts += _command(one, f"{name} {inner}", click.Context(one, info_name=inner, parent=context), words)
    return parts


def _head(first: str, words: Words) -> str:
    return f"| {first} | {words('meaning')} |\n|---|---|"


def _paragraph(text: str, words: Words) -> str:
    """One paragraph of a help text. Click's mark for lines that stand as they are makes it a block."""
    if text.startswith("\b"):
        return f"```text\n{text.removeprefix(chr(8)).strip()}\n```\n"
    return plain(words(" ".join(text.split()))) + "\n"


def _options(command: click.Command, context: click.Context, words: Words) -> list[str]:
    """A row for each option; --help goes without saying, and an argument is said in the text."""
    rows = []
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if record is not None and "--help" not in one.opts:
            about = record[1] or getattr(one, "prompt", None) or ""
            rows += [f"| `{record[0]}` | {plain(words(about))} |"] if about else []
    return rows


def plain(text: str) -> str:
    """Text that Markdown takes as it stands."""
    for sign in "\\*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
