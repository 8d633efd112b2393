"""Where recorded files are read, wherever they lie and whatever seals them. Does I/O, and blocks."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Lock

from splitter.media.record.events import read_events
from splitter.media.record.file import events_of
from splitter.media.record.place import StorePlace
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.source import LocalSource, RecordingSource
from splitter.media.record.store import RecordingStore, StoredSource, open_store

NOWHERE = StorePlace()


class RecordingShelf:
    """The files of a folder of recordings.

    Args:
        keys: those that sealed them. place: of the store that they were moved to.
    """

    def __init__(self, folder: Path, keys: SealKeys, place: StorePlace = NOWHERE) -> None:
        self._folder, self._keys = folder, keys
        self._place = place
        self._store: RecordingStore | None = None
        self._opening = Lock()

    def open(self, path: str) -> RecordingSource:
        """A file, as it was before it was sealed; `path`: within the folder.

        Raises:
            FileNotFoundError: it is not there.
            OSError: it cannot be read.
            LocalError: it cannot be unsealed.
        """
        return self._keys.plain(self.raw(path))

    def raw(self, path: str) -> RecordingSource:
        """A file as it lies there. Raises FileNotFoundError, OSError, LocalError."""
        try:
            return LocalSource(self._folder / path)
        except FileNotFoundError:
            if (store := self.store) is None:
                raise
            return StoredSource(store, path)

    def events(self, path: str) -> bytes:
        """The lines of events beside a recording's file, without their seals. Raises OSError, LocalError."""
        with closing(self.raw(str(events_of(Path(path))))) as source:
            return read_events(source.read(0, source.size), self._keys)

    @property
    def store(self) -> RecordingStore | None:
        """The store, where there is one. Raises LocalError."""
        with self._opening:
            if self._store is None:
                self._store = open_store(self._place)
            return self._store
