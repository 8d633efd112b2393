"""Another leg of the centre takes the place of the present one (RFC 3891): what it is answered.

After an attended transfer inside the centre its second leg names the first in Replaces; the caller stays where it is.
Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.answers import answer_offer
from splitter.calls.flows.early import keeps_voice
from splitter.calls.leg_events import Offered
from splitter.calls.states import Side
from splitter.calls.talk.commands import (
    InstallNewcomer,
    MakeOrigin,
    Note,
    RefuseInvite,
    SendBye,
    Steps,
    Tell,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.sdp.carry import narrowed
from splitter.sdp.merge import centre_answer
from splitter.sdp.model import Origin, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import audio_line


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


def answer_newcomer(call: LiveCall, leg: LegFacts, offer: Session, said: Session, told: Session) -> Steps[Session]:
    """Our answer, out of what the caller said last: the codecs that it was told to use, and no others.

    Args:
        offer: the newcomer's. said: by the caller. told: what we said to the caller with it.
    Raises:
        PeerError: status 488 if none of them was offered.
    """
    index = call.talk.lines.audio
    lines = list(said.media)
    lines[index] = narrowed(lines[index], told.media[index].formats)
    source = replace(said, media=tuple(lines))
    origin = yield from origin_of(leg)
    answer = centre_answer(offer, source, call.talk.lines, call.talk.voice.ours(Side.CENTRE), origin)
    check_answer(offer, answer)
    return answer


def install(call: LiveCall, agreement: Agreement, event: Offered, ours: Session, offer: Session | None) -> Steps[bool]:
    """Answer the newcomer and let it take the place of the centre; False where it gave up meanwhile.

    Args:
        ours: our answer, or our offer where it has asked for one. offer: what it offered.
    """
    leg, exchange = call.leg_of(event), call.talk.exchange
    if not (yield from answer_offer(leg, event, ours)):
        return False
    before = call.legs[(yield from InstallNewcomer())]
    if before.terms.remote is not None:
        leg.terms.note_remote(before.terms.remote)
    exchange.wishes[leg.name] = offer.flow_of(audio_line(offer)) if offer else exchange.wishes[before.name]
    if before.name in exchange.owed:
        exchange.owed.remove(before.name)
    yield SendBye(before.key, [("Reason", 'SIP;cause=200;text="replaced"')])
    yield Note(f"{leg.name} takes the place of {before.name} (Replaces)", leg.name, "state")
    if offer is not None:
        yield from agreement.settle_centre(offer)
    yield Tell()
    return True


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
