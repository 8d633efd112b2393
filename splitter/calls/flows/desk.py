"""What desks ask of a call through the API: to join its room by WebRTC, to choose what is shown, to take a still.

In any state of the call, and beside it: nothing here holds up the voice, and what the media engine has to do comes back
as an event. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import (
    Admit,
    Admitted,
    Asked,
    AskIn,
    Bind,
    Denial,
    Desk,
    Dismiss,
    DropVideo,
    ForkCall,
    HandOver,
    InvitePhone,
    Join,
    LeaveOut,
    LeaveVoice,
    Locate,
    MuteVoice,
    RaiseVideo,
    Rate,
    ReadMessages,
    RecordCall,
    Remove,
    RemovePhone,
    Restart,
    SetPart,
    SetPhoneVideo,
    Show,
    TakeSnapshot,
    TellCamera,
    TellPhoto,
    WatchOthers,
    Write,
)
from splitter.calls.events import ClientPlaced, ClientRestarted, ShowFailed, ShownAsAsked, StillTaken
from splitter.calls.flows.belonging import give_to, rank_newcomer
from splitter.calls.flows.binding import bind_call
from splitter.calls.flows.consent import admit_desk, ask_in, dismiss_desk, hand_over, may_enter
from splitter.calls.flows.guests import note_consent, on_party_ask
from splitter.calls.flows.leaving_out import on_leave_out
from splitter.calls.flows.phone_video import tell_off
from splitter.calls.flows.phones import on_phone_ask
from splitter.calls.flows.recording import on_fork, on_record
from splitter.calls.flows.seats import admit_party, forget_party, join_seat, uncover_viewers
from splitter.calls.flows.streams import forget_streams, watch_others
from splitter.calls.parties import Party, limits_for
from splitter.calls.states import Lack, PartyKind, Side
from splitter.calls.talk.commands import (
    AnswerAsk,
    Count,
    Counted,
    DenyAsk,
    JudgeLoad,
    Log,
    Note,
    Notify,
    SendBye,
    SetAlarm,
    Steps,
    StopAlarm,
    Tell,
)
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PlaceClient, RestartClient, ShowAgain, ShowChoice, TakeStill
from splitter.calls.talk.room import MOSAIC, PICTURE, SLATE, SPEAKER
from splitter.core.errors import PeerError
from splitter.media.ports.mosaics import MOST
from splitter.media.ports.rooms import Snapshot
from splitter.sdp.model import Session
from splitter.sdp.webrtc import (
    MAX_CANDIDATES,
    SecureRemote,
    checked_credentials,
    choose_secure,
    read_secure,
    resolved,
    usable_candidates,
)

_LONGEST_EXTENSION = 64


def on_ask(call: LiveCall, asked: Asked) -> Steps[None]:
    """Do what is asked, or say why not: the border of one HTTP request. What goes wrong in it must not end the call."""
    try:
        yield from _begin(call, asked)
    except Denial as denial:
        yield from _deny(call, asked, denial)
    except Exception as error:
        yield Log("an ask failed", {"ask": type(asked.ask).__name__}, error)
        yield DenyAsk(asked, 500, "fault", "a fault in the gateway; see the log")


def _begin(call: LiveCall, asked: Asked) -> Steps[None]:
    match ask := asked.ask:
        case Join():
            yield from _join(call, asked, ask)
        case Restart():
            yield from _restart(call, asked, ask)
        case WatchOthers():
            yield from watch_others(call, asked, ask)
        case Remove():
            yield from _remove(call, asked, ask)
        case Show():
            yield from _show(call, asked, ask)
        case TakeSnapshot():
            yield from _take_snapshot(call, asked, ask)
        case Bind():
            yield from _bind(call, asked, ask)
        case HandOver():
            yield from hand_over(call, asked, ask)
        case AskIn():
            yield from ask_in(call, asked, ask)
        case Admit():
            yield from admit_desk(call, asked, ask, join_seat)
        case Dismiss():
            yield from dismiss_desk(call, asked, ask)
        case TellCamera() | Write() | ReadMessages() | Locate() | TellPhoto() | Rate():
            yield from on_party_ask(call, asked, ask)
        case InvitePhone() | RemovePhone() | MuteVoice() | SetPart() | SetPhoneVideo() | LeaveVoice():
            yield from on_phone_ask(call, asked, ask)
        case RecordCall():
            yield from on_record(call, asked, ask)
        case LeaveOut():
            yield from on_leave_out(call, asked, ask)
        case ForkCall():
            yield from on_fork(call, asked, ask)
        case RaiseVideo() | DropVideo():
            raise Denial(409, "not-connected", "the call is not answered yet")


def _deny(call: LiveCall, asked: Asked, denial: Denial) -> Steps[None]:
    if isinstance(asked.ask, Join):
        yield Count(Counted.WEBRTC_JOINS, denial.code)
        yield Log("a browser could not join", {"code": denial.code, "reason": str(denial)})
    yield DenyAsk(asked, denial.status, denial.code, str(denial))


# ---- joining -----------------------------------------------------------------------------------------------------


def _join(call: LiveCall, asked: Asked, ask: Join) -> Steps[None]:
    """A client that comes back takes its old place at once, whatever became of its old transport."""
    kind = PartyKind.of_desk(ask.desk.kind)
    if kind.is_desk and not may_enter(call, ask.desk.extension, ask.by_rule):
        raise Denial(403, "not-admitted", "the call is another desk's: ask to be let in")
    offer = resolved(ask.offer)
    try:
        index, _ = choose_secure(offer)
    except PeerError as error:
        raise Denial(406, "no-h264", error.reason) from None
    try:
        remote = read_secure(offer, index)
    except PeerError as error:
        raise Denial(422, "bad-offer", error.reason) from None
    before = call.talk.parties.of_client(ask.desk)
    if before is None:
        if fault := (yield from JudgeLoad()):
            raise Denial(503, "overload", fault)
        if call.talk.parties.full(kind):
            raise Denial(409, "full", "as many as can be are in the call")
    _count_transport(call, kind)
    if before is not None:
        yield StopAlarm(Alarm(AlarmKind.REJOIN, before.name))
    name = before.name if before else call.talk.parties.new_name(ask.desk.kind)
    hidden = kind is PartyKind.ONLOOKER and not call.settings.show_supervisors
    party = Party(name, kind, ask.desk, remote=remote, met=before is not None and before.met, hidden=hidden)
    forget_streams(call, name)
    if before is None:
        rank_newcomer(call, name, kind, ask.desk)
    yield from admit_party(call, party)
    yield from note_consent(call, name, ask)
    yield PlaceClient(asked, party, offer, ask.network)
    yield Tell()


def _count_transport(call: LiveCall, kind: PartyKind) -> None:
    if not call.talk.parties.may_open(kind, call.now):
        raise Denial(429, "too-many", "clients of this call join and leave too often; wait a few seconds")


def on_client_placed(call: LiveCall, event: ClientPlaced) -> Steps[None]:
    """Answer a client that has its place in the room, or could not have one."""
    if isinstance(event.answer, Denial):
        event.party.lack = event.answer.code if event.answer.code in tuple(Lack) else ""
        yield from _fail(call, event.asked, event.party, event.answer)
    else:
        yield from _admit(call, event.asked, event.party, event.answer)


def _admit(call: LiveCall, asked: Asked, party: Party, answer: Session) -> Steps[None]:
    if call.talk.parties.get(party.name) is not party:
        yield from _deny(call, asked, Denial(409, "replaced", "the same client has joined once more, or was removed"))
        return
    if asked.abandoned:
        yield from _fail(call, asked, party, Denial(504, "timeout", "nobody waits for it any more"))
        return
    party.placed, party.origin = True, answer.origin
    window = Alarm(AlarmKind.REJOIN, party.name)
    yield SetAlarm(call.settings.rejoin_window_s, window)  # until its transport stands
    limits = limits_for(call.talk.room.received_by(Side.CALLER), call.settings.bitrate_kbps)
    yield Note(f"{_who(party.desk)} joins as {party.name}", party.name)
    if not call.talk.extension and party.kind is PartyKind.WEBRTC and party.desk.extension:
        yield from give_to(call, party.desk.extension, "client")
    yield AnswerAsk(asked, Admitted(party.name, answer, limits))
    yield Count(Counted.WEBRTC_JOINS, "joined")
    yield from uncover_viewers(call, party)
    yield from reshow(call)
    yield Tell()


def _fail(call: LiveCall, asked: Asked, party: Party, denial: Denial) -> Steps[None]:
    """A join that fails leaves nothing."""
    if call.talk.parties.get(party.name) is party:
        yield from forget_party(call, party.name)
        yield Note(f"{_who(party.desk)} could not join: {denial}", party.name)
        yield Tell()
    yield from _deny(call, asked, denial)


def _restart(call: LiveCall, asked: Asked, ask: Restart) -> Steps[None]:
    """New credentials restart ICE, the old ones bring candidates (RFC 9725 §4.3)."""
    party = call.talk.parties.get(ask.party)
    if party is None or party.remote is None:
        raise Denial(404, "no-such-party", f"no WebRTC party is named {ask.party[:40]!r}")
    if party.lost or not party.placed:
        raise Denial(409, "media-lost", f"{party.name} has no transport: join again")
    try:
        ufrag, password = checked_credentials(ask.ufrag, ask.password)
    except PeerError as error:
        raise Denial(422, "bad-fragment", error.reason) from None
    before = party.remote
    if ufrag == party.former_ufrag:
        yield AnswerAsk(asked)  # candidates of the time before the restart: they came late
        return
    restarts = (ufrag, password) != (before.ufrag, before.password)
    if restarts:
        _count_transport(call, party.kind)
    known = () if restarts else before.candidates
    candidates = usable_candidates((*known, *ask.candidates), MAX_CANDIDATES)
    party.remote = SecureRemote(ufrag, password, before.fingerprints, before.setup, candidates, before.lite)
    if restarts:
        party.former_ufrag = before.ufrag
    yield RestartClient(asked, party.name, party.remote, restarts)


def on_client_restarted(call: LiveCall, event: ClientRestarted) -> Steps[None]:
    """Tell a client what became of its ICE restart, or of its candidates."""
    if event.ok:
        yield AnswerAsk(event.asked, event.local)
    else:
        yield DenyAsk(event.asked, 503, "no-media", "the media worker did not take it")


# ---- leaving -----------------------------------------------------------------------------------------------------


def _remove(call: LiveCall, asked: Asked, ask: Remove) -> Steps[None]:
    party = call.talk.parties.get(ask.party)
    if party is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {ask.party[:40]!r}")
    if party.kind is PartyKind.PHONE:
        yield from _remove_picture(call, party)
        yield AnswerAsk(asked)
        return
    own = bool(ask.by) and ask.by in (party.desk.by, party.desk.client)
    why = ask.reason or ("it left" if own else f"removed by {ask.by or 'an operator'}")
    if leg := call.seats.get(party.name):
        yield SendBye(leg.key)
    yield from forget_party(call, party.name)
    if not own and party.desk.extension != call.talk.extension:
        call.talk.admitted.discard(party.desk.extension)
    yield Notify("party-left" if own else "party-removed", f"{party.name} is gone: {why}", party.name)
    yield Tell()
    yield AnswerAsk(asked)


def _remove_picture(call: LiveCall, party: Party) -> Steps[None]:
    """End the picture of a phone that has the place of the agent. Raises Denial for one of those who were invited."""
    if party.name in call.talk.phones:
        raise Denial(409, "a-phone", f"{party.name} is a phone: take it out of the voice, or drop its video")
    yield from forget_party(call, party.name)
    tell_off(call, call.centre_leg)
    yield Notify("phone-video-off", f"{party.name} goes back to voice", party.name)
    yield Tell()


def _who(desk: Desk) -> str:
    return desk.extension or desk.by or desk.kind


# ---- what is shown -----------------------------------------------------------------------------------------------


def _show(call: LiveCall, asked: Asked, ask: Show) -> Steps[None]:
    """Choose what somebody sees; it stands until it is chosen otherwise, also over the loss of a media worker."""
    viewer, source = ask.viewer, ask.source
    if viewer != Side.CALLER and call.talk.parties.get(viewer) is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {viewer[:40]!r}")
    if viewer not in call.talk.room.members:
        raise Denial(409, "no-video", f"{viewer} has no video")
    named = source == Side.CALLER or call.talk.parties.get(source) is not None
    if source == viewer or not (source in ("", SLATE, SPEAKER, MOSAIC) or source.startswith(PICTURE) or named):
        raise Denial(404, "no-such-source", f"{viewer} cannot be shown {source[:40]!r}")
    if ask.of:
        _check_pictured(call, ask)
    yield ShowChoice(asked, ask)


def _check_pictured(call: LiveCall, ask: Show) -> None:
    """Raises Denial where a mosaic cannot be of these."""
    if ask.source != MOSAIC or not 2 <= len(set(ask.of)) <= MOST:
        raise Denial(422, "bad-mosaic", f"a mosaic is of two to {MOST} pictures")
    for name in ask.of:
        if name != Side.CALLER and call.talk.parties.get(name) is None:
            raise Denial(404, "no-such-source", f"nobody in the call is named {name[:40]!r}")


def on_shown_as_asked(call: LiveCall, event: ShownAsAsked) -> Steps[None]:
    """Keep what was chosen, and tell the desk that it is shown."""
    asked, ask = event.asked, event.asked.ask
    if not isinstance(ask, Show):
        return
    if event.denial is not None:
        yield from _deny(call, asked, event.denial)
        return
    room = call.talk.room
    room.covers.pop(ask.viewer, None)
    if ask.source == SLATE:
        room.covers[ask.viewer] = ask.by
    if ask.source == MOSAIC:
        room.mosaic.of = ask.of
    if ask.source:
        room.choices[ask.viewer] = ask.source
    else:
        room.choices.pop(ask.viewer, None)
    yield Note(f"is to be shown {ask.source or 'what the room chooses'}, by {ask.by}", ask.viewer)
    yield AnswerAsk(asked)


def reshow(call: LiveCall) -> Steps[None]:
    """Tell the room what desks have chosen: it is a new one, or somebody is back in it."""
    if call.talk.room.choices:
        yield ShowAgain()


def on_show_failed(call: LiveCall, event: ShowFailed) -> Steps[None]:
    """Write into the trace what could not be shown: nobody waits for it."""
    yield Note(event.words, event.viewer, "media")


# ---- stills ------------------------------------------------------------------------------------------------------


def _take_snapshot(call: LiveCall, asked: Asked, ask: TakeSnapshot) -> Steps[None]:
    """Whoever asks for the same picture at the same time gets the same still: each costs a decoder."""
    name = ask.of
    if name not in call.talk.room.members:
        raise Denial(404, "no-such-party", f"{name[:40]!r} has no video")
    waiting = call.pending.stills.setdefault(name, [])
    waiting.append(asked)
    if len(waiting) == 1:
        yield TakeStill(name)


def on_still_taken(call: LiveCall, event: StillTaken) -> Steps[None]:
    """Hand a still to everybody who asked for it."""
    name, found = event.name, event.found
    for asked in call.pending.stills.pop(name, ()):
        if isinstance(found, Denial):
            yield DenyAsk(asked, found.status, found.code, str(found))
        else:
            yield AnswerAsk(asked, found)
    if isinstance(found, Snapshot):
        yield Notify("snapshot", f"a still of {name} was taken ({found.width}x{found.height})", name)


# ---- whose call it is --------------------------------------------------------------------------------------------


def _bind(call: LiveCall, asked: Asked, ask: Bind) -> Steps[None]:
    extension = ask.extension.strip()
    if len(extension) > _LONGEST_EXTENSION or not extension.isprintable():
        raise Denial(422, "bad-extension", "an extension is a few printable letters")
    if ask.by == "client" and extension and call.talk.extension not in ("", extension):
        raise Denial(409, "bound-already", "the call is another desk's: ask to be let in")
    yield from bind_call(call, extension, ask.by)
    yield AnswerAsk(asked)
