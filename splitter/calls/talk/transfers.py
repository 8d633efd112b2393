"""A transfer that a centre has asked for by REFER, and that is under way. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.calls.peers.binding import Named, Unclear
from splitter.calls.peers.session_id import SessionId
from splitter.sdp.model import Session
from splitter.sip.refer import Referral


@dataclass(slots=True)
class Transfer:
    """One transfer: somebody is called who is to have the place of the centre.

    Attributes:
        name: of the leg that is called: "centre-2" …; leg: its key, "" before it is called.
        by: the key of the leg that asked for it.
        referral: what that one said.
        trunk, network, transport: by which the new one is called.
        session: the two halves of its Session-ID meanwhile (RFC 7989).
        alone: the one that asked has hung up: whom we call has its place already, and the caller waits.
        status: that the one that asked was told last.
        early: what whom we call has said before its answer.
        answer: its answer, which counts once no offer is open on the other legs.
        said: whom the centre names behind the new leg.
    """

    name: str
    by: str
    referral: Referral
    trunk: str
    network: str
    transport: str
    leg: str = ""
    session: SessionId = field(default_factory=SessionId)
    alone: bool = False
    status: int = 0
    early: Session | None = None
    answer: Session | None = None
    said: Named | Unclear | None = None

    @property
    def number(self) -> str:
        """The number that is called."""
        return self.referral.number


@dataclass(frozen=True, slots=True)
class OpenReferral:
    """A leg, by its name, that is to be told that nothing comes of its transfer, should the process die."""

    leg: str
    subscription: str
