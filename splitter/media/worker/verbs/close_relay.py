"""Close a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.report_relay import RelayCounts
from splitter.media.worker.verbs.verb import Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class CloseRelay(Verb[RelayCounts], frozen=True):
    """Close it and say the last counters."""

    answer = RelayCounts

    relay_id: str

    def run(self, worker: Dispatcher) -> RelayCounts:
        relay = worker.relays.pop(self.relay_id, None)
        return RelayCounts(None if relay is None else relay.close())
