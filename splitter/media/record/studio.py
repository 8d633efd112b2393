"""All recordings that are being made: what the gateway asks becomes files, ledger and index. Does I/O, in one thread.

A recording has a file for each life of the recorder: whoever finds one that was not ended writes the next one, and ends
the one before as it was left. What a full disk does to one recording it does to all: they stop, and the gateway is
told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from splitter.core.errors import PeerError
from splitter.media.ports.recording import takes
from splitter.media.record import batch
from splitter.media.record.about import RecordedOutcome, RecordingAbout
from splitter.media.record.batch import Described, Kind
from splitter.media.record.beside import keep_beside
from splitter.media.record.events import EventLog
from splitter.media.record.file import RecordingFile, events_of
from splitter.media.record.films import FilmRules, RecordingFilms
from splitter.media.record.index import RecordingIndex, RecordingPart, one
from splitter.media.record.keeper import RecordingKeeper, RecordingRefused, Retention
from splitter.media.record.keys import SigningKey
from splitter.media.record.ledger import RecordingLedger
from splitter.media.record.matroska import Muxer
from splitter.media.record.remains import LeftFile, Remains, digest
from splitter.media.record.seal_keys import Seals
from splitter.media.record.space import RecordingSpace, SpaceLimits, SpaceUsed
from splitter.media.record.stored import size_here
from splitter.media.record.take import Take

_GOOD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FLUSH_S = 0.25
_STREAMS_LIMIT = 20_000
_FREE_S = 1.0
FOR_EVER, ON_DEMAND, UNLIMITED = Retention(), FilmRules(), SpaceLimits()

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Live:
    """A recording that is being made; `take` and `file` are None while it is paused before its first packet."""

    about: RecordingAbout
    paused: bool = False
    stopped: str = ""
    part: RecordingPart | None = None
    file: RecordingFile | None = None
    muxer: Muxer | None = None
    take: Take | None = None
    events: EventLog | None = None
    origin: float = 0.0

    def takes(self, what: Described) -> bool:
        """Whether a stream is recorded: the taps of whoever is left out may send it for a moment longer."""
        return what.kind == "shown" or takes(self.about.without, what.name)


class RecordingStudio:
    """The recordings of one folder.

    Args:
        folder: of the files. key: signs the ledger.
        limits: of the room for them; where there is none, all recordings stop.
        retention: what is older is deleted.
        trouble: told the id of a recording that had to stop, and why; "" and a reason where none can begin.
        beside: hashes what a recorder before has left; None: it is waited for.
        seals: for all that is written; None: it is plain.
        films: of which recordings there are to be some.
        used: told how much room they take. counting: counts it; None: it is waited for.

    Attributes:
        keeper: holds and deletes. films: what is to be rendered, and what was. ledger: of the folder.

    Raises:
        LocalError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        key: SigningKey,
        trouble: Callable[[str, str], None],
        limits: SpaceLimits = UNLIMITED,
        retention: Retention = FOR_EVER,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        beside: Executor | None = None,
        seals: Seals | None = None,
        films: FilmRules = ON_DEMAND,
        used: Callable[[SpaceUsed], None] = lambda used: None,
        counting: Executor | None = None,
    ) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ledger = RecordingLedger(folder, key, wall)
        self._index = RecordingIndex(folder)
        self._space = RecordingSpace(folder, partial(size_here, folder), limits, clock, used, counting)
        self.films = RecordingFilms(folder, self.ledger, self._index, films, self._space.left, wall, seals)
        self._trouble = trouble
        self._clock, self._wall = clock, wall
        self._seals = seals
        self._live: dict[str, _Live] = {}
        self._streams: dict[tuple[bytes, int], Described] = {}
        self._owed: list[Callable[[], None]] = []  # ends of files that are not written down yet
        self._flushed = self._looked = float("-inf")
        self.keeper = RecordingKeeper(folder, self.ledger, self._index, retention, self._live, clock, wall)
        self.unknown = 0
        self._remains = Remains(folder, self.ledger.number, beside)
        self._end_what_was_left()

    # ---- what the gateway asks -------------------------------------------------------------------------------------

    def begin(self, about: RecordingAbout, paused: bool = False, reason: str = "") -> None:
        """Record, or go on recording; again is no error. Raises RecordingRefused."""
        if not _GOOD_ID.fullmatch(about.id):
            raise RecordingRefused(f"{about.id!r} is no name of a recording")
        self._look_at_disk(self._clock())
        live = self._live.get(about.id)
        if self.full:
            if live is not None:  # it may not go on as it was until somebody looks again
                self._stop(live, self.full)
            raise RecordingRefused(self.full)
        if live is None:
            live = self._live[about.id] = _Live(about)
        before, live.about, live.stopped = live.about.without, about, ""
        self._guarded(live, lambda: self._begin(live, paused, before, reason))
        if live.stopped:
            raise RecordingRefused(live.stopped)

    def _begin(self, live: _Live, paused: bool, without: tuple[str, ...], reason: str) -> None:
        at = self._wall()
        if live.file is None:
            self._open(live)
        elif without != live.about.without:
            told = {"is": live.about.without, "reason": reason}
            self._note(live, self._clock() - live.origin, "without", told)
            self.ledger.add("without", {"recording": live.about.id, **told}, at)
        self._index.begun(live.about, at)  # now: the row of one that cannot begin would say for ever that it is made
        if paused != live.paused:
            live.paused = paused
            self._note(live, self._clock() - live.origin, "paused" if paused else "resumed", {})
        if paused:
            self._index.entered(live.about.id, "paused")

    def change(self, about: RecordingAbout) -> None:
        """Note that the subject of a recording has changed."""
        live = self._live.get(about.id)
        if live is not None:
            live.about = msgspec.structs.replace(about, without=live.about.without)
            self._guarded(live, lambda: self._index.changed(about))

    def note(self, id: str, what: str, more: dict[str, Any]) -> None:
        """Write beside a recording what happened to its call."""
        live = self._live.get(id)
        if live is not None and live.file is not None:
            self._note(live, self._clock() - live.origin, what, more)

    def keep(self, kind: str, id: str, number: int, data: bytes) -> None:
        """Keep a picture beside a recording that is being made. Raises OSError."""
        live = self._live.get(id)
        if live is None or live.file is None or live.paused:
            return
        day, data = live.file.path.parent, self._seals.make().whole(data) if self._seals is not None else data
        path = keep_beside(self._folder, self.ledger, self._index, day, kind, id, number, data)
        if path is not None:
            self._note(live, self._clock() - live.origin, kind, {"file": path.name})

    def make_film(self, id: str) -> None:
        """Have a film of a recording made. Raises RecordingRefused, OSError."""
        if fault := self.films.ask(id):
            raise RecordingRefused(fault)

    def end(self, id: str, reason: str = "") -> None:
        """End a recording; again is no error."""
        live = self._live.pop(id, None)
        if live is not None:
            self._guarded(live, lambda: self._close(live, "ended", reason))

    def conclude(self, call_id: str, outcome: RecordedOutcome) -> None:
        """Note how a call has ended. Raises OSError."""
        self.ledger.add("concluded", {"call_id": call_id, **msgspec.to_builtins(outcome)}, self._wall())
        self._index.concluded(call_id, outcome)

    def enter(self, kind: str, about: dict[str, Any]) -> None:
        """Note in the ledger who has opened, exported or listed what. Raises OSError."""
        self.ledger.add(kind, about, self._wall())

    @property
    def states(self) -> dict[str, str]:
        """The recordings that are being made: "recording", "paused", or why one has stopped."""
        return {id: live.stopped or ("paused" if live.paused else "recording") for id, live in self._live.items()}

    @property
    def abouts(self) -> list[RecordingAbout]:
        """What the recordings that are being made are of."""
        return [live.about for live in self._live.values()]

    @property
    def full(self) -> str:
        """Why nothing can be recorded now, in words; "" where it can."""
        return self._space.full

    # ---- what taps send --------------------------------------------------------------------------------------------

    def take(self, datagram: bytes) -> None:
        """Take in a datagram of a tap."""
        try:
            worker, pieces = batch.pieces(datagram)
        except PeerError:
            self.unknown += 1
            return
        for piece in pieces:
            key = (worker, piece.stream)
            if piece.kind is Kind.DESCRIBED:
                with suppress(PeerError):
                    self._streams[key] = batch.read_described(piece.data)
                    if len(self._streams) > _STREAMS_LIMIT:  # of workers that were killed
                        del self._streams[next(iter(self._streams))]
                continue
            if piece.kind is Kind.ENDED:
                self._streams.pop(key, None)
                continue
            what = self._streams.get(key)
            live = self._live.get(what.recording) if what is not None else None
            take = live.take if live is not None else None
            if what is None or live is None or take is None or live.paused or live.stopped or not live.takes(what):
                self.unknown += 1
                continue
            self._guarded(live, lambda take=take, what=what, piece=piece: take.take(what, piece))  # type: ignore[misc]

    def tick(self) -> None:
        """Do what is due; called several times a second."""
        now = self._clock()
        self._end_what_was_left()
        if now - self._flushed >= _FLUSH_S:
            self._flushed = now
            for live in tuple(self._live.values()):
                if live.file is not None and not live.stopped:
                    self._guarded(live, live.file.flush)
        if now - self._looked >= _FREE_S:
            self._look_at_disk(now)
            if self.full:
                for live in tuple(self._live.values()):
                    self._stop(live, self.full)
        self.keeper.tick()

    def close(self) -> None:
        """End them all: the process ends."""
        self._remains.close()
        for id in tuple(self._live):
            self.end(id, "the recorder was stopped")
        self._index.close()

    # ---- files -----------------------------------------------------------------------------------------------------

    def _open(self, live: _Live) -> None:
        about, now, at = live.about, self._clock(), self._wall()
        day = self._folder / time.strftime("%Y-%m-%d", time.gmtime(at))
        known = one(self._folder, about.id)  # what was moved to a store is not here any longer
        number = 1 + max((part.number for part in known.parts), default=0) if known is not None else 1
        while any(self._folder.glob(f"*/{about.id}.{number}.mkv")):
            number += 1
        path = day / f"{about.id}.{number}.mkv"
        muxer = Muxer(f"{about.shown_caller} {about.call_id}", at)
        seals = self._seals
        live.muxer, live.file = muxer, RecordingFile(path, muxer.head, seals.make(len(muxer.head)) if seals else None)
        live.events, live.origin = EventLog(events_of(path), seals.make() if seals else None), now
        live.take = Take(
            muxer,
            live.file.write,
            live.file.rewrite,
            now,
            lambda at, what, more: self._note(live, at, what, more),
        )
        live.part = RecordingPart(number, str(path.relative_to(self._folder)), at, None, 0, "")
        self.ledger.add("begun", {**msgspec.to_builtins(about), "recording": about.id, "file": live.part.path}, at)
        self._index.part(about.id, live.part)
        self.films.outdate(about.id)
        self._note(live, 0.0, "begun", {**msgspec.to_builtins(about), "unix": at, "part": number})

    def _close(self, live: _Live, state: str, reason: str) -> None:
        file, muxer, take, part = live.file, live.muxer, live.take, live.part
        if file is None or muxer is None or take is None or part is None:
            return
        live.file = live.take = None
        at = self._wall()
        self._note(live, self._clock() - live.origin, state, {"reason": reason, "dropped": take.dropped})
        try:
            if not live.stopped:
                file.write(muxer.end())
                file.flush()
            file.rewrite(muxer.head)
        except OSError:
            file.drop()  # it opens all the same
        total = file.close()
        part = msgspec.structs.replace(part, ended=at, size=file.size, hash=total)
        self._space.grew(file.size)
        events = digest(live.events.path if live.events is not None else None)
        more = {"frames": take.frames, "dropped": take.dropped, "unknown": take.unknown, "events": events}
        self._owed.append(lambda: self._enter_end(live.about, part, state, reason, more))
        self._settle()

    def _settle(self) -> None:
        """Write down the ends of files that are not written down yet: a full disk may have been in the way."""
        while self._owed:
            try:
                self._owed[0]()
            except OSError as error:
                log.error("the end of a recording is not noted yet", reason=str(error))
                return
            self._owed.pop(0)

    def _enter_end(
        self, about: RecordingAbout, part: RecordingPart, state: str, reason: str, more: dict[str, Any]
    ) -> None:
        told = {**msgspec.to_builtins(about), "recording": about.id, "file": part.path, "size": part.size}
        self.ledger.add("ended", {**told, "hash": part.hash, "reason": reason, **more}, self._wall())
        self._index.part(about.id, part)
        live = self._live.get(about.id)
        if live is None or live.file is None:  # or it goes on in another file
            self._index.entered(about.id, state, reason, part.ended)

    def _note(self, live: _Live, at: float, what: str, more: dict[str, Any]) -> None:
        if live.events is not None:
            with suppress(OSError):
                live.events.add({"at": round(max(0.0, at), 3), "what": what, **more})

    def _end_what_was_left(self) -> None:
        """A recorder before this one was killed: what it wrote is hashed as it is, beside all else, and ended."""
        for left in self._remains.found():
            if (self._folder / left.part.path).exists():  # or it was deleted meanwhile
                self._owed.append(partial(self._enter_left, left))
                self._settle()

    def _enter_left(self, left: LeftFile) -> None:
        self._enter_end(left.about, left.part, "ended", left.reason, {"events": left.events})

    # ---- when something is wrong -----------------------------------------------------------------------------------

    def _guarded(self, live: _Live, work: Callable[[], object]) -> None:
        """Do something for a recording; what fails stops it, and nothing else."""
        try:
            work()
        except OSError as error:
            self._stop(live, f"it cannot be written: {error.strerror or error}")
        except Exception as fault:
            log.exception("a recording failed", recording=live.about.id)
            self._stop(live, f"a fault of the recorder: {type(fault).__name__}")

    def _stop(self, live: _Live, reason: str) -> None:
        if live.stopped:
            return
        live.stopped = reason
        log.error("a recording has stopped", recording=live.about.id, reason=reason)
        if live.file is not None:
            live.file.drop()
        try:
            self._close(live, "stopped", reason)
        except OSError as error:
            log.error("a recording was not ended in order", recording=live.about.id, reason=str(error))
        self._trouble(live.about.id, reason)

    def _look_at_disk(self, now: float) -> None:
        self._looked = now
        self._settle()
        before = self.full
        self._space.look(sum(live.file.size for live in self._live.values() if live.file is not None))
        if bool(self.full) is not bool(before):
            self._trouble("", self.full)
