"""The words of the house: those that newcomers did not understand stand nowhere that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from splitter.cli import COMMANDS, main
from splitter.web.pages import STATIC
from tests.docs.samples import DOCS, ROOT, pages

# What was said once, and what is said now.
DISCARDED = {
    r"\bslates?\b": "waiting picture",
    r"\b(?:take|takes|taken|took)(?: \w+){0,3} out(?: and|,|\.|;| of (?:the|a) (?:video|voice|call|picture)\b)": "remove",
    r"picture connection": "video connected",
    r"\b(?:gets?|hears?) silence\b": "other sources are ignored",
    r"主叫(?!号码|或被叫|、被叫)": "来电人",
    r"桌面": "坐席、控制台",
    r"石板|板岩|等待图像": "等待画面",
}
# For those who work on the code, where the old word is the name of a package.
_OF_THE_CODE = {"architecture.md", "glossary.md", "changelog.md"}
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`|\"\w+\"", re.M | re.S)


def written() -> Iterator[tuple[str, str]]:
    """Each text that people read: where it stands, and its words."""
    for page in (*pages(), ROOT / "sipconf/README.md", ROOT / "splitter/web/static/sdk/README.md"):
        if page.name not in _OF_THE_CODE and "decisions" not in page.parts:
            yield str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
    for catalogue in sorted((DOCS / "site/chinese").glob("*.po")):
        yield str(catalogue.relative_to(ROOT)), catalogue.read_text(encoding="utf-8").replace('\\"', '"')
    reference = (ROOT / "sipconf/splitter.toml").read_text(encoding="utf-8")
    yield "sipconf/splitter.toml", "\n".join(re.findall(r"^# (.*)", reference, re.M))
    for texts in sorted(
        [*STATIC.glob("*/texts.js"), *STATIC.glob("console/english.js"), *STATIC.glob("console/chinese.js")]
    ):
        yield str(texts.relative_to(ROOT)), "\n".join(re.findall(r': "(.*)",?$', texts.read_text("utf-8"), re.M))
    for name in COMMANDS:
        yield f"splitter {name} --help", _helped(main.get_command(click.Context(main), name))


def _helped(command: click.Command | None) -> str:
    """All that `--help` says of a command and of those below it."""
    assert command is not None
    words = [command.help or "", *(getattr(one, "help", "") or "" for one in command.params)]
    if isinstance(command, click.Group):
        words += [_helped(one) for one in command.commands.values()]
    return "\n".join(words)


class TestDiscarded:
    @pytest.mark.parametrize("word", DISCARDED)
    def test_stand_nowhere(self, word: str) -> None:
        found = [
            f"{place}: {said[0]!r}, now: {DISCARDED[word]}"
            for place, text in written()
            for said in re.finditer(word, _CODE.sub("", text), re.I)
        ]
        assert not found

    def test_are_looked_for_in_all_that_people_read(self) -> None:
        places = [place for place, _ in written()]
        assert len(places) > 90 and any("zh/" in place for place in places)
        assert all(
            any(part in place for place in places) for part in ("guest/texts.js", "splitter.toml", "remove --help")
        )
        assert DOCS / "desk.md" in pages()
