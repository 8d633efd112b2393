"""Words between the gateway and the recorder: lines of JSON over a Unix socket. Pure.

The gateway asks, and each ask is answered by its number. Between answers the recorder tells of recordings that had to
stop. Everything may be said again: who has come anew says what is to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from splitter.core.errors import LocalError
from splitter.media.record.about import RecordedOutcome, RecordingAbout

M = TypeVar("M")

PROTOCOL = 2
"""What both sides say, and the forwarder and its gateway, too. One that was begun with another number is replaced: it
would pass over what it does not know, such as that less is to be sent, or somebody left out."""

LINE_LIMIT_BYTES = 1 << 25  # a screenshot fits, and so does a photo


class RecorderAsk(msgspec.Struct, frozen=True, tag=True):
    """An ask to the recorder."""


class BeginRecording(RecorderAsk, frozen=True):
    """Record, or go on recording, unless it is `paused`. `reason`: why it is so, in words."""

    about: RecordingAbout
    paused: bool = False
    reason: str = ""


class ChangeRecording(RecorderAsk, frozen=True):
    """Note that the subject of a recording has changed."""

    about: RecordingAbout


class NoteInRecording(RecorderAsk, frozen=True):
    """Write beside a recording what happened to its call."""

    recording: str
    what: str
    more: dict[str, Any]


class KeepStill(RecorderAsk, frozen=True):
    """Keep a screenshot of the call beside its recording."""

    recording: str
    number: int
    png: bytes


class KeepPhoto(RecorderAsk, frozen=True):
    """Keep a photo that the caller has sent beside the recording of its call."""

    recording: str
    number: int
    jpeg: bytes


class KeepPdf(RecorderAsk, frozen=True):
    """Keep a PDF that the caller has sent beside the recording of its call."""

    recording: str
    number: int
    pdf: bytes


class MakeFilm(RecorderAsk, frozen=True):
    """Make the film of a recording, when the machine has time."""

    recording: str


class EndRecording(RecorderAsk, frozen=True):
    """End a recording."""

    recording: str
    reason: str = ""


class EnterInLedger(RecorderAsk, frozen=True):
    """Note in the ledger who has opened, exported or listed what."""

    kind: str
    about: dict[str, Any]


class HoldRecording(RecorderAsk, frozen=True):
    """Let nothing delete a recording, or let it be deleted again."""

    recording: str
    held: bool
    by: str
    reason: str = ""


class DeleteRecording(RecorderAsk, frozen=True):
    """Delete the files of a recording."""

    recording: str
    by: str
    reason: str = ""


class ConcludeCall(RecorderAsk, frozen=True):
    """Note how a call has ended whose recordings are here."""

    call_id: str
    outcome: RecordedOutcome


class AskHow(RecorderAsk, frozen=True):
    """Say how you are."""


class AskedCall(Protocol):
    """An ask and its number, of whichever process; 0: nobody waits for its answer."""

    @property
    def id(self) -> int: ...

    @property
    def ask(self) -> RecorderAsk: ...


class RecorderCall(msgspec.Struct, frozen=True):
    """An ask and its number."""

    id: int
    ask: (
        BeginRecording
        | ChangeRecording
        | NoteInRecording
        | KeepStill
        | KeepPhoto
        | KeepPdf
        | MakeFilm
        | EndRecording
        | EnterInLedger
        | HoldRecording
        | DeleteRecording
        | ConcludeCall
        | AskHow
    )


class RecorderAnswer(msgspec.Struct, frozen=True):
    """The outcome of the ask of this number; or, with the number 0, a recording that had to stop.

    Attributes:
        fault: why it was not done; "" where it was.
        recording: that stopped; "" where all had to, or may begin again (without a fault).
        states: of the recordings that are being made.
        lost: packets that came and were given up.
        warnings: what is not done beside the recordings, in words, by what it is.
        kept_bytes: what recordings take here.
        of_warnings: they alone have changed, or what is kept.
    """

    id: int
    fault: str = ""
    recording: str = ""
    states: dict[str, str] = {}
    lost: int = 0
    warnings: dict[str, str] = {}
    of_warnings: bool = False
    kept_bytes: int = 0


def write_line(message: AskedCall | RecorderAnswer) -> bytes:
    """A message as it is sent."""
    return msgspec.json.encode(message) + b"\n"


def reader_of(form: type[M], name: str) -> Callable[[bytes], M]:
    """What reads lines of this form, called so in words. It raises LocalError."""
    decoder = msgspec.json.Decoder(form)

    def read(line: bytes) -> M:
        try:
            return decoder.decode(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise LocalError(f"not {name}: {error}") from error

    return read


read_call = reader_of(RecorderCall, "an ask")
read_answer = reader_of(RecorderAnswer, "an answer")
