"""Sealed files: AES-256-GCM in chunks, so that any range can be read and a cut file opens up to its end ([0045]).

A header of fixed size names the key and holds a data key, wrapped by it. Then comes the head, one chunk that may be
written anew, and chunks of 16 KiB; the last one is written anew as it fills. Each chunk has its own random nonce and is
bound to the file and its place. What counts as evidence is what lies on the disk: hashes need no key.

[0045]: docs/decisions/0045-sealed-recordings.md
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from splitter.core.errors import LocalError
from splitter.media.record.source import RecordingSource

MAGIC = b"SPLSEAL1"
HEADER_BYTES = 1024
CHUNK_BYTES = 16_384
_LENGTH = struct.Struct("!H")
_PLACE = struct.Struct("!16sQ")
_NONCE, _TAG = 12, 16
ADDED_BYTES = _NONCE + _TAG
_MOST = HEADER_BYTES - len(MAGIC) - _LENGTH.size


class SealHeader(msgspec.Struct, frozen=True):
    """A sealed file's word on itself.

    Attributes:
        key: the name of the key that wrapped `wrapped`, the data key.
        file: a random name of the file, that its own key is made with.
        head: bytes of plain text in its head, 0 where it has none.
    """

    key: str
    wrapped: bytes
    file: bytes
    head: int


class DataKey(NamedTuple):
    """A key for files of some hours, and the same one wrapped. `name`: of the key that wrapped it."""

    name: str
    key: bytes
    wrapped: bytes


class FileSeal:
    """The seal of one file that is being written. `header`: its begin. Raises LocalError: it does not fit."""

    def __init__(self, data_key: DataKey, head: int = 0) -> None:
        what = SealHeader(data_key.name, data_key.wrapped, os.urandom(16), head)
        packed = msgspec.msgpack.encode(what)
        if len(packed) > _MOST:
            raise LocalError(f"the wrapped key is too long: {len(data_key.wrapped)} bytes")
        self.header = (MAGIC + _LENGTH.pack(len(packed)) + packed).ljust(HEADER_BYTES, b"\0")
        self._file = what.file
        self._cipher = _cipher(data_key.key, what.file)

    def chunk(self, place: int, plain: bytes) -> bytes:
        """A chunk as it is written. `place`: 0 for the head, counted from 1 after it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, _PLACE.pack(self._file, place))

    def whole(self, plain: bytes) -> bytes:
        """A small file as it is written, header and all; made with a head of 0."""
        parts = (plain[at : at + CHUNK_BYTES] for at in range(0, len(plain), CHUNK_BYTES))
        return self.header + b"".join(self.chunk(place, part) for place, part in enumerate(parts, 1))


class SealOpener:
    """The way back: chunks of one file made plain again."""

    def __init__(self, header: SealHeader, key: bytes) -> None:
        self._file = header.file
        self._cipher = _cipher(key, header.file)

    def open(self, place: int, data: bytes) -> bytes:
        """The plain text of a chunk. Raises LocalError: it was changed, or the key is another one."""
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], _PLACE.pack(self._file, place))
        except (InvalidTag, ValueError):
            raise LocalError(
                f"sealed part {place} cannot be opened: it was changed, or its key is another one"
            ) from None


def _cipher(key: bytes, file: bytes) -> AESGCM:
    """The cipher of a file: a data key serves many files, and each has its own key."""
    return AESGCM(HKDF(SHA256(), 32, file, b"splitter recording").derive(key))


def read_header(data: bytes) -> SealHeader | None:
    """Read what a file says of its seal in its first bytes; None where it has none. Raises LocalError: it is spoilt."""
    if not data.startswith(MAGIC):
        return None
    try:
        (length,) = _LENGTH.unpack_from(data, len(MAGIC))
        begin = len(MAGIC) + _LENGTH.size
        header = msgspec.msgpack.decode(data[begin : begin + length], type=SealHeader)
    except (struct.error, msgspec.MsgspecError) as error:
        raise LocalError(f"the head of a sealed file cannot be read: {error}") from error
    if len(header.file) != 16 or not 0 <= header.head <= 1 << 24:
        raise LocalError("the head of a sealed file cannot be read")
    return header


def head_bytes_of(first: bytes, plain: int) -> int:
    """The size of the head that is hashed as one piece, of a file that begins so; `plain`: where it is not sealed."""
    return HEADER_BYTES + plain + ADDED_BYTES if first.startswith(MAGIC) else plain


class UnsealedSource:
    """A sealed file, read as if it were plain.

    Args:
        source: as it lies there; it is closed with this. header: its own. key: its data key.

    Raises:
        LocalError: it cannot be opened.
    """

    def __init__(self, source: RecordingSource, header: SealHeader, key: bytes) -> None:
        self._source, self._head = source, header.head
        self._opener = SealOpener(header, key)
        self._begin = HEADER_BYTES + (header.head + ADDED_BYTES if header.head else 0)
        self._cached: tuple[int, bytes] = (-1, b"")
        body = max(0, source.size - self._begin)
        whole, rest = divmod(body, CHUNK_BYTES + ADDED_BYTES)
        last = b""
        if rest > ADDED_BYTES:
            try:
                last = self._chunk(whole + 1)
            except LocalError:  # a machine that lost its power tore it
                if not whole and not header.head:
                    raise
        self.size = header.head + whole * CHUNK_BYTES + len(last)

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place on."""
        end, found = min(self.size, at + length), bytearray()
        while at < end:
            if at < self._head:
                place, begin = 0, 0
            else:
                place = 1 + (at - self._head) // CHUNK_BYTES
                begin = self._head + (place - 1) * CHUNK_BYTES
            part = self._chunk(place)[at - begin : end - begin]
            if not part:
                raise LocalError(f"sealed part {place} is cut off")
            found += part
            at += len(part)
        return bytes(found)

    def close(self) -> None:
        """Close what it reads from."""
        self._source.close()

    def _chunk(self, place: int) -> bytes:
        if self._cached[0] == place:
            return self._cached[1]
        if place:
            at, length = self._begin + (place - 1) * (CHUNK_BYTES + ADDED_BYTES), CHUNK_BYTES + ADDED_BYTES
        else:
            at, length = HEADER_BYTES, self._head + ADDED_BYTES
        plain = self._opener.open(place, self._source.read(at, length))
        self._cached = (place, plain)
        return plain
