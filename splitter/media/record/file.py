"""A file of a recording on the disk, hashed as it is written. Does I/O.

The file is hashed in pieces: its head, which is written anew when tracks come, and then a mebibyte at a time. The hash
of each piece goes into a second file as soon as the piece is full, so that what a killed recorder left can be told from
what somebody made of it later.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PIECE_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 16


class RecordingFile:
    """One file.

    Args:
        path: it must not be there. head: its begin, which stays as long as it is.

    Attributes:
        size: bytes that were written.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, head: bytes) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        try:
            self._sums = os.open(sums_of(path), flags, 0o600)
        except OSError:
            os.close(self._fd)
            raise
        self._head = head
        self._buffer = bytearray()
        self._piece = hashlib.sha256()
        self._filled = 0
        self._hashes: list[str] = []
        self.size = 0
        try:
            self._write_head()
        except OSError:
            self._close()
            raise
        self.size = len(head)

    def write(self, data: bytes) -> None:
        """Add to the file. Raises OSError: as much as the disk took is there, and hashed."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            self.flush()

    def rewrite(self, head: bytes) -> None:
        """Write the head anew; it is as long as before. Raises OSError: the one before counts."""
        before, self._head = self._head, head
        try:
            self._write_head()
        except OSError:
            self._head = before
            raise

    def flush(self) -> None:
        """Give what is buffered to the system. Raises OSError."""
        while self._buffer:
            written = os.write(self._fd, self._buffer)
            self._hash(bytes(self._buffer[:written]))
            self.size += written
            del self._buffer[:written]

    def drop(self) -> None:
        """Forget what could not be written."""
        self._buffer.clear()

    def close(self) -> str:
        """End the file. Returns: the hash of the whole; see `hash_of`."""
        if self._filled:
            self._end_piece()
        total = root_of([hashlib.sha256(self._head).hexdigest(), *self._hashes])
        self._close()
        return total

    # ---- inside ----------------------------------------------------------------------------------------------------

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
    hashes = []
    with path.open("rb") as file:
        data = file.read(head_bytes)
        while data:
            hashes.append(hashlib.sha256(data).hexdigest())
            data = file.read(PIECE_BYTES)
    return hashes


def hash_of(path: Path, head_bytes: int) -> str:
    """The hash of a file as it is now. Raises OSError."""
    return root_of(pieces_of(path, head_bytes))
