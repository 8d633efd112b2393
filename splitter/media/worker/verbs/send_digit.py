"""Let a side of a relay hear a digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, RelayVerb, checked
from splitter.rtp.telephone_event import Digit

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class SendDigit(RelayVerb[Done], frozen=True):
    """Put a digit into what a side is sent."""

    answer = Done

    side: int
    digit: Digit

    def apply(self, relay: Relay) -> Done:
        relay.send_digit(checked(relay, self.side), self.digit)
        return Done()
