"""The site of the documentation: built strictly, so that no link, anchor or picture of it leads nowhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import splitter.app  # noqa: F401 — as the site: all of the gateway's metrics are there
from splitter.cli import COMMANDS
from splitter.telemetry.metrics import REGISTRY
from tests.docs.samples import DOCS, ROOT, pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning fails it."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    command += ["-c", str(DOCS / "site"), "-d", str(target / "trees"), str(DOCS), str(target / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target / "html"


class Links(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in ("img", "script", "iframe", "object") or (tag == "link" and "stylesheet" in values.get("rel", "")):
            self.loads += [values[name] for name in ("src", "href", "data") if name in values]


def _read(site: Path) -> dict[Path, Links]:
    found = {}
    for page in site.rglob("*.html"):
        found[page] = Links()
        found[page].feed(page.read_text(encoding="utf-8"))
    return found


class TestSite:
    def test_links_and_anchors_lead_somewhere(self, site: Path) -> None:
        read = _read(site)
        for page, links in read.items():
            for link in [one for one in links.links if not re.match(r"[a-z]+:", one)]:
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                assert target.exists(), f"{page.name}: {link}"
                if anchor and target in read:
                    assert anchor in read[target].anchors or target.name == "search.html", f"{page.name}: {link}"

    def test_needs_no_network(self, site: Path) -> None:
        for page, links in _read(site).items():
            assert not [one for one in links.loads if re.match(r"(?:[a-z]+:)?//", one)], page.name

    def test_marks_are_well_formed(self) -> None:
        marks = [line for page in pages() for line in page.read_text(encoding="utf-8").splitlines() if "<!--" in line]
        assert len(marks) >= 8 and all(re.fullmatch(r"<!-- made: [a-z]+ -->", line) for line in marks), marks

    def test_references_are_whole(self, site: Path) -> None:
        commands = (site / "reference/commands.html").read_text(encoding="utf-8")
        assert all(f'id="splitter-{name}"' in commands for name in (*COMMANDS, "account-add", "recordings-verify"))
        metrics = (site / "metrics.html").read_text(encoding="utf-8")
        families = {family.name for family in REGISTRY.collect()}
        assert len(families) > 80 and not [name for name in families if f">{name}" not in metrics]
        assert "SplitterTakesNoCalls" in metrics

    def test_menu_of_chinese_pages_begins_with_them(self, site: Path) -> None:
        for page, first in (("zh/install.html", "中文"), ("install.html", "Begin")):
            captions = re.findall(r'class="caption-text">([^<]+)<', (site / page).read_text(encoding="utf-8"))
            assert captions[0] == first and sorted(captions) == sorted(set(captions)) and len(captions) > 5, captions

    def test_search_finds_chinese_by_pairs(self, site: Path) -> None:
        index = (site / "searchindex.js").read_text(encoding="utf-8")
        for pair in ("防火", "火墙", "排空"):
            assert json.dumps(pair) in index, pair
        assert 'lang="zh-CN"' in (site / "zh/index.html").read_text(encoding="utf-8")
