"""The same records on several shelves: written to each, read from the one that is furthest. Does I/O by its shelves."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from splitter.core.errors import LocalError
from splitter.store.gathering import Gatherer
from splitter.store.rows import LiveRow, Mark, ShelfContent

log = structlog.get_logger(__name__)


class Copies:
    """Records of live calls, kept once or more; `splitter.calls.persistence.records.RecordStore`.

    Each shelf is complete up to its own mark, so the whole of the one with the greatest is taken, and not the newest of
    each call: a call that is missing on the newer shelf is over.

    Args:
        stores: that of this host, and then those that others share.
    """

    def __init__(self, stores: Sequence[Gatherer]) -> None:
        self._stores = tuple(stores)

    def start(self, fence: int = 0, shared: bool = False) -> tuple[LiveRow, ...]:
        """Begin to write. Returns: the records that the newest of the shelves held, the oldest first.

        Args:
            fence: of this process; see `Mark`.
            shared: what this host has may be old: nothing begins without the shelves that others share.
        Raises:
            LocalError: one of these cannot be read.
        """
        found = [store.start(fence, write=False) for store in self._stores]
        if shared and any(store.unread for store in self._stores[1:]):
            raise LocalError(f"the calls of before are not known: {'; '.join(filter(None, self.alarms))}")
        best = max(found, key=_worth)
        if len(found) > 1:
            log.info("records of live calls", shelves=[(len(one.rows), one.mark) for one in found], used=len(best.rows))
            number = best.mark.number if best.mark is not None and best.mark.fence == fence else 0
            for store in self._stores:
                store.replace(best.rows, max(number, 0))
        for store in self._stores:
            store.run()
        return best.rows

    def stop(self) -> None:
        """Write what waits, to each as far as it can be written."""
        for store in self._stores:
            store.stop()

    @property
    def alarms(self) -> list[str]:
        """Alarms of each; "" where nothing is wrong."""
        return [store.alarm for store in self._stores]

    @property
    def lag_s(self) -> float:
        """How long the oldest change has waited, wherever."""
        return max(store.lag_s for store in self._stores)

    @property
    def waiting(self) -> int:
        """Calls whose last change is not everywhere yet."""
        return max(store.waiting for store in self._stores)

    def flush(self, limit_s: float = 5.0) -> bool:
        """Wait until all is kept everywhere; False where that takes longer."""
        return sum(not store.flush(limit_s) for store in self._stores) == 0

    # ---- RecordStore ---------------------------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        return sum(store.look() for store in self._stores)

    def keep(self, call_id: str, record: bytes, note: bytes | None = None) -> None:
        for store in self._stores:
            store.keep(call_id, record, note)

    def doubt(self, call_id: str, note: bytes) -> None:
        for store in self._stores:
            store.doubt(call_id, note)

    def forget(self, call_id: str) -> None:
        for store in self._stores:
            store.forget(call_id)

    def whole(self) -> None:
        for store in self._stores:
            store.whole()


def _worth(found: ShelfContent) -> tuple[Mark, int]:
    """Marks decide; without any, more is better than nothing."""
    return found.mark or Mark(-1, -1), len(found.rows)
