"""The ledger of recordings: what was recorded, opened, held and deleted; each entry is bound to the last. Does I/O.

One file a day (UTC), one entry a line (JSON). An entry holds the hash of the entry before it, of whichever day; its own
hash, over its text without hash and signature; and a signature over that hash. So nobody without the key can change an
entry, put one in, or take one out, unless it is the last ones of all.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from splitter.core.errors import LocalError
from splitter.media.record.keys import SigningKey

FIRST = "0" * 64
"""The hash before the first entry of all."""


class LedgerEntry(msgspec.Struct, frozen=True):
    """An entry.

    Attributes:
        number: counts up over all days. at: Unix seconds.
        kind: "begun", "ended", "opened", "exported", "deleted", "held", "released", "mended" …
        about: what is to be kept of it.
        previous: the hash of the entry before. key: the name of the key that signed.
    """

    number: int
    at: float
    kind: str
    about: dict[str, Any]
    previous: str
    key: str
    hash: str = ""
    signature: str = ""

    @property
    def own_hash(self) -> str:
        """The hash that it should have."""
        bare = msgspec.structs.replace(self, hash="", signature="")
        return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


_entries = msgspec.json.Decoder(LedgerEntry)


def folder_of(recordings: Path) -> Path:
    """Where the ledger of a folder of recordings is."""
    return recordings / "ledger"


def read_line(line: bytes) -> LedgerEntry | None:
    """An entry; None where the line is none."""
    try:
        return _entries.decode(line)
    except (msgspec.MsgspecError, ValueError):
        return None


def lines(recordings: Path) -> Iterator[tuple[str, bytes]]:
    """All lines of the ledger, with the names of their days, the oldest first. Raises OSError."""
    for path in sorted(folder_of(recordings).glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            if line:
                yield path.stem, line


class RecordingLedger:
    """The ledger, for the one process that writes it.

    Attributes:
        recordings: the folder that it is of. end: number and hash of its last entry; any thread may read them.
        stamped: the number of the entry that noted a time stamp last, of this day.

    Raises:
        LocalError: it cannot be read.
    """

    def __init__(self, recordings: Path, key: SigningKey, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._day = ""  # of the last entry: none goes into a day before, whatever becomes of the clock
        self._folder = folder_of(recordings)
        self._key = key
        self._last, self._number = FIRST, 0
        self.recordings, self.stamped = recordings, 0
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._find_end()
            self.end = (self._number, self._last)
        except OSError as error:
            raise LocalError(f"the ledger of recordings, {self._folder}: {error.strerror or error}") from error

    def now(self) -> float:
        """The time, as entries have it."""
        return self._wall()

    @property
    def number(self) -> int:
        """The number of its last entry."""
        return self._number

    def _find_end(self) -> None:
        torn = False
        for path in sorted(self._folder.glob("*.jsonl"), reverse=True):
            data = path.read_bytes()
            found = [entry for line in data.split(b"\n") if (entry := read_line(line)) is not None]
            torn = torn or (bool(data) and not data.endswith(b"\n"))
            if data and not data.endswith(b"\n"):
                with path.open("ab") as file:
                    file.write(b"\n")
            if found:
                self._last, self._number, self._day = found[-1].hash, found[-1].number, path.stem
                self.stamped = max((entry.number for entry in found if entry.kind == "stamped"), default=0)
                break
        if torn:
            self.add("mended", {"words": "the writer was killed in the middle of a line"})

    def add(self, kind: str, about: dict[str, Any], at: float | None = None) -> LedgerEntry:
        """Add an entry, and see it on the disk. Raises OSError."""
        at = self._wall() if at is None else at
        entry = LedgerEntry(self._number + 1, at, kind, about, self._last, self._key.name)
        own = entry.own_hash
        entry = msgspec.structs.replace(entry, hash=own, signature=self._key.sign(bytes.fromhex(own)))
        day = max(self._day, time.strftime("%Y-%m-%d", time.gmtime(at)))
        path = self._folder / f"{day}.jsonl"
        data = msgspec.json.encode(entry, order="sorted") + b"\n"
        fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(fd).st_size
            try:
                if os.write(fd, data) != len(data):
                    raise OSError(28, "the disk is full")
                os.fsync(fd)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, before)  # the next entry is bound to the one before: this one must not stay
                raise
        finally:
            os.close(fd)
        self._last, self._number, self._day = own, entry.number, day
        self.end = (entry.number, own)
        return entry
