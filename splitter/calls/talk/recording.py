"""The recording of one call, as far as it is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import RecordingState
from splitter.calls.view import RecordingView


@dataclass(slots=True)
class Recording:
    """The recording of a call.

    Attributes:
        number: of the recordings of this call so far.
        reason: why it is as it is, in words.
        by_rule: the configuration wants it.
        chosen: somebody has begun or ended it by hand: the configuration does not begin it again.
        elsewhere: what has become of it at the recorders of others, in words.
    """

    state: RecordingState = RecordingState.OFF
    number: int = 0
    reason: str = ""
    by_rule: bool = False
    chosen: bool = False
    elsewhere: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether there is one, be it paused."""
        return self.state in (RecordingState.RECORDING, RecordingState.PAUSED)

    def id_for(self, call_id: str) -> str:
        """The id of the latest one; "" before there is one."""
        return f"{call_id}-{self.number}" if self.number else ""

    def view(self, call_id: str, possible: bool = False) -> RecordingView:
        """Show it."""
        return RecordingView(self.state, self.id_for(call_id), self.reason, self.by_rule, possible, self.elsewhere)
