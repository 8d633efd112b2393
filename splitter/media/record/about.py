"""The subject of a recording. Pure."""

from __future__ import annotations

import msgspec


class RecordingAbout(msgspec.Struct, frozen=True):
    """The subject of a recording, as the gateway says it.

    `without`: kinds and names of those of whom nothing is in it.
    """

    id: str
    call_id: str
    short_code: str = ""
    caller: str = ""
    called: str = ""
    agent: str = ""
    route: str = ""
    direction: str = "in"
    without: tuple[str, ...] = ()
