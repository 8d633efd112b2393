"""Where the log's lines go: a bounded queue that a thread of its own writes to standard error. Does I/O.

Whoever logs only puts a line into the queue, and that can neither wait nor fail. Standard error may be a pipe that
nobody reads, a full disk or closed: then lines are dropped and counted, `Sink.alarm` says so, and once lines can be
written again the log itself says how many are missing.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

LINES = 4000  # the most that wait
LINE_BYTES = 8000  # the most of one line; a longer one is cut
_CHUNK_BYTES = 4096  # written at a time; a pipe takes that much in one piece (PIPE_BUF), whoever else writes to it
_STUCK_S = 5.0  # a write that takes longer is worth an alarm
_REMEMBERED_S = 60.0  # for that time the alarm stays after the last line that was dropped


class Sink:
    """Takes lines from every thread, and from destructors and signal handlers too.

    Its queue is a SimpleQueue because that is the one whose `put` may interrupt another `put` of the same thread.

    Args:
        fd: where lines go.
        tell: says in the log that so many lines are missing; called in the sink's thread.
        limit: the most lines that wait.

    Attributes:
        dropped: lines that were lost, since the start.
    """

    def __init__(self, fd: int, tell: Callable[[int], None] = lambda lines: None, limit: int = LINES) -> None:
        self._fd = fd
        self._tell = tell
        self._limit = limit
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._fault = ""
        self._dropped_at = -_REMEMBERED_S
        self._writing_since: float | None = None
        self._closed = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Have a line written; it is dropped where too many wait."""
        if self._closed or self._queue.qsize() >= self._limit:
            self.drop()
        else:
            self._queue.put(_encoded(line))

    def drop(self, lines: int = 1) -> None:
        """Count lines that are lost."""
        self.dropped += lines
        self._dropped_at = time.monotonic()

    def alarm(self) -> str:
        """The alarm of the log; "" for nothing."""
        now, since = time.monotonic(), self._writing_since
        if since is not None and now - since > _STUCK_S:
            return f"nobody reads the log (standard error); {self.dropped} lines were dropped"
        if now - self._dropped_at < _REMEMBERED_S:
            why = self._fault or "more came than could be written"
            return f"the log is incomplete: {self.dropped} lines were dropped ({why})"
        return ""

    def close(self, limit_s: float = 1.0) -> None:
        """Write what waits, as far as that can be done in `limit_s`; later lines are dropped."""
        self._closed = True
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(limit_s)

    # ---- the thread ----

    def _run(self) -> None:
        told = 0
        while (line := self._queue.get()) is not None:
            self._write(line)
            if self.dropped != told and not self._fault and self._queue.qsize() < self._limit / 2:
                missing, told = self.dropped - told, self.dropped
                self._tell(missing)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        self._writing_since = time.monotonic()
        try:
            while rest:
                rest = rest[self._write_some(rest[:_CHUNK_BYTES]) :]
        except OSError as error:
            self._fault = error.strerror or str(error)
            self.drop()
        else:
            self._fault = ""
        finally:
            self._writing_since = None

    def _write_some(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:  # whoever shares it with us does not want to wait; here it does not matter
                ready = select.poll()
                ready.register(self._fd, select.POLLOUT)
                ready.poll()


def _encoded(line: str) -> bytes:
    data = line.encode(errors="backslashreplace")
    if len(data) > LINE_BYTES:
        data = data[:LINE_BYTES] + b" ... (cut)"
    return data + b"\n"


def keep_standard_descriptors() -> None:
    """Put /dev/null where a standard descriptor is closed: otherwise the next file or socket that is opened gets its
    number, and what libraries print goes into that."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != fd:
                os.dup2(null, fd)
                os.close(null)
            os.set_inheritable(fd, True)
