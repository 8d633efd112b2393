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
    name, lines = page.relative_to(ROOT), iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if not (opening := _OPENING.match(line)):
            continue
        indent, fence, inside = len(opening[1]), opening[2], []
        for _, inner in lines:
            if inner.strip() == fence:
                break
            inside.append(inner[indent:])
        yield Sample(f"{name}:{number + 1}", opening[3], "\n".join(inside) + "\n")
