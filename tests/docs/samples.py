"""The samples of the documentation: fenced blocks of docs/, with where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_OPENING = re.compile(r"^( *)(`{3,})([\w{}-]*)$")


@dataclass(frozen=True, slots=True)
class Sample:
    """One block.

    Attributes:
        place: "docs/page.md:LINE" of its first line.
        language: what stands behind the fence, such as "toml".
    """

    place: str
    language: str
    text: str

    def __str__(self) -> str:
        return self.place


def pages() -> list[Path]:
    """Every page that people wrote."""
    return sorted(path for path in DOCS.rglob("*.md") if "site" not in path.relative_to(DOCS).parts)


def samples(*languages: str) -> list[Sample]:
    """The blocks of these languages, in the order of the pages."""
    return [one for page in pages() for one in _of_page(page) if one.language in languages]


def _of_page(page: Path) -> Iterator[Sample]:
    name, text = page.relative_to(ROOT), page.read_text(encoding="utf-8")
    yield from _indented(str(name), text)
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not (opening := _OPENING.match(line)):
            continue
        indent, fence, inside = len(opening[1]), opening[2], []
        for _, inner in lines:
            if inner.strip() == fence:
                break
            inside.append(inner[indent:])
        yield Sample(f"{name}:{number + 1}", opening[3], "\n".join(inside) + "\n")


def _indented(name: str, text: str) -> Iterator[Sample]:
    """Blocks that are set off by four spaces, and look like a configuration or a command."""
    for found in re.finditer(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+", text):
        block = "\n".join(line[4:] for line in found[0].rstrip().split("\n")) + "\n"
        language = "toml" if block.startswith("[") else "sh" if block.startswith("splitter ") else ""
        if language:
            yield Sample(f"{name}:{text.count(chr(10), 0, found.start()) + 1}", language, block)
