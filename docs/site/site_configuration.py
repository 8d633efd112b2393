"""The reference of the configuration, of the declared keys: what `splitter reference` prints, as a page."""

from __future__ import annotations

import re

from site_commands import plain

from splitter.config.reference import reference

_HEADING = re.compile(r"^# ---- (.+?) -+$")
_TABLE = re.compile(r"^\[+[a-z_.0-9]+\]+$")


def configuration() -> str:
    """A section for each table; in it each key, or few keys that belong together, behind what is said of them."""
    parts = ["## The gateway\n"]
    for block in re.split(r"\n\n+", reference().split("\n\n\n", 1)[1].strip()):
        said, keys = [], []
        for line in block.splitlines():
            if heading := _HEADING.match(line):
                parts.append(f"## {heading[1][0].upper()}{heading[1][1:]}\n")
            elif _TABLE.match(line):
                parts += _told(said)
                said = []
                parts.append(f"### `{line}`\n")
            elif line.startswith("# "):
                said.append(line.removeprefix("# "))
            else:
                keys.append(line)
        parts += _told(said)
        if keys:
            parts.append("```toml\n" + "\n".join(keys) + "\n```\n")
    return "\n".join(parts)


def _told(said: list[str]) -> list[str]:
    return [plain(" ".join(said)) + "\n"] if said else []
