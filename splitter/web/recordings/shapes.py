"""What requests and answers about recordings look like in JSON."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from splitter.media.record.index import RecordingRow


class RecordingWish(Struct, forbid_unknown_fields=True):
    """A wish about the recording of a call.

    `party`, of "exclude" and "include": of whom nothing is to be recorded from now on, or all again: "caller",
    "centre", or the name of a party or phone.
    """

    action: Literal["start", "pause", "resume", "stop", "exclude", "include"]
    party: str = ""


class ForkCallWish(Struct, forbid_unknown_fields=True):
    """Whether who listens gets a call, as long as it is recorded."""

    fork: Literal["on", "off", "by-rule"]


class HoldWish(Struct, forbid_unknown_fields=True):
    """Whether nothing may delete a recording, and why."""

    held: bool
    reason: str = ""


class RecordingList(Struct):
    """Recordings, the newest first. `missing`: nodes of a cluster that did not answer: theirs are not in it."""

    recordings: list[RecordingRow]
    missing: tuple[str, ...] = ()


class FilmEvent(Struct):
    """Something that happened while a call was recorded. `at`: seconds of its film; `more`: as it was noted."""

    at: float
    what: str
    more: dict[str, Any]


class FilmEvents(Struct):
    """What happened, in its order."""

    events: list[FilmEvent]
