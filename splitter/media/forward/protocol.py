"""What the gateway and the forwarder say to each other: lines of JSON over a Unix socket, as to the recorder. Pure.

The gateway names the recordings that are to be carried; the forwarder opens a line for each stream that it sees of
them, and tells. Where a line goes is said later, and again at each change.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from splitter.media.record.protocol import AskHow, RecorderAnswer, RecorderAsk, reader_of

CONTROL = "forwarder.sock"
TAPS = "forwarder-taps.sock"

Encoding = tuple[int, str, int, int, str]
"""Payload type, name, clock rate, channels, fmtp."""


class SeenLine(msgspec.Struct, frozen=True):
    """A stream that is there, and the ports that it is sent from.

    Attributes:
        number: of the recording's lines, from 0; it stays.
        name: whose it is: "caller", "centre", "desk-1" …
        kind: "voice" or "picture".
        port: of RTP; RTCP is the next one.
        encodings: under payload types of our own, which never mean anything else; the first is the present one.
        turns: its pictures tell how they are to be turned.
    """

    number: int
    name: str
    kind: str
    port: int
    encodings: tuple[Encoding, ...]
    turns: bool = False


class LineTarget(msgspec.Struct, frozen=True):
    """Where a line goes.

    Attributes:
        payload_types: what to write in place of each of ours; what is not in it is not sent.
        turn_id: of the header extension that tells how pictures are to be turned; 0: it is not told.
    """

    host: str
    port: int
    rtcp_port: int
    payload_types: dict[int, int]
    turn_id: int = 0


class CarryRecording(RecorderAsk, frozen=True):
    """Open lines for what is seen of a recording, or go on with them; `pictures`: for those too."""

    recording: str
    pictures: bool = True


class SendLines(RecorderAsk, frozen=True):
    """Send lines there, and those that are not named nowhere."""

    recording: str
    to: dict[int, LineTarget]


class NoteCarried(RecorderAsk, frozen=True):
    """Keep what the next gateway has to know of a recording."""

    recording: str
    note: bytes


class ForgetRecording(RecorderAsk, frozen=True):
    """Close the lines of a recording."""

    recording: str


class ForkPlace(msgspec.Struct, frozen=True):
    """Where a fork goes, and what it has.

    Attributes:
        voices: "all", "caller", "centre" or "none". rate: samples a second.
        pictures: "none", "caller" or "all". stills: each as "none", "too" or "only"; still_every_s: and how often.
    """

    url: str
    token: str = ""
    ca: str = ""
    pictures: str = "none"
    voices: str = "all"
    rate: int = 8000
    stills: str = "none"
    still_every_s: float = 10.0

    def has(self, kind: str, name: str) -> bool:
        """Whether a stream is among it."""
        wanted = self.voices if kind == "voice" else self.pictures if kind == "picture" else "none"
        return wanted in ("all", name)


class ForkRecording(RecorderAsk, frozen=True):
    """Send what is heard and seen of a recording there, or go on with it.

    Attributes:
        call: what the receiver is told of it.
    """

    recording: str
    to: ForkPlace
    call: dict[str, Any]
    paused: bool = False


class TellFork(RecorderAsk, frozen=True):
    """Tell who receives a fork what has happened in the call, which is so now."""

    recording: str
    what: str
    more: dict[str, Any]
    call: dict[str, Any]


class EndFork(RecorderAsk, frozen=True):
    """End the fork of a recording."""

    recording: str
    reason: str = ""


class ForkState(StrEnum):
    """How a fork is."""

    OPENING = "opening"
    SENT = "sent"
    DOWN = "down"
    ENDED = "ended"  # nothing more is told of it


class ForkSeen(msgspec.Struct, frozen=True):
    """How a fork is, in words too; frames that were sent, and dropped, and streams left out, since it began."""

    state: ForkState
    words: str
    sent: int = 0
    dropped: int = 0
    left_out: int = 0


class ForwarderCall(msgspec.Struct, frozen=True):
    """An ask and its number."""

    id: int
    ask: CarryRecording | SendLines | NoteCarried | ForgetRecording | ForkRecording | TellFork | EndFork | AskHow


class ForwarderAnswer(RecorderAnswer, frozen=True):
    """What came of an ask; or, with the number 0, what was seen.

    Attributes:
        lines: of `recording`, all that there are.
        wanted: the one of `recording`'s lines whose receiver wants a key frame; -1: none.
        fork: how that of `recording` is.
        key_frame_of: whose picture the fork of `recording` wants a key frame of; "": nobody's.
        notes: by recording, what a gateway has had noted.
    """

    fork: ForkSeen | None = None
    key_frame_of: str = ""
    lines: tuple[SeenLine, ...] | None = None
    wanted: int = -1
    notes: dict[str, bytes] = msgspec.field(default_factory=dict)


read_call = reader_of(ForwarderCall, "an ask")
read_answer = reader_of(ForwarderAnswer, "an answer")
