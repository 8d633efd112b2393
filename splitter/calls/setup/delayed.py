"""Delayed offers (RFC 3261 §13.2.1): an INVITE without SDP, whose 2xx makes the offer and whose ACK answers it.

a caller without an offer   the centre is called without one as well; its offer and our video go to the caller in our
                            200, and the caller's ACK answers both
a centre that must offer    `delayed_offer` of its trunk: the caller's offer waits here, and answers it in our ACK
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.events import AckMissing, Acknowledged, Cancelled, Ended, HangupAsked, Offered
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.legs.port import DialledLeg
from splitter.calls.talk.media_commands import SettleVideo
from splitter.calls.talk.voice import CALLER, CENTRE, SIDES
from splitter.core.errors import PeerError
from splitter.sdp.align import without_foreign_video
from splitter.sdp.merge import caller_offer, centre_answer
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer
from splitter.sdp.split import Plan, audio_line, plan
from splitter.sdp.upgrade import without_refused
from splitter.sdp.video import offer_video


def answer_centre(call: Call, leg: DialledLeg, centre_sdp: Session, offer: Session) -> None:
    """Answer the offer in the centre's 2xx with what the caller offered.

    Raises:
        PeerError: status 488 if they have no codec in common.
    """
    origin = call.origin(leg.flow.network, leg.flow.transport)
    answer = centre_answer(centre_sdp, offer, call.talk.lines, call.audio.local(CENTRE), origin)
    check_answer(centre_sdp, answer)
    leg.acknowledge(answer)


async def offer_to_caller(call: Call, leg: DialledLeg, centre_sdp: Session, branch: str) -> Session | None:
    """Answer a caller that made no offer, with the centre's offer and our video; the centre gets the caller's answer.

    Returns: the caller's answer; None where the call is over, and concluded.
    Raises:
        PeerError: the centre's offer, or the caller's answer, cannot be used.
    """
    call.caller.accept(await _offer(call, centre_sdp), branch)
    session = await _answer(call, leg)
    if session is None:
        return None
    if (kept := without_foreign_video(call.caller.terms.ours, session)) is not session:
        call.live.owe(call.caller)  # is told that its picture is off
        session = kept
    check_peer_answer(call.caller.terms.ours, session)
    call.talk.plan = plan(session, ours=call.audio.local(CALLER).host)
    answer_centre(call, leg, centre_sdp, session)
    leg.terms.note_remote(centre_sdp)
    call.caller.terms.local = without_refused(call.caller.terms.ours, session)
    call.caller.terms.note_remote(session)
    call.audio.point(CALLER, session, call.talk.plan.audio, call.live.sources(SIDES[CALLER]))
    call.audio.point(CENTRE, centre_sdp, audio_line(centre_sdp), call.live.sources(SIDES[CENTRE]))
    carry_out(call, SettleVideo("caller", session, call.caller.terms.ours, call.talk.plan.video))
    return session


async def _offer(call: Call, centre_sdp: Session) -> Session:
    """The centre's audio and, if there is a room, our video."""
    flow = call.caller.flow
    origin = call.origin(flow.network, flow.transport)
    call.video.prepare(flow.network)
    here = call.talk.room.ours("caller") if await call.video.ready() else None
    alone = replace(centre_sdp, origin=origin, media=(centre_sdp.media[audio_line(centre_sdp)],))
    video = offer_video(None, here) if here is not None else None
    return caller_offer(alone, Plan(audio=0), alone, call.audio.local(CALLER), origin, video)


async def _answer(call: Call, leg: DialledLeg) -> Session | None:
    """Wait for the caller's ACK; None where somebody hangs up first."""
    while True:
        event = await call.next()
        match event:
            case Acknowledged() if event.leg == call.caller.key:
                if event.session is None:
                    raise PeerError(f"the caller's ACK has no answer: {event.fault or 'it is empty'}", 488)
                return event.session
            case Offered() if event.leg == call.pending.newcomer:
                call.pending.put_aside.append(event)
            case Offered() if call.by_key(event.leg) in (call.caller, leg):
                call.by_key(event.leg).decline(event.txn, 491)  # an offer is open towards both
            case Ended() | AckMissing() | Cancelled() if call.by_key(event.leg) in (call.caller, leg):
                call.live.conclude(f"the {call.by_key(event.leg).name} hung up before the session stood", 487)
                return None
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case HangupAsked():
                call.live.conclude(event.reason, 480)
                return None
            case _:
                carry_out(call, meanwhile(call.live, event))
