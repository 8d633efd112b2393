"""Jobs that a call's steps ask of the recorder and of taps, whose ends are events in the inbox."""

from __future__ import annotations

from functools import partial

from splitter.calls.call import Call
from splitter.calls.events import RecorderSaid, TapSet
from splitter.calls.jobs import FAULT
from splitter.calls.states import RecordingState
from splitter.calls.talk import recording_commands as c


def carry_out_record(command: c.RecordCommand, call: Call) -> None:
    """Begin what a command asks for."""
    start = call.jobs.start
    match command:
        case c.SayRecord():
            failed = RecorderSaid(command.recording, command.state, FAULT, command.left_out)
            start("the recorder", partial(_say, call, command), failed)
        case c.NoteInRecord():
            call.services.recordings.note(command.recording, command.what, command.more)
        case c.EndRecord():
            start("the recorder", partial(_end, call, command))
        case c.SetTap():
            not_set = TapSet(command.media_id, command.recording, FAULT, command.left_out)
            start(f"the tap of {command.media_id}", partial(_set_tap, call, command), not_set)
        case _:
            raise TypeError(f"nobody carries out {type(command).__name__}")


async def _say(call: Call, command: c.SayRecord) -> RecorderSaid:
    paused = command.state is RecordingState.PAUSED
    fault = await call.services.recordings.say(call.view(), command.recording, paused)
    return RecorderSaid(command.recording, command.state, fault, command.left_out)


async def _end(call: Call, command: c.EndRecord) -> None:
    """In its turn: the recorder would begin anew what it is asked to record after the end."""
    call.services.recordings.end(command.recording, command.reason)


async def _set_tap(call: Call, command: c.SetTap) -> TapSet:
    fault = await call.services.recordings.tap(command.media_id, command.recording, command.left_out)
    return TapSet(command.media_id, command.recording, fault, command.left_out)
