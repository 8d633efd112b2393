"""Open a relay again whose worker is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.voice import CarriedRelay
from splitter.media.worker.verbs.verb import Done, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class RestoreRelay(Verb[Done], frozen=True):
    """Bind the ports that it had, point its sides, and let them hear whom they heard.

    Attributes:
        sides: by number, what events call each and the address to bind; None for those that are not there any more.
    """

    answer = Done

    relay: CarriedRelay
    sides: tuple[tuple[str, str] | None, ...]

    def run(self, worker: Dispatcher) -> Done:
        handle = self.relay.handle
        ends = ends_of(self.relay)
        ports = tuple(ends[side].rtp_port if side in ends else 0 for side in range(len(self.sides)))
        relay = worker.open_relay(handle.call_id, handle.relay_id, self.sides, ports)
        try:
            relay.set_hearing(self.relay.hearing)
            for side, remote in enumerate(self.relay.remotes):
                if side in ends:
                    relay.set_remote(side, remote and remote.heard_only)
        except Exception:
            del worker.relays[handle.relay_id]
            relay.close()
            raise
        return Done()


def ends_of(relay: CarriedRelay) -> dict[int, LocalEnd]:
    """Our ports towards each side that is there, by number."""
    ends = dict(enumerate(relay.handle.local)) | {one.number: one.local for one in relay.added}
    return {number: end for number, end in ends.items() if number not in relay.removed}
