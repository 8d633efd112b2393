"""Asks of what is recorded, and of who hears it live. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import ForkWish, RecordingAction
from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Begin, pause, resume or end the recording of the call. → None once the recorder has done so

    `may_end`: also what the configuration wants recorded.
    """

    action: RecordingAction
    by: str
    may_end: bool = False


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Record nothing of somebody in the call from now on, or (`out` is False) again. → None once it is so

    `party`: "caller", "centre" or the name of a party or phone.
    """

    party: str
    by: str
    out: bool = True


@dataclass(frozen=True, slots=True)
class ForkCall:
    """Have who listens get the call, as long as it is recorded, or not. → None"""

    wish: ForkWish
    by: str
