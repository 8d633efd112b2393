"""Values that are made cheaply."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, field, replace

import pytest

from splitter.core.frozen import frozen


@frozen
class Point:
    x: int
    y: int = 0
    words: tuple[str, ...] = field(default_factory=tuple)


class TestFrozenValues:
    def test_are_compared_and_hashed_by_their_fields(self) -> None:
        assert Point(1) == Point(1, 0) != Point(2)
        assert {Point(1): "one"}[Point(1)] == "one"

    def test_are_made_anew_with_another_field(self) -> None:
        assert replace(Point(1), y=2) == Point(1, 2)

    def test_are_changed_by_no_test(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Point(1).x = 2  # type: ignore[misc]  # mypy has to be told not to look

    def test_are_the_same_in_the_gateway_where_python_does_not_look(self) -> None:
        code = """
from splitter.calls.view import CallEnded, StrangerView
one = StrangerView("caller", "audio", "192.0.2.1:1", "192.0.2.2:2", 3)
assert one == StrangerView("caller", "audio", "192.0.2.1:1", "192.0.2.2:2", 3) and hash(one) == hash(one)
assert one != CallEnded("caller") and not hasattr(one, "__dict__")
assert type(one).__init__.__code__.co_names == ("leg", "kind", "source", "named", "packets")  # set, and not by a call
"""
        subprocess.run([sys.executable, "-c", code], check=True)
