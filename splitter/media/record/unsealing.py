"""A file of recordings, or its events, written out without its seal. Does I/O."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from splitter.media.record.events import read_events
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.source import LocalSource

_AT_ONCE = 1 << 20


def unseal_file(file: Path, target: Path, keys: SealKeys) -> int:
    """Write one out; nobody else may read it. Returns: its bytes. Raises LocalError, OSError."""
    fd = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as out:
            return _write_plain(file, out, keys)
    except BaseException:
        target.unlink(missing_ok=True)  # half of one would look like all of it
        raise


def _write_plain(file: Path, out: BinaryIO, keys: SealKeys) -> int:
    if file.name.endswith(".events.jsonl"):
        return out.write(read_events(file.read_bytes(), keys))
    source = keys.plain(LocalSource(file))
    try:
        for at in range(0, source.size, _AT_ONCE):
            out.write(source.read(at, _AT_ONCE))
    finally:
        source.close()
    return source.size
