"""Asynchronous tests run on uvloop, as the worker does."""

from __future__ import annotations

from tests.media.worker.conftest import runner

__all__ = ["runner"]
