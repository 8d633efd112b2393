"""Offers of a peer: as they count, and as they are answered; what was answered is committed here. Pure."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.leg_events import Offered
from splitter.calls.talk.commands import AnswerOffer, Note, Steps
from splitter.calls.talk.legs import LegFacts
from splitter.sdp.align import described, lengthened
from splitter.sdp.model import Session


def whole_offer(leg: LegFacts, event: Offered) -> Steps[Offered]:
    """An offer as long as the session in force: a peer that leaves m-lines out (RFC 3264 §8) has turned them off.

    Numbers without a=rtpmap stand for what they have stood for: there are phones that hold a call with such an offer.
    """
    if event.session is None:
        return event
    offer = lengthened(event.session, leg.terms.local)
    if offer is not event.session:
        said = f"{len(event.session.media)} m-lines follow {len(offer.media)} (RFC 3264 §8)"
        yield Note(f"overlooked: {said}: those left out are off", leg.name)
    if leg.terms.remote is not None and (whole := described(leg.terms.remote, offer)) is not offer:
        yield Note("overlooked: formats of its offer without a=rtpmap (RFC 8866 §6.6), which are known", leg.name)
        offer = whole
    return event if offer is event.session else replace(event, session=offer)


def answer_offer(leg: LegFacts, event: Offered, session: Session) -> Steps[bool]:
    """Accept an offer of the peer, which counts from now on; False where nobody waits for that any more.

    Args:
        session: the answer, or our offer where the peer has asked for one.
    """
    if not (yield from AnswerOffer(leg.key, event.txn, session)):
        return False
    leg.terms.note_answered(session, as_offer=event.session is None)
    return True
