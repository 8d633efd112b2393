"""A seat joins a call by SIP with a video-only INVITE, and leaves again. The call does not depend on it.

It may speak plain RTP, or WebRTC (RFC 7118: a soft client in a browser, over WebSocket).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Desk
from splitter.calls.call import Call
from splitter.calls.events import (
    AckMissing,
    Cancelled,
    Ended,
    Offered,
    SeatArrived,
    SeatPlaced,
    SeatRestarted,
)
from splitter.calls.flows.consent import forget_ringing, is_anothers, may_enter, ring
from splitter.calls.jobs import FAULT
from splitter.calls.legs.port import ArrivedLeg, Leg
from splitter.calls.parties import MAX_PARTIES, Party
from splitter.calls.states import PartyKind, PartyState
from splitter.core.errors import MediaError, PeerError
from splitter.sdp import webrtc
from splitter.sdp.merge import in_sequence
from splitter.sdp.model import Connection, Origin, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.video import choose_video, refuse, video_fault


def join(call: Call, event: SeatArrived) -> None:
    """Answer a seat and show it the caller; the caller sees the seat from its first key frame on.

    Where the call is another desk's, that one is asked first.
    """
    leg, offer = call.incoming_of(event), webrtc.resolved(event.session)
    if not may_enter(call, event.extension, event.by_rule):
        ring(call, event)
        return
    if call.talk.parties.full(PartyKind.SIP) or len(call.pending.arriving) >= MAX_PARTIES:
        leg.refuse(486, "as many as can be are in the call")
        return
    party = Party(leg.name, PartyKind.SIP, Desk("", event.extension))
    try:
        secure = offers_webrtc(offer)
        if secure:
            index, _ = webrtc.choose_secure(offer)
            party.remote = webrtc.read_secure(offer, index)
    except PeerError as error:
        leg.refuse(error.status, error.reason)
        return
    call.pending.arriving[leg.name] = leg
    if is_anothers(call, event.extension):
        call.talk.room.aside.add(leg.name)
    origin = call.origin(leg.flow.network, leg.flow.transport)
    failed = SeatPlaced(leg.key, party, offer, PeerError(FAULT, 500))
    call.jobs.start(leg.name, partial(_place, call, leg, party, offer, origin), failed)


async def _place(call: Call, leg: ArrivedLeg, party: Party, offer: Session, origin: Origin) -> SeatPlaced:
    """Give it its place in the room, with what its offer and our answer say."""
    await call.video.ready()
    if not await call.video.add(leg.name, leg.flow.network, secure=party.remote is not None):
        return SeatPlaced(leg.key, party, offer, PeerError("no media resources for video", 503))
    try:
        answer, index = video_answer(call, leg.name, offer, origin)
    except PeerError as error:
        return SeatPlaced(leg.key, party, offer, error)
    await call.video.take(leg.name, offer, answer, index, leg.trunk.sources)
    return SeatPlaced(leg.key, party, offer, answer)


def on_seat_placed(call: Call, event: SeatPlaced) -> None:
    """Answer a seat that has its place in the room, or could not have one."""
    leg, party, offer, answer = call.incoming_of(event), event.party, event.offer, event.answer
    if isinstance(answer, PeerError):
        _turn_away(call, leg, answer.status, answer.reason)
        return
    if call.pending.arriving.pop(leg.name, None) is None or leg.cancelled:
        _turn_away(call, leg, 487, "")
        return
    leg.terms.note_remote(offer)
    leg.accept(answer)
    call.admit(party, leg)
    party.placed = True
    if party.remote is None:
        party.state, party.met = PartyState.CONNECTED, True
    else:
        window = Alarm(AlarmKind.REJOIN, party.name)
        call.after(call.services.settings.rejoin_window_s, window)  # until its transport stands
    if not call.talk.extension and party.desk.extension:
        call.bind(party.desk.extension, "client")
    call.notice("party-joined", f"{party.desk.extension or leg.trunk.name} joined as {leg.name}", leg.name)
    call.tell()


def _turn_away(call: Call, leg: ArrivedLeg, status: int, reason: str) -> None:
    call.pending.arriving.pop(leg.name, None)
    leg.refuse(status, reason, [("Retry-After", "5")] if status == 503 else [])
    call.talk.room.aside.discard(leg.name)
    call.jobs.start(leg.name, partial(call.video.remove, leg.name))


def leave(call: Call, leg: Leg, why: str) -> None:
    """A seat is gone; the slate is back, the call goes on."""
    forget(call, leg.name)
    call.notice("party-left", f"{leg.name} left: {why}", leg.name)
    call.tell()


def forget(call: Call, name: str) -> None:
    """A party's place is free; who watched it sees the slate."""
    if party := call.talk.parties.get(name):
        uncover(call, party)
    call.dismiss(name)
    call.talk.room.aside.discard(name)
    choices = call.talk.room.choices
    choices.pop(name, None)
    for viewer in [viewer for viewer, source in choices.items() if source == name]:
        del choices[viewer]
    call.jobs.start(name, partial(call.video.remove, name))


