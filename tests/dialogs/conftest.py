"""The same world as in tests/calls."""

from __future__ import annotations

from tests.calls.conftest import caller, centre, pair, world

__all__ = ["caller", "centre", "pair", "world"]
