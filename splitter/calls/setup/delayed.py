"""Delayed offers (RFC 3261 §13.2.1): an INVITE without SDP, whose 2xx makes the offer and whose ACK answers it.

a call without an offer     the far side is called without one as well; its offer goes to the near side in our 200, to
                            a caller with our video, and the ACK of the near side answers both
a centre that must offer    `delayed_offer` of its trunk: the offer of the near side waits here, and answers it in our
                            ACK
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.events import HangupAsked
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.leg_events import AckMissing, Acknowledged, Cancelled, Ended, Offered
from splitter.calls.legs.port import DialledLeg
from splitter.calls.states import Direction
from splitter.calls.talk.media_commands import SettleVideo
from splitter.core.errors import PeerError
from splitter.sdp.align import without_foreign_video
from splitter.sdp.merge import caller_offer, centre_answer
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer
from splitter.sdp.split import Plan, audio_line, check_audio, plan
from splitter.sdp.upgrade import without_refused
from splitter.sdp.video import offer_video


def answer_far_side(call: Call, leg: DialledLeg, said: Session, offer: Session, lines: Plan) -> None:
    """Answer the offer in the far side's 2xx with what the near one has offered.

    Args:
        said: that offer.
        lines: which m-lines of `offer` are used.
    Raises:
        PeerError: status 488 if they have no codec in common.
    """
    origin = call.origin(leg.flow.network, leg.flow.transport)
    answer = centre_answer(said, offer, lines, call.audio.local(call.talk.far), origin)
    check_answer(said, answer)
    leg.acknowledge(answer)
    leg.terms.note_answered(answer)


async def offer_to_near_side(call: Call, leg: DialledLeg, said: Session, branch: str) -> Session | None:
    """Answer a side that called without an offer, with that of the far one, which then gets its answer.

    Args:
        said: the offer of the far side.
    Returns: the answer of the near side; None where the call is over, and concluded.
    Raises:
        PeerError: the offer, or its answer, cannot be used.
    """
    near, talk = call.arrived, call.talk
    check_audio(said, audio_line(said), call.audio.local(talk.far).host)
    near.accept(await _offer(call, said), branch)
    session = await _answer(call, leg)
    if session is None:
        return None
    if (kept := without_foreign_video(near.terms.ours, session)) is not session:
        call.live.owe(near)  # is told that its picture is off
        session = kept
    check_peer_answer(near.terms.ours, session)
    lines = plan(session, ours=call.audio.local(call.talk.near).host)
    talk.plan = lines if talk.direction is Direction.IN else Plan(audio=audio_line(said))
    answer_far_side(call, leg, said, session, lines)
    leg.terms.note_remote(said)
    near.terms.local = without_refused(near.terms.ours, session)
    near.terms.note_remote(session)
    call.audio.point(call.talk.near, session, lines.audio, call.live.sources(call.talk.near))
    call.audio.point(call.talk.far, said, audio_line(said), call.live.sources(call.talk.far))
    if talk.direction is Direction.IN:
        carry_out(call, SettleVideo("caller", session, near.terms.ours, lines.video))
    return session


async def _offer(call: Call, said: Session) -> Session:
    """The far side's audio and, towards a caller, our video if there is a room."""
    flow = call.arrived.flow
    origin = call.origin(flow.network, flow.transport)
    alone = replace(said, origin=origin, media=(said.media[audio_line(said)],))
    return caller_offer(alone, Plan(audio=0), alone, call.audio.local(call.talk.near), origin, await _video(call))


async def _video(call: Call) -> Media | None:
    if call.talk.direction is Direction.OUT:
        return None
    call.video.prepare(call.arrived.flow.network)
    here = call.talk.room.ours("caller") if await call.video.ready() else None
    return offer_video(None, here) if here is not None else None


async def _answer(call: Call, leg: DialledLeg) -> Session | None:
    """Wait for the ACK of the near side; None where somebody hangs up first."""
    while True:
        event = await call.next()
        match event:
            case Acknowledged() if event.leg == call.arrived.key:
                if event.session is None:
                    fault = event.fault or "it is empty"
                    raise PeerError(f"the ACK of the {call.arrived.name} has no answer: {fault}", 488)
                return event.session
            case Offered() if event.leg == call.pending.newcomer:
                call.pending.put_aside.append(event)
            case Offered() if call.legs.by_key(event.leg) in (call.arrived, leg):
                call.legs.by_key(event.leg).decline(event.txn, 491)  # an offer is open towards both
            case Ended() | AckMissing() | Cancelled() if call.legs.by_key(event.leg) in (call.arrived, leg):
                call.live.conclude(f"the {call.legs.by_key(event.leg).name} hung up before the session stood", 487)
                return None
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case HangupAsked():
                call.live.conclude(event.reason, 480)
                return None
            case _:
                carry_out(call, meanwhile(call.live, event))
