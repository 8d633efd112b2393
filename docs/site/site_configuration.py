"""The reference of the configuration, of the declared keys: what `splitter reference` prints, table by table."""

from __future__ import annotations

import re

from splitter.config.reference import reference

_HEADING = re.compile(r"^# ---- (.+?) -+$")
_TABLE = re.compile(r"^\[+[a-z_.0-9]+\]+$")


def configuration() -> str:
    """A section for each group of tables, and in it each table as TOML."""
    parts = ["## the gateway\n"]
    said: list[str] = []
    keys: list[str] = []

    def close() -> None:
        if said:
            parts.append("\n".join(said) + "\n")
        if any(line.strip() for line in keys):
            parts.append("```toml\n" + "\n".join(keys).strip() + "\n```\n")
        said.clear()
        keys.clear()

    in_table = False
    for line in reference().split("\n\n\n", 1)[1].splitlines():
        if heading := _HEADING.match(line):
            close()
            parts.append(f"## {heading[1]}\n")
            in_table = False
        elif not in_table and line.startswith("#"):
            said.append(line.lstrip("# "))
        elif _TABLE.match(line):
            close()
            parts.append(f"### `{line}`\n")
            keys.append(line)
            in_table = True
        else:
            keys.append(line)
    close()
    return "\n".join(parts)
