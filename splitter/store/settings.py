"""What the operator sets about the store. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where calls and traces are kept and how much of them.

    Attributes:
        path: the SQLite file; ":memory:" keeps nothing over a restart.
        max_age_days: older calls and traces are deleted.
        max_size_mb: past this the oldest calls and traces are deleted.
        digits: traces show those that people press, such as PINs.
    """

    path: str = "/var/lib/splitter/calls.db"
    max_age_days: float = 30.0
    max_size_mb: int = 2048
    digits: bool = False
