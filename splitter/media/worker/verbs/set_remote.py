"""Point a side of a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.ends import RemoteEnd
from splitter.media.worker.verbs.verb import Done, RelayVerb, checked

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class SetRemote(RelayVerb[Done], frozen=True):
    """Name where a side sends and receives; None: nowhere."""

    answer = Done

    side: int
    remote: RemoteEnd | None

    def apply(self, relay: Relay) -> Done:
        relay.set_remote(checked(relay, self.side), self.remote)
        return Done()
