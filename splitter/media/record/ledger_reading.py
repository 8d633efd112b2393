"""The ledger, read and checked entry by entry, also while it grows; and what it says of files. Reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from splitter.media.record.beside import KINDS
from splitter.media.record.keys import CheckingKey
from splitter.media.record.ledger import FIRST, LedgerEntry, folder_of, read_line

Abouts = dict[str, dict[str, Any]]


class LedgerReading:
    """A reading of a ledger.

    Args:
        wrong: takes what is wrong with the chain, in words.

    Attributes:
        entries: that were read. begun, ended, beside, films: what was said of files last, by their paths.
        concluded: how calls ended, by their ids. deleted, moved: paths of files.
        held: recordings that nothing may delete.
    """

    def __init__(self, folder: Path, key: CheckingKey, wrong: list[str]) -> None:
        self._folder, self._key, self._wrong = folder, key, wrong
        self.entries: list[LedgerEntry] = []
        self.begun: Abouts = {}
        self.ended: Abouts = {}
        self.beside: Abouts = {}
        self.films: Abouts = {}
        self.concluded: Abouts = {}
        self.deleted: set[str] = set()
        self.moved: set[str] = set()
        self.held: set[str] = set()
        self._news: set[str] = set()
        self._day, self._at, self._tail = "", 0, b""
        self._previous, self._number, self._torn = FIRST, 0, ""
        self._strangers: set[str] = set()

    @property
    def known(self) -> set[str]:
        """The paths of all files that it has spoken of."""
        return {*self.begun, *self.ended, *self.beside, *self.films}

    def read_on(self) -> None:
        """Read what has come since. Raises OSError; TypeError, ValueError, AttributeError: no recorder wrote it."""
        for path in sorted(folder_of(self._folder).glob("*.jsonl")):
            if path.stem < self._day:
                continue
            if path.stem > self._day:
                self._take(self._tail)
                self._day, self._at = path.stem, 0
            with path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
            whole, _, self._tail = data.rpartition(b"\n")
            self._at += len(data) - len(self._tail)
            for line in whole.split(b"\n"):
                self._take(line)

    def begin_news(self) -> None:
        """Take all that is read from now on as new; see `has_news_of`."""
        self._news.clear()

    def has_news_of(self, path: str) -> bool:
        """Whether something has been said of a file meanwhile: then it is not judged by what was said before."""
        self.read_on()
        return path in self._news

    def end(self) -> None:
        """Judge what is left of a last line."""
        self._take(self._tail)
        if self._torn:
            self._wrong.append(self._torn)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        if not line:
            return
        entry = read_line(line)
        if entry is None:
            self._torn = f"ledger {self._day}: a line after entry {self._number} cannot be read"
            return
        if self._torn and entry.kind != "mended":
            self._wrong.append(self._torn)
        self._torn = ""
        self.entries.append(entry)
        self._check(entry, line)
        self._hear(entry)

    def _check(self, entry: LedgerEntry, line: bytes) -> None:
        where = f"ledger {self._day}, entry {entry.number} ({entry.kind})"
        if entry.number != self._number + 1:
            gone = entry.number - self._number - 1
            words = f"{gone} entries before it are missing" if gone > 0 else "it stands where it does not belong"
            self._wrong.append(f"{where}: the chain is cut: {words}")
        elif entry.previous != self._previous:
            words = "the entry before it is not the one that it was bound to"
            self._wrong.append(f"{where}: the chain is cut: {words}")
        if entry.own_hash != entry.hash:
            self._wrong.append(f"{where}: it was changed")
        elif msgspec.json.encode(entry, order="sorted") != line:
            self._wrong.append(f"{where}: something was added to it that was not signed")
        elif entry.key != self._key.name:
            if entry.key not in self._strangers:
                words = f"signed with another key, {entry.key}, and not with {self._key.name}"
                self._wrong.append(f"{where}: {words}")
            self._strangers.add(entry.key)
        elif not self._key.signed(bytes.fromhex(entry.hash), entry.signature):
            self._wrong.append(f"{where}: its signature is not that of key {self._key.name}")
        self._previous, self._number = entry.hash, entry.number

    def _hear(self, entry: LedgerEntry) -> None:
        about, path, recording = entry.about, str(entry.about.get("file", "")), str(entry.about.get("recording", ""))
        self._news.add(path)
        if entry.kind in ("deleted", "moved"):
            files = about.get("files", ())
            (self.deleted if entry.kind == "deleted" else self.moved).update(files)
            self._news.update(files)
        if entry.kind == "deleted" and recording in self.held:
            self._wrong.append(f"recording {recording}: it was deleted while it was held")
        if entry.kind == "held":
            self.held.add(recording)
        elif entry.kind == "released":
            self.held.discard(recording)
        if entry.kind == "concluded":
            self.concluded[str(about.get("call_id", ""))] = {**about}
        said = {"begun": self.begun, "ended": self.ended, "rendered": self.films, **dict.fromkeys(KINDS, self.beside)}
        if entry.kind in said:
            said[entry.kind][path] = about
            if entry.kind != "ended":
                self.deleted.discard(path)
