"""The reference of the command line, of what the commands say of themselves."""

from __future__ import annotations

import inspect

import click

from splitter.cli import COMMANDS, main


def commands() -> str:
    """A section for each command."""
    context = click.Context(main, info_name="splitter")
    parts = ["| before the command | meaning |\n|---|---|", *_options(main, context), ""]
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(command.collect_usage_pieces(inner))
        parts += [f"## splitter {name}", "", f"```text\nsplitter {name} {usage}\n```", ""]
        parts += [_paragraph(text) for text in inspect.cleandoc(command.help or "").split("\n\n")]
        options = _options(command, inner)
        parts += ["| option | meaning |\n|---|---|", *options, ""] if options else []
    return "\n".join(parts)


def _paragraph(text: str) -> str:
    """One paragraph of a help text. Click's mark for lines that stand as they are makes it a block."""
    if text.startswith("\b"):
        return f"```text\n{text.removeprefix(chr(8)).strip()}\n```\n"
    return plain(" ".join(text.split())) + "\n"


def _options(command: click.Command, context: click.Context) -> list[str]:
    """A row for each option; --help goes without saying, and an argument is said in the text."""
    rows = []
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if record is not None and "--help" not in one.opts:
            about = record[1] or getattr(one, "prompt", None) or ""
            rows += [f"| `{record[0]}` | {plain(about)} |"] * bool(about)
    return rows


def plain(text: str) -> str:
    """Text that Markdown takes as it stands."""
    for sign in "\\*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
