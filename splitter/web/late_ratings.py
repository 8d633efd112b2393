"""The ways in which a rating becomes known that comes after its call. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.view import Notice
from splitter.store.schema import CallRow


@dataclass(frozen=True, slots=True)
class LateRatings:
    """The ways in which a rating becomes known that comes after the call has ended.

    Attributes:
        save: keeps the row of the call. note: writes into its trace. publish: tells everybody.
    """

    save: Callable[[CallRow], None] = lambda row: None
    note: Callable[[str, str, str, str], None] = lambda call_id, leg, kind, text: None
    publish: Callable[[Notice], None] = lambda notice: None
