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
from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
# The menu of the site: its first heading, and the part with the Chinese pages, up to the next one.
_FIRST = '<p class="caption"'
_CHINESE = re.compile(f'{_FIRST}[^>]*><span class="caption-text">中文</span></p>.*?(?={_FIRST}|</div>|$)', re.S)
_MARK = re.compile(r"^<!-- made: ([a-z]+) -->$", re.M)


def _more() -> str:
    """Pages that the front page does not name yet: nothing that is written stays unseen."""
    named = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.M))
    new = sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in named | {"index"})
    return "\n".join(["```{toctree}", ":caption: More", ":hidden:", "", *new, "```"]) if new else ""


MAKERS: dict[str, Callable[[], str]] = {
    "commands": site_commands.commands,
    "api": site_api.api,
    "configuration": site_configuration.configuration,
    "metrics": site_metrics.metrics,
    "alerts": site_metrics.alerts,
    "sizing": site_sizing.sizing,
    "changes": partial(site_links.whole, "CHANGELOG.md"),
    "neighbours": partial(site_links.whole, "sipconf/README.md"),
    "more": _more,
    "sdk": partial(site_links.whole, "splitter/web/static/sdk/README.md"),
}


def setup(app: Sphinx) -> None:
    """Hook all of it into the build."""
    app.connect("source-read", _put_in)
    app.connect("env-get-outdated", _made_anew)
    app.connect("html-page-context", _say_language, priority=900)  # after the theme, which has drawn the menu by then


def _put_in(app: Sphinx, name: str, source: list[str]) -> None:
    text = site_links.carry(source[0], f"docs/{name}.md", f"docs/{name}.md")
    source[0] = _MARK.sub(lambda mark: MAKERS[mark[1]](), text)


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
