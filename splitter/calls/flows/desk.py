"""What desks ask of a call through the API: to join its room by WebRTC, to choose what is shown, to take a still.

In any state of the call, and beside it: nothing here holds up the voice, and what the media engine has to do is a job
(see `jobs`) whose outcome comes back into the inbox.
"""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

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
    Join,
    RaiseVideo,
    Remove,
    Restart,
    Show,
    TakeSnapshot,
)
from splitter.calls.call import Call
from splitter.calls.events import ClientPlaced, ShownAsAsked, StillTaken
from splitter.calls.flows.binding import bind
from splitter.calls.flows.consent import admit, ask_in, dismiss, is_anothers, may_enter
from splitter.calls.flows.seats import forget, join, uncover, video_answer
from splitter.calls.jobs import FAULT
from splitter.calls.parties import Party, limits_for
from splitter.calls.states import PartyKind
from splitter.calls.video import CALLER
from splitter.core.errors import MediaError, MediaTimeout, PeerError
from splitter.media.ports.rooms import Snapshot
from splitter.sdp.model import Origin, Session
from splitter.sdp.webrtc import (
    MAX_CANDIDATES,
    SecureRemote,
    checked_credentials,
    choose_secure,
    read_secure,
    resolved,
    usable_candidates,
)
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

_SNAPSHOT_LIMIT_S = 7.0  # the engine's own is shorter
_LONGEST_EXTENSION = 64
_SLATE, _PICTURE = "slate", "picture:"


def on_ask(call: Call, asked: Asked) -> None:
    """Do what is asked, or say why not: the border of one HTTP request. What goes wrong in it must not end the call."""
    try:
        _begin(call, asked)
    except Denial as denial:
        _deny(call, asked, denial)
    except Exception:
        log.exception("an ask failed", call_id=call.talk.call_id, ask=type(asked.ask).__name__)
        asked.deny(500, "fault", "a fault in the gateway; see the log")


def _begin(call: Call, asked: Asked) -> None:
    match ask := asked.ask:
        case Join():
            _join(call, asked, ask)
        case Restart():
            _restart(call, asked, ask)
        case Remove():
            _remove(call, asked, ask)
        case Show():
            _show(call, asked, ask)
        case TakeSnapshot():
            _take_snapshot(call, asked, ask)
        case Bind():
            _bind(call, asked, ask)
        case AskIn():
            ask_in(call, asked, ask)
        case Admit():
            admit(call, asked, ask, join)
        case Dismiss():
            dismiss(call, asked, ask)
        case RaiseVideo() | DropVideo():
            raise Denial(409, "not-connected", "the call is not answered yet")


def _deny(call: Call, asked: Asked, denial: Denial) -> None:
    if isinstance(asked.ask, Join):
        metrics.WEBRTC_JOINS.labels(denial.code).inc()
        log.info("a browser could not join", call_id=call.talk.call_id, code=denial.code, reason=str(denial))
    asked.deny(denial.status, denial.code, str(denial))


# ---- joining -----------------------------------------------------------------------------------------------------


def _join(call: Call, asked: Asked, ask: Join) -> None:
    """A client that comes back takes its old place at once, whatever became of its old transport."""
    if ask.desk.kind != "guest" and not may_enter(call, ask.desk.extension, ask.by_rule):
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
    kind = PartyKind.GUEST if ask.desk.kind == "guest" else PartyKind.WEBRTC
    before = call.talk.parties.of_client(ask.desk)
    if before is None:
        if fault := call.services.admission.video_fault():
            raise Denial(503, "overload", fault)
        if call.talk.parties.full(kind):
            raise Denial(409, "full", "as many as can be are in the call")
    _count_transport(call, kind)
    if before is not None:
        call.stop_timer(Alarm(AlarmKind.REJOIN, before.name))
    name = before.name if before else call.talk.parties.new_name("guest" if kind is PartyKind.GUEST else "desk")
    party = Party(name, kind, ask.desk, remote=remote, met=before is not None and before.met)
    if before is None and kind != "guest" and is_anothers(call, ask.desk.extension):
        call.talk.room.aside.add(name)
    call.admit(party)
    failed = ClientPlaced(asked, party, Denial(500, "fault", FAULT))
    call.jobs.start(name, partial(_place, call, asked, party, offer, ask.network), failed)
    call.tell()


def _count_transport(call: Call, kind: PartyKind) -> None:
    if not call.talk.parties.may_open(kind, call.services.clock.now()):
        raise Denial(429, "too-many", "clients of this call join and leave too often; wait a few seconds")


