"""The recording of one call, as far as it is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import ForkWish, RecordingState
from splitter.calls.view import RecordingView


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody of whom nothing is recorded.

    `name`: as in the call when that was said. `kind` and `who` (an extension, a number, a title): by which the same one
    is known that comes again under another name; "" where nothing tells.
    """

    name: str
    kind: str = ""
    who: str = ""


@dataclass(slots=True)
class Recording:
    """The recording of a call.

    Attributes:
        number: of the recordings of this call so far.
        reason: why it is as it is, in words.
        by_rule: the configuration wants it.
        chosen: somebody has begun or ended it by hand: the configuration does not begin it again.
        elsewhere: what has become of it at the recorders of others, in words.
        left_out: of whom nothing is recorded. nothing_of: the names that they have now.
        fork: what people want of it.
    """

    state: RecordingState = RecordingState.OFF
    number: int = 0
    reason: str = ""
    by_rule: bool = False
    chosen: bool = False
    elsewhere: str = ""
    left_out: tuple[LeftOut, ...] = ()
    nothing_of: tuple[str, ...] = ()
    fork: ForkWish = ForkWish.BY_RULE

    @property
    def is_open(self) -> bool:
        """Tell whether there is one, be it paused."""
        return self.state in (RecordingState.RECORDING, RecordingState.PAUSED)

    def id_for(self, call_id: str) -> str:
        """The id of the latest one; "" before there is one."""
        return f"{call_id}-{self.number}" if self.number else ""

    def view(self, call_id: str, possible: bool = False) -> RecordingView:
        """Show it."""
        id, of = self.id_for(call_id), self.nothing_of
        return RecordingView(self.state, id, self.reason, self.by_rule, possible, self.elsewhere, of, self.fork)
