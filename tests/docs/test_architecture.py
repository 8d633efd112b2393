"""The page of the architecture, and the glossary, name files, names and packages as they are today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.samples import DOCS, ROOT

PACKAGE = ROOT / "splitter"
PAGES = ("architecture.md", "glossary.md")
_NAMED = re.compile(r"([\w/]+\.(?:py|c))(?:: (\w+)(?:\.(\w+))?)?")


def paths() -> list[Path]:
    return [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.c"), *(ROOT / "tests").rglob("*.py")]


def spans(page: str) -> list[str]:
    """What stands in backticks in running text."""
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


class TestNames:
    @pytest.mark.parametrize("page", PAGES)
    def test_of_files_and_what_is_in_them_are_there(self, page: str) -> None:
        files, found = paths(), 0
        for span in spans(page):
            for said in _NAMED.finditer(span):
                hits = [file for file in files if f"/{file.relative_to(ROOT).as_posix()}".endswith(f"/{said[1]}")]
                assert hits, f"{page}: there is no {said[1]}"
                for name in [name for name in said.groups()[1:] if name]:
                    defined = re.compile(rf"^\s*(?:(?:async )?def|class) {name}\b|^\s*{name}\b\s*[:=]", re.M)
                    assert any(defined.search(file.read_text(encoding="utf-8")) for file in hits), f"{page}: {span}"
                found += 1
        assert found > 20

    @pytest.mark.parametrize("page", PAGES)
    def test_of_folders_are_there(self, page: str) -> None:
        folders = [f"/{path.relative_to(ROOT).as_posix()}/" for path in PACKAGE.rglob("*") if path.is_dir()]
        said = [span for span in spans(page) if re.fullmatch(r"[a-z_]+(?:/[a-z_]+)*/", span)]
        assert said and not [span for span in said if not any(one.endswith(f"/{span}") for one in folders)]


class TestMap:
    def test_has_every_package(self) -> None:
        text = (DOCS / "architecture.md").read_text(encoding="utf-8")
        (drawn,) = re.findall(r"```text\nsplitter/\n(.*?)\n```", text, re.S)
        packages = [
            path
            for folder in (PACKAGE, PACKAGE / "calls", PACKAGE / "media", PACKAGE / "web")
            for path in folder.iterdir()
            if (path / "__init__.py").exists()
        ]
        assert len(packages) > 48
        assert not [path.name for path in packages if not re.search(rf"\b{path.name}/", drawn)]
