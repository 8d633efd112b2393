"""Another leg of the centre takes the place of the present one (RFC 3891): what it is answered.

After an attended transfer inside the centre its second leg names the first in Replaces; the caller stays where it is.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.audio import CENTRE
from splitter.calls.call import Call
from splitter.calls.flows.early import keeps_voice
from splitter.calls.legs.port import Leg
from splitter.sdp.carry import narrowed
from splitter.sdp.merge import centre_answer
from splitter.sdp.model import Origin, Session
from splitter.sdp.offer_answer import check_answer


def goes_on(call: Call, offer: Session, index: int, wish: str) -> bool:
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


def answer_newcomer(call: Call, leg: Leg, offer: Session, said: Session) -> Session:
    """Our answer, out of what the caller said last: the codecs that it was told to use, and no others.

    Raises:
        PeerError: status 488 if none of them was offered.
    """
    index = call.talk.lines.audio
    lines = list(said.media)
    lines[index] = narrowed(lines[index], call.caller.terms.ours.media[index].formats)
    source = replace(said, media=tuple(lines))
    answer = centre_answer(offer, source, call.talk.lines, call.audio.local(CENTRE), origin_of(call, leg))
    check_answer(offer, answer)
    return answer


def withdraw_newcomer(call: Call) -> None:
    """Answer a leg that cancelled before it could take the centre's place: another one may try."""
    if (newcomer := call.pending.newcomer) is not None:
        newcomer.refuse(487)
        call.pending.newcomer = None
        for aside in [aside for aside in call.pending.put_aside if aside.leg == newcomer.key]:
            call.pending.put_aside.remove(aside)


def origin_of(call: Call, leg: Leg) -> Origin:
    """The o= line of a new session on this leg."""
    return call.origin(leg.flow.network, leg.flow.transport)
