"""A call comes in: its INVITE is judged, and the voice gets its ports."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.events import HangupAsked, VoiceOpened, VoiceUnavailable
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.leg_events import Cancelled, Offered
from splitter.calls.peers.messages import headers_of
from splitter.calls.routing import routable
from splitter.calls.settings import Srtp, Trunk
from splitter.calls.states import Direction
from splitter.core.errors import PeerError
from splitter.core.frozen import frozen
from splitter.sdp.model import Session
from splitter.sdp.split import Plan, plan
from splitter.telemetry import metrics


@frozen
class Intake:
    """What the INVITE asks for.

    Attributes:
        offer: of whoever called; None where it leaves that to us.
        plan: which of its m-lines are used.
        destinations: trunk and number of each route, in order.
    """

    offer: Session | None
    plan: Plan | None
    destinations: list[tuple[Trunk, str]]


async def take_in(call: Call) -> Intake | None:
    """Judge the INVITE and get the ports; None where it was refused."""
    arrived, talk = call.arrived, call.talk
    try:
        talk.called_number = arrived.called
        if talk.direction is Direction.OUT:  # its agent may be named by the INVITE itself
            arrived.ask_line({"", talk.called_number, talk.identity.number})
        if talk.identity.hops_left <= 0:
            raise PeerError("Max-Forwards is used up", 483)
        offer = arrived.first_offer()
        found = call.services.routing.destinations(talk.called_number, arrived.trunk.role)
        destinations = [(trunk, number) for trunk, number in found if routable(trunk)]
        if not destinations:
            raise PeerError(f"no route for {talk.called_number[:40]!r}", 404)
        trunks = (arrived.trunk, *(trunk for trunk, _ in destinations))
        talk.voice.encrypted = any(trunk.srtp is not Srtp.NONE for trunk in trunks)
        call.audio.open(call.legs.networks(destinations[0][0]))
        if not await has_ports(call):
            return None
        chosen = _planned(call, offer) if offer is not None else None
        call.note(f"{talk.identity.number} calls {talk.called_number}: {_wish(chosen)}", arrived.name)
    except PeerError as error:
        _turn_away(call, error)
        return None
    talk.plan = chosen
    if talk.direction is Direction.OUT:
        talk.plan = Plan(audio=0)  # of the caller, who is offered one line
    elif chosen is not None and chosen.video is not None:
        call.video.prepare(arrived.flow.network)
    return Intake(offer, chosen, destinations)


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
                call.arrived.refuse(503, "no media resources", [("Retry-After", pause_s)])
                return False
            case Cancelled() if event.leg == call.arrived.key:
                call.arrived.refuse(487)
                call.live.conclude(f"the {call.arrived.name} hung up before the answer", 487)
                return False
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case HangupAsked():
                call.arrived.refuse(480, event.reason)
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
    """The lines of an offer that are used: a caller's, under load without the video, or the voice of the centre's."""
    chosen = plan(offer, ours=call.audio.local(call.talk.near).host)
    if call.talk.direction is Direction.OUT:
        return Plan(audio=chosen.audio)
    if chosen.video is None or not (fault := call.services.admission.video_fault()):
        return chosen
    metrics.calls.VIDEO_REFUSED.inc()
    return replace(chosen, video=None, video_format=None, video_fault=fault)


def _turn_away(call: Call, error: PeerError) -> None:
    call.note(f"refused with {error.status}: {error.reason}", call.arrived.name)
    call.live.conclude(error.reason, error.status)
    call.arrived.refuse(error.status, error.reason, headers_of(error))


def _wish(chosen: Plan | None) -> str:
    if chosen is None:
        return "without an offer"
    if chosen.video is not None:
        return "audio and video"
    return f"audio; {chosen.video_fault}" if chosen.video_fault else "audio alone"
