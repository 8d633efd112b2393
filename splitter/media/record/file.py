"""A file of a recording on the disk, hashed as it is written. Does I/O.

The file is hashed in pieces: its head, which is written anew when tracks come, and then a mebibyte at a time. The hash
of each piece goes into a second file as soon as the piece is full, so that what a killed recorder left can be told from
what somebody made of it later.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, suppress
from pathlib import Path

from splitter.media.record.seal import CHUNK_BYTES, MAGIC, FileSeal, head_bytes_of
from splitter.media.record.source import LocalSource, RecordingSource

PIECE_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 16


class RecordingFile:
    """One file.

    Args:
        path: it must not be there. head: its begin, which stays as long as it is.
        seal: of this file; None: it is plain.

    Attributes:
        size: bytes that were written, as the disk has them.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, head: bytes, seal: FileSeal | None = None) -> None:
        self.path = path
        self._seal = seal
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        try:
            self._sums = os.open(sums_of(path), flags, 0o600)
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)  # the ledger knows nothing of it: verify would call it a stranger
            raise
        self._head = self._as_written(head)
        self._buffer = bytearray()
        self._chunks = 0  # sealed ones that are full
        self._tail = b""  # the last one, which is not
        self._written = 0  # of the buffer: what that one holds
        self._piece = hashlib.sha256()
        self._filled = 0
        self._hashes: list[str] = []
        self.size = 0
        try:
            self._write_head()
        except OSError:
            self._close()
            for made in (path, sums_of(path)):
                made.unlink(missing_ok=True)
            raise
        self.size = len(self._head)

    def write(self, data: bytes) -> None:
        """Add to the file. Raises OSError: as much as the disk took is there, and hashed."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            self.flush()

    def rewrite(self, head: bytes) -> None:
        """Write the head anew; it is as long as before. Raises OSError: the one before counts."""
        before, self._head = self._head, self._as_written(head)
        try:
            self._write_head()
        except OSError:
            self._head = before
            raise

    def flush(self) -> None:
        """Give what is buffered to the system. Raises OSError."""
        if self._seal is not None:
            self._flush_sealed(self._seal)
            return
        while self._buffer:
            written = os.write(self._fd, self._buffer)
            self._hash(bytes(self._buffer[:written]))
            self.size += written
            del self._buffer[:written]

    def drop(self) -> None:
        """Forget what could not be written."""
        del self._buffer[self._written :]

    def close(self) -> str:
        """End the file. Returns: the hash of the whole; see `hash_of`."""
        self._hash(self._tail)
        if self._filled:
            self._end_piece()
        total = root_of([hashlib.sha256(self._head).hexdigest(), *self._hashes])
        self._close()
        return total

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _as_written(self, head: bytes) -> bytes:
        return head if self._seal is None else self._seal.header + self._seal.chunk(0, head)

    def _flush_sealed(self, seal: FileSeal) -> None:
        """Write full chunks for good, and the one that is filling as it is: a crash leaves it readable."""
        while len(self._buffer) >= CHUNK_BYTES:
            chunk = seal.chunk(self._chunks + 1, bytes(self._buffer[:CHUNK_BYTES]))
            self._put(chunk)
            self._hash(chunk)
            self._chunks += 1
            del self._buffer[:CHUNK_BYTES]
            self._written = 0
        if len(self._buffer) > self._written:
            tail = seal.chunk(self._chunks + 1, bytes(self._buffer))
            self._put(tail)
            self._tail, self._written = tail, len(self._buffer)

    def _put(self, chunk: bytes) -> None:
        """Write a chunk where the last one was, which was not full. Raises OSError: none is there."""
        begin, done = self.size - len(self._tail), 0
        self._tail = b""
        try:
            while done < len(chunk):
                done += os.pwrite(self._fd, chunk[done:], begin + done)
        except OSError:
            self.size, self._written = begin, 0
            with suppress(OSError):
                os.ftruncate(self._fd, begin)
            raise
        self.size = begin + len(chunk)

    def _write_head(self) -> None:
        done = 0
        while done < len(self._head):
            done += os.pwrite(self._fd, self._head[done:], done)
        if not self.size:
            os.lseek(self._fd, len(self._head), os.SEEK_SET)

    def _hash(self, data: bytes) -> None:
        while data:
            part = data[: PIECE_BYTES - self._filled]
            self._piece.update(part)
            self._filled += len(part)
            data = data[len(part) :]
            if self._filled == PIECE_BYTES:
                self._end_piece()

    def _end_piece(self) -> None:
        digest = self._piece.hexdigest()
        self._hashes.append(digest)
        self._piece, self._filled = hashlib.sha256(), 0
        try:
            os.write(self._sums, digest.encode() + b"\n")
        except OSError:
            pass  # it is a help for what was cut off; the ledger has the hash of the whole

    def _close(self) -> None:
        for fd in (self._fd, self._sums):
            try:
                os.fsync(fd)
            except OSError:
                pass
            os.close(fd)


def sums_of(path: Path) -> Path:
    """The file beside it that holds the hashes of its pieces."""
    return path.with_suffix(".sums")


def events_of(path: Path) -> Path:
    """The file beside a recording's that says what happened."""
    return path.with_suffix(".events.jsonl")


def root_of(hashes: list[str]) -> str:
    """The hash of a file whose head and pieces have these."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def pieces_of(path: Path, head_bytes: int) -> list[str]:
    """The hashes of a file's head and pieces, as it is now. Raises OSError."""
    with closing(LocalSource(path)) as source:
        return pieces_of_source(source, head_bytes)


def pieces_of_source(source: RecordingSource, head_bytes: int) -> list[str]:
    """Hash the head and pieces of a file that lies anywhere. Raises OSError, LocalError."""
    hashes, at = [], 0
    data = source.read(0, head_bytes_of(source.read(0, len(MAGIC)), head_bytes))
    while data:
        hashes.append(hashlib.sha256(data).hexdigest())
        at += len(data)
        data = source.read(at, PIECE_BYTES)
    return hashes


def hash_of_source(source: RecordingSource, head_bytes: int) -> str:
    """The hash of a file that lies anywhere. Raises OSError, LocalError."""
    return root_of(pieces_of_source(source, head_bytes))


def hash_of(path: Path, head_bytes: int) -> str:
    """The hash of a file as it is now. Raises OSError."""
    return root_of(pieces_of(path, head_bytes))
