"""The manual page splitter(1), of what the commands say of themselves: `python -m splitter.cli.manual` prints it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import click

from splitter import __version__
from splitter.cli import COMMANDS, main

_FILES = (
    (
        "/etc/splitter/splitter.toml",
        "The configuration; \\fBsplitter reference\\fR prints one that explains every key.",
    ),
    ("/run/splitter/control.sock", "The control socket, which the commands talk to."),
    ("/var/lib/splitter", "Calls and their traces, records of live calls, links, messages, images."),
)
_STATUS = (
    ("0", "It is done."),
    ("1", "It was refused or failed; the reason is on standard error."),
    ("2", "The command was used wrongly."),
    ("3", "The gateway is not running."),
)


def manual() -> str:
    """The page, in the language of man(7)."""
    context = click.Context(main, info_name="splitter")
    lines = [
        f'.TH SPLITTER 1 "" "splitter {__version__}" "User Commands"',
        ".SH NAME",
        "splitter \\- video for an existing voice call centre",
        ".SH SYNOPSIS",
        ".B splitter",
        "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(main),
        ".SH OPTIONS",
        *_options(main, context),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [f'.SS "splitter {name} {_plain(usage)}"', *_paragraphs(command), *_options(command, inner)]
    lines += [".SH EXIT STATUS", *_items(_STATUS), ".SH FILES", *_items(_FILES)]
    return "\n".join(lines) + "\n"


def _paragraphs(command: click.Command) -> list[str]:
    """What a command says of itself, paragraph by paragraph."""
    found: list[str] = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        found += [".PP", _plain(" ".join(paragraph.split()))]
    return found


def _options(command: click.Command, context: click.Context) -> list[str]:
    rows = (parameter.get_help_record(context) for parameter in command.get_params(context))
    return _items((_plain(row[0]), _plain(row[1])) for row in rows if row is not None)


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    found: list[str] = []
    for title, text in rows:
        found += [".TP", f".B {title}", text]
    return found


def _plain(text: str) -> str:
    """Text that troff takes as it stands."""
    return "\\&" * text.startswith((".", "'")) + text.replace("\\", "\\e").replace("-", "\\-")


if __name__ == "__main__":
    print(manual(), end="")
