"""One class name, one meaning over the whole tree: a reader who looks a name up finds one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "splitter"

# Names that stand for more than one class, and why they may.
ALLOWED = {
    "Latch": "the relay's and the room's answer to one question (RFC 4961), until they share one",
    "Timer": "the relay's and the room's port to the same loop, until they share one",
}


def _classes() -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{path.relative_to(ROOT.parent)}:{node.lineno}")
    return found


class TestNamesOfClasses:
    def test_no_public_name_stands_for_two_classes(self) -> None:
        twice = {name: where for name, where in _classes().items() if len(where) > 1 and not name.startswith("_")}
        assert {name: where for name, where in twice.items() if name not in ALLOWED} == {}

    def test_what_is_allowed_is_still_needed(self) -> None:
        """An exception that nobody needs any more goes."""
        classes = _classes()
        assert [name for name in ALLOWED if len(classes.get(name, ())) < 2] == []
