"""No two modules import each other when they run, not around any corner either."""

from __future__ import annotations

import grimp


class TestCircles:
    def test_there_are_none(self) -> None:
        graph = grimp.build_graph("splitter", exclude_type_checking_imports=True, cache_dir=None)
        circles = {
            module
            for module in graph.modules
            if any(
                module in graph.find_upstream_modules(below)
                for below in graph.find_modules_directly_imported_by(module)
            )
        }
        assert circles == set()
