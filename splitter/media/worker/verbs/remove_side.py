"""Take a side out of a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.ends import StreamCount
from splitter.media.worker.verbs.verb import Message, RelayVerb

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class SideCounts(Message, frozen=True):
    """The last counters; None where there is no such side."""

    side: int
    count: StreamCount | None


class RemoveSide(RelayVerb[SideCounts], frozen=True):
    """Give its ports back and say the last counters.

    Attributes:
        side: its number; -1 where it is not known, for the answer to AddSide was waited for no longer.
        ticket: what that AddSide had, in this case.
    """

    answer = SideCounts

    side: int
    ticket: str = ""

    def apply(self, relay: Relay) -> SideCounts:
        number = self.side
        if number < 0:
            number = next((one.number for one in relay.sides.values() if one.ticket == self.ticket), -1)
        return SideCounts(number, relay.remove_side(number))

    def without(self) -> SideCounts:
        return SideCounts(self.side, None)
