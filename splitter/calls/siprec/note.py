"""A recording session as bytes: what the gateway that comes after this one has to know of it. Pure.

The forwarder keeps it: what sends a session's media and what knows its dialog are found together, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from splitter.calls.siprec.metadata import RecordedPerson
from splitter.calls.talk.leg import LegRecord
from splitter.media.forward.protocol import SeenLine


@dataclass(frozen=True, slots=True)
class SessionNote:
    """A session at rest, as far as it is written down.

    Attributes:
        leg: its dialog. lines: in the order of the description.
        people: who takes part, and did. begun: in Unix seconds.
    """

    recording: str
    call_id: str
    leg: LegRecord
    lines: tuple[SeenLine, ...]
    people: tuple[RecordedPerson, ...]
    begun: float


_decoder = msgspec.msgpack.Decoder(SessionNote)


def write_note(note: SessionNote) -> bytes:
    """The note as bytes; nothing where a peer's text cannot be written: the session is begun anew then."""
    try:
        return msgspec.msgpack.encode(note)
    except (UnicodeEncodeError, TypeError):
        return b""


def read_note(data: bytes) -> SessionNote | None:
    """Read a note; None where it is none."""
    try:
        return _decoder.decode(data) if data else None
    except (msgspec.MsgspecError, ValueError):
        return None