async def _place(call: Call, asked: Asked, party: Party, offer: Session, network: str) -> ClientPlaced:
    """Give it its place in the room, with what its offer and our answer say."""
    video, name = call.video, party.name
    await video.remove(name)
    if not await video.add(name, network, secure=True):
        return ClientPlaced(asked, party, Denial(503, "no-media", "no media resources for video"))
    if (local := video.local(name)) is None:
        return ClientPlaced(asked, party, Denial(503, "no-media", "the media worker was lost meanwhile"))
    try:
        answer, index = video_answer(call, name, offer, Origin.of(local.host, call.services.ids.number(2**31)))
    except PeerError as error:
        return ClientPlaced(asked, party, Denial(422, "bad-offer", error.reason))
    if not await video.take(name, offer, answer, index):
        return ClientPlaced(asked, party, Denial(503, "no-media", "the media worker did not take the video"))
    return ClientPlaced(asked, party, answer)


def on_client_placed(call: Call, event: ClientPlaced) -> None:
    """Answer a client that has its place in the room, or could not have one."""
    if isinstance(event.answer, Denial):
        _fail(call, event.asked, event.party, event.answer)
    else:
        _admit(call, event.asked, event.party, event.answer)


def _admit(call: Call, asked: Asked, party: Party, answer: Session) -> None:
    if call.talk.parties.get(party.name) is not party:
        _deny(call, asked, Denial(409, "replaced", "the same client has joined once more, or was taken out"))
        return
    if asked.abandoned:
        _fail(call, asked, party, Denial(504, "timeout", "nobody waits for it any more"))
        return
    party.placed = True
    window = Alarm(AlarmKind.REJOIN, party.name)
    call.after(call.services.settings.rejoin_window_s, window)  # until its transport stands
    limits = limits_for(call.video.received_by(CALLER), call.services.settings.bitrate_kbps)
    call.note(f"{_who(party.desk)} joins as {party.name}", party.name)
    if not call.talk.extension and party.kind is PartyKind.WEBRTC and party.desk.extension:
        call.bind(party.desk.extension, "client")
    asked.answer(Admitted(party.name, answer, limits))
    metrics.WEBRTC_JOINS.labels("joined").inc()
    uncover(call, party)
    reshow(call)
    call.tell()


def _fail(call: Call, asked: Asked, party: Party, denial: Denial) -> None:
    """A join that fails leaves nothing."""
    if call.talk.parties.get(party.name) is party:
        forget(call, party.name)
        call.note(f"{_who(party.desk)} could not join: {denial}", party.name)
        call.tell()
    _deny(call, asked, denial)


def _restart(call: Call, asked: Asked, ask: Restart) -> None:
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
        asked.answer()  # candidates of the time before the restart: they came late
        return
    restarts = (ufrag, password) != (before.ufrag, before.password)
    if restarts:
        _count_transport(call, party.kind)
    known = () if restarts else before.candidates
    candidates = usable_candidates((*known, *ask.candidates), MAX_CANDIDATES)
    party.remote = SecureRemote(ufrag, password, before.fingerprints, before.setup, candidates, before.lite)
    if restarts:
        party.former_ufrag = before.ufrag
    call.jobs.start(party.name, partial(_point, call, asked, party.name, party.remote, restarts))


async def _point(call: Call, asked: Asked, name: str, remote: SecureRemote, restarts: bool) -> None:
    local = await call.video.restart_ice(name) if restarts else None
    if (restarts and local is None) or not await call.video.point_secure(name, remote):
        asked.deny(503, "no-media", "the media worker did not take it")
    else:
        asked.answer(local)


# ---- leaving -----------------------------------------------------------------------------------------------------


def _remove(call: Call, asked: Asked, ask: Remove) -> None:
    party = call.talk.parties.get(ask.party)
    if party is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {ask.party[:40]!r}")
    own = bool(ask.by) and ask.by in (party.desk.by, party.desk.client)
    why = ask.reason or ("it left" if own else f"taken out by {ask.by or 'an operator'}")
    if leg := call.seats.get(party.name):
        leg.bye()
    forget(call, party.name)
    if not own and party.desk.extension != call.talk.extension:
        call.talk.admitted.discard(party.desk.extension)
    call.notice("party-left" if own else "party-removed", f"{party.name} is gone: {why}", party.name)
    call.tell()
    asked.answer()


def _who(desk: Desk) -> str:
    return desk.extension or desk.by or desk.kind


# ---- what is shown -----------------------------------------------------------------------------------------------


