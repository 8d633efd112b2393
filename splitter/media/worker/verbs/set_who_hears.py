"""Say who hears whom in a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.voice import Hears
from splitter.media.worker.verbs.verb import Done, RelayVerb

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class SetWhoHears(RelayVerb[Done], frozen=True):
    """Say who hears whom, in place of all that was said before."""

    answer = Done

    hearing: tuple[Hears, ...]

    def apply(self, relay: Relay) -> Done:
        relay.set_hearing(self.hearing)
        return Done()
