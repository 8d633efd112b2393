"""Parts of pages that are made from the code: lines such as `<!-- made: commands -->` in docs/ become them in the site.

Nothing of it is kept in the repository, so it cannot be out of date. Beside it: the language of a page by its folder,
for browsers and screen readers, and the menu of Chinese pages, which begins with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import site_api
import site_commands
import site_configuration
import site_links
import site_metrics
import site_sizing
import site_words
from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
# The menu of the site: its first heading, and the part with the Chinese pages, up to the next one.
_FIRST = '<p class="caption"'
_CHINESE = re.compile(f'{_FIRST}[^>]*><span class="caption-text">中文</span></p>.*?(?={_FIRST}|</div>|$)', re.S)
_NAMED = re.compile(r"(?<![\w/(`])docs/([\w-]+\.md)(?![\w\]`])")
_MARK = re.compile(r"^<!-- made: ([a-z]+) -->$", re.M)


def _more() -> str:
    """Pages that the front page does not name yet: nothing that is written stays unseen."""
    named = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.M))
    new = sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in named | {"index"})
    return "\n".join(["```{toctree}", ":caption: More", ":hidden:", "", *new, "```"]) if new else ""


# Those that are there in Chinese too: a mark on a page of docs/zh becomes the same in Chinese.
TRANSLATED: dict[str, site_words.Maker] = {
    "commands": site_commands.commands,
    "configuration": site_configuration.configuration,
    "api": site_api.api,
    "metrics": site_metrics.metrics,
    "alerts": site_metrics.alerts,
    "neighbours": partial(site_links.whole, "sipconf/README.md"),
    "sdk": partial(site_links.whole, "splitter/web/static/sdk/README.md"),
}
MAKERS: dict[str, Callable[[], str]] = {
    "sizing": site_sizing.sizing,
    "changes": partial(site_links.whole, "CHANGELOG.md"),
    "more": _more,
}


def setup(app: Sphinx) -> None:
    """Hook all of it into the build."""
    app.connect("source-read", _put_in)
    app.connect("env-get-outdated", _made_anew)
    app.connect("html-page-context", _say_language, priority=900)  # after the theme, which has drawn the menu by then


def _put_in(app: Sphinx, name: str, source: list[str]) -> None:
    text = site_links.carry(source[0], f"docs/{name}.md", f"docs/{name}.md")
    source[0] = _MARK.sub(lambda mark: _made(mark[1], "zh/" if name.startswith("zh/") else ""), text)


def _made(part: str, folder: str) -> str:
    """A part, in the language of this folder of docs/."""
    if part in MAKERS:
        return MAKERS[part]()
    text = TRANSLATED[part](site_words.chinese(part) if folder else site_words.english)
    return _NAMED.sub(lambda page: _link(page[1], folder), text)


def _link(page: str, folder: str) -> str:
    """A page that a text names, by its title, in the language of the text where it is there."""
    path = folder + page if (DOCS / folder / page).exists() else page
    return f"[{(DOCS / path).read_text(encoding='utf-8').partition(chr(10))[0].removeprefix('# ')}](/{path})"


def _made_anew(app: Sphinx, env: object, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """The pages with a mark: what they are made of may have changed, though they have not."""
    pages = {page: page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    return [name for page, name in pages.items() if _MARK.search(page.read_text(encoding="utf-8"))]


def _say_language(app: Sphinx, name: str, template: str, context: dict[str, object], tree: object) -> None:
    if not name.startswith("zh/"):
        return
    context["language"] = "zh-CN"
    menu = context.get("furo_navigation_tree")
    if isinstance(menu, str) and (own := _CHINESE.search(menu)):
        context["furo_navigation_tree"] = menu[: own.start()].replace(_FIRST, own[0] + _FIRST, 1) + menu[own.end() :]
