"""Another leg of the centre takes the place of the present one (RFC 3891): what it is answered.

After an attended transfer inside the centre its second leg names the first in Replaces; the caller stays where it is.
Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.flows.early import keeps_voice
from splitter.calls.talk.commands import MakeOrigin, RefuseInvite, Steps
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.voice import CENTRE
from splitter.sdp.carry import narrowed
from splitter.sdp.merge import centre_answer
from splitter.sdp.model import Origin, Session
from splitter.sdp.offer_answer import check_answer


def goes_on(call: LiveCall, offer: Session, index: int, wish: str) -> bool:
    """True if the caller need not be asked: the newcomer offers the codec that the caller uses.

    Args:
        index: of the audio in its offer.
        wish: the direction that the centre has wanted so far; another one concerns the caller.
    """
    ours, theirs = (
        call.caller.terms.ours.media[call.talk.lines.audio],
        call.caller.terms.theirs.media[call.talk.lines.audio],
    )
    return keeps_voice(theirs, ours, offer.media[index]) and offer.flow_of(index) == wish


def answer_newcomer(call: LiveCall, leg: LegFacts, offer: Session, said: Session) -> Steps[Session]:
    """Our answer, out of what the caller said last: the codecs that it was told to use, and no others.

    Raises:
        PeerError: status 488 if none of them was offered.
    """
    index = call.talk.lines.audio
    lines = list(said.media)
    lines[index] = narrowed(lines[index], call.caller.terms.ours.media[index].formats)
    source = replace(said, media=tuple(lines))
    origin = yield from origin_of(leg)
    answer = centre_answer(offer, source, call.talk.lines, call.talk.voice.ours(CENTRE), origin)
    check_answer(offer, answer)
    return answer


def withdraw_newcomer(call: LiveCall) -> Steps[None]:
    """Answer a leg that cancelled before it could take the centre's place: another one may try."""
    if (newcomer := call.newcomer) is not None:
        yield RefuseInvite(newcomer.key, 487)
        call.pending.newcomer = ""
        for aside in [aside for aside in call.pending.put_aside if aside.leg == newcomer.key]:
            call.pending.put_aside.remove(aside)


def origin_of(leg: LegFacts) -> Steps[Origin]:
    """The o= line of a new session on this leg."""
    return (yield from MakeOrigin(leg.flow.network, leg.flow.transport))
