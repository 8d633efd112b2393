"""A media worker died: what it carried moves to another one, and whoever was told the old ports is owed an offer.

While no worker is ready (the only one restarts), it is tried again until there is one: the call lives on.
"""

from __future__ import annotations

from functools import partial
from typing import TypeGuard

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.events import CallEvent, PlacesMade, TimeUp, VoiceOpened, VoicePointed, VoiceUnavailable
from splitter.calls.flows.desk import reshow
from splitter.calls.flows.presence import media_lost
from splitter.core.pauses import doubled_s
from splitter.media.ports.events import RelayLost, RoomLost

_VOICE, _VIDEO, _POINT = Alarm(AlarmKind.MOVE_VOICE), Alarm(AlarmKind.MOVE_VIDEO), Alarm(AlarmKind.POINT_VOICE)
_ROOM = "the new room"
_VOICE_AGAIN_S, _VIDEO_AGAIN_S, _POINT_AGAIN_S = 1.0, 2.0, 1.0
_VOICE_FIRST_AGAIN_S = 0.1  # a new worker is there within half a second; the pause doubles with each try

MediaMoved = TimeUp | RelayLost | RoomLost | VoiceOpened | VoiceUnavailable | VoicePointed | PlacesMade


def moves_media(event: CallEvent, call: Call) -> TypeGuard[MediaMoved]:
    """True if `move_media` has to deal with this event."""
    match event:
        case VoiceUnavailable():
            return call.audio.misses(event)
        case VoiceOpened() | VoicePointed() | PlacesMade():
            return True
        case RelayLost():
            return call.audio.lost(event.relay_id)
        case RoomLost():
            return call.video.is_on(event.room_id)
        case TimeUp():
            return event.alarm in (_VOICE, _VIDEO, _POINT)
        case _:
            return False


def move_media(call: Call, event: MediaMoved) -> None:
    """Move what was lost; the engine is asked, and nobody waits for it."""
    match event:
        case RelayLost():
            call.note(f"the voice worker died ({event.reason}): the voice moves to another", kind="alarm")
            _open_voice(call)
        case RoomLost():
            call.note(f"the video worker died ({event.reason}): the room is made anew", kind="alarm")
            media_lost(call)
            call.video.lose()
            call.jobs.start(_ROOM, partial(_move_video, call))
        case VoiceOpened():
            if call.audio.adopt(event):
                call.owe(call.caller, call.centre)
        case VoiceUnavailable():
            call.note(f"no media for the voice: {event.reason}; trying again", kind="alarm")
            tries = call.talk.voice.failed_moves
            call.after(doubled_s(_VOICE_FIRST_AGAIN_S, _VOICE_AGAIN_S, tries), _VOICE)
        case VoicePointed():
            if not call.audio.pointed(event):
                call.note(f"the voice could not follow: {event.fault}", kind="alarm")
                call.after(_POINT_AGAIN_S, _POINT)
        case PlacesMade():
            _on_places(call, event.names)
        case TimeUp() if event.alarm == _VOICE:
            _open_voice(call)
        case TimeUp() if event.alarm == _POINT:
            call.audio.follow()
        case TimeUp():
            call.jobs.start(_ROOM, partial(_move_video, call))


def _open_voice(call: Call) -> None:
    call.audio.open()


async def _move_video(call: Call) -> PlacesMade:
    return PlacesMade(await call.video.complete())


def _on_places(call: Call, names: tuple[str, ...]) -> None:
    reshow(call)
    if call.video.incomplete:
        call.after(_VIDEO_AGAIN_S, _VIDEO)
    call.owe(*(leg for leg in (call.caller, *call.seats.values()) if leg.name in names))