def uncover(call: Call, party: Party) -> None:
    """Take back the slate that a desk chose, such as for a camera that was off: it has left, or comes anew.

    The page that chose it may be gone, and then nobody else would.
    """
    room = call.talk.room
    for viewer in [viewer for viewer, by in room.covers.items() if by and by == party.desk.by]:
        del room.covers[viewer]
        room.choices.pop(viewer, None)
        call.jobs.start("display", partial(_lift, call, viewer))


async def _lift(call: Call, viewer: str) -> None:
    try:
        await call.video.show(viewer, "")
    except MediaError as error:
        call.note(f"the slate could not be taken back: {error}", viewer, "media")


def on_seat(call: Call, event: Ended | AckMissing | Offered | Cancelled) -> None:
    """What a seat does by itself, in any state of the call."""
    leg = call.leg_of(event)
    match event:
        case Cancelled():
            if arriving := call.pending.arriving.get(leg.name):
                forget_ringing(call, leg.name)
                _turn_away(call, arriving, 487, "")
        case Ended():
            leave(call, leg, "it hung up")
        case AckMissing():
            leg.bye()
            leave(call, leg, "it never acknowledged our answer")
        case Offered():
            _reoffered(call, event)


def _reoffered(call: Call, event: Offered) -> None:
    """A seat's re-INVITE concerns nobody else: it is answered here."""
    leg, party = call.leg_of(event), call.talk.parties.get(call.leg_of(event).name)
    if party is None:
        leg.decline(event.txn, 481, "it is not in the call any more")
        return
    if event.session is None:
        leg.answer(event.txn, in_sequence(leg.terms.latest, leg.terms.ours))
        return
    offer, before = webrtc.resolved(event.session), party.remote
    try:
        if before is not None:
            index, _ = webrtc.choose_secure(offer)
            remote = webrtc.read_secure(offer, index)
            if remote.fingerprints != before.fingerprints:
                raise PeerError("a new DTLS association (RFC 8842 §5.5) needs a new call", 488)
            if (remote.ufrag, remote.password) != (before.ufrag, before.password):
                if not call.talk.parties.may_open(party.kind, call.services.clock.now()):
                    raise PeerError("ICE is restarted too often", 500)
                failed = SeatRestarted(event, offer, party, remote, ok=False)
                call.jobs.start(leg.name, partial(_restart, call, event, offer, party, remote), failed)
                return
        _answer(call, event, offer)
    except PeerError as error:
        leg.decline(event.txn, error.status, error.reason)


async def _restart(
    call: Call, event: Offered, offer: Session, party: Party, remote: webrtc.SecureRemote
) -> SeatRestarted:
    """An ICE restart by re-INVITE (RFC 8839 §4.4.1.1.1)."""
    local = await call.video.restart_ice(call.leg_of(event).name)
    return SeatRestarted(event, offer, party, remote, local is not None)


def on_seat_restarted(call: Call, event: SeatRestarted) -> None:
    """Answer the re-INVITE that asked for an ICE restart."""
    offered = event.offered
    if not event.ok:
        call.leg_of(offered).decline(offered.txn, 500, "no ICE restart: the media are not there")
        return
    event.party.remote = event.remote
    try:
        _answer(call, offered, event.offer)
    except PeerError as error:
        call.leg_of(offered).decline(offered.txn, error.status, error.reason)


def _answer(call: Call, event: Offered, offer: Session) -> None:
    leg = call.leg_of(event)
    answer, index = video_answer(call, leg.name, offer, leg.terms.ours.origin)
    answer = in_sequence(leg.terms.latest, answer)
    if leg.answer(event.txn, answer):
        leg.terms.note_remote(offer)
        call.settle_video(leg.name, offer, answer, index)


def offers_webrtc(offer: Session) -> bool:
    """True if a seat's video is WebRTC's; one that can do both gets plain RTP.

    Raises:
        PeerError: status 488 if nothing can be used.
    """
    lines = [media for media in offer.media if media.kind == "video"]
    if any(choose_video(media, offer.attributes) for media in lines):
        return False
    if any(webrtc.is_secure(offer, media) for media in lines):
        return True
    raise PeerError(video_fault(lines[0]) if lines else "a seat's INVITE must offer video", 488)


def video_answer(call: Call, name: str, offer: Session, origin: Origin) -> tuple[Session, int]:
    """Answer the usable m=video of a party that has its place in the room; every other line is refused.

    Raises:
        PeerError: status 488 if there is none.
    """
    if name in call.video.secure_members:
        index, wanted = webrtc.choose_secure(offer)
        if (line := call.video.answer(name, offer, index, wanted)) is not None:
            answer = webrtc.answer(offer, index, line, origin)
            check_answer(offer, answer)
            return answer, index
    return _plain_answer(call, name, offer, origin)


def _plain_answer(call: Call, name: str, offer: Session, origin: Origin) -> tuple[Session, int]:
    for index, media in enumerate(offer.media):
        if media.kind == "video" and (wanted := choose_video(media, offer.attributes)):
            line = call.video.answer(name, offer, index, wanted)
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
    """The index of the video line in use: one that is only there (a=inactive) counts where there is no other."""
    media = session.media if session else ()
    found = [index for index, one in enumerate(media) if one.kind == "video" and one.port]
    active = (index for index in found if session and session.direction_of(index) != "inactive")
    return next(active, found[0] if found else None)
