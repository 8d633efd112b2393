"""A live call written down: its value as bytes, and back (MessagePack, with the names of the fields).

The first byte says how: text of peers may hold bytes that are no UTF-8 (they survive in SDP as surrogates), and such a
record has each of these texts as its bytes.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from splitter.calls.talk.doubt import Doubt
from splitter.calls.talk.outline import Outline
from splitter.calls.talk.state import Talk

_PLAIN, _ESCAPED = b"\x01", b"\x02"
_TEXT = 1  # the extension that holds a text as its bytes
_ENCODER = msgspec.msgpack.Encoder()
T = TypeVar("T")


def written(value: Talk | Doubt | Outline) -> bytes:
    """A call that is at rest, or what is under way in one, or its open dialogs, as bytes."""
    try:
        return _PLAIN + _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ESCAPED + _ENCODER.encode(_escaped(msgspec.to_builtins(value)))


def read(data: bytes) -> Talk:
    """The call that was written.

    Raises:
        ValueError: these bytes are not one.
    """
    return _read(data, _TALK)


def read_doubt(data: bytes) -> Doubt:
    """The note of what was under way. Raises as `read`."""
    return _read(data, _DOUBT)


def read_outline(data: bytes) -> Outline:
    """The open dialogs. Raises as `read`."""
    return _read(data, _OUTLINE)


def read_fields(data: bytes) -> Any:
    """The fields of what was written, whatever its type was: dictionaries and lists. Raises as `read`."""
    return _read(data, _ANYTHING)


_TALK, _DOUBT = msgspec.msgpack.Decoder(Talk), msgspec.msgpack.Decoder(Doubt)
_OUTLINE, _ANYTHING = msgspec.msgpack.Decoder(Outline), msgspec.msgpack.Decoder(Any)


def _read(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    how, rest = data[:1], data[1:]
    if how == _PLAIN:
        return decoder.decode(rest)
    if how == _ESCAPED:
        return msgspec.convert(msgspec.msgpack.decode(rest, ext_hook=_text), decoder.type)
    raise ValueError("this is no record of a call")


def _escaped(value: Any) -> Any:
    match value:
        case str():
            data = value.encode("utf-8", "surrogateescape")
            return value if value.isascii() else msgspec.msgpack.Ext(_TEXT, data)
        case dict():
            return {key: _escaped(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_escaped(one) for one in value]
        case _:
            return value


def _text(code: int, data: memoryview) -> str:
    if code != _TEXT:
        raise ValueError(f"extension {code} is unknown")
    return bytes(data).decode("utf-8", "surrogateescape")
