"""Films of recordings: which is to be made next, and what has become of one. Does I/O, in the recorder's one thread.

A film is a copy for looking at; evidence is the recording. It is hashed and signed all the same, with the hashes of the
files that it was made of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from splitter.core.errors import LocalError
from splitter.media.record.about import WITHHELD
from splitter.media.record.file import hash_of
from splitter.media.record.index import RecordingFilm, RecordingIndex, RecordingRow, due, one
from splitter.media.record.ledger import RecordingLedger
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.place import StorePlace
from splitter.media.record.render_job import Rendered, RenderJob, RenderPart
from splitter.media.record.seal_keys import Seals
from splitter.media.record.stored import stored_of

TRIES = 3
_LEAST_ROOM = 64_000_000
_LEAST_S, _S_PER_S = 300, 5  # of the processor: a fifth of a second is usual for each second of a call
_UNFINISHED = ".part"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FilmRules:
    """The recordings of which films are made. `everything`: all, asked for or not. The rest: where they lie."""

    everything: bool = False
    seal_key: str = ""
    seal_command: str = ""
    store: StorePlace = field(default_factory=StorePlace)


class RecordingFilms:
    """The films of one folder.

    Args:
        ledger, index: of the folder.
        room: the bytes that may be written still.
        seals: for what is written here; None: it is plain.
    """

    def __init__(
        self,
        folder: Path,
        ledger: RecordingLedger,
        index: RecordingIndex,
        rules: FilmRules,
        room: Callable[[], int],
        wall: Callable[[], float] = time.time,
        seals: Seals | None = None,
    ) -> None:
        self._folder, self._ledger, self._index = folder, ledger, index
        self._rules, self._seals = rules, seals
        self._room, self._wall = room, wall
        self._making: set[str] = set()
        for path in folder.glob(f"*/*{_UNFINISHED}"):
            path.unlink(missing_ok=True)
        index.films_left()

    def ask(self, id: str) -> str:
        """Have a film made, again where one has failed. Returns: why not, or "". Raises OSError."""
        row = one(self._folder, id)
        if row is None or row.state == "deleted":
            return f"there is no recording {id}"
        if row.film is None or row.film.state == "failed":
            self._index.film(id, RecordingFilm("waiting", self._wall()))
        elif row.film.state == "waiting" and not row.film.asked:
            self._index.film(id, msgspec.structs.replace(row.film, asked=self._wall()))
        return ""

    def outdate(self, id: str) -> None:
        """A recording goes on: what its film shows is not all any more. Raises OSError."""
        row = one(self._folder, id)
        if row is not None and row.film is not None and row.film.state != "waiting":
            self._index.film(id, RecordingFilm("waiting", row.film.asked))

    def next_job(self) -> RenderJob | None:
        """The next film that is to be made. Raises OSError."""
        with suppress(LocalError):
            row = due(self._folder, self._rules.everything)
            # One that takes all there is would stop the recordings: each takes half of what the others leave, and as
            # much again where it is sealed from a file that has no name.
            most = self._room() >> (1 + len(self._making) + bool(self._rules.seal_key or self._rules.seal_command))
            if row is not None and row.id not in self._making and most > _LEAST_ROOM:
                return self._job(row, most)
        return None

    def _job(self, row: RecordingRow, most: int) -> RenderJob:
        film = row.film or RecordingFilm("waiting")
        self._index.film(row.id, msgspec.structs.replace(film, state="rendering", tries=film.tries + 1))
        self._making.add(row.id)
        path = self._unfinished(row)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        caller = WITHHELD if row.private else row.caller
        other = row.called if row.direction == "out" else caller
        seconds = sum((part.ended or part.began) - part.began for part in row.parts)
        return RenderJob(
            row.id,
            str(self._folder),
            tuple(RenderPart(part.path, part.began) for part in row.parts),
            str(path),
            other,
            row.agent,
            f"{row.short_code}  {caller} → {row.called}",
            _LEAST_S + round(_S_PER_S * seconds),
            most,
            self._rules.seal_key,
            self._rules.seal_command,
            self._rules.store,
        )

    def ended(self, id: str, end: Rendered) -> None:
        """What has become of a film that was being made. Raises OSError."""
        self._making.discard(id)
        row = one(self._folder, id)
        if row is None or row.film is None or row.film.state != "rendering":
            if row is not None and row.parts:  # it was deleted, or it went on, meanwhile
                self._drop(row)
            return
        if not end.fault:
            try:
                return self._keep(row, row.film, end)
            except OSError as error:
                end = Rendered(f"it cannot be kept: {error.strerror or error}", again=True)
        self._drop(row)
        again = end.again and row.film.tries < TRIES
        log.error("a film was not made", recording=id, reason=end.fault, again=again)
        state = "waiting" if again else "failed"
        self._index.film(id, msgspec.structs.replace(row.film, state=state, reason=end.fault))

    def _keep(self, row: RecordingRow, film: RecordingFilm, end: Rendered) -> None:
        target = film_of(self._folder, row)
        path = str(target.relative_to(self._folder))
        peaks = peaks_of(target)
        data = msgspec.json.encode(end.peaks)
        unfinished = _unfinished_peaks(target)
        unfinished.write_bytes(self._seals.make().whole(data) if self._seals is not None else data)
        unfinished.chmod(0o600)
        told = {
            "recording": row.id,
            "file": path,
            "size": end.size,
            "hash": end.hash,
            "peaks": hash_of(unfinished, HEAD_BYTES),
            "of": [part.hash for part in row.parts],
            "notes": list(end.notes),
        }
        if before := set(stored_of(self._folder, row.id)) & {path, str(peaks.relative_to(self._folder))}:
            self._index.stored(row.id, before, "moving")  # the store has a film of before: this one takes its place
        self._ledger.add("rendered", told, self._wall())
        unfinished.replace(peaks)
        self._unfinished(row).replace(target)
        reason = "; ".join(end.notes)
        done = RecordingFilm(
            "ready", film.asked, film.tries, path, self._wall(), end.seconds, end.size, end.hash, reason
        )
        self._index.film(row.id, done)

    def _drop(self, row: RecordingRow) -> None:
        for path in (self._unfinished(row), _unfinished_peaks(film_of(self._folder, row))):
            path.unlink(missing_ok=True)

    def _unfinished(self, row: RecordingRow) -> Path:
        return film_of(self._folder, row).with_suffix(f".mp4{_UNFINISHED}")


def film_of(folder: Path, row: RecordingRow) -> Path:
    """Where the film of a recording is."""
    return (folder / row.parts[0].path).parent / f"{row.id}.mp4"


def peaks_of(film: Path) -> Path:
    """The file beside a film that says how loud it is."""
    return film.with_suffix(".peaks.json")


def _unfinished_peaks(film: Path) -> Path:
    return peaks_of(film).with_suffix(f".json{_UNFINISHED}")
