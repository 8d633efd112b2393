"""A media worker died: what it carried moves to another one, and whoever was told the old ports is owed an offer.

While no worker is ready (the only one restarts), it is tried again until there is one: the call lives on.
"""

from __future__ import annotations

from functools import partial

from splitter.calls.call import Call
from splitter.calls.events import CallEvent, TimeUp
from splitter.calls.flows.desk import reshow
from splitter.calls.flows.presence import media_lost
from splitter.calls.jobs import Then
from splitter.core.errors import MediaError
from splitter.media.engine import RelayLost, RoomLost

_VOICE, _VIDEO = "move the voice", "move the video"
_ROOM = "the new room"
_VOICE_AGAIN_S, _VIDEO_AGAIN_S = 1.0, 2.0
_VOICE_FIRST_AGAIN_S = 0.1  # a new worker is there within half a second; the pause doubles with each try


def moves_media(call: Call, event: CallEvent) -> bool:
    """True if `move_media` has to deal with this event."""
    match event:
        case RelayLost():
            return call.audio is not None and call.audio.is_on(event.relay_id)
        case RoomLost():
            return call.video.is_on(event.room_id)
        case TimeUp():
            return event.what in (_VOICE, _VIDEO)
        case _:
            return False


async def move_media(call: Call, event: TimeUp | RelayLost | RoomLost) -> None:
    """Move what was lost. The voice is waited for, the room is not."""
    match event:
        case RelayLost():
            call.note(f"the voice worker died ({event.reason}): the voice moves to another", kind="alarm")
            await _move_voice(call)
        case RoomLost():
            call.note(f"the video worker died ({event.reason}): the room is made anew", kind="alarm")
            media_lost(call)
            call.video.lose()
            call.jobs.start(_ROOM, partial(_move_video, call))
        case TimeUp() if event.what == _VOICE:
            await _move_voice(call)
        case _:
            call.jobs.start(_ROOM, partial(_move_video, call))


async def _move_voice(call: Call) -> None:
    assert call.audio is not None
    try:
        await call.audio.move()
    except MediaError as error:
        call.note(f"no media for the voice: {error}; trying again", kind="alarm")
        call.after(min(_VOICE_AGAIN_S, _VOICE_FIRST_AGAIN_S * 2**call.audio.failed_moves), _VOICE)
    else:
        call.owe(call.caller, call.centre)


async def _move_video(call: Call) -> Then:
    return partial(_moved, call, await call.video.complete())


def _moved(call: Call, names: tuple[str, ...]) -> None:
    reshow(call)
    if call.video.incomplete:
        call.after(_VIDEO_AGAIN_S, _VIDEO)
    call.owe(*(leg for leg in (call.caller, *call.seats.values()) if leg.name in names))
