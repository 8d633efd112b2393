"""How long recordings are kept: held, deleted by hand, and by age. Does I/O, in the recorder's thread."""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from splitter.media.record.beside import files_beside
from splitter.media.record.file import events_of, sums_of
from splitter.media.record.films import film_of, peaks_of
from splitter.media.record.index import RecordingIndex, RecordingRow, expired, one
from splitter.media.record.ledger import RecordingLedger
from splitter.media.record.stored import stored_of

DAY_S = 86_400.0
_SWEEP_S = 600.0
_SWEEP_AT_ONCE, _SWEEP_ON_S = 20, 1.0


class RecordingRefused(Exception):
    """A request that cannot be done, in words."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that recordings are kept, 0 for ever; `routes`: those of trunks of the centre, where they differ."""

    days: float = 0.0
    routes: tuple[tuple[str, float], ...] = ()


class RecordingKeeper:
    """The end of recordings.

    Args:
        live: the ids of those that are being made.
    """

    def __init__(
        self,
        folder: Path,
        ledger: RecordingLedger,
        index: RecordingIndex,
        retention: Retention,
        live: Container[str],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._folder, self._ledger, self._index = folder, ledger, index
        self._retention, self._live = retention, live
        self._clock, self._wall = clock, wall
        self._swept = clock() - _SWEEP_S + 5

    def hold(self, id: str, held: bool, by: str, reason: str) -> None:
        """Let nothing delete a recording, or let it be deleted again. Raises OSError."""
        if held:
            self._index.held(id, True)  # first: whoever is killed in between has kept it
        self._ledger.add("held" if held else "released", {"recording": id, "by": by, "reason": reason}, self._wall())
        if not held:
            self._index.held(id, False)

    def moving(self, id: str, paths: list[str]) -> None:
        """Note that files of a recording may be in the store from now on. Raises RecordingRefused, OSError."""
        row = one(self._folder, id)
        if row is None or row.state == "deleted":
            raise RecordingRefused(f"recording {id} was deleted")
        self._index.stored(id, paths, "moving")

    def moved(self, id: str, files: dict[str, str], where: str) -> None:
        """Note that files of a recording, each with its hash, lie in a store. Raises OSError."""
        row = one(self._folder, id)
        self._ledger.add("moved", {"recording": id, "to": where, "files": files}, self._wall())
        self._index.stored(id, files)
        if row is None or row.state == "deleted":  # while it was on its way
            self._index.unwanted(id)

    def film_moved(self, id: str, files: dict[str, str], where: str) -> None:
        """Note that a film, and the file that says how loud it is, lie in a store; they are no longer here.

        Raises:
            RecordingRefused: it was deleted, or another one was made meanwhile.
            OSError: it cannot be noted.
        """
        row = one(self._folder, id)
        if row is None or row.state == "deleted":
            self._index.unwanted(id)
            raise RecordingRefused(f"recording {id} was deleted")
        if row.film is None or row.film.state != "ready" or files.get(row.film.path) != row.film.hash:
            raise RecordingRefused(f"another film of recording {id} is made")
        self._ledger.add("moved", {"recording": id, "to": where, "files": files}, self._wall())
        self._index.stored(id, files)
        for path in files:  # here, in the thread that makes another one of this name
            (self._folder / path).unlink(missing_ok=True)

    def removed(self, path: str) -> None:
        """Note that a file which was deleted is not in the store any longer. Raises OSError."""
        self._index.unstored(path)

    def delete(self, id: str, by: str, reason: str) -> None:
        """Delete the files of a recording; ledger and index keep what they say. Raises RecordingRefused, OSError."""
        row = one(self._folder, id)
        if row is None or row.state == "deleted":
            raise RecordingRefused(f"there is no recording {id}")
        if row.held:
            raise RecordingRefused(f"recording {id} is held: release it first")
        if id in self._live:
            raise RecordingRefused(f"recording {id} is being made")
        paths = sorted({*self._files(row), *stored_of(self._folder, id)})
        self._ledger.add("deleted", {"recording": id, "by": by, "reason": reason, "files": paths}, self._wall())
        for path in paths:
            whole = self._folder / path
            for file in (whole, sums_of(whole), events_of(whole)):
                file.unlink(missing_ok=True)
        self._index.unwanted(id)
        self._index.emptied(id)
        self._index.entered(id, "deleted", reason, row.ended)

    def _files(self, row: RecordingRow) -> list[str]:
        days = {(self._folder / part.path).parent for part in row.parts}
        others = [path for day in days for path in files_beside(day, row.id)]
        if row.film is not None and row.parts:
            film = film_of(self._folder, row)
            others += [path for path in (film, peaks_of(film)) if path.exists()]
        return [*(part.path for part in row.parts), *(str(path.relative_to(self._folder)) for path in others)]

    def tick(self) -> None:
        """Delete what is older than it is to be kept, now and then, a few at a time: packets wait meanwhile."""
        now = self._clock()
        if now - self._swept >= _SWEEP_S:
            self._swept = now
            if self._sweep():
                self._swept += _SWEEP_ON_S - _SWEEP_S

    def _sweep(self) -> bool:
        """Delete some. Returns: more may be."""
        keep, gone = self._retention, 0
        named = dict(keep.routes)
        for route, days in (*named.items(), ("", keep.days)):
            if not days:
                continue
            but = tuple(named) if not route else ()
            before = self._wall() - days * DAY_S
            for row in expired(self._folder, before, _SWEEP_AT_ONCE - gone, route, but):
                with suppress(RecordingRefused, OSError):
                    self.delete(row.id, "retention", f"older than {days:g} days")
                    gone += 1
        return gone >= _SWEEP_AT_ONCE
