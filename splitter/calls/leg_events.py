"""The events that legs post: what their peers do. Pure.

A leg is named by its key, which is unique in its call; see `LiveCall.leg_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import LocalError
from splitter.sdp.model import Session
from splitter.sip.message import Request, Response


@dataclass(frozen=True, slots=True)
class Rang:
    """A provisional response other than 100 to the INVITE we sent on `leg`."""

    leg: str
    response: Response
    session: Session | None
    tag: str  # of the early dialog; "" where the response carried none


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx to the INVITE we sent on `leg`; already acknowledged."""

    leg: str
    response: Response
    session: Session | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The INVITE we sent on `leg` failed; `response` is None where nobody answered (408) or it was not sent (503)."""

    leg: str
    status: int
    reason: str
    response: Response | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The peer of an unanswered incoming INVITE gave up."""

    leg: str
    request: Request


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """ACK to a 2xx of ours; `session` is an answer where our 2xx held an offer.

    `fault`: why the answer cannot be read. It is in force at the peer all the same.
    """

    leg: str
    session: Session | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class AckMissing:
    """A 2xx of ours was not acknowledged for 64*T1 (RFC 3261 §13.3.1.4)."""

    leg: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A re-INVITE came in; answer it with `leg.answer(txn, …)` or `leg.decline(txn, …)`.

    `session` is None for a re-INVITE without an offer: our 2xx makes one. `tag` is the peer's, which names the dialog
    while there are several.
    """

    leg: str
    txn: str
    session: Session | None
    tag: str = ""

    @property
    def offer(self) -> Session:
        """The offer that is in it. Raises LocalError where there is none."""
        if self.session is None:
            raise LocalError("a re-INVITE without an offer was taken for one that has one")
        return self.session


@dataclass(frozen=True, slots=True)
class OfferWithdrawn:
    """The peer cancelled its re-INVITE; it was answered 487 and the session stands as it was. `reason`: its Reason."""

    leg: str
    txn: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Overlooked:
    """A peer broke a rule in a way that can be mended; `words` are for the trace."""

    leg: str
    words: str


@dataclass(frozen=True, slots=True)
class OfferAccepted:
    """A 2xx came to a re-INVITE or UPDATE of ours; it is acknowledged already.

    `early`: the answer came in a reliable provisional response (RFC 3262 §5); the peer may still be asking its user,
    and Refreshed with `offer_done`, or OfferRefused, is to follow.
    `fault`: why the answer cannot be read; `session` is None then. The offer is in force at the peer all the same.
    """

    leg: str
    session: Session | None
    early: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """A re-INVITE of ours failed; the session stands as it was (RFC 3261 §14.1, RFC 6141).

    `retry_after_s` is what the peer's Retry-After asks for.
    """

    leg: str
    status: int
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class OfferCollided:
    """A re-INVITE of the peer was refused with 491, for one of ours was open; `session` is what it offered."""

    leg: str
    session: Session | None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A request of ours in the dialog came to its end and changed nothing: the leg may be asked again.

    `offer_done`: it was a re-INVITE whose answer had come early (see OfferAccepted).
    """

    leg: str
    offer_done: bool = False


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """Our session refresh was refused, or nobody answered it (408)."""

    leg: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeyFrameAsked:
    """INFO with media_control+xml (RFC 5168): the peer wants a key frame. Already answered 200."""

    leg: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """INFO with a digit; answer it with `leg.reply_info(txn, …)`."""

    leg: str
    txn: str
    request: Request


@dataclass(frozen=True, slots=True)
class Ended:
    """BYE from the peer, already answered. `request` carries Reason and User-to-User where the peer gave them."""

    leg: str
    request: Request


LegEvent = (
    Rang
    | Answered
    | Refused
    | Cancelled
    | Acknowledged
    | AckMissing
    | Offered
    | OfferWithdrawn
    | Overlooked
    | OfferAccepted
    | OfferRefused
    | OfferCollided
    | Refreshed
    | RefreshFailed
    | KeyFrameAsked
    | DigitPressed
    | Ended
)
