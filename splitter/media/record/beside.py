"""Files that are kept beside a recording: screenshots of the call, photos and PDFs that its caller sent. Does I/O."""

from __future__ import annotations

import os
from pathlib import Path

from splitter.media.record.index import BesideFile, RecordingIndex
from splitter.media.record.ledger import RecordingLedger
from splitter.media.record.remains import digest

STILL, PHOTO, PDF = "still", "photo", "pdf"
KINDS = {STILL: "png", PHOTO: "jpg", PDF: "pdf"}
WORDS = {"png": "screenshot", "jpg": "photo", "pdf": "PDF"}  # for people, by the end of the name


def keep_beside(
    folder: Path,
    ledger: RecordingLedger,
    index: RecordingIndex,
    place: Path,
    kind: str,
    id: str,
    number: int,
    data: bytes,
) -> Path | None:
    """Keep a picture, and enter it in ledger and index; again is no error. Raises OSError.

    Args:
        place: the folder of the recording's files.
        number: tells those of one kind apart.

    Returns: its file; None where it is there already.
    """
    path = place / f"{id}.{kind}-{number}.{KINDS[kind]}"
    at = ledger.now()
    try:
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return None
    except OSError:
        path.unlink(missing_ok=True)  # verify would call it a stranger
        raise
    relative, hashed = str(path.relative_to(folder)), digest(path)
    try:
        ledger.add(kind, {"recording": id, "file": relative, "hash": hashed}, at)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    index.beside(id, BesideFile(0, kind, relative, at, len(data), hashed))
    return path


def files_beside(place: Path, id: str) -> list[Path]:
    """The pictures of a recording in a folder."""
    return sorted(path for kind, suffix in KINDS.items() for path in place.glob(f"{id}.{kind}-*.{suffix}"))
