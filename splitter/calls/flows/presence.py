"""What the media engine tells of those in a call's room: who is connected, who sends a picture, who sees what.

A party whose transport is gone may come back within `rejoin_window_s`; then it is taken out. The call goes on.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.flows.seats import forget, leave
from splitter.calls.flows.strangers import on_known, on_stranger
from splitter.calls.parties import Party
from splitter.calls.states import PartyState
from splitter.calls.video import CALLER
from splitter.media.ports.events import (
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    StrangerHeard,
    TransportChanged,
)

RoomEvent = TransportChanged | MediaStarted | StrangerHeard | PictureStopped | SourceShown | SourceUnfit


def on_room(call: Call, event: RoomEvent) -> None:
    """Keep the call's view up to date and tell the people at the desks."""
    match event:
        case TransportChanged():
            _on_transport(call, event)
        case SourceShown():
            _on_shown(call, event)
        case MediaStarted():
            call.note(f"first {event.kind} packet from {event.source}", event.end, "media")
            on_known(call, event)
            if event.kind == "video":
                _sends(call, event.end, True)
        case PictureStopped():
            call.note(f"its picture has stopped: {event.reason}", event.participant, "media")
            if event.participant == CALLER:
                call.notice("caller-picture-stopped", f"the caller's picture has stopped: {event.reason}", CALLER)
            _sends(call, event.participant, False)
        case StrangerHeard():
            on_stranger(call, event)
        case SourceUnfit():
            call.notice("source-unfit", f"{event.viewer} is not shown {event.source}: {event.reason}", event.viewer)


def _on_shown(call: Call, event: SourceShown) -> None:
    call.note(f"is shown {event.source}: {event.reason}", event.viewer, "media")
    if event.viewer == CALLER:
        call.talk.video.showing = event.source
    elif (party := call.talk.parties.get(event.viewer)) is not None:
        party.showing = event.source
    if event.source == CALLER:
        call.talk.video.sends = True  # a picture that had stopped is back
    elif (party := call.talk.parties.get(event.source)) is not None:
        party.sends = True
    call.tell()


def _sends(call: Call, name: str, sends: bool) -> None:
    party = call.talk.parties.get(name)
    if name == CALLER:
        call.talk.video.sends = sends
    elif party is not None:
        party.sends = sends
    call.tell()


def _on_transport(call: Call, event: TransportChanged) -> None:
    party = call.talk.parties.get(event.participant)
    if party is None or not party.placed:
        return  # of a transport that has been given up
    call.note(f"transport {event.state}: {event.reason}", party.name, "media")
    match event.state:
        case "connected" if party.state is not PartyState.CONNECTED:
            call.stop_timer(Alarm(AlarmKind.REJOIN, party.name))
            back, party.met, party.state = party.met, True, PartyState.CONNECTED
            who = party.desk.extension or party.kind
            text = f"{party.name} is back" if back else f"{who} is connected as {party.name}"
            call.notice("party-joined", text, party.name)
            call.tell()
        case "interrupted":
            _interrupt(call, party, event.reason)
        case "failed":
            party.lost = True
            _interrupt(call, party, event.reason)


def _interrupt(call: Call, party: Party, reason: str) -> None:
    if party.state is PartyState.INTERRUPTED:
        return
    window_s = call.services.settings.rejoin_window_s
    party.state, party.sends = PartyState.INTERRUPTED, False
    call.after(window_s, Alarm(AlarmKind.REJOIN, party.name))
    text = f"{party.name} is interrupted ({reason}); it has {window_s:.0f} s to come back"
    call.notice("party-interrupted", text, party.name)
    call.tell()


def media_lost(call: Call) -> None:
    """The room is gone. A WebRTC transport cannot be moved: it hangs on keys that died with the worker."""
    for name in call.video.secure_members:
        party = call.talk.parties.get(name)
        if party is None:
            continue
        call.notice("media-lost", f"the media of {name} are lost: its client has to join again", name)
        if leg := call.seats.get(name):
            leg.bye([("Reason", 'SIP;cause=503;text="media lost, call again"')])
            leave(call, leg, "its media were lost")
        else:
            party.lost, party.placed = True, False
            _interrupt(call, party, "its media worker died")


def on_window(call: Call, name: str) -> None:
    """A party did not come back in time, or never came."""
    party = call.talk.parties.get(name)
    if party is None:
        return
    why = "did not come back" if party.met else "never connected"
    text = f"{party.name} {why} within {call.services.settings.rejoin_window_s:.0f} s"
    if leg := call.seats.get(party.name):
        leg.bye([("Reason", 'SIP;cause=408;text="no media"')])
        leave(call, leg, text)
    else:
        forget(call, party.name)
        call.notice("party-removed", text, party.name)
        call.tell()
