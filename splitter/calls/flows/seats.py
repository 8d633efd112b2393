"""A seat joins a call by SIP with a video-only INVITE, and leaves again. The call does not depend on it.

It may speak plain RTP, or WebRTC (RFC 7118: a soft client in a browser, over WebSocket). Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Desk
from splitter.calls.events import SeatArrived, SeatPlaced, SeatRestarted
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.belonging import give_to, rank_newcomer
from splitter.calls.flows.consent import forget_ringing, may_enter, ring_seat
from splitter.calls.flows.streams import forget_streams
from splitter.calls.leg_events import AckMissing, Cancelled, Ended, Offered
from splitter.calls.parties import MAX_PARTIES, Party
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.talk.commands import (
    AcceptInvite,
    Count,
    Counted,
    DeclineOffer,
    MakeOrigin,
    Notify,
    RefuseInvite,
    SendBye,
    SetAlarm,
    Steps,
    StopAlarm,
    Tell,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import LiftCover, PlaceSeat, RemoveParticipant, RestartSeat, SettleVideo
from splitter.calls.video_lines import answer_to_party, offers_webrtc
from splitter.core.errors import PeerError
from splitter.sdp import webrtc
from splitter.sdp.merge import in_sequence
from splitter.sdp.model import Session


def join_seat(call: LiveCall, event: SeatArrived) -> Steps[None]:
    """Answer a seat and show it the caller; the caller sees the seat from its first key frame on.

    Where the call is another desk's, that one is asked first.
    """
    leg, offer = call.leg_of(event), webrtc.resolved(event.session)
    if not may_enter(call, event.extension, event.by_rule):
        yield from ring_seat(call, event)
        return
    if call.talk.parties.full(PartyKind.SIP) or len(call.pending.arriving) >= MAX_PARTIES:
        yield RefuseInvite(leg.key, 486, "as many as can be are in the call")
        return
    party = Party(leg.name, PartyKind.SIP, Desk("", event.extension))
    try:
        secure = offers_webrtc(offer)
        if secure:
            index, _ = webrtc.choose_secure(offer)
            party.remote = webrtc.read_secure(offer, index)
    except PeerError as error:
        yield RefuseInvite(leg.key, error.status, error.reason)
        return
    call.pending.arriving.append(leg.key)
    rank_newcomer(call, leg.name, party.kind, party.desk)
    origin = yield from MakeOrigin(leg.flow.network, leg.flow.transport)
    yield PlaceSeat(leg.key, party, offer, origin)


def on_seat_placed(call: LiveCall, event: SeatPlaced) -> Steps[None]:
    """Answer a seat that has its place in the room, or could not have one."""
    leg, party, offer, answer = call.leg_of(event), event.party, event.offer, event.answer
    if isinstance(answer, PeerError):
        yield from _turn_away(call, leg, answer.status, answer.reason)
        return
    waits = leg.key in call.pending.arriving
    if not waits or not (yield from AcceptInvite(leg.key, answer)):
        yield from _turn_away(call, leg, 487, "")
        return
    call.pending.arriving.remove(leg.key)
    leg.terms.note_remote(offer)
    yield from admit_party(call, party)
    call.talk.seats.append(leg.name)
    call.talk.legs[leg.name] = leg.record
    party.placed = True
    if party.remote is None:
        party.state, party.met = PartyState.CONNECTED, True
    else:
        window = Alarm(AlarmKind.REJOIN, party.name)
        yield SetAlarm(call.settings.rejoin_window_s, window)  # until its transport stands
    if not call.talk.extension and party.desk.extension:
        yield from give_to(call, party.desk.extension, "client")
    yield Notify("party-joined", f"{party.desk.extension or leg.trunk.name} joined as {leg.name}", leg.name)
    yield Tell()


def _turn_away(call: LiveCall, leg: LegFacts, status: int, reason: str) -> Steps[None]:
    if leg.key in call.pending.arriving:
        call.pending.arriving.remove(leg.key)
    yield RefuseInvite(leg.key, status, reason, [("Retry-After", "5")] if status == 503 else [])
    call.talk.room.forget_rank(leg.name)
    yield RemoveParticipant(leg.name)


def admit_party(call: LiveCall, party: Party) -> Steps[None]:
    """A party is in the call, in the place of one that had its name."""
    if call.talk.parties.get(party.name) is None:
        yield Count(Counted.SEATS_JOINED)
    call.talk.parties.admit(party)


def release_party(call: LiveCall, name: str) -> Steps[None]:
    """A party left; the leg of a SIP seat stays in the call's record."""
    if party := call.talk.parties.remove(name):
        yield StopAlarm(Alarm(AlarmKind.REJOIN, party.name))
        yield Count(Counted.SEATS_JOINED, by=-1)
    if name in call.talk.seats:
        leg = call.seats[name]
        call.talk.legs.pop(name, None)
        call.talk.seats.remove(name)
        call.talk.remember(leg.record)


