"""Open a relay again whose worker is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.voice import CarriedRelay
from splitter.media.worker.verbs.verb import Done, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class RestoreRelay(Verb[Done], frozen=True):
    """Bind the ports that it had and point it. `sides`: of each, what events call it and the address to bind."""

    answer = Done

    relay: CarriedRelay
    sides: tuple[tuple[str, str], ...]

    def run(self, worker: Dispatcher) -> Done:
        handle = self.relay.handle
        ports = tuple(end.rtp_port for end in handle.local)
        relay = worker.open_relay(handle.call_id, handle.relay_id, self.sides, ports)
        try:
            for side, remote in enumerate(self.relay.remotes):
                relay.set_remote(side, remote)
        except Exception:
            del worker.relays[handle.relay_id]
            relay.close()
            raise
        return Done()
