"""The frame of a record: what its bytes say about themselves, so that any version of this program can judge them. Pure.

    "SPL" | version, 1 byte | kind, 1 byte | of a call: length of its outline, 4 bytes | outline | body

The outline (`talk.outline`) is what the peers of a call can be sent a BYE by. It and the frame stay as they are in
every version from 2 on, and so does the body of an unanswered call, which is little more; the body of a call is read by
the version that wrote it, and by later ones (`_STEPS`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from splitter.calls.talk import record as talks
from splitter.calls.talk.outline import OpenDialog, Outline
from splitter.core.net import Address
from splitter.sip.dialog import Dialog

VERSION = 2
"""Of the body of a call. Fields may be added without a new one; what is renamed, or means something else, needs it, and
a step in `_STEPS` that makes it of the version before."""

_MAGIC = b"SPL"
_LENGTH = struct.Struct(">I")


class RecordKind(StrEnum):
    """The content of a record."""

    CALL = "C"  # an answered call at rest; see `talk.record`
    UNFINISHED = "U"  # one that is not answered yet; see `talk.unfinished`


_HEADS = {kind: _MAGIC + bytes((VERSION,)) + kind.encode() for kind in RecordKind}


@dataclass(frozen=True, slots=True)
class Frame:
    """A record taken apart.

    Attributes:
        version: of the program that wrote it, or to which it was brought.
        outline: the open dialogs of a call as bytes; empty for one that is not answered yet.
    """

    kind: RecordKind
    body: bytes
    outline: bytes = b""
    version: int = VERSION

    @property
    def readable(self) -> bool:
        """Whether its body is meant for this version."""
        return self.version == VERSION or self.kind is RecordKind.UNFINISHED


def framed(kind: RecordKind, body: bytes, outline: bytes = b"") -> bytes:
    """A record, by this version."""
    if kind is RecordKind.CALL:
        return _HEADS[kind] + _LENGTH.pack(len(outline)) + outline + body
    return _HEADS[kind] + body


def is_of_call(record: bytes) -> bool:
    """Whether a record that was framed here is of an answered call."""
    return record.startswith(_HEADS[RecordKind.CALL])


def unframed(record: bytes) -> Frame:
    """Take a record apart, and bring it to this version where it is of one before.

    Returns: what was written by a later version as it is.
    Raises:
        ValueError: it is none.
    """
    if record[:3] != _MAGIC or len(record) < 5:
        raise ValueError("this is no record of a call")
    version, kind, rest = record[3], RecordKind(record[4:5].decode("latin-1")), record[5:]
    if kind is RecordKind.UNFINISHED or version < 2:
        frame = Frame(kind, rest, version=version)
    else:
        if len(rest) < _LENGTH.size or len(rest) < (end := _LENGTH.size + _LENGTH.unpack_from(rest)[0]):
            raise ValueError("this is no record of a call: it is cut off")
        frame = Frame(kind, rest[end:], rest[_LENGTH.size : end], version)
    while frame.kind is RecordKind.CALL and (step := _STEPS.get(frame.version)) is not None:
        frame = replace(step(frame), version=frame.version + 1)
    return frame


def _outlined(frame: Frame) -> Frame:
    """From version 1, which had no outline: its dialogs are looked up in the body."""
    fields = talks.read_fields(frame.body)
    try:
        dialogs = [_first_dialog(name, leg) for name, leg in fields["legs"].items()]
    except (KeyError, TypeError, AttributeError, IndexError, msgspec.ValidationError) as error:
        raise ValueError(f"no dialogs are found in it: {error}") from error
    return replace(frame, outline=talks.written(Outline(tuple(dialogs))))


def _first_dialog(name: str, leg: dict[str, object]) -> OpenDialog:
    flow = msgspec.convert(leg["flow"], tuple[str, str, Address, Address])
    dialog = msgspec.convert(leg["dialog"], Dialog)
    return OpenDialog.of(name, flow[0], flow[1], flow[3], dialog, dialog.local_cseq)


_STEPS: dict[int, Callable[[Frame], Frame]] = {1: _outlined}
"""By version, the step to the next one."""
