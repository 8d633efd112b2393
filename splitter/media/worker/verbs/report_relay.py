"""Report what a relay carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.voice import RelayReport
from splitter.media.worker.verbs.verb import Message, RelayVerb

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class RelayCounts(Message, frozen=True):
    """The counters; None where there is no such relay."""

    report: RelayReport | None


class ReportRelay(RelayVerb[RelayCounts], frozen=True):
    """Say the counters now."""

    answer = RelayCounts

    def apply(self, relay: Relay) -> RelayCounts:
        return RelayCounts(relay.report())

    def without(self) -> RelayCounts:
        return RelayCounts(None)
