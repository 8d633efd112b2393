"""Where recorded files are read, wherever they lie and whatever seals them. Does I/O, and blocks."""

from __future__ import annotations

from pathlib import Path

from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.source import LocalSource, RecordingSource


class RecordingShelf:
    """The files of a folder of recordings.

    Args:
        keys: those that sealed them.
    """

    def __init__(self, folder: Path, keys: SealKeys) -> None:
        self._folder, self._keys = folder, keys

    def open(self, path: str) -> RecordingSource:
        """A file, as it was before it was sealed; `path`: within the folder.

        Raises:
            FileNotFoundError: it is not there.
            OSError: it cannot be read.
            LocalError: it cannot be unsealed.
        """
        return self._keys.plain(LocalSource(self._folder / path))
