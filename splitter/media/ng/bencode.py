"""The encoding of rtpengine's NG protocol: integers, strings, lists and dictionaries (BitTorrent's BEP 3). Pure.

Replies come over UDP, so whoever can forge a source address can send some: depth and lengths are bounded, and nothing
but PeerError leaves `decode`. Like rtpengine we ask for no order of keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from splitter.core.errors import PeerError

MAX_BYTES = 65_535
"""The most that a datagram may hold."""
MAX_DEPTH = 16
"""Of lists and dictionaries in each other; a reply to `query` has nine."""
_MAX_DIGITS = 20  # of an integer, with its sign: 64 bits

Value: TypeAlias = "int | str | list[Value] | dict[str, Value]"
"""What was read. Bytes that are no UTF-8 stay what they are, as lone surrogates (PEP 383)."""
Sent: TypeAlias = "int | str | Sequence[Sent] | Mapping[str, Sent]"
"""What can be written."""


def encode(value: Sent) -> bytes:
    """Write a value."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return b"%d:%s" % (len(data), data)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, Mapping):
        return b"d" + b"".join(encode(key) + encode(held) for key, held in value.items()) + b"e"
    return b"l" + b"".join(map(encode, value)) + b"e"


def decode(data: bytes) -> Value:
    """Read one value, which is all that `data` holds.

    Raises:
        PeerError: status 400 and what cannot be read.
    """
    if len(data) > MAX_BYTES:
        raise PeerError(f"{len(data)} bytes are too many")
    value, end = _value(data, 0, 0)
    if end != len(data):
        raise PeerError(f"more follows the value that ends at byte {end}")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value at a byte, and where the next one is."""
    if depth > MAX_DEPTH:
        raise PeerError(f"nested deeper than {MAX_DEPTH}")
    match data[at : at + 1]:
        case b"i":
            end = data.find(b"e", at, at + _MAX_DIGITS + 2)
            return _number(data, at + 1, end), end + 1
        case b"l":
            return _list(data, at + 1, depth)
        case b"d":
            return _dictionary(data, at + 1, depth)
        case _:
            return _text(data, at)


def _list(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    values = []
    while data[at : at + 1] != b"e":
        value, at = _value(data, at, depth + 1)
        values.append(value)
    return values, at + 1


def _dictionary(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    values = {}
    while data[at : at + 1] != b"e":
        key, at = _text(data, at)
        values[key], at = _value(data, at, depth + 1)
    return values, at + 1


def _text(data: bytes, at: int) -> tuple[str, int]:
    colon = data.find(b":", at, at + 6)
    length = _number(data, at, colon)
    begin, end = colon + 1, colon + 1 + length
    if length < 0 or end > len(data):
        raise PeerError(f"a text of {length} bytes does not fit at byte {begin}")
    return data[begin:end].decode("utf-8", "surrogateescape"), end


def _number(data: bytes, begin: int, end: int) -> int:
    digits = data[begin : max(begin, end)]
    if not digits.removeprefix(b"-").isdigit():
        raise PeerError(f"no value at byte {begin}")
    return int(digits)
