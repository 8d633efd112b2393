"""The commands of a step to the recorder and the taps; see `commands`. Pure."""

from __future__ import annotations

from splitter.calls.states import RecordingState
from splitter.calls.talk.commands import Command
from splitter.core.frozen import frozen


class RecordCommand(Command[None]):
    """A command about the recording of the call."""


@frozen
class SayRecord(RecordCommand):
    """Have the recorder record all but those who are left out, or pause; ends in RecorderSaid."""

    recording: str
    state: RecordingState
    left_out: tuple[str, ...] = ()


@frozen
class EndRecord(RecordCommand):
    """End a recording."""

    recording: str
    reason: str


@frozen
class NoteInRecord(RecordCommand):
    """Write beside the recording what happened."""

    recording: str
    what: str
    more: dict[str, str]


@frozen
class SetTap(RecordCommand):
    """Copy what a relay or room carries of all but those who are left out, or ("") no longer; ends in TapSet."""

    media_id: str
    recording: str
    left_out: tuple[str, ...] = ()
