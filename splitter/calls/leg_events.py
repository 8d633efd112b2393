"""The events that legs post: what their peers do. Pure.

A leg is named by its key, which is unique in its call; see `LiveCall.leg_of`.
"""

from __future__ import annotations

from splitter.core.errors import LocalError
from splitter.core.frozen import frozen
from splitter.sdp.model import Session
from splitter.sip.message import Request, Response
from splitter.sip.refer import Referral


@frozen
class LegEvent:
    """An event of a leg, which is named by its key."""

    leg: str


@frozen
class Rang(LegEvent):
    """A provisional response other than 100 to the INVITE we sent on `leg`."""

    response: Response
    session: Session | None
    tag: str  # of the early dialog; "" where the response carried none


@frozen
class Answered(LegEvent):
    """The first 2xx to the INVITE we sent on `leg`; already acknowledged."""

    response: Response
    session: Session | None


@frozen
class Refused(LegEvent):
    """The INVITE we sent on `leg` failed; `response` is None where nobody answered (408) or it was not sent (503)."""

    status: int
    reason: str
    response: Response | None


@frozen
class Cancelled(LegEvent):
    """The peer of an unanswered incoming INVITE gave up."""

    request: Request


@frozen
class Acknowledged(LegEvent):
    """ACK to a 2xx of ours; `session` is an answer where our 2xx held an offer.

    `fault`: why the answer cannot be read. It is in force at the peer all the same.
    """

    session: Session | None
    fault: str = ""


class AckMissing(LegEvent):
    """A 2xx of ours was not acknowledged for 64*T1 (RFC 3261 §13.3.1.4)."""


@frozen
class Offered(LegEvent):
    """A re-INVITE came in; answer it with `leg.answer(txn, …)` or `leg.decline(txn, …)`.

    `session` is None for a re-INVITE without an offer: our 2xx makes one. `tag` is the peer's, which names the dialog
    while there are several.
    """

    txn: str
    session: Session | None
    tag: str = ""

    @property
    def offer(self) -> Session:
        """The offer that is in it. Raises LocalError where there is none."""
        if self.session is None:
            raise LocalError("a re-INVITE without an offer was taken for one that has one")
        return self.session


@frozen
class OfferWithdrawn(LegEvent):
    """The peer cancelled its re-INVITE; it was answered 487 and the session stands as it was. `reason`: its Reason."""

    txn: str
    reason: str | None = None


@frozen
class Overlooked(LegEvent):
    """A peer broke a rule in a way that can be mended; `words` are for the trace."""

    words: str


@frozen
class OfferAccepted(LegEvent):
    """A 2xx came to a re-INVITE or UPDATE of ours; it is acknowledged already.

    `early`: the answer came in a reliable provisional response (RFC 3262 §5); the peer may still be asking its user,
    and Refreshed with `offer_done`, or OfferRefused, is to follow.
    `fault`: why the answer cannot be read; `session` is None then. The offer is in force at the peer all the same.
    """

    session: Session | None
    early: bool = False
    fault: str = ""


@frozen
class OfferRefused(LegEvent):
    """A re-INVITE of ours failed; the session stands as it was (RFC 3261 §14.1, RFC 6141).

    `retry_after_s` is what the peer's Retry-After asks for.
    """

    status: int
    reason: str
    retry_after_s: float | None = None


@frozen
class OfferCollided(LegEvent):
    """A re-INVITE of the peer was refused with 491, for one of ours was open; `session` is what it offered."""

    session: Session | None


@frozen
class Refreshed(LegEvent):
    """A request in the dialog came to its end and changed nothing: the leg may be asked again.

    `offer_done`: it was a re-INVITE whose answer had come early (see OfferAccepted).
    """

    offer_done: bool = False


@frozen
class RefreshFailed(LegEvent):
    """Our session refresh was refused, or nobody answered it (408)."""

    status: int
    reason: str


class KeyFrameAsked(LegEvent):
    """INFO with media_control+xml (RFC 5168): the peer wants a key frame. Already answered 200."""


class MetadataAsked(LegEvent):
    """UPDATE by which a recorder wants all metadata (RFC 7866 §9.2). Already answered 200."""


@frozen
class DigitPressed(LegEvent):
    """INFO with a digit; answer it with `leg.reply_info(txn, …)`."""

    txn: str
    request: Request


@frozen
class Referred(LegEvent):
    """REFER: the peer wants the other side to be transferred; answer it by `AnswerReferral`."""

    txn: str
    referral: Referral


@frozen
class Ended(LegEvent):
    """BYE from the peer, already answered. `request` carries Reason and User-to-User where the peer gave them."""

    request: Request
