"""A call's view as the row that the store keeps of it."""

from __future__ import annotations

import msgspec

from splitter.calls.view import CallView
from splitter.store.schema import CallRow


def row_of(view: CallView) -> CallRow:
    """The row of a call as it is now; it replaces the one before."""
    return CallRow(
        call_id=view.call_id,
        started_at=view.started_at,
        ended_at=view.ended_at,
        caller=view.caller,
        called=view.called,
        view=msgspec.json.encode(view),
        short_code=view.short_code,
    )
