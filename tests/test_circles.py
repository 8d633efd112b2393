"""No two modules import each other, not even for types, and not around any corner."""

from __future__ import annotations

import grimp


class TestCircles:
    def test_there_are_none(self) -> None:
        graph = grimp.build_graph("splitter")
        circles = {
            module
            for module in graph.modules
            if any(
                module in graph.find_upstream_modules(below)
                for below in graph.find_modules_directly_imported_by(module)
            )
        }
        assert circles == set()
