"""The thread that writes recordings: all work of the recorder that touches files, in order. Does I/O."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

from splitter.media.record.studio import RecordingStudio

WAITING_LIMIT_BYTES = 64_000_000
_TICK_S = 0.1

log = structlog.get_logger(__name__)


class WritingThread:
    """The thread that writes: work is handed to it, and carried out in order.

    Args:
        studio: only this thread touches it.

    Attributes:
        lost: packets' datagrams that came while too much waited.
    """

    def __init__(self, studio: RecordingStudio) -> None:
        self.studio = studio
        self._work: queue.SimpleQueue[bytes | Callable[[], None] | None] = queue.SimpleQueue()
        # One counter for each thread: what two threads add to and take from would drift.
        self._handed_bytes = self._done_bytes = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="recorder")
        self._thread.start()

    def take(self, datagram: bytes) -> None:
        """Hand over what a tap sent."""
        if self._handed_bytes - self._done_bytes > WAITING_LIMIT_BYTES:
            self.lost += 1
            return
        self._handed_bytes += len(datagram)
        self._work.put(datagram)

    def do(self, work: Callable[[], None]) -> None:
        """Have something done."""
        self._work.put(work)

    def close(self) -> None:
        """Do all that waits, end the files, and wait for that."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=_TICK_S)
            except queue.Empty:
                work = _nothing
            if work is None:
                break
            try:
                if isinstance(work, bytes):
                    self._done_bytes += len(work)
                    self.studio.take(work)
                else:
                    work()
                self.studio.tick()
            except Exception:
                log.exception("the recorder failed")
        self.studio.close()


def _nothing() -> None:
    pass
