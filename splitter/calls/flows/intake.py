"""A call comes in: its INVITE is judged, and the voice gets its ports."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitter.calls.audio import CALLER, Audio
from splitter.calls.call import Call
from splitter.calls.messages import headers_of, refuse_unknown_bodies, session_of
from splitter.calls.routing import called_of, routable
from splitter.calls.settings import Trunk
from splitter.core.errors import MediaError, MediaUnavailable, PeerError
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
        call.called_number = called_of(caller.request.uri)
        if caller.request.max_forwards <= 0:
            raise PeerError("Max-Forwards is used up", 483)
        refuse_unknown_bodies(caller.request)
        offer = session_of(caller.request)
        destinations = [d for d in call.services.routing.destinations(call.called_number) if routable(d[0])]
        if not destinations:
            raise PeerError(f"no route for {call.called_number[:40]!r}", 404)
        networks = (caller.flow.network, destinations[0][0].network)
        call.audio = Audio(call.services.engine, call.call_id, networks, call.post)
        await call.audio.open()
        call.plan = _planned(call, offer) if offer is not None else None
        call.note(f"{call.caller_number} calls {call.called_number}: {_wish(call.plan)}", "caller")
    except PeerError as error:
        _turn_away(call, error)
        return None
    except MediaError as error:
        pause_s = error.retry_after_s if isinstance(error, MediaUnavailable) else 5
        call.note(f"no media for the voice: {error}", kind="alarm")
        call.conclude(f"no media for the voice: {error}", 503)
        caller.refuse(503, "no media resources", [("Retry-After", str(pause_s))])
        return None
    if call.plan is not None and call.plan.video is not None:
        call.video.prepare(caller.flow.network)
    return Intake(offer, destinations)


def _planned(call: Call, offer: Session) -> Plan:
    """What of the offer is used; under load without its video."""
    assert call.audio is not None
    chosen = plan(offer, ours=call.audio.local(CALLER).host)
    if chosen.video is None or not (fault := call.services.admission.video_fault()):
        return chosen
    metrics.VIDEO_REFUSED.inc()
    return replace(chosen, video=None, video_format=None, video_fault=fault)


def _turn_away(call: Call, error: PeerError) -> None:
    call.note(f"refused with {error.status}: {error.reason}", "caller")
    call.conclude(error.reason, error.status)
    call.caller.refuse(error.status, error.reason, headers_of(error))


def _wish(chosen: Plan | None) -> str:
    if chosen is None:
        return "without an offer"
    if chosen.video is not None:
        return "audio and video"
    return f"audio; {chosen.video_fault}" if chosen.video_fault else "audio alone"
