"""Messages of people in a call, and the location of the caller: kept with the call, and gone with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from splitter.calls.view import ConsentView, LocationView

MOST_MESSAGES = 100
MOST_CONSENTS = 16
MOST_CHARACTERS = 20_000
"""Of what is kept of the messages: a record of the call is written whenever something has changed."""


class ChatSender(StrEnum):
    """The kind of party that writes."""

    DESK = "desk"
    CALLER = "caller"  # who calls from a browser
    GUEST = "guest"
    EXPERT = "expert"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message that somebody has written. `at`: Unix seconds; `name`: of who did, for people."""

    number: int
    at: float
    sender: ChatSender
    name: str
    text: str


@dataclass(slots=True)
class Aside:
    """Everything of that kind in one call.

    Attributes:
        messages: the newest ones; written: how many there have been.
        consents: of guests, the last ones. rating: by the caller, 1 to 5; 0 for none.
        photos: the number of the newest one that the caller has sent.
        location: where the caller is, as the own browser says; None where that is not shared.
    """

    messages: list[ChatMessage] = field(default_factory=list)
    written: int = 0
    location: LocationView | None = None
    consents: list[ConsentView] = field(default_factory=list)
    rating: int = 0
    photos: int = 0

    def agree(self, consent: ConsentView) -> bool:
        """Note a consent; False where it is known."""
        if any((one.party, one.version) == (consent.party, consent.version) for one in self.consents):
            return False
        self.consents = [*self.consents, consent][-MOST_CONSENTS:]
        return True

    def write(self, at: float, sender: ChatSender, name: str, text: str) -> ChatMessage:
        """Add a message; the oldest of too many are forgotten."""
        self.written += 1
        message = ChatMessage(self.written, at, sender, name, text)
        kept = [*self.messages, message][-MOST_MESSAGES:]
        while sum(len(one.text) for one in kept) > MOST_CHARACTERS:
            kept = kept[1:]
        self.messages = kept
        return message
