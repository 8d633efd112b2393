"""A media worker died: what it carried moves to another one, and whoever was told the old ports is owed an offer.

A mix is opened again at the ports that it had, if that can be: more peers would have to be told than of a pair.

While no worker is ready (the only one restarts), it is tried again until there is one: the call lives on. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import (
    CallEvent,
    HearingSet,
    PlacesLost,
    PlacesMade,
    TimeUp,
    VoiceAdded,
    VoiceOpened,
    VoicePointed,
    VoiceUnavailable,
)
from splitter.calls.flows.desk import reshow
from splitter.calls.flows.keys import owe_keys, spend_keys
from splitter.calls.flows.mixing import on_hearing
from splitter.calls.flows.phone_way import on_relay, on_relay_again, on_voice_added
from splitter.calls.flows.presence import media_lost
from splitter.calls.talk.commands import Note, SetAlarm, Steps
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import AdoptVoice, FollowVoice, MoveRoom, MoveVoice, SettlePointing
from splitter.core.pauses import doubled_s
from splitter.media.ports.events import RelayLost, RoomLost

_VOICE, _VIDEO, _POINT = Alarm(AlarmKind.MOVE_VOICE), Alarm(AlarmKind.MOVE_VIDEO), Alarm(AlarmKind.POINT_VOICE)
_VOICE_AGAIN_S, _VIDEO_AGAIN_S, _POINT_AGAIN_S = 1.0, 2.0, 1.0
_VOICE_FIRST_AGAIN_S = 0.1  # a new worker is there within half a second; the pause doubles with each try


def move_media(call: LiveCall, event: CallEvent) -> Steps[bool]:
    """Move what was lost; the engine is asked, and nobody waits for it. False where an event does not concern that."""
    match event:
        case RelayLost() if call.talk.voice.note_lost(event.relay_id):
            yield Note(f"the voice is lost ({event.reason}): it moves to another engine", kind="alarm")
            spend_keys(call, "audio")
            yield MoveVoice()
        case RoomLost() if call.talk.room.is_on(event.room_id):
            yield Note(f"the video worker died ({event.reason}): the room is made anew", kind="alarm")
            spend_keys(call, "video")
            yield from media_lost(call, call.talk.room.secure_members)
            call.talk.room.lose()
            yield MoveRoom()
        case PlacesLost():
            yield from media_lost(call, event.names)
            call.talk.room.lose_some(event.names)
            yield from reshow(call)
        case VoiceOpened():
            if not (yield from AdoptVoice(event)):
                return True
            if event.again is None:
                call.owe(call.caller, call.centre)
                yield from on_relay(call)
            else:
                owe_keys(call)
                yield Note("the voice has its ports again, in another engine: nobody need be told", kind="media")
                yield from on_relay_again(call)
        case VoiceUnavailable() if call.talk.voice.note_unavailable(event.turn):
            yield Note(f"no media for the voice: {event.reason}; trying again", kind="alarm")
            tries = call.talk.voice.failed_moves
            yield SetAlarm(doubled_s(_VOICE_FIRST_AGAIN_S, _VOICE_AGAIN_S, tries), _VOICE)
        case VoicePointed():
            if not (yield from SettlePointing(event)):
                yield Note(f"the voice could not follow: {event.fault}", kind="alarm")
                yield SetAlarm(_POINT_AGAIN_S, _POINT)
        case VoiceAdded():
            yield from on_voice_added(call, event)
        case HearingSet():
            yield from on_hearing(call, event)
        case PlacesMade():
            yield from _on_places(call, event.names)
        case TimeUp() if event.alarm == _VOICE:
            if call.talk.voice.relay is None:  # else there is one by now, such as after a restart
                yield MoveVoice()
        case TimeUp() if event.alarm == _POINT:
            yield FollowVoice()
        case TimeUp() if event.alarm == _VIDEO:
            yield MoveRoom()
        case _:
            return False
    return True


def _on_places(call: LiveCall, names: tuple[str, ...]) -> Steps[None]:
    yield from reshow(call)
    if call.talk.room.homeless:
        yield SetAlarm(_VIDEO_AGAIN_S, _VIDEO)
    call.owe(*(leg for leg in call.sides if leg.name in names))
