"""Scenarios run on uvloop, as the worker does; what the loop complains of, and tasks left behind, fail the test."""

from __future__ import annotations

from tests.media.worker.conftest import Run, run

__all__ = ["Run", "run"]
