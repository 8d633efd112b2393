"""The commands of a step about phones that are invited into the voice; see `commands`. Pure."""

from __future__ import annotations

from splitter.calls.talk.commands import Command, R
from splitter.core.frozen import frozen
from splitter.sdp.model import Session
from splitter.sip.message import Response


@frozen
class FoundWay:
    """A way to a phone.

    Attributes:
        trunk, network, transport: by which it is called.
        centre: the trunk is a centre's: the number is an extension.
    """

    trunk: str
    network: str
    transport: str
    centre: bool


@frozen
class NoWay:
    """Nothing leads to a phone, or nothing more; `reason` in plain words, and the status that says it in SIP."""

    reason: str
    status: int = 403


@frozen
class PhoneCommand(Command[R]):
    """A command about a phone, which is named."""

    name: str


@frozen
class SeekWay(PhoneCommand[FoundWay | NoWay]):
    """Look for the way to a number that an agent may invite; its place on the trunk is taken."""

    number: str


@frozen
class SeekNextWay(PhoneCommand[FoundWay | NoWay]):
    """The way that was tried ended so; look for the next one, where that makes sense; see `Hunt.refused`."""

    status: int
    response: Response | None


@frozen
class DialPhone(PhoneCommand[str]):
    """Send our INVITE on the way that was found; ends in Answered or Refused. Replies the key of the leg."""

    offer: Session


class KeepPhone(PhoneCommand[None]):
    """The phone has answered: it is written down before anything else happens."""


class ReleaseWay(PhoneCommand[None]):
    """The phone has gone: its place on the trunk is free."""


@frozen
class GiveUpInvite(PhoneCommand[None]):
    """CANCEL the INVITE of ours that is open there, or end what it has answered; `reason`: a Reason header's value."""

    reason: str | None = None


class PromotePhone(PhoneCommand[str]):
    """The phone is the centre from now on. Replies the leg before, which is still to be ended."""
