"""What is generated stands in Chinese too: each of its English texts has its Chinese one, and none is of a former text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.samples import DOCS

pytestmark = pytest.mark.slow  # it needs what builds the site

Words = Callable[[str], str]
PARTS = ("commands", "configuration", "api", "metrics", "alerts", "neighbours", "sdk")
# What is no matter of language: commands, values, standards, other pages and figures.
_KEPT = re.compile(
    r"`[^`]+`|\"[a-z][\w:.-]*\"|\{[a-z]+\}|RFC \d+|--[a-z-]+|docs/[\w-]+\.md|(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])"
)


@pytest.fixture(scope="module")
def words() -> ModuleType:
    return _module("site_words")


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    return _module("site_pages")


def _module(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "site"))
        return __import__(name)


class TestCatalogues:
    @pytest.mark.parametrize("part", PARTS)
    def test_have_every_text_and_no_other(self, words: ModuleType, pages: ModuleType, part: str) -> None:
        todo = list(words.lacking(part, pages.TRANSLATED[part]))
        assert not todo, f"`make translations`, then write in docs/site/chinese/{part}.po: " + "\n".join(todo)

    @pytest.mark.parametrize("part", PARTS)
    def test_keep_what_is_typed(self, words: ModuleType, part: str) -> None:
        """A figure or a value that has changed in English alone is found here, too."""
        for message in words.written(part):
            lost = [one for one in _KEPT.findall(message.id) if one not in message.string]
            assert not lost, f"{part}.po: {lost} of {message.id!r}"

    def test_are_all_on_a_page(self, pages: ModuleType) -> None:
        text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "zh").rglob("*.md"))
        assert set(re.findall(r"<!-- made: ([a-z]+) -->", text)) == set(PARTS) == set(pages.TRANSLATED)

    def test_of_a_text_that_changed_are_named(
        self, words: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words, "FOLDER", tmp_path)

        def was(say: Words) -> str:
            return say("The port of the centre is 5060.") + say("Gone since.")

        def is_now(say: Words) -> str:
            return say("The port of the centre is 5061.")

        assert words.renew("part", was) == 2
        file = words.FOLDER / "part.po"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace('5060."\nmsgstr ""', '5060."\nmsgstr "呼叫中心的端口为5060。"'), encoding="utf-8")
        assert [line.split(":")[0] for line in words.lacking("part", was)] == ["part.po has no Chinese for"]
        assert words.chinese("part")("The port of the centre is 5060.") == "呼叫中心的端口为5060。"
        assert words.chinese("part")("Gone since.") == "Gone since."

        assert len(list(words.lacking("part", is_now))) == 3  # one that is new, two that nothing says any longer
        assert words.renew("part", is_now) == 1
        (todo,) = words.lacking("part", is_now)
        assert "the Chinese of a former text" in todo and "5061" in todo
        assert '#| msgid "The port of the centre is 5060."' in file.read_text(encoding="utf-8")
