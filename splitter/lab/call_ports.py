"""What a simulated call needs of its user agent, and of whoever has its media."""

from __future__ import annotations

from typing import Protocol

from splitter.core.net import Flow
from splitter.transport.driver import Driver


class CallOwner(Protocol):
    """The user agent that a call belongs to, as the call needs it."""

    @property
    def driver(self) -> Driver:
        """What sends and hears SIP."""
        ...

    def contact(self) -> list[tuple[str, str]]:
        """Our Contact, as a header."""
        ...

    def flow_to(self, uri: str, otherwise: Flow) -> Flow:
        """The flow to a URI, or another one where it cannot be read."""
        ...


class CallMedia(Protocol):
    """The media of a call: writes and reads the session descriptions."""

    def offer(self) -> bytes:
        """Our offer as things stand."""
        ...

    def answer(self, offer: bytes) -> bytes:
        """Our answer; media follow it at once.

        Raises:
            PeerError: it cannot be answered; the status refuses it.
        """
        ...

    def answered(self, answer: bytes) -> None:
        """The peer's answer to our last offer; media follow it."""
        ...

    def information(self, content_type: str, body: bytes) -> None:
        """An INFO came."""
        ...

    def consented(self, video: bool) -> None:
        """The user was asked for video, and shows it or not."""
        ...
