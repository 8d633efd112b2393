"""`splitter demo` where the voice centre has no SIP stack, and what an operator's install needs of the lab: nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from splitter.lab.centre import stacks
from tests.cli.kit import splitter

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def locked(name: str) -> set[str]:
    """The packages that a lock names."""
    return set(re.findall(r"^([a-z0-9-]+)==", (REQUIREMENTS / name).read_text(), re.MULTILINE))


class TestStack:
    def test_without_one_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stacks, "installed", lambda: ())
        result = splitter("demo", "--once")
        assert result.exit_code == 1
        assert "libsofia-sip-ua0" in result.stderr and "splitter[lab]" in result.stderr

    def test_the_first_that_is_there_is_used_unless_another_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stacks, "installed", lambda: tuple(stacks.Stack))
        monkeypatch.delenv("SPLITTER_CENTRE", raising=False)
        assert stacks.usual() is stacks.Stack.PJSUA2
        monkeypatch.setenv("SPLITTER_CENTRE", "sofia")
        assert stacks.usual() is stacks.Stack.SOFIA
        monkeypatch.setattr(stacks, "installed", lambda: (stacks.Stack.PJSUA2,))
        assert stacks.usual() is None


class TestOperatorsInstall:
    def test_its_lock_has_neither_the_lab_nor_the_tools(self) -> None:
        run = locked("run.txt")
        assert "aiohttp" in run
        assert not run & {"pjsua2-python", "pytest", "ruff", "mypy", "playwright", "hypothesis"}
        assert run < locked("lab.txt") < locked("dev.txt")

    def test_the_gateway_loads_nothing_of_the_lab(self) -> None:
        code = "import sys, splitter.app, splitter.cli.run\nprint([n for n in sys.modules if n.startswith('splitter.lab')])"
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert printed.strip() == "[]"
