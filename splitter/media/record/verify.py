"""Verification of recordings: files, ledger and index held against each other, in words. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
from cryptography.x509 import Certificate

from splitter.core.errors import LocalError
from splitter.media.record.beside import KINDS, WORDS
from splitter.media.record.file import events_of, pieces_of_source, root_of, sums_of
from splitter.media.record.films import peaks_of
from splitter.media.record.index import RecordingRow, everything
from splitter.media.record.keys import CheckingKey
from splitter.media.record.ledger_reading import Abouts, LedgerReading
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.seal import MAGIC, head_bytes_of
from splitter.media.record.shelf import RecordingShelf
from splitter.media.record.source import LocalSource, RecordingSource
from splitter.media.record.stamps_check import look_at_stamps
from splitter.media.record.stored import to_remove

_SUFFIXES = ("mkv", "mp4", *KINDS.values())
_FIELDS = ("call_id", "short_code", "caller", "called", "direction")


@dataclass(slots=True)
class Examination:
    """A look at recordings: what was looked at, and what is wrong.

    Attributes:
        files, entries: that were looked at.
        wrong: in words. unended: files that are being written, or were left by a recorder that was killed.
    """

    files: int = 0
    entries: int = 0
    wrong: list[str] = field(default_factory=list)
    unended: list[str] = field(default_factory=list)


def examine(
    folder: Path, key: CheckingKey, shelf: RecordingShelf | None = None, roots: Sequence[Certificate] = ()
) -> Examination:
    """Hold files, ledger and index of a folder against each other; recordings may go on meanwhile.

    Args:
        shelf: reads what was moved to a store as well; all of it, which takes its time.
        roots: that the certificate of the time stamp authority is to come from; none: its signature is not checked.

    Raises:
        LocalError: the folder cannot be read.
    """
    found = Examination()
    said = LedgerReading(folder, key, found.wrong)
    lying = Lying(folder, shelf, said)
    try:
        said.read_on()
        said.begin_news()
        deleted = set(said.deleted)
        _judge(said, said.begun, found, partial(_look_at, lying))
        _judge(said, said.beside, found, partial(_look_at_still, lying))
        _judge(said, said.films, found, partial(_look_at_film, lying))
        _judge(said, deleted, found, partial(_look_at_deleted, lying))
        _look_for_strangers(folder, said, found)
        _look_for_strangers_in_store(lying, found)
        _look_at_index(folder, said, found)
        look_at_stamps(folder, said.entries, list(roots), found.wrong)
        said.end()
    except OSError as error:
        words = f"{error.filename or folder}: {error.strerror or error}"
        if not found.wrong:
            raise LocalError(words) from error
        found.wrong.append(f"{words}; what comes after it was not looked at")
    except (TypeError, ValueError, AttributeError):
        found.wrong.append("ledger: it has entries that no recorder writes; what comes after them was not looked at")
    found.entries = len(said.entries)
    return found


def _judge(
    said: LedgerReading, paths: Iterable[str], found: Examination, look: Callable[[str, Examination], None]
) -> None:
    """Look at files, but for those that the ledger has something new of since: they are moved, deleted or made anew."""
    for path in tuple(paths):
        mine = Examination()
        look(path, mine)
        found.files += mine.files
        found.unended += mine.unended
        if mine.wrong and not said.has_news_of(path):
            found.wrong += mine.wrong


class Lying:
    """Files as they lie here, or in a store. `said`: what the ledger says of them."""

    def __init__(self, folder: Path, shelf: RecordingShelf | None, said: LedgerReading) -> None:
        self.folder, self.shelf, self.said = folder, shelf, said

    def source(self, path: str, what: str, found: Examination) -> RecordingSource | None:
        """A file to read; what is wrong where it is not there is noted."""
        whole = self.folder / path
        where = "" if path not in self.said.moved else ": it was moved to the store, and is not there"
        try:
            if whole.exists() or path not in self.said.moved:
                return LocalSource(whole)
            if self.shelf is None:
                found.wrong.append(f"{path}: {what} was moved to the store, and was not looked at")
                return None
            return self.shelf.raw(path)
        except FileNotFoundError:
            found.wrong.append(f"{path}: {what} is missing{where}")
        except LocalError as error:
            found.wrong.append(f"{path}: {what} was not looked at: {error}")
        return None

    def pieces(self, path: str, what: str, found: Examination) -> tuple[list[str], int, bytes] | None:
        """The hashes of a file, its size, and its first bytes."""
        source = self.source(path, what, found)
        if source is None:
            return None
        try:
            return pieces_of_source(source, HEAD_BYTES), source.size, source.read(0, len(MAGIC))
        except LocalError as error:
            found.wrong.append(f"{path}: {what} was not looked at: {error}")
            return None
        finally:
            source.close()

    def text(self, path: str) -> str:
        """A small file, "" where it cannot be read."""
        with suppress(OSError, LocalError, ValueError):
            source = self.source(path, "it", Examination())
            if source is not None:
                with closing(source):
                    return source.read(0, source.size).decode()
        return ""


def _look_at(lying: Lying, path: str, found: Examination) -> None:
    if path in lying.said.deleted:
        return
    found.files += 1
    end = lying.said.ended.get(path)
    if end is None and (lying.folder / path).exists():
        found.unended.append(path)
        return
    read = lying.pieces(path, "the file", found)
    if read is None or end is None:
        return
    hashes, size, first = read
    if root_of(hashes) != end.get("hash"):
        place = _place(lying, path, hashes, size, first, int(end.get("size", 0)))
        found.wrong.append(f"{path}: the file was changed{place}")
    events = str(end.get("events", ""))
    if events:
        _look_beside(lying, path, events, found)
    elif "events" in end and events_of(lying.folder / path).exists():
        found.wrong.append(f"{path}: its events were added")


def _look_at_still(lying: Lying, path: str, found: Examination) -> None:
    if path in lying.said.deleted:
        return
    found.files += 1
    what = f"the {WORDS.get(path.rsplit('.', 1)[-1], 'file')}"
    read = lying.pieces(path, what, found)
    if read is not None and root_of(read[0]) != str(lying.said.beside[path].get("hash", "")):
        found.wrong.append(f"{path}: {what} was changed")


def _look_at_film(lying: Lying, path: str, found: Examination) -> None:
    if path in lying.said.deleted:
        return
    found.files += 1
    about = lying.said.films[path]
    for file, name, expected in ((path, "film", "hash"), (str(peaks_of(Path(path))), "loudness", "peaks")):
        read = lying.pieces(file, f"the {name}", found)
        if read is not None and root_of(read[0]) != str(about.get(expected, "")):
            found.wrong.append(f"{path}: the {name} was changed")


def _look_at_deleted(lying: Lying, path: str, found: Examination) -> None:
    if (lying.folder / path).exists():
        found.wrong.append(f"{path}: the ledger says that it was deleted, and it is there")


def _look_beside(lying: Lying, path: str, expected: str, found: Examination) -> None:
    missing = Examination()
    read = lying.pieces(str(events_of(Path(path))), "it", missing)
    if read is None:
        lost = any("is missing" in one for one in missing.wrong)
        found.wrong.append(f"{path}: its events {'are missing' if lost else 'were not looked at'}")
    elif root_of(read[0]) != expected:
        found.wrong.append(f"{path}: its events were changed")


def _place(lying: Lying, path: str, hashes: list[str], now: int, first: bytes, size: int) -> str:
    if now != size:
        return f": it had {size} bytes, and has {now}"
    noted = lying.text(str(sums_of(Path(path)))).split()
    at = next((at for at, one in enumerate(noted) if hashes[1 + at : 2 + at] != [one]), None)
    if at is None:
        return " in its head" if len(noted) == len(hashes) - 1 else ""
    begin = head_bytes_of(first, HEAD_BYTES) + (at << 20)
    return f" between bytes {begin} and {min(now, begin + (1 << 20))}"


def _look_for_strangers_in_store(lying: Lying, found: Examination) -> None:
    if lying.shelf is None or not lying.said.moved:
        return
    try:
        store = lying.shelf.store
        there = list(store.paths()) if store is not None else []
        leaving = set(to_remove(lying.folder, len(there)))  # it was deleted on its way
        strangers = [path for path in there if path not in leaving and not (lying.folder / path).exists()]
        lying.said.read_on()
        for path in strangers:  # what lies here as well is on its way there
            if path not in lying.said.moved:
                found.wrong.append(f"{path}: the file was added to the store: the ledger knows nothing of it")
    except LocalError as error:
        found.wrong.append(f"the store was not looked through: {error}")


def _look_for_strangers(folder: Path, said: LedgerReading, found: Examination) -> None:
    there = sorted(path for suffix in _SUFFIXES for path in folder.glob(f"*/*.{suffix}"))
    said.read_on()
    for path in there:
        name = str(path.relative_to(folder))
        if name not in said.known:
            found.wrong.append(f"{name}: the file was added: the ledger knows nothing of it")


def _look_at_index(folder: Path, said: LedgerReading, found: Examination) -> None:
    begun, ended, held, concluded = dict(said.begun), dict(said.ended), set(said.held), dict(said.concluded)
    rows = {row.id: row for row in everything(folder)}
    said.read_on()
    _look_at_outcomes(rows.values(), (concluded, said.concluded), found)
    about_of = {str(about.get("recording", "")): about for about in begun.values()}
    paths_of: dict[str, list[str]] = {}
    for path, about in begun.items():
        paths_of.setdefault(str(about.get("recording", "")), []).append(path)
    for id, about in about_of.items():
        row = rows.get(id)
        if row is None:
            found.wrong.append(f"recording {id}: its row in the index was deleted")
            continue
        for name in _FIELDS:
            if getattr(row, name) != about.get(name, ""):
                words = f"{name} is {getattr(row, name)!r}, and was {about.get(name, '')!r}"
                found.wrong.append(f"recording {id}: its row in the index was changed: {words}")
        if row.held not in (id in held, id in said.held):
            words = "it is held, and was not" if row.held else "it is not held, and was"
            found.wrong.append(f"recording {id}: its row in the index was changed: {words}")
        listed = {part.path: part for part in row.parts}
        for path in paths_of[id]:
            part, end = listed.get(path), ended.get(path)
            if part is None:
                found.wrong.append(f"{path}: its row in the index was deleted")
            elif end is not None and part.hash != end.get("hash"):
                found.wrong.append(f"{path}: its row in the index was changed: another hash")
    known = {str(about.get("recording", "")) for about in said.begun.values()}
    found.wrong.extend(
        f"recording {id}: its row in the index was added: the ledger knows nothing of it" for id in rows.keys() - known
    )


def _look_at_outcomes(rows: Iterable[RecordingRow], told: tuple[Abouts, Abouts], found: Examination) -> None:
    """Hold what the index says of the ends of calls against the ledger: before it was read, and after that."""
    calls = {row.call_id: row.call for row in rows}
    for call_id, row in calls.items():
        before, after = (known.get(call_id) for known in told)
        shown = {"call_id": call_id, **msgspec.to_builtins(row)} if row is not None else None
        if shown not in (before, after):
            words = "deleted" if shown is None else "added" if after is None else "changed"
            found.wrong.append(f"call {call_id}: how it ended was {words} in the index")
