"""A seat joins a call by SIP with a video-only INVITE, and leaves again. The call does not depend on it."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.call import Call
from splitter.calls.events import AckMissing, Ended, Offered, SeatArrived
from splitter.calls.legs.leg import Leg
from splitter.core.errors import PeerError
from splitter.sdp.merge import in_sequence
from splitter.sdp.model import Connection, Origin, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.video import choose_video, refuse, video_fault


async def join(call: Call, event: SeatArrived) -> None:
    """Answer a seat and show it the caller; the caller sees the seat from its first key frame on."""
    leg = event.leg
    await call.video.ready()
    if not await call.video.add(leg.name, leg.flow.network):
        leg.refuse(503, "no media resources for video", [("Retry-After", "5")])
        return
    if leg.cancelled:
        await call.video.remove(leg.name)
        leg.refuse(487)
        return
    try:
        answer, index = video_answer(call, leg, event.session, call.origin(leg.flow.network, leg.flow.transport))
    except PeerError as error:
        await call.video.remove(leg.name)
        leg.refuse(error.status, error.reason)
        return
    leg.remote = event.session
    leg.accept(answer)
    call.admit_seat(leg)
    await call.video.take(leg.name, event.session, answer, index)
    call.note(f"{leg.request.from_.user or leg.trunk.name} joined as {leg.name}", leg.name)
    call.services.changed(call.view())


async def leave(call: Call, leg: Leg, why: str) -> None:
    """A seat is gone; the slate is back, the call goes on."""
    await call.video.remove(leg.name)
    call.retire_seat(leg.name)
    call.note(f"{leg.name} left: {why}", leg.name)
    call.services.changed(call.view())


async def on_seat(call: Call, event: Ended | AckMissing | Offered) -> None:
    """What a seat does by itself, in any state of the call."""
    leg = event.leg
    match event:
        case Ended():
            await leave(call, leg, "it hung up")
        case AckMissing():
            leg.bye()
            await leave(call, leg, "it never acknowledged our answer")
        case Offered():
            await reoffered(call, event)


async def reoffered(call: Call, event: Offered) -> None:
    """A seat's re-INVITE concerns nobody else: it is answered here."""
    leg = event.leg
    assert leg.local is not None and leg.sent is not None
    if event.session is None:
        leg.answer(event.txn, in_sequence(leg.sent, leg.local))
        return
    try:
        answer, index = video_answer(call, leg, event.session, leg.local.origin)
    except PeerError as error:
        leg.decline(event.txn, error.status, error.reason)
        return
    answer = in_sequence(leg.sent, answer)
    if leg.answer(event.txn, answer):
        leg.remote = event.session
        await call.video.take(leg.name, event.session, answer, index)


def video_answer(call: Call, leg: Leg, offer: Session, origin: Origin) -> tuple[Session, int]:
    """Answer the first usable m=video of a seat; every other line is refused.

    Raises:
        PeerError: status 488 if there is none.
    """
    for index, media in enumerate(offer.media):
        if media.kind == "video" and (wanted := choose_video(media, offer.attributes)):
            line = call.video.answer(leg.name, offer, index, wanted)
            if line is not None:
                lines = [refuse(other) for other in offer.media]
                lines[index] = line
                host = line.connection.address if line.connection else origin.address
                answer = Session(origin=origin, connection=Connection.to(host), media=tuple(lines))
                answer = replace(answer, times=tuple(t for t in offer.times if t.startswith("t=")) or answer.times)
                check_answer(offer, answer)
                return answer, index
    faults = [video_fault(media) for media in offer.media if media.kind == "video"]
    raise PeerError(faults[0] if faults else "a seat's INVITE must offer video", 488)


def video_index(session: Session | None) -> int | None:
    """The index of the video line in use."""
    for index, media in enumerate(session.media if session else ()):
        if media.kind == "video" and media.port:
            return index
    return None
