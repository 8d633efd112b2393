"""What is kept of happenings, so that the process that comes after this one tells them as this one would. Pure."""

from __future__ import annotations

import msgspec

from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.web.events.happenings import CallChanged, DeskChanged, Happening, Told

CALL, DESK = "call ", "desk "  # what the state of each is kept under, before its id


class _Call(msgspec.Struct, tag="call", array_like=True):
    view: CallView
    before: CallView | None


class _Notice(msgspec.Struct, tag="notice", array_like=True):
    notice: Notice
    view: CallView | None
    extension: str


class _Desk(msgspec.Struct, tag="desk", array_like=True):
    view: DeskView


_encoder = msgspec.msgpack.Encoder()
_happenings = msgspec.msgpack.Decoder(_Call | _Notice | _Desk)
_calls, _desks = msgspec.msgpack.Decoder(CallView), msgspec.msgpack.Decoder(DeskView)


def encode(happening: Happening) -> bytes:
    """A happening without its number and time, which stand beside it."""
    match happening:
        case CallChanged():
            return _encoder.encode(_Call(happening.view, happening.before))
        case Told():
            return _encoder.encode(_Notice(happening.notice, happening.view, happening.extension))
        case DeskChanged():
            return _encoder.encode(_Desk(happening.view))


def decode(stream: str, seq: int, at: float, body: bytes) -> Happening:
    """A happening as it was.

    Raises:
        ValueError: it was written by a version whose views are others.
    """
    kept = _happenings.decode(body)
    if isinstance(kept, _Call):
        return CallChanged(seq, at, kept.view, kept.before, stream)
    if isinstance(kept, _Notice):
        return Told(seq, at, kept.notice, kept.view, kept.extension, stream)
    return DeskChanged(seq, at, kept.view, stream)


def encode_view(view: CallView | DeskView) -> bytes:
    """A call or a desk as it is now."""
    return _encoder.encode(view)


def decode_views(state: dict[str, bytes]) -> tuple[list[CallView], list[DeskView]]:
    """The calls and desks of a state. Raises ValueError as `decode`."""
    calls = [_calls.decode(body) for key, body in state.items() if key.startswith(CALL)]
    return calls, [_desks.decode(body) for key, body in state.items() if key.startswith(DESK)]
