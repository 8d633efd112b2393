"""Session-ID: one name for the session from end to end, made of a half from each side (RFC 7989). Pure.

The gateway passes each side's half to the other, as a B2BUA that changes nothing else of it (§7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from splitter.calls.states import Direction, Side
from splitter.core.ids import IdSource
from splitter.sip.message import Message

_UUID = re.compile("[0-9a-f]{32}")
NONE = "0" * 32  # §5: the null UUID, for a half that is not known


def half_of(message: Message) -> str:
    """The sender's half; "" where it has none that can be read."""
    written = message.headers.get("session-id")
    if written is None:
        return ""
    value = written.partition(";")[0].strip().lower()
    return value if _UUID.fullmatch(value) and value != NONE else ""


@dataclass(slots=True)
class SessionId:
    """The two halves of one call; plain data."""

    caller: str = NONE
    centre: str = NONE

    def learn_caller(self, message: Message) -> None:
        """Take the caller's half from a message of it."""
        self.caller = half_of(message) or self.caller

    def learn_centre(self, message: Message) -> None:
        """Take the centre's half from a message of it; the latest counts, for a call may be passed on inside (§6)."""
        self.centre = half_of(message) or self.centre

    def forget(self, side: Side) -> None:
        """Another peer is called on this side: the half of the one before is none of its."""
        if side is Side.CALLER:
            self.caller = NONE
        else:
            self.centre = NONE

    @property
    def towards_caller(self) -> str:
        """The header's value on the caller's leg, and on those of seats."""
        return f"{self.centre};remote={self.caller}"

    @property
    def towards_centre(self) -> str:
        """The header's value on the centre's leg."""
        return f"{self.caller};remote={self.centre}"


def session_id_of(invite: Message, ids: IdSource, direction: Direction) -> SessionId:
    """Begin with the first INVITE; a side that calls without Session-ID gets a half made for it (§5)."""
    half = half_of(invite) or f"{ids.number(2**128):032x}"
    return SessionId(caller=half) if direction is Direction.IN else SessionId(centre=half)
