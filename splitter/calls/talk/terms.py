"""What a leg has agreed on with its peer: the descriptions in force and what their payload types stand for. Pure.

In an answered call a leg tells only what was offered and answered; a step commits it here. What it does not commit is
not in force for us, so nothing has to be put back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from splitter.core.errors import LocalError, PeerError
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import PayloadHistory
from splitter.sdp.precondition import without_preconditions


@dataclass(slots=True)
class Terms:
    """The session of one leg.

    Attributes:
        local, remote: the descriptions in force, ours and the peer's; `heard` follows `remote`.
        local_is_offer: the peer's answers ours: its directions are bounded by what we offered (RFC 3264 §6.1).
        sent: the last description we sent, a refused one included: the next one follows its o= version.
        history: what the payload types of all that we sent stand for. heard: the same of the peer's.
    """

    local: Session | None = None
    remote: Session | None = None
    local_is_offer: bool = False
    sent: Session | None = None
    history: PayloadHistory = field(default_factory=PayloadHistory)
    heard: PayloadHistory = field(default_factory=PayloadHistory)

    @property
    def ours(self) -> Session:
        """Our description in force. Raises LocalError before there is one."""
        return _there(self.local)

    @property
    def theirs(self) -> Session:
        """The peer's description in force. Raises LocalError before there is one."""
        return _there(self.remote)

    @property
    def latest(self) -> Session:
        """The last description we sent. Raises LocalError before there is one."""
        return _there(self.sent)

    def note_sent(self, session: Session) -> None:
        """We send this description."""
        if session is self.sent:
            return
        self.sent = session
        with suppress(PeerError):  # what is sent was proved; what was offered and refused may stand for anything
            self.history = self.history.after(session)

    def note_accepted(self) -> None:
        """The offer that we sent last counts from now on: the peer has accepted it."""
        # What is offered again one day has no status of resources in it.
        self.local, self.local_is_offer = without_preconditions(self.latest), True

    def note_answered(self, session: Session, *, as_offer: bool = False) -> None:
        """Our answer counts from now on; `as_offer`: the peer has asked us for an offer, and this is it."""
        self.local, self.local_is_offer = session, as_offer

    def note_remote(self, session: Session) -> None:
        """The peer's description counts from now on."""
        self.remote = session
        with suppress(PeerError):  # a peer that lets a number stand for two codecs is judged elsewhere
            self.heard = self.heard.after(session)


def _there(session: Session | None) -> Session:
    if session is None:
        raise LocalError("a leg was used before it has agreed on anything")
    return session
