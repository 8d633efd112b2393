"""Datagrams on a TCP connection (RFC 4571: each has its length before it), and whom the first one is for. Pure."""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.core.net import Address

FRAME_LIMIT_BYTES = 2_048
"""Of one that we take: what browsers send fits into packets of a network."""

_LEAST_BYTES = 8  # RTCP has as many; smaller ones are sent by those alone who want us to work
_EMPTY_LIMIT = 16  # in what is read at a time
_LENGTH_BYTES = 2
_BINDING_REQUEST = b"\x00\x01"
_COOKIE = b"\x21\x12\xa4\x42"
_HEADER_BYTES, _USERNAME = 20, 0x0006  # RFC 8489 §5, §14.3


class StreamAddress(Address):
    """The other end of a TCP connection. It never equals a source of UDP, though host and port be the same."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamAddress) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((StreamAddress, *self))


def framed(data: bytes | bytearray | memoryview) -> bytes:
    """A datagram with its length before it."""
    return b"".join((len(data).to_bytes(_LENGTH_BYTES, "big"), data))


class Frames:
    """Cuts what a connection brings into datagrams.

    Args:
        limit_bytes: of one datagram.
    """

    __slots__ = ("_data", "_limit")

    def __init__(self, limit_bytes: int = FRAME_LIMIT_BYTES) -> None:
        self._data = bytearray()
        self._limit = limit_bytes

    def feed(self, data: bytes) -> list[bytearray]:
        """Take what came; return the datagrams that are complete. Empty ones are left out (RFC 4571 §2).

        Raises:
            PeerError: a length that no packet has, or empty ones in masses. The connection is of no use.
        """
        self._data += data
        found: list[bytearray] = []
        at, size, empty = 0, len(self._data), 0
        while size - at >= _LENGTH_BYTES:
            length = int.from_bytes(self._data[at : at + _LENGTH_BYTES], "big")
            empty += not length
            if length > self._limit or 0 < length < _LEAST_BYTES or empty > _EMPTY_LIMIT:
                raise PeerError(f"a frame of {length} bytes is no packet")
            end = at + _LENGTH_BYTES + length
            if size < end:
                break
            if length:
                found.append(self._data[at + _LENGTH_BYTES : end])
            at = end
        del self._data[:at]
        return found


def ufrag_of(frame: bytes | bytearray) -> str:
    """The ICE user that a binding request is for: what stands before the colon of its USERNAME (RFC 8445 §7.2.2).

    Raises:
        PeerError: it is no binding request, or names nobody.
    """
    whole = len(frame) >= _HEADER_BYTES and frame[:2] == _BINDING_REQUEST and frame[4:8] == _COOKIE
    if not whole or int.from_bytes(frame[2:4], "big") != len(frame) - _HEADER_BYTES:
        raise PeerError("the first frame is no STUN binding request")
    at = _HEADER_BYTES
    while at + 4 <= len(frame):
        kind, length = int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")
        value = frame[at + 4 : at + 4 + length]
        if kind == _USERNAME and len(value) == length:
            return bytes(value).partition(b":")[0].decode("ascii", "replace")
        at += 4 + length + -length % 4
    raise PeerError("the binding request names nobody")