def leave_call(call: LiveCall, leg: LegFacts, why: str) -> Steps[None]:
    """A seat is gone; the slate is back, the call goes on."""
    yield from forget_party(call, leg.name)
    yield Notify("party-left", f"{leg.name} left: {why}", leg.name)
    yield Tell()


def forget_party(call: LiveCall, name: str) -> Steps[None]:
    """A party's place is free; who watched it sees the slate."""
    if party := call.talk.parties.get(name):
        yield from uncover_viewers(call, party)
    yield from release_party(call, name)
    call.talk.room.forget_rank(name)
    choices = call.talk.room.choices
    choices.pop(name, None)
    forget_streams(call, name)
    if name in call.talk.room.speakers:
        call.talk.room.speakers.remove(name)
    for viewer in [viewer for viewer, source in choices.items() if source == name]:
        del choices[viewer]
    yield RemoveParticipant(name)
    yield from forget_location(call)


def forget_location(call: LiveCall) -> Steps[None]:
    """Whoever has said where it is has left: what was agreed to ends with that."""
    talk = call.talk
    if talk.aside.location is not None and not any(one.kind is PartyKind.GUEST for one in talk.parties.all()):
        talk.aside.location = None
        yield Notify("location-ended", "the caller's browser has left, and no longer says where it is")


def uncover_viewers(call: LiveCall, party: Party) -> Steps[None]:
    """Take back the slate that a desk chose, such as for a camera that was off: it has left, or comes anew.

    The page that chose it may be gone, and then nobody else would.
    """
    room = call.talk.room
    for viewer in [viewer for viewer, by in room.covers.items() if by and by == party.desk.by]:
        del room.covers[viewer]
        room.choices.pop(viewer, None)
        yield LiftCover(viewer)


def on_seat(call: LiveCall, event: Ended | AckMissing | Offered | Cancelled) -> Steps[None]:
    """What a seat does by itself, in any state of the call."""
    leg = call.leg_of(event)
    match event:
        case Cancelled():
            if leg.key in call.pending.arriving:
                yield from forget_ringing(call, leg.name)
                yield from _turn_away(call, leg, 487, "")
        case Ended():
            yield from leave_call(call, leg, "it hung up")
        case AckMissing():
            yield SendBye(leg.key)
            yield from leave_call(call, leg, "it never acknowledged our answer")
        case Offered():
            yield from _reoffered(call, event)


def _reoffered(call: LiveCall, event: Offered) -> Steps[None]:
    """A seat's re-INVITE concerns nobody else: it is answered here."""
    leg, party = call.leg_of(event), call.talk.parties.get(call.leg_of(event).name)
    if party is None:
        yield DeclineOffer(leg.key, event.txn, 481, "it is not in the call any more")
        return
    if event.session is None:
        yield from answer_offer(leg, event, in_sequence(leg.terms.latest, leg.terms.ours))
        return
    event = yield from whole_offer(leg, event)
    offer, before = webrtc.resolved(event.offer), party.remote
    try:
        if before is not None:
            index, _ = webrtc.choose_secure(offer)
            remote = webrtc.read_secure(offer, index)
            if remote.fingerprints != before.fingerprints:
                raise PeerError("a new DTLS association (RFC 8842 §5.5) needs a new call", 488)
            if (remote.ufrag, remote.password) != (before.ufrag, before.password):
                if not call.talk.parties.may_open(party.kind, call.now):
                    raise PeerError("ICE is restarted too often", 500)
                yield RestartSeat(leg.name, event, offer, party, remote)
                return
        yield from _answer(call, event, offer)
    except PeerError as error:
        yield DeclineOffer(leg.key, event.txn, error.status, error.reason)


def on_seat_restarted(call: LiveCall, event: SeatRestarted) -> Steps[None]:
    """Answer the re-INVITE that asked for an ICE restart."""
    offered = event.offered
    if not event.ok:
        yield DeclineOffer(offered.leg, offered.txn, 500, "no ICE restart: the media are not there")
        return
    event.party.remote = event.remote
    try:
        yield from _answer(call, offered, event.offer)
    except PeerError as error:
        yield DeclineOffer(offered.leg, offered.txn, error.status, error.reason)


def _answer(call: LiveCall, event: Offered, offer: Session) -> Steps[None]:
    leg = call.leg_of(event)
    room, bitrate_kbps = call.talk.room, call.settings.bitrate_kbps
    answer, index = answer_to_party(room, leg.name, offer, leg.terms.ours.origin, bitrate_kbps)
    answer = in_sequence(leg.terms.latest, answer)
    if (yield from answer_offer(leg, event, answer)):
        leg.terms.note_remote(offer)
        yield SettleVideo(leg.name, offer, answer, index)
