"""The subject of a recording, and how its call ended. Pure."""

from __future__ import annotations

import msgspec

WITHHELD = "withheld"
"""The caller of a call that hides its number."""


class RecordedOutcome(msgspec.Struct, frozen=True):
    """The end of a recorded call.

    `outcome`: as in the records of calls. `video`: who was seen: "both", "caller only", "agent only", "none"; "" where
    nobody counted. `consent`: what came of the last question for video. `reason`: why it ended, in words.
    """

    outcome: str = ""
    video: str = ""
    consent: str = ""
    reason: str = ""


class RecordingAbout(msgspec.Struct, frozen=True):
    """The subject of a recording, as the gateway says it.

    `without`: kinds and names of those of whom nothing is in it. `private`: the caller hides its number, which no file
    tells.
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
    private: bool = False

    @property
    def shown_caller(self) -> str:
        """The caller, as files may tell it."""
        return WITHHELD if self.private else self.caller
