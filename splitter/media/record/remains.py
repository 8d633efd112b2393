"""Remains of a recorder that was killed: files whose end is not in the ledger. Reads."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from splitter.media.record.about import RecordingAbout
from splitter.media.record.file import events_of, hash_of, pieces_of, root_of, sums_of
from splitter.media.record.index import RecordingPart
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.matroska import HEAD_BYTES

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file that was left, as it is now; `events`: the hash of those beside it."""

    about: RecordingAbout
    part: RecordingPart
    reason: str
    events: str


class Remains:
    """Search for what was left in a folder, and for its hashes: a ledger of years, and large files, take their time.

    Args:
        until: the last entry of the ledger that counts: what comes later is of those who live.
        beside: does it; None: it is done at once.
    """

    def __init__(self, folder: Path, until: int, beside: Executor | None) -> None:
        self._folder, self._until = folder, until
        self._found: queue.SimpleQueue[LeftFile] = queue.SimpleQueue()
        self._closed = False
        if beside is None:
            self._look()
        else:
            beside.submit(self._look)

    def found(self) -> Iterator[LeftFile]:
        """Yield what was found since it was asked last."""
        with suppress(queue.Empty):
            while True:
                yield self._found.get_nowait()

    def close(self) -> None:
        """Look at no other file."""
        self._closed = True

    def _look(self) -> None:
        try:
            for path, about in unended(self._folder, self._until).items():
                left = None if self._closed else look_at(self._folder, path, about)
                if left is not None:
                    self._found.put(left)
        except Exception:
            log.exception("the ledger cannot be looked through for what was left")


def unended(folder: Path, until: int) -> dict[str, dict[str, Any]]:
    """The files that were begun and not ended, each with what the ledger says of it up to an entry. Raises OSError."""
    begun: dict[str, dict[str, Any]] = {}
    for _, line in lines(folder):
        entry = read_line(line)
        if entry is None:
            continue
        if entry.number > until:
            break
        if entry.kind == "begun":
            begun[str(entry.about.get("file", ""))] = {**entry.about, "began": entry.at}
        elif entry.kind == "ended":
            begun.pop(str(entry.about.get("file", "")), None)
        elif entry.kind == "deleted":
            for path in entry.about.get("files", ()):
                begun.pop(path, None)
    return begun


def look_at(folder: Path, path: str, known: dict[str, Any]) -> LeftFile | None:
    """Hash a file that was left, which takes as long as its disk does; None where it cannot be."""
    with suppress(OSError, ValueError, KeyError):
        return _look_at(folder, path, known)
    return None  # verify says what is wrong with it


def _look_at(folder: Path, path: str, known: dict[str, Any]) -> LeftFile:
    whole = folder / path
    about = msgspec.convert({**known, "id": known["recording"]}, RecordingAbout)
    hashes = pieces_of(whole, HEAD_BYTES)
    noted = sums_of(whole).read_text().split() if sums_of(whole).exists() else []
    apart = next((at for at, one in enumerate(noted) if hashes[1 + at : 2 + at] != [one]), None)
    reason = "the recorder was killed; hashed as it was left"
    if apart is not None:
        reason = f"the recorder was killed, and piece {apart} is not as it was written"
    stat = whole.stat()
    number = int(path.rsplit(".", 2)[-2])
    part = RecordingPart(number, path, float(known["began"]), stat.st_mtime, stat.st_size, root_of(hashes))
    return LeftFile(about, part, reason, digest(events_of(whole)))


def digest(path: Path | None) -> str:
    """The hash of a file beside a recording's; "" where there is none."""
    if path is None or not path.exists():
        return ""
    with suppress(OSError):
        return hash_of(path, HEAD_BYTES)
    return ""
