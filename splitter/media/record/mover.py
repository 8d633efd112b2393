"""Recordings that have ended, moved to a store: put there, read back, and only then deleted here. Does I/O.

What is to be done stands in the index, so a restart forgets nothing. It runs in a thread of its own, and asks the one
that writes for each change of ledger and index.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog

from splitter.core.errors import LocalError
from splitter.core.pauses import doubled_s
from splitter.media.record.beside import KINDS, files_beside
from splitter.media.record.file import events_of, hash_of_source, sums_of
from splitter.media.record.films import peaks_of
from splitter.media.record.keeper import RecordingKeeper, RecordingRefused
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.source import LocalSource
from splitter.media.record.store import RecordingStore, StoredSource
from splitter.media.record.stored import PartToMove, all_stored, films_to_move, to_move, to_remove
from splitter.media.record.turns import InTurn

_LOOK_S, _FIRST_AGAIN_S, _LAST_AGAIN_S = 5.0, 1.0, 300.0
_AT_ONCE = 20
_SUFFIXES = ("mkv", "mp4", "peaks.json", *KINDS.values())

log = structlog.get_logger(__name__)


class MoveNotes(Protocol):
    """Notes of a move, by the thread that writes: on the disk when they return. Each raises LocalError, OSError."""

    def moving(self, recording: str, paths: list[str]) -> None:
        """Note that files may be stored from now on. Raises RecordingRefused: they were deleted."""
        ...

    def moved(self, recording: str, files: dict[str, str]) -> None:
        """Note that files, each with its hash, are stored."""
        ...

    def film_moved(self, recording: str, files: dict[str, str]) -> None:
        """Note that a film and what is beside it are stored, and delete them here. Raises RecordingRefused too."""
        ...

    def removed(self, path: str) -> None:
        """Note that a file which was deleted is not stored any longer."""
        ...


class MoveNotesInTurn:
    """Notes of a move, handed to the thread that writes and waited for. As `MoveNotes`.

    Args:
        in_turn: hands work to that thread. where: the store, as the ledger names it.
    """

    def __init__(self, in_turn: InTurn, keeper: RecordingKeeper, where: str) -> None:
        self._wait, self._keeper, self._where = in_turn.do, keeper, where

    def moving(self, recording: str, paths: list[str]) -> None:
        self._wait(lambda: self._keeper.moving(recording, paths))

    def moved(self, recording: str, files: dict[str, str]) -> None:
        self._wait(lambda: self._keeper.moved(recording, files, self._where))

    def film_moved(self, recording: str, files: dict[str, str]) -> None:
        self._wait(lambda: self._keeper.film_moved(recording, files, self._where))

    def removed(self, path: str) -> None:
        self._wait(lambda: self._keeper.removed(path))


class RecordingMover:
    """The move of all recordings of a folder.

    Args:
        notes: see there. trouble: told why nothing is moved now; "" where it goes on.

    Attributes:
        fault: what was told last.
    """

    def __init__(self, folder: Path, store: RecordingStore, notes: MoveNotes, trouble: Callable[[str], None]) -> None:
        self._folder, self._store = folder, store
        self._notes, self._trouble = notes, trouble
        self._spoilt: set[PartToMove] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self.run, name="mover", daemon=True)
        self.fault = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is on its way is moved again by the next one."""
        self._end.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait so long, or until it is to end."""
        return self._end.wait(timeout_s)

    def run(self) -> None:
        """Move until it is to end."""
        failed, clean = 0, False
        while not self._end.is_set():
            try:
                if not clean:
                    self.clean()
                    clean = True
                more = self.step()
                self._say("")
                failed, pause_s = 0, 0.0 if more else _LOOK_S
            except Exception as error:
                if not isinstance(error, (LocalError, OSError)):
                    log.exception("the mover of recordings failed")
                self._say(str(error) or type(error).__name__)
                pause_s = doubled_s(_FIRST_AGAIN_S, _LAST_AGAIN_S, failed)
                failed += 1
            self.wait(pause_s)

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            log.error("recordings are not moved", reason=fault) if fault else log.info("recordings are moved again")
            self._trouble(fault)

    def clean(self) -> None:
        """Delete here what is stored: whoever moved it was killed in between. Raises LocalError."""
        stored = all_stored(self._folder)
        for path in (one for suffix in _SUFFIXES for one in self._folder.glob(f"*/*.{suffix}")):
            if str(path.relative_to(self._folder)) in stored:
                _delete(path)

    def step(self) -> bool:
        """Remove and move some. Returns: there may be more. Raises StoreFault, LocalError, OSError."""
        gone, most = to_remove(self._folder, _AT_ONCE), _AT_ONCE + len(self._spoilt)
        parts, films = to_move(self._folder, most), films_to_move(self._folder, most)
        for path in gone:
            self._store.remove(path)
            self._notes.removed(path)
        for move, those in ((self._move, parts), (self._move_film, films)):
            for one in those:
                if self._end.is_set():
                    return False
                if one not in self._spoilt:
                    move(one)
        return bool(gone) or any(one not in self._spoilt for one in (*parts, *films))

    def _move(self, part: PartToMove) -> None:
        whole = self._folder / part.path
        others = files_beside(whole.parent, part.recording)
        files = [whole, *(one for one in (events_of(whole), sums_of(whole)) if one.exists()), *others]
        if self._carry(part, files, self._notes.moved):
            for file in files:
                file.unlink(missing_ok=True)

    def _move_film(self, film: PartToMove) -> None:
        whole = self._folder / film.path
        self._carry(film, [whole, peaks_of(whole)], self._notes.film_moved)

    def _carry(self, part: PartToMove, files: list[Path], note: Callable[[str, dict[str, str]], None]) -> bool:
        """Put files into the store, the one of the index first. Returns: whether they are there, and noted."""
        try:
            hashes = {file: _hash(LocalSource(file)) for file in files}
        except FileNotFoundError:
            return self._spoil(part, "its file is missing")
        if hashes[files[0]] != part.hash:
            return self._spoil(part, "its file is not as it was written")
        told = {str(file.relative_to(self._folder)): hash for file, hash in hashes.items()}
        try:
            self._notes.moving(part.recording, list(told))
            for file in files:
                self._put(file, hashes[file])
            note(part.recording, told)
        except RecordingRefused:
            return False  # it was deleted meanwhile, or made anew
        return True

    def _spoil(self, part: PartToMove, why: str) -> bool:
        """One that verify finds wrong is evidence of that: it stays where it is, for people to look at."""
        now = films_to_move(self._folder, _AT_ONCE + len(self._spoilt) + 1)
        if part.path.endswith(".mp4") and part not in now:
            return False  # it was deleted meanwhile, or made anew
        self._spoilt.add(part)
        log.error("a recording is not moved", recording=part.recording, reason=why)
        return False

    def _put(self, file: Path, expected: str) -> None:
        path = str(file.relative_to(self._folder))
        self._store.put(path, file)
        try:
            found = _hash(StoredSource(self._store, path))
        except FileNotFoundError:
            found = ""
        if found != expected:
            raise LocalError(f"{path} is not in the store as it was put there")


def _hash(source: LocalSource | StoredSource) -> str:
    try:
        return hash_of_source(source, HEAD_BYTES)
    finally:
        source.close()


def _delete(path: Path) -> None:
    for file in (path, events_of(path), sums_of(path)):
        with suppress(OSError):
            file.unlink(missing_ok=True)
