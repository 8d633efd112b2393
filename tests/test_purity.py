"""A module that says "Pure." is: neither it nor anything below it knows an event loop, socket, thread, clock or file."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp

import splitter

IMPURE = frozenset(
    [
        "asyncio",
        "socket",
        "selectors",
        "threading",
        "time",
        "pathlib",
        "structlog",
        "logging",
        "uvloop",
        "prometheus_client",
        "aiohttp",
    ]
)


class TestPurity:
    def test_is_what_the_imports_say(self) -> None:
        graph = grimp.build_graph(
            "splitter", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
        )
        false, claims = {}, 0
        for module, path in _modules():
            if "Pure" in (ast.get_docstring(ast.parse(path.read_text())) or ""):
                claims += 1
                if found := sorted(graph.find_upstream_modules(module) & IMPURE):
                    false[module] = found
        assert false == {}
        assert claims > 100


def _modules() -> list[tuple[str, Path]]:
    root = Path(splitter.__file__).parent
    return [
        (".".join(("splitter", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__"), path)
        for path in sorted(root.rglob("*.py"))
    ]
