"""A call comes in: its INVITE is judged, and the voice gets its ports."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.events import Cancelled, HangupAsked, Offered, VoiceOpened, VoiceUnavailable
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.messages import headers_of
from splitter.calls.routing import routable
from splitter.calls.settings import Trunk
from splitter.calls.talk.voice import CALLER
from splitter.core.errors import PeerError
from splitter.sdp.model import Session
from splitter.sdp.split import Plan, plan
from splitter.telemetry import metrics


@dataclass(frozen=True, slots=True)
class Intake:
    """What the INVITE asks for.

    Attributes:
        offer: the caller's; None where it leaves that to us.
        destinations: trunk and number of each route, in order.
    """

    offer: Session | None
    destinations: list[tuple[Trunk, str]]


async def take_in(call: Call) -> Intake | None:
    """Judge the INVITE and get the ports; None where it was refused."""
    caller = call.caller
    try:
        call.talk.called_number = caller.called
        if call.talk.identity.hops_left <= 0:
            raise PeerError("Max-Forwards is used up", 483)
        offer = caller.first_offer()
        destinations = [d for d in call.services.routing.destinations(call.talk.called_number) if routable(d[0])]
        if not destinations:
            raise PeerError(f"no route for {call.talk.called_number[:40]!r}", 404)
        networks = (caller.flow.network, destinations[0][0].network)
        call.audio.open(networks)
        if not await has_ports(call):
            return None
        call.talk.plan = _planned(call, offer) if offer is not None else None
        call.note(f"{call.talk.identity.number} calls {call.talk.called_number}: {_wish(call.talk.plan)}", "caller")
    except PeerError as error:
        _turn_away(call, error)
        return None
    if call.talk.plan is not None and call.talk.plan.video is not None:
        call.video.prepare(caller.flow.network)
    return Intake(offer, destinations)


async def has_ports(call: Call) -> bool:
    """Wait for the relay that was asked for, before the centre is called; False where the call was ended instead."""
    late: list[Offered] = []
    while True:
        match event := await call.next():
            case VoiceOpened():
                if call.audio.adopt(event):
                    break
            case VoiceUnavailable() if call.talk.voice.note_unavailable(event.turn):
                pause_s = f"{event.retry_after_s:g}"
                call.note(f"no media for the voice: {event.reason}", kind="alarm")
                call.live.conclude(f"no media for the voice: {event.reason}", 503)
                call.caller.refuse(503, "no media resources", [("Retry-After", pause_s)])
                return False
            case Cancelled() if event.leg == call.caller.key:
                call.caller.refuse(487)
                call.live.conclude("the caller hung up before the answer", 487)
                return False
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case HangupAsked():
                call.caller.refuse(480, event.reason)
                call.live.conclude(event.reason, 480)
                return False
            case Offered():
                late.append(event)
            case _:
                carry_out(call, meanwhile(call.live, event))
    for event in late:
        call.post(event)
    return True


def _planned(call: Call, offer: Session) -> Plan:
    """What of the offer is used; under load without its video."""
    chosen = plan(offer, ours=call.audio.local(CALLER).host)
    if chosen.video is None or not (fault := call.services.admission.video_fault()):
        return chosen
    metrics.VIDEO_REFUSED.inc()
    return replace(chosen, video=None, video_format=None, video_fault=fault)


def _turn_away(call: Call, error: PeerError) -> None:
    call.note(f"refused with {error.status}: {error.reason}", "caller")
    call.live.conclude(error.reason, error.status)
    call.caller.refuse(error.status, error.reason, headers_of(error))


def _wish(chosen: Plan | None) -> str:
    if chosen is None:
        return "without an offer"
    if chosen.video is not None:
        return "audio and video"
    return f"audio; {chosen.video_fault}" if chosen.video_fault else "audio alone"
