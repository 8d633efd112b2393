"""Names and first lines of docstrings: a reader who looks one up, or hovers over it, finds one thing, and what it is."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent / "splitter"

# Names that stand for more than one class, and why they may.
ALLOWED: dict[str, str] = {}

# Words with which a line goes on that was begun elsewhere: "It left.", "Of the last one.", "As the port says."
FRAGMENT = re.compile(
    r"(It|Its|They|Them|Those|These|That|This|Such|Ours|Of|As|For|To|In|On|At|By|From|With|And|But|Or|Also|If|So|Likewise"
    r"|All of|One of|The same (as|for|of)|No|None|Nobody|Not|May|Must|Can|Who|Whom|Whose|What is|What was|What it|How it"
    r"|How many|How much|Here|There)\b"
)


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    paths = sorted(ROOT.rglob("*.py"))
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


@cache
def _classes() -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{path}:{node.lineno}")
    return found


def _public(parent: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


class TestNamesOfClasses:
    def test_no_public_name_stands_for_two_classes(self) -> None:
        twice = {name: where for name, where in _classes().items() if len(where) > 1 and not name.startswith("_")}
        assert {name: where for name, where in twice.items() if name not in ALLOWED} == {}

    def test_what_is_allowed_is_still_needed(self) -> None:
        classes = _classes()
        assert [name for name in ALLOWED if len(classes.get(name, ())) < 2] == []


class TestFirstLines:
    """They stand alone on hover: they begin with a noun or a verb."""

    def test_no_public_docstring_goes_on_where_another_line_ended(self) -> None:
        found = [
            f"{path}:{node.lineno} {node.name}: {first}"
            for path, module in _modules()
            for node in _public(module)
            if (first := (ast.get_docstring(node) or "").partition("\n")[0]) and FRAGMENT.match(first)
        ]
        assert found == []
