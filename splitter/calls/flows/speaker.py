"""Who speaks, as the mixer hears it, becomes who is shown to those who are to see that. Pure."""

from __future__ import annotations

from splitter.calls.states import Side
from splitter.calls.talk.commands import Steps
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import FollowSpeaker
from splitter.calls.talk.room import MOSAIC, SPEAKER
from splitter.media.ports.events import SpeakerChanged

_KEPT = 3  # speakers; a viewer is not shown itself, but who spoke before


def on_speaker(call: LiveCall, event: SpeakerChanged) -> Steps[None]:
    """Another voice is heard; in silence, and while somebody speaks whom nobody sees, the one before stays."""
    room, source = call.talk.room, _seen_as(call, event.end)
    if not source or room.speakers[:1] == [source]:
        return
    room.speakers = [source, *(one for one in room.speakers if one != source)][:_KEPT]
    yield from _follow(call)


def forget_speaker(call: LiveCall, name: str) -> Steps[None]:
    """Somebody is not to be seen any more: whoever spoke before is shown."""
    if name in call.talk.room.speakers:
        call.talk.room.speakers.remove(name)
        yield from _follow(call)


def _follow(call: LiveCall) -> Steps[None]:
    room = call.talk.room
    if room.viewers_of(SPEAKER) or (room.viewers_of(MOSAIC) and not room.mosaic.shown):
        yield FollowSpeaker()


def _seen_as(call: LiveCall, voice: str) -> str:
    """The participant that shows whose voice this is; "" for none that sends a picture."""
    talk = call.talk
    if voice == Side.CALLER:
        return voice if talk.video.sends else ""
    leg = call.voice(voice)
    if leg is not None and (own := talk.parties.get(leg.name)) is not None:
        return own.name if own.sends else ""
    phone = talk.phones.get(voice)
    extension = talk.extension if voice == Side.CENTRE else phone.number if phone is not None else ""
    found = [one.name for one in talk.parties.all() if one.sends and extension and one.desk.extension == extension]
    return found[-1] if found else ""