def _show(call: Call, asked: Asked, ask: Show) -> None:
    """Choose what somebody sees; it stands until it is chosen otherwise, also over the loss of a media worker."""
    viewer, source = ask.viewer, ask.source
    if viewer != CALLER and call.talk.parties.get(viewer) is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {viewer[:40]!r}")
    if viewer not in call.video.members:
        raise Denial(409, "no-video", f"{viewer} has no video")
    named = source == CALLER or call.talk.parties.get(source) is not None
    if source == viewer or not (source in ("", _SLATE) or source.startswith(_PICTURE) or named):
        raise Denial(404, "no-such-source", f"{viewer} cannot be shown {source[:40]!r}")
    call.jobs.start("display", partial(_display, call, asked, ask))


async def _display(call: Call, asked: Asked, ask: Show) -> ShownAsAsked | None:
    try:
        await _put(call, ask.viewer, ask.source)
    except Denial as denial:
        asked.deny(denial.status, denial.code, str(denial))
        return None
    return ShownAsAsked(asked)


def on_shown_as_asked(call: Call, event: ShownAsAsked) -> None:
    """Keep what was chosen, and tell the desk that it is shown."""
    asked, ask = event.asked, event.asked.ask
    if not isinstance(ask, Show):
        return
    room = call.talk.room
    room.covers.pop(ask.viewer, None)
    if ask.source == _SLATE:
        room.covers[ask.viewer] = ask.by
    if ask.source:
        room.choices[ask.viewer] = ask.source
    else:
        room.choices.pop(ask.viewer, None)
    call.note(f"is to be shown {ask.source or 'what the room chooses'}, by {ask.by}", ask.viewer)
    asked.answer()


async def _put(call: Call, viewer: str, source: str) -> None:
    image = None
    if source.startswith(_PICTURE):
        image = await call.services.pictures.image(source.removeprefix(_PICTURE), call.talk.call_id)
        if image is None:
            raise Denial(404, "no-such-picture", f"there is no picture {source[:40]!r}")
    try:
        await call.video.show(viewer, source, image)
    except MediaTimeout as error:
        raise Denial(504, "timeout", f"the media worker: {error}") from None
    except MediaError as error:
        raise Denial(503, "no-media", f"the media worker: {error}") from None


def reshow(call: Call) -> None:
    """Tell the room what desks have chosen: it is a new one, or somebody is back in it."""
    if call.talk.room.choices:
        call.jobs.start("display", partial(_again, call))


async def _again(call: Call) -> None:
    for viewer, source in tuple(call.talk.room.choices.items()):
        members = call.video.members
        if viewer in members and (source in members or source == _SLATE or source.startswith(_PICTURE)):
            try:
                await _put(call, viewer, source)
            except Denial as denial:
                call.note(f"cannot be shown {source} again: {denial}", viewer, "media")


# ---- stills ------------------------------------------------------------------------------------------------------


def _take_snapshot(call: Call, asked: Asked, ask: TakeSnapshot) -> None:
    """Whoever asks for the same picture at the same time gets the same still: each costs a decoder."""
    name = ask.of
    if name not in call.video.members:
        raise Denial(404, "no-such-party", f"{name[:40]!r} has no video")
    waiting = call.pending.stills.setdefault(name, [])
    waiting.append(asked)
    if len(waiting) == 1:
        failed = StillTaken(name, Denial(500, "fault", FAULT))
        call.jobs.start(f"snapshot of {name}", partial(_still, call, name), failed)


async def _still(call: Call, name: str) -> StillTaken:
    try:
        async with asyncio.timeout(_SNAPSHOT_LIMIT_S):
            return StillTaken(name, await call.video.snapshot(name))
    except (MediaTimeout, TimeoutError):
        return StillTaken(name, Denial(504, "timeout", f"no whole picture of {name} came in time"))
    except MediaError as error:
        return StillTaken(name, Denial(409, "no-picture", f"{name}: {error}"))


def on_still_taken(call: Call, event: StillTaken) -> None:
    """Hand a still to everybody who asked for it."""
    name, found = event.name, event.found
    for asked in call.pending.stills.pop(name, ()):
        if isinstance(found, Denial):
            asked.deny(found.status, found.code, str(found))
        else:
            asked.answer(found)
    if isinstance(found, Snapshot):
        call.notice("snapshot", f"a still of {name} was taken ({found.width}x{found.height})", name)


# ---- whose call it is --------------------------------------------------------------------------------------------


def _bind(call: Call, asked: Asked, ask: Bind) -> None:
    extension = ask.extension.strip()
    if len(extension) > _LONGEST_EXTENSION or not extension.isprintable():
        raise Denial(422, "bad-extension", "an extension is a few printable letters")
    if ask.by == "client" and extension and call.talk.extension not in ("", extension):
        raise Denial(409, "bound-already", "the call is another desk's: ask to be let in")
    bind(call, extension, ask.by)
    asked.answer()
