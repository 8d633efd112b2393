"""The commands of a step to the recorder and the taps; see `commands`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import RecordingState
from splitter.calls.talk.commands import Command


class RecordCommand(Command[None]):
    """A command about the recording of the call."""


@dataclass(frozen=True, slots=True)
class SayRecord(RecordCommand):
    """Have the recorder record all but those who are left out, or pause; ends in RecorderSaid."""

    recording: str
    state: RecordingState
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndRecord(RecordCommand):
    """End a recording."""

    recording: str
    reason: str


@dataclass(frozen=True, slots=True)
class NoteInRecord(RecordCommand):
    """Write beside the recording what happened."""

    recording: str
    what: str
    more: dict[str, str]


@dataclass(frozen=True, slots=True)
class SetTap(RecordCommand):
    """Copy what a relay or room carries of all but those who are left out, or ("") no longer; ends in TapSet."""

    media_id: str
    recording: str
    left_out: tuple[str, ...] = ()
