"""Verification of recordings: files, ledger and index held against each other, in words. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.x509 import Certificate

from splitter.core.errors import LocalError
from splitter.media.record.beside import KINDS
from splitter.media.record.file import events_of, pieces_of_source, root_of, sums_of
from splitter.media.record.films import peaks_of
from splitter.media.record.index import everything
from splitter.media.record.keys import CheckingKey
from splitter.media.record.ledger import FIRST, LedgerEntry, lines, read_line
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.seal import MAGIC, head_bytes_of
from splitter.media.record.shelf import RecordingShelf
from splitter.media.record.source import LocalSource, RecordingSource
from splitter.media.record.stamps_check import look_at_stamps

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
    """Hold files, ledger and index of a folder against each other.

    Args:
        shelf: reads what was moved to a store as well; all of it, which takes its time.
        roots: that the certificate of the time stamp authority is to come from; none: its signature is not checked.

    Raises:
        LocalError: the folder cannot be read.
    """
    found = Examination()
    lying = Lying(folder, shelf)
    try:
        ledger = list(_entries(folder, key, found))
        begun, ended, deleted, moved = _sorted(ledger)
        lying.moved = moved
        for path in begun:
            if path not in deleted:
                _look_at(lying, path, ended.get(path), found)
        stills = {str(entry.about.get("file", "")): entry.about for entry in ledger if entry.kind in KINDS}
        for path, about in stills.items():
            if path not in deleted:
                _look_at_still(lying, path, str(about.get("hash", "")), found)
        films = {str(entry.about.get("file", "")): entry.about for entry in ledger if entry.kind == "rendered"}
        for path, about in films.items():
            if path not in deleted:
                _look_at_film(lying, path, about, found)
        _look_for_strangers(folder, {*begun, *ended, *stills, *films}, found)
        _look_for_strangers_in_store(lying, found)
        look_at_stamps(folder, ledger, list(roots), found.wrong)
        _look_at_index(folder, begun, ended, found)
    except OSError as error:
        words = f"{error.filename or folder}: {error.strerror or error}"
        if not found.wrong:
            raise LocalError(words) from error
        found.wrong.append(f"{words}; what comes after it was not looked at")
    except (TypeError, ValueError, AttributeError):
        found.wrong.append("ledger: it has entries that no recorder writes; what comes after them was not looked at")
    return found


def _entries(folder: Path, key: CheckingKey, found: Examination) -> Iterator[LedgerEntry]:
    """The entries of the ledger, in order; what is wrong with the chain is noted."""
    previous, number, torn = FIRST, 0, ""
    strangers: set[str] = set()
    for day, line in lines(folder):
        entry = read_line(line)
        if entry is None:
            torn = f"ledger {day}: a line after entry {number} cannot be read"
            continue
        if torn and entry.kind != "mended":
            found.wrong.append(torn)
        torn = ""
        found.entries += 1
        where = f"ledger {day}, entry {entry.number} ({entry.kind})"
        if entry.number != number + 1:
            gone = entry.number - number - 1
            words = f"{gone} entries before it are missing" if gone > 0 else "it stands where it does not belong"
            found.wrong.append(f"{where}: the chain is cut: {words}")
        elif entry.previous != previous:
            found.wrong.append(f"{where}: the chain is cut: the entry before it is not the one that it was bound to")
        if entry.own_hash != entry.hash:
            found.wrong.append(f"{where}: it was changed")
        elif entry.key != key.name:
            if entry.key not in strangers:
                found.wrong.append(f"{where}: signed with another key, {entry.key}, and not with {key.name}")
            strangers.add(entry.key)
        elif not key.signed(bytes.fromhex(entry.hash), entry.signature):
            found.wrong.append(f"{where}: its signature is not that of key {key.name}")
        previous, number = entry.hash, entry.number
        yield entry
    if torn:
        found.wrong.append(torn)


Abouts = dict[str, dict[str, Any]]


def _sorted(ledger: list[LedgerEntry]) -> tuple[Abouts, Abouts, set[str], set[str]]:
    """By file: what was said at its begin and its end, and which were deleted, and moved to a store."""
    begun: Abouts = {}
    ended: Abouts = {}
    deleted: set[str] = set()
    moved: set[str] = set()
    for entry in ledger:
        path = str(entry.about.get("file", ""))
        if entry.kind == "begun":
            begun[path] = entry.about
        elif entry.kind == "ended":
            ended[path] = entry.about
        elif entry.kind == "deleted":
            deleted.update(entry.about.get("files", ()))
        elif entry.kind == "moved":
            moved.update(entry.about.get("files", ()))
    return begun, ended, deleted, moved


class Lying:
    """Files as they lie here, or in a store.

    Attributes:
        moved: those that the ledger says are in the store.
    """

    def __init__(self, folder: Path, shelf: RecordingShelf | None) -> None:
        self.folder, self.shelf = folder, shelf
        self.moved: set[str] = set()

    def source(self, path: str, what: str, found: Examination) -> RecordingSource | None:
        """A file to read; what is wrong where it is not there is noted."""
        whole = self.folder / path
        where = "" if path not in self.moved else ": it was moved to the store, and is not there"
        try:
            if whole.exists() or path not in self.moved:
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


def _look_at(lying: Lying, path: str, end: dict[str, Any] | None, found: Examination) -> None:
    found.files += 1
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


def _look_at_still(lying: Lying, path: str, expected: str, found: Examination) -> None:
    found.files += 1
    read = lying.pieces(path, "the screenshot", found)
    if read is not None and root_of(read[0]) != expected:
        found.wrong.append(f"{path}: the screenshot was changed")


def _look_at_film(lying: Lying, path: str, about: dict[str, Any], found: Examination) -> None:
    found.files += 1
    for file, name, expected in ((path, "film", "hash"), (str(peaks_of(Path(path))), "loudness", "peaks")):
        read = lying.pieces(file, f"the {name}", found)
        if read is not None and root_of(read[0]) != str(about.get(expected, "")):
            found.wrong.append(f"{path}: the {name} was changed")


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
    if lying.shelf is None or not lying.moved:
        return
    try:
        store = lying.shelf.store
        for path in store.paths() if store is not None else ():
            if path not in lying.moved:
                found.wrong.append(f"{path}: the file was added to the store: the ledger knows nothing of it")
    except LocalError as error:
        found.wrong.append(f"the store was not looked through: {error}")


def _look_for_strangers(folder: Path, known: set[str], found: Examination) -> None:
    for path in sorted(path for suffix in _SUFFIXES for path in folder.glob(f"*/*.{suffix}")):
        name = str(path.relative_to(folder))
        if name not in known:
            found.wrong.append(f"{name}: the file was added: the ledger knows nothing of it")


def _look_at_index(folder: Path, begun: Abouts, ended: Abouts, found: Examination) -> None:
    rows = {row.id: row for row in everything(folder)}
    said = {str(about.get("recording", "")): about for about in begun.values()}
    for id, about in said.items():
        row = rows.get(id)
        if row is None:
            found.wrong.append(f"recording {id}: its row in the index was deleted")
            continue
        for name in _FIELDS:
            if getattr(row, name) != about.get(name, ""):
                words = f"{name} is {getattr(row, name)!r}, and was {about.get(name, '')!r}"
                found.wrong.append(f"recording {id}: its row in the index was changed: {words}")
        listed = {part.path: part for part in row.parts}
        for path in (path for path, one in begun.items() if one.get("recording") == id):
            part, end = listed.get(path), ended.get(path)
            if part is None:
                found.wrong.append(f"{path}: its row in the index was deleted")
            elif end is not None and part.hash != end.get("hash"):
                found.wrong.append(f"{path}: its row in the index was changed: another hash")
    found.wrong.extend(
        f"recording {id}: its row in the index was added: the ledger knows nothing of it"
        for id in rows.keys() - said.keys()
    )
