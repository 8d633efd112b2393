"""Records on their way to where they are kept: gathered by the event loop, written by a thread. Does I/O: a thread.

The event loop hands over the newest record of a call; one that was not written yet is replaced by it, so what waits is
bounded by the number of calls. What cannot be written is tried again until it can, and nothing that a call does here
blocks or raises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from splitter.core.errors import SplitterError
from splitter.store.rows import Batch, LiveRow, Mark, RecordChange, ShelfContent
from splitter.store.write_ahead import WriteAheadLog
from splitter.telemetry import metrics

GATHER_S = 0.05  # a call that changes twice in a moment is written once
GATHER_AHEAD_S = 0.25  # the same where the write-ahead log has it meanwhile: only the death of the host would lose it
RETRY_S = 0.5
READ_TRIES = 3
SLOW_S = 0.5  # a record that waits longer is late: what would be lost now is more than was promised
LOOK_S = 1.0  # between two looks whether what was written is still there

log = structlog.get_logger(__name__)


class ShelfFault(SplitterError):
    """A shelf could not be written or read; the text is the alarm.

    Attributes:
        kind: for logs and counters.
        lost: what it held is gone.
    """

    def __init__(self, kind: str, text: str, lost: bool = False) -> None:
        super().__init__(text)
        self.kind = kind
        self.lost = lost


class RecordShelf(Protocol):
    """Where records are kept; all of it is called by one thread at a time, and may wait."""

    @property
    def name(self) -> str:
        """Name in logs and metrics."""

    @property
    def late(self) -> str:
        """The alarm while records wait for it."""

    def read(self) -> ShelfContent:
        """All that it holds. Raises ShelfFault."""

    def write(self, batch: Batch) -> bool:
        """Write all of it or nothing. Returns: False where what was there before is gone. Raises ShelfFault."""

    def close(self) -> None:
        """Close it; the next request opens it again."""


class Gatherer:
    """Hands records to a shelf, in a thread of its own.

    Args:
        shelf: None keeps nothing.
        on_loss: called, in the thread, when everything has to be handed in again.
        ahead: keeps what is on its way; None: that is lost with the process.

    Attributes:
        unread: what was there at the start is not known.
        generation: goes up when the shelf lost what it held: whatever lives has to be kept again.
    """

    def __init__(
        self,
        shelf: RecordShelf | None,
        on_loss: Callable[[], None] = lambda: None,
        ahead: WriteAheadLog | None = None,
    ) -> None:
        self._shelf = shelf
        self._ahead = ahead or WriteAheadLog(None)
        self._fence = 0
        self._on_loss = on_loss
        self.unread = False
        self.generation = 0
        self._known = 0  # the generation that the event loop has heard of
        self._whole = True  # all that lives was handed in since the last loss
        self._anew = False
        self._number = 0  # of the last change that was handed in
        self._waiting: dict[str, RecordChange] = {}  # by call
        self._since: float | None = None  # when the oldest of them was handed in
        self._lock = threading.Condition()
        self._stopping = False
        self._busy = False
        self._alarm = ""
        self._thread: threading.Thread | None = None

    # ---- at the start and at the end -----------------------------------------------------------------------------

    def start(self, fence: int = 0, *, write: bool = True) -> ShelfContent:
        """Begin to write. Returns: what was there. A shelf that cannot be read is an alarm, not an error.

        Args:
            fence: of this process; see `Mark`.
            write: False where `run` says when: a shelf that is not believed must not be marked as the newest.
        """
        shelf, self._fence = self._shelf, fence
        if shelf is None:
            return ShelfContent()
        found, self._waiting = self._ahead.begin(self._read(shelf))
        self._since = time.monotonic() if self._waiting else None
        if write:
            self.run()
        return found

    def run(self) -> None:
        """Begin to write: what is kept is decided by now."""
        if (shelf := self._shelf) is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(shelf,), name=f"records {shelf.name}", daemon=True)
            self._thread.start()

    def _read(self, shelf: RecordShelf) -> ShelfContent:
        for again in range(READ_TRIES - 1, -1, -1):
            try:
                return shelf.read()
            except ShelfFault as fault:
                self._failed(fault)
                if fault.lost or not again:
                    break
                time.sleep(RETRY_S)
            finally:
                shelf.close()
        self.unread = True
        return ShelfContent()

    def stop(self, limit_s: float = 5.0) -> None:
        """Write what waits and close the shelf; a broken one is given up after `limit_s`."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(limit_s)

    # ---- called by the event loop --------------------------------------------------------------------------------

    def keep(self, call_id: str, record: bytes, note: bytes | None = None) -> None:
        """Keep this record of a call instead of the one before."""
        self._put(call_id, RecordChange(record, note))

    def doubt(self, call_id: str, note: bytes) -> None:
        """Keep beside the record of a call what is under way; the next record takes it away."""
        self._put(call_id, RecordChange(doubt=note))

    def forget(self, call_id: str) -> None:
        """Keep no record of a call any longer: it is over."""
        self._put(call_id, RecordChange(over=True))

    def replace(self, rows: tuple[LiveRow, ...], number: int = 0) -> None:
        """Keep these, and nothing that was there before; changes are numbered on from `number`."""
        with self._lock:
            self._anew, self._number = True, number
            self._waiting.clear()  # of a process before, as the write-ahead log had it
        for row in rows:
            self._put(row.call_id, RecordChange(row.record, row.doubt))

    def whole(self) -> None:
        """All that lives was handed in again, of the generation that was last asked for."""
        with self._lock:
            if self._known == self.generation:
                self._whole = True
                self._since = self._since or time.monotonic()
                self._lock.notify_all()

    def look(self) -> int:
        """The generation, for `whole`."""
        self._known = self.generation
        return self._known

    @property
    def _gather_s(self) -> float:
        return GATHER_S if self._ahead.folder is None or self._ahead.fault else GATHER_AHEAD_S

    @property
    def alarm(self) -> str:
        """The alarm of the records, in plain words; "" while records are written in time."""
        if not self._alarm and self._shelf is not None and self.lag_s > SLOW_S + self._gather_s:
            return self._shelf.late
        if not self._alarm and self._ahead.fault:
            return f"a restart may lose the last moment of calls: {self._ahead.fault} in {self._ahead.folder}"
        return self._alarm

    @property
    def lag_s(self) -> float:
        """How long the oldest change has waited; what would be lost now."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def waiting(self) -> int:
        """Calls whose last change is not kept yet."""
        return len(self._waiting)

    def flush(self, limit_s: float = 5.0) -> bool:
        """Wait until all that was handed in is kept; False where that takes longer than `limit_s`."""
        with self._lock:
            self._lock.notify_all()  # what gathers is written at once
            return self._lock.wait_for(lambda: not self._waiting and not self._busy, limit_s)

    def _put(self, call_id: str, change: RecordChange) -> None:
        if self._shelf is None:
            return
        with self._lock:
            self._number += 1
            if not self._anew:  # until the shelf was replaced, the log would mend one that is not believed
                self._ahead.append(Mark(self._fence, self._number), call_id, change)
            self._waiting[call_id] = change.after(self._waiting.get(call_id))
            if self._since is None:
                self._since = time.monotonic()
                self._lock.notify_all()

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self, shelf: RecordShelf) -> None:
        while self._wait_for_some():
            with self._lock:
                changes, self._waiting = self._waiting, {}
                began, self._since, self._busy = self._since, None, True
                if not self._alarm:
                    self._ahead.turn()
                mark = Mark(self._fence, self._number if self._whole else -1)
                batch = Batch(changes, mark, self._anew)
            try:
                kept = _written(shelf, batch)
            except ShelfFault as fault:
                shelf.close()
                self._failed(fault)
                if not self._put_back(changes, began):
                    self._ahead.end()
                    return
            else:
                self._ahead.clear()
                if not kept:
                    self._lost()  # before whoever waits for these changes is told that they are kept
                self._works(shelf, batch, began)
        self._ahead.finish()
        with suppress(ShelfFault):
            shelf.close()

    def _wait_for_some(self) -> bool:
        """Wait until there is something to write, or it is time to look after the shelf; False at the end."""
        with self._lock:
            self._lock.wait_for(lambda: self._since is not None or self._anew or self._stopping, LOOK_S)
            if self._stopping:
                return bool(self._waiting or self._anew)
            if self._since is not None:
                self._lock.wait(self._gather_s)
            return True

    def _works(self, shelf: RecordShelf, batch: Batch, began: float | None) -> None:
        metrics.records.RECORDS_WRITTEN.labels(shelf.name).inc(len(batch.changes))
        if began is not None:
            metrics.records.RECORD_SECONDS.labels(shelf.name).observe(time.monotonic() - began)
        if self._alarm:
            log.info("records of live calls are written again", store=shelf.name)
        self._alarm = ""
        with self._lock:
            self._anew = self._anew and not batch.anew
            self._busy = False
            self._lock.notify_all()

    def _put_back(self, changes: Mapping[str, RecordChange], began: float | None) -> bool:
        """Keep what could not be written for the next try; False where there will be none."""
        with self._lock:
            for call_id, older in changes.items():
                newer = self._waiting.get(call_id)
                self._waiting[call_id] = older if newer is None else newer.after(older)
            self._since, self._busy = began, False
            if self._stopping:
                return False
            self._lock.wait_for(lambda: self._stopping, RETRY_S)
            return True

    def _failed(self, fault: ShelfFault) -> None:
        first, self._alarm = not self._alarm, str(fault)
        assert self._shelf is not None
        metrics.records.RECORD_ALARMS.labels(self._shelf.name, fault.kind).inc()
        if first:
            log.error("records of live calls cannot be written", store=self._shelf.name, reason=str(fault))
        if fault.lost:
            self._lost()

    def _lost(self) -> None:
        with self._lock:
            self.generation += 1
            self._whole = False
            self._since = self._since or time.monotonic()  # the mark must say so
        self._on_loss()


def _written(shelf: RecordShelf, batch: Batch) -> bool:
    """Write a batch; a fault of ours is one of the shelf, for the thread must live."""
    try:
        return shelf.write(batch)
    except ShelfFault:
        raise
    except Exception as error:
        log.exception("records of live calls: a fault in the gateway", store=shelf.name)
        raise ShelfFault("fault", f"records of live calls cannot be written: {error!r}") from error
