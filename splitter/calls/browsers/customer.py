"""The person who calls from a browser, by the word of the operator's own system, and who takes such calls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from splitter.calls.settings import Trunk
from splitter.sip.events import RequestArrived


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as a token names it.

    Attributes:
        id: as that system knows it; name: for people. number: the only one that may be called; empty for any.
    """

    id: str = ""
    name: str = ""
    language: str = ""
    number: str = ""


NOBODY = Customer()
"""Whoever calls without a token."""


class CustomerTokens(Protocol):
    """Whoever knows the tokens by which customers call."""

    def customer_of(self, token: str) -> Customer:
        """The customer of a token. Raises PeerError: it is not to be believed, or not for beginning a call."""
        ...


class BrowserInvites(Protocol):
    """Whoever takes the INVITEs of browsers, and begins calls of them."""

    def on_invite(self, trunk: Trunk, event: RequestArrived) -> None:
        """An INVITE outside any dialog. Raises PeerError where it is refused."""
        ...
