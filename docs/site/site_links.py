"""Links that lead out of docs/: a code host shows the file; the site has a page of it, or its name."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
# Files elsewhere that have a page here; each is made by a mark in it.
PAGES = {
    "README.md": "docs/index.md",
    "CHANGELOG.md": "docs/changelog.md",
    "sipconf/README.md": "docs/reference/neighbours.md",
    "splitter/web/static/sdk/README.md": "docs/reference/sdk.md",
}
_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)\s:]+)\)")
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.M | re.S)


def carry(text: str, origin: str, page: str) -> str:
    """The text of a file as it stands on a page.

    Args:
        origin: the file, from the root of the project.
        page: where it is shown, likewise.
    """
    here = PurePosixPath(origin).parent

    def link(found: re.Match[str]) -> str:
        path, sharp, anchor = found[2].partition("#")
        if not path:
            return found[0]
        target = os.path.normpath(here / path)
        target = PAGES.get(target, target)
        if target == "docs/decisions":
            target += "/index.md"
        if not target.startswith("docs/"):
            assert (ROOT / target).exists(), f"{origin}: {found[2]} is not there"
            return found[1] if found[1].strip("`/").endswith(target.rsplit("/", 1)[-1]) else f"{found[1]} (`{target}`)"
        return f"[{found[1]}]({os.path.relpath(target, PurePosixPath(page).parent)}{sharp}{anchor})"

    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(link, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(link, text[end:])])


def whole(origin: str) -> str:
    """The text of a file elsewhere, for its page, without its title."""
    text = (ROOT / origin).read_text(encoding="utf-8")
    return carry(text.split("\n", 1)[1], origin, PAGES[origin])
