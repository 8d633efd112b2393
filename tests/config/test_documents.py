"""What README.md and docs/ show of a configuration is right, and what they tell of the SDK is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitter.config.load import parse
from tests.config.test_accounts import BASE

ROOT = Path(__file__).parents[2]
SDK = "".join(path.read_text() for path in sorted((ROOT / "splitter" / "web" / "static" / "sdk").glob("*.js")))


def blocks(document: str) -> list[str]:
    """The blocks of a document: those between fences, and those that are indented."""
    text = (ROOT / document).read_text()
    indented = re.findall(r"(?m)(?:^(?: {4}.*)?\n)+", text)
    fenced = re.findall(r"(?ms)^```\w*\n(.*?)^```$", text)
    return [*fenced, *(re.sub(r"(?m)^ {4}", "", block) for block in indented)]


@pytest.mark.parametrize("document", ["README.md", "docs/desk.md"])
def test_the_api_is_switched_on_as_the_document_says(document: str) -> None:
    (shown,) = [block for block in blocks(document) if block.strip().startswith("[api]\nlisten")]
    settings = parse(BASE.format(pbx="", seats="", rest=shown))
    assert settings.api.listen and settings.api.certificate
    assert [account.extension for account in settings.accounts] == ["8001"]


def test_the_page_of_a_crm_uses_what_the_sdk_has() -> None:
    (page,) = [block for block in blocks("docs/desk.md") if "<script" in block]
    used = set(re.findall(r"\b(?:splitter|call|desk)\.(\w+)\(", page)) - {"addEventListener"}
    assert used == {"attach", "raiseVideo", "snapshot", "connect", "setCamera"}
    for method in used:
        assert re.search(rf"(?m)^  (?:async )?{method}\(", SDK), method
