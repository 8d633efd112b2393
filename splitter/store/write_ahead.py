"""What was handed in and is not in the file of live calls yet, in the page cache at once. Does I/O.

A process that is killed loses what it holds, and nothing that it has written: the kernel has that. So each change is
appended here before anything is said to a peer, in a few microseconds, while the file follows some moments later. The
folder is that of the sockets, which a distribution keeps in memory: there no disk is ever waited for.

The log is cut into parts. When a batch begins to be written to the file, what comes from then on goes to a new part;
when it is written, the parts before are removed. They are read in their order; what is read twice says the same.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from splitter.core.errors import UNREADABLE
from splitter.store.rows import LiveRow, Mark, RecordChange, ShelfContent

MOST_BYTES = 64_000_000
"""Of a part: where the file cannot be written for long, what comes is kept in memory alone."""
_LENGTH = struct.Struct(">I")

log = structlog.get_logger(__name__)


class _Entry(msgspec.Struct, array_like=True):
    fence: int
    number: int
    call_id: str
    change: RecordChange

    @property
    def mark(self) -> Mark:
        return Mark(self.fence, self.number)


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Entry)


class WriteAheadLog:
    """The log in a folder.

    Args:
        folder: where its parts are; None keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._fd = -1
        self._number = 0
        self._bytes = 0
        self.fault = ""
        """Why nothing is kept here now; "" while all is well."""

    def begin(self, content: ShelfContent) -> tuple[ShelfContent, dict[str, RecordChange]]:
        """Read what a process before this one has left, and begin a part of our own.

        Args:
            content: of the shelf.
        Returns: what it would be if that had been written, and what is to be written for it, by call.
        """
        rows = {row.call_id: row for row in content.rows}
        mark, changes = content.mark, dict[str, RecordChange]()
        for path in self._parts():
            self._number = max(self._number, _number_of(path))
            for entry in _read(path):
                if mark is not None and entry.fence < mark.fence:
                    continue  # another process has had these calls since
                changes[entry.call_id] = entry.change.after(changes.get(entry.call_id))
                _apply(rows, entry.call_id, entry.change)
                if mark is None or mark.number >= 0:
                    mark = max(mark or entry.mark, entry.mark)
        self.turn()
        return ShelfContent(tuple(rows.values()), mark if content.mark or changes else None), changes

    def append(self, mark: Mark, call_id: str, change: RecordChange) -> None:
        """Keep a change; nothing is raised: where it cannot be kept, `fault` says why."""
        if self._fd < 0 or self._bytes > MOST_BYTES:
            return
        entry = _ENCODER.encode(_Entry(mark.fence, mark.number, call_id, change))
        data = _LENGTH.pack(len(entry)) + entry
        try:
            if os.write(self._fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.fault = error.strerror or str(error)
            self._mend()
        else:
            self._bytes += len(data)
            self.fault = ""

    def turn(self) -> None:
        """Begin a new part."""
        self.end()
        if self.folder is None:
            return
        self._number += 1
        self._bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(self.folder / f"live-{self._number}.log", flags, 0o600)
            self.fault = ""
        except OSError as error:
            self.fault = error.strerror or str(error)

    def clear(self) -> None:
        """Remove all parts but the present one."""
        for path in self._parts():
            if _number_of(path) != self._number:
                with suppress(OSError):
                    path.unlink()

    def finish(self) -> None:
        """Write no more, and leave nothing: all is in the file."""
        self.end()
        self._number = 0
        self.clear()

    def end(self) -> None:
        """Write no more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _mend(self) -> None:
        """Cut off the half of an entry that was written: what follows it must be read."""
        try:
            os.ftruncate(self._fd, self._bytes)
        except OSError:
            self.end()

    def _parts(self) -> list[Path]:
        found = self.folder.glob("live-*.log") if self.folder is not None else ()
        return sorted((path for path in found if _number_of(path)), key=_number_of)


def _number_of(path: Path) -> int:
    word = path.stem.removeprefix("live-")
    return int(word) if word.isascii() and word.isdigit() else 0


def _read(path: Path) -> Iterator[_Entry]:
    """The entries of a part, as far as they are whole."""
    try:
        data = path.read_bytes()
    except OSError as error:
        log.warning("the log of live calls cannot be read", path=str(path), error=str(error))
        return
    at = 0
    while at + _LENGTH.size <= len(data):
        end = at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0]
        if end > len(data):
            return  # its writer was killed in the middle
        try:
            entry = _DECODER.decode(data[at + _LENGTH.size : end])
        except UNREADABLE as error:
            log.warning("the log of live calls is damaged", path=str(path), at=at, error=str(error))
            return
        yield entry
        at = end


def _apply(rows: dict[str, LiveRow], call_id: str, change: RecordChange) -> None:
    """Let a change follow what the shelf says of a call."""
    before = rows.get(call_id)
    if change.over:
        rows.pop(call_id, None)
    elif change.record is not None:
        rows[call_id] = LiveRow(call_id, time.time(), change.record, change.doubt)
    elif before is not None and change.doubt is not None:
        rows[call_id] = replace(before, doubt=change.doubt)
