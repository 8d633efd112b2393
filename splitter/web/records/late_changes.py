"""The ways in which a call changes once it is over: a rating, a note. No I/O of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from splitter.calls.after.rows import row_of
from splitter.calls.view import CallView, Notice
from splitter.store.schema import CallRow


@dataclass(frozen=True, slots=True)
class LateChanges:
    """The ways in which something becomes known that comes after the call has ended.

    Attributes:
        save: keeps the row of the call. note: writes into its trace. publish: tells everybody.
    """

    save: Callable[[CallRow], None] = lambda row: None
    note: Callable[[str, str, str, str], None] = lambda call_id, leg, kind, text: None
    publish: Callable[[Notice], None] = lambda notice: None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever reads a row to change it has to hold this: two at once would lose one of the changes."""

    def change(self, view: CallView, code: str, words: str) -> None:
        """Keep an ended call as it is now, and say why it has changed."""
        self.save(row_of(view))
        self.note(view.call_id, "", "note", words)
        self.publish(Notice(view.call_id, code, words))
