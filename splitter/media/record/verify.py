"""Verification of recordings: files, ledger and index held against each other, in words. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splitter.core.errors import LocalError
from splitter.media.record.file import events_of, pieces_of, root_of, sums_of
from splitter.media.record.index import everything
from splitter.media.record.keys import CheckingKey
from splitter.media.record.ledger import FIRST, LedgerEntry, lines, read_line
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.seal import MAGIC, head_bytes_of

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


def examine(folder: Path, key: CheckingKey) -> Examination:
    """Hold files, ledger and index of a folder against each other.

    Raises:
        LocalError: the folder cannot be read.
    """
    found = Examination()
    try:
        ledger = list(_entries(folder, key, found))
        begun, ended, deleted = _sorted(ledger)
        for path in begun:
            if path not in deleted:
                _look_at(folder, path, ended.get(path), found)
        stills = {str(entry.about.get("file", "")): entry.about for entry in ledger if entry.kind == "still"}
        for path, about in stills.items():
            if path not in deleted:
                _look_at_still(folder, path, str(about.get("hash", "")), found)
        _look_for_strangers(folder, {*begun, *ended, *stills}, found)
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


def _sorted(ledger: list[LedgerEntry]) -> tuple[Abouts, Abouts, set[str]]:
    """By file: what was said at its begin and its end, and which were deleted."""
    begun: Abouts = {}
    ended: Abouts = {}
    deleted: set[str] = set()
    for entry in ledger:
        path = str(entry.about.get("file", ""))
        if entry.kind == "begun":
            begun[path] = entry.about
        elif entry.kind == "ended":
            ended[path] = entry.about
        elif entry.kind == "deleted":
            deleted.update(entry.about.get("files", ()))
    return begun, ended, deleted


def _look_at(folder: Path, path: str, end: dict[str, Any] | None, found: Examination) -> None:
    whole = folder / path
    found.files += 1
    if not whole.exists():
        found.wrong.append(f"{path}: the file is missing")
        return
    if end is None:
        found.unended.append(path)
        return
    hashes = pieces_of(whole, HEAD_BYTES)
    if root_of(hashes) != end.get("hash"):
        found.wrong.append(f"{path}: the file was changed{_place(whole, hashes, int(end.get('size', 0)))}")
    _look_beside(whole, path, str(end.get("events", "")), found)


def _look_at_still(folder: Path, path: str, expected: str, found: Examination) -> None:
    whole = folder / path
    found.files += 1
    if not whole.exists():
        found.wrong.append(f"{path}: the screenshot is missing")
    elif root_of(pieces_of(whole, HEAD_BYTES)) != expected:
        found.wrong.append(f"{path}: the screenshot was changed")


def _look_beside(whole: Path, path: str, events: str, found: Examination) -> None:
    beside = events_of(whole)
    if not events:
        return
    if not beside.exists():
        found.wrong.append(f"{path}: its events are missing")
    elif root_of(pieces_of(beside, HEAD_BYTES)) != events:
        found.wrong.append(f"{path}: its events were changed")


def _place(whole: Path, hashes: list[str], size: int) -> str:
    now = whole.stat().st_size
    if now != size:
        return f": it had {size} bytes, and has {now}"
    noted = sums_of(whole).read_text().split() if sums_of(whole).exists() else []
    at = next((at for at, one in enumerate(noted) if hashes[1 + at : 2 + at] != [one]), None)
    if at is None:
        return " in its head" if len(noted) == len(hashes) - 1 else ""
    with whole.open("rb") as file:
        begin = head_bytes_of(file.read(len(MAGIC)), HEAD_BYTES) + (at << 20)
    return f" between bytes {begin} and {min(now, begin + (1 << 20))}"


def _look_for_strangers(folder: Path, known: set[str], found: Examination) -> None:
    for path in sorted((*folder.glob("*/*.mkv"), *folder.glob("*/*.png"))):
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
