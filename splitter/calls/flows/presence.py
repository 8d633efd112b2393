"""What the media engine tells of those in a call's room: who is connected, who sends a picture, who sees what.

A party whose transport is gone may come back within `rejoin_window_s`; then it is taken out. The call goes on.
Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.flows.caller_video import PICTURE_LATE
from splitter.calls.flows.mosaic import on_mosaic_lost, on_mosaic_started
from splitter.calls.flows.seats import forget_party, leave_call
from splitter.calls.flows.silences import on_started
from splitter.calls.flows.speaker import forget_speaker, on_speaker
from splitter.calls.flows.strangers import on_known, on_stranger
from splitter.calls.parties import Party, owner_of
from splitter.calls.states import PartyState, Side
from splitter.calls.talk.commands import Note, Notify, SendBye, SetAlarm, Steps, StopAlarm, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.room import MOSAIC
from splitter.media.ports.events import (
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    SpeakerChanged,
    StrangerHeard,
    TransportChanged,
)
from splitter.media.room.layout import is_tile

RoomEvent = (
    TransportChanged | SpeakerChanged | MediaStarted | StrangerHeard | PictureStopped | SourceShown | SourceUnfit
)


def on_room(call: LiveCall, event: RoomEvent) -> Steps[None]:
    """Keep the call's view up to date and tell the people at the desks."""
    match event:
        case MediaStarted(end=end) if end == MOSAIC:
            yield from on_mosaic_started(call)
        case PictureStopped(participant=name) if name == MOSAIC:
            yield from on_mosaic_lost(call, f"its picture has stopped: {event.reason}")
        case SourceShown(viewer=viewer) if is_tile(viewer):
            pass
        case TransportChanged():
            yield from _on_transport(call, event)
        case SourceShown():
            yield from _on_shown(call, event)
        case MediaStarted():
            yield Note(f"first {event.kind} packet from {event.source}", event.end, "media")
            yield from on_known(call, event)
            yield from on_started(call, event)
            if event.kind == "video":
                yield from _sends(call, event.end, True)
        case SpeakerChanged():
            yield from on_speaker(call, event)
        case PictureStopped():
            yield Note(f"its picture has stopped: {event.reason}", event.participant, "media")
            if event.participant == Side.CALLER:
                yield StopAlarm(PICTURE_LATE)  # it has come
                yield Notify("caller-picture-stopped", f"the caller's picture has stopped: {event.reason}", Side.CALLER)
            yield from _sends(call, event.participant, False)
        case StrangerHeard():
            yield from on_stranger(call, event)
        case SourceUnfit():
            viewer = owner_of(event.viewer)
            yield Notify("source-unfit", f"{viewer} is not shown {event.source}: {event.reason}", viewer)


def _on_shown(call: LiveCall, event: SourceShown) -> Steps[None]:
    viewer, beside = owner_of(event.viewer), " in a stream of its own" if "." in event.viewer else ""
    yield Note(f"is shown {event.source}{beside}: {event.reason}", viewer, "media")
    if event.viewer == Side.CALLER:
        call.talk.video.showing = event.source
    elif (party := call.talk.parties.get(event.viewer)) is not None:
        party.showing = event.source
    if event.source == Side.CALLER:
        call.talk.video.sends = True  # a picture that had stopped is back
    elif (party := call.talk.parties.get(event.source)) is not None:
        party.sends = True
    yield Tell()


def _sends(call: LiveCall, name: str, sends: bool) -> Steps[None]:
    party = call.talk.parties.get(name)
    if name == Side.CALLER:
        call.talk.video.sends, call.talk.video.excused = sends, False
    elif party is not None:
        party.sends = sends
    if not sends:
        yield from forget_speaker(call, name)
    yield Tell()


def _on_transport(call: LiveCall, event: TransportChanged) -> Steps[None]:
    party = call.talk.parties.get(event.participant)
    if party is None or not party.placed:
        return  # of a transport that has been given up
    yield Note(f"transport {event.state}: {event.reason}", party.name, "media")
    match event.state:
        case "connected" if party.state is not PartyState.CONNECTED:
            yield StopAlarm(Alarm(AlarmKind.REJOIN, party.name))
            back, party.met, party.state = party.met, True, PartyState.CONNECTED
            who = party.desk.extension or party.kind
            text = f"{party.name} is back" if back else f"{who} is connected as {party.name}"
            yield Notify("party-joined", text, party.name)
            yield Tell()
        case "interrupted":
            yield from _interrupt(call, party, event.reason)
        case "failed":
            party.lost = True
            yield from _interrupt(call, party, event.reason)


def _interrupt(call: LiveCall, party: Party, reason: str) -> Steps[None]:
    if party.state is PartyState.INTERRUPTED:
        return
    window_s = call.settings.rejoin_window_s
    party.state, party.sends = PartyState.INTERRUPTED, False
    yield SetAlarm(window_s, Alarm(AlarmKind.REJOIN, party.name))
    text = f"{party.name} is interrupted ({reason}); it has {window_s:.0f} s to come back"
    yield Notify("party-interrupted", text, party.name)
    yield Tell()


def media_lost(call: LiveCall, names: tuple[str, ...]) -> Steps[None]:
    """The room is gone. A WebRTC transport cannot be moved: it hangs on keys that died with the worker."""
    for name in names:
        party = call.talk.parties.get(name)
        if party is None:
            continue
        yield Notify("media-lost", f"the media of {name} are lost: its client has to join again", name)
        if leg := call.seats.get(name):
            yield SendBye(leg.key, [("Reason", 'SIP;cause=503;text="media lost, call again"')])
            yield from leave_call(call, leg, "its media were lost")
        else:
            party.lost, party.placed = True, False
            yield from _interrupt(call, party, "its media worker died")


def on_window(call: LiveCall, name: str) -> Steps[None]:
    """A party did not come back in time, or never came."""
    party = call.talk.parties.get(name)
    if party is None:
        return
    why = "did not come back" if party.met else "never connected"
    text = f"{party.name} {why} within {call.settings.rejoin_window_s:.0f} s"
    if leg := call.seats.get(party.name):
        yield SendBye(leg.key, [("Reason", 'SIP;cause=408;text="no media"')])
        yield from leave_call(call, leg, text)
    else:
        yield from forget_party(call, party.name)
        yield Notify("party-removed", text, party.name)
        yield Tell()
