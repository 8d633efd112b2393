"""Links that lead out of docs/: a code host shows the file; the site has a page of it, or its name."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from site_words import Words, english, of_markdown

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
        if target in PAGES or origin != page:
            target = _in_language(PAGES.get(target, target), page)
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


def _in_language(target: str, page: str) -> str:
    """A page in the language of the page that leads to it, where it is there."""
    own = target.replace("docs/", "docs/zh/", 1)
    return (
        own if page.startswith("docs/zh/") and not target.startswith("docs/zh/") and (ROOT / own).exists() else target
    )


def whole(origin: str, words: Words = english) -> str:
    """The text of a file elsewhere, for its page, without its title."""
    text = (ROOT / origin).read_text(encoding="utf-8").split("\n", 1)[1]
    page = PAGES[origin]
    if words is not english:
        return carry(of_markdown(text, words), origin, page.replace("docs/", "docs/zh/", 1))
    return carry(text, origin, page)
