"""What happened while a recording was made, read from beside its files. Does I/O."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from splitter.core.errors import LocalError
from splitter.media.record.shelf import RecordingShelf


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """Something that happened, at a time of the recording."""

    at: float
    what: str
    more: dict[str, Any]


def recorded_events(shelf: RecordingShelf, path: str, offset: float) -> list[RecordedEvent]:
    """What stands beside a file; what cannot be read is left out. `offset`: of its file in the recording."""
    found = []
    try:
        data = shelf.events(path)
    except (OSError, LocalError):
        return []
    for line in data.split(b"\n"):
        with suppress(msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError):
            more = msgspec.json.decode(line) if line else {}
            found.append(RecordedEvent(offset + float(more.pop("at")), str(more.pop("what")), more))
    return found
