"""The reference of the configuration, of the declared keys: what `splitter reference` prints, as a page."""

from __future__ import annotations

import re

from site_commands import plain
from site_words import Words, english

from splitter.config.reference import reference

_HEADING = re.compile(r"^# ---- (.+?) -+$")
_TABLE = re.compile(r"^\[+[a-z_.0-9]+\]+$")


def configuration(words: Words = english) -> str:
    """A section for each table; in it each key, or few keys that belong together, behind what is said of them."""
    parts = [f"## {words('The gateway')}\n"]
    for block in re.split(r"\n\n+", reference().split("\n\n\n", 1)[1].strip()):
        said, keys = [], []
        for line in block.splitlines():
            if heading := _HEADING.match(line):
                parts.append(f"## {words(heading[1][0].upper() + heading[1][1:])}\n")
            elif _TABLE.match(line):
                parts += _told(said, words)
                said = []
                parts.append(f"### `{line}`\n")
            elif line.startswith("# "):
                said.append(line.removeprefix("# "))
            else:
                keys.append(line)
        parts += _told(said, words)
        if keys:
            parts.append("```toml\n" + "\n".join(keys) + "\n```\n")
    return "\n".join(parts)


def _told(said: list[str], words: Words) -> list[str]:
    return [plain(words(" ".join(" ".join(said).split()))) + "\n"] if said else []
