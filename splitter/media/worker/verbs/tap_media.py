"""Record what a relay carries, or what is seen in a room; or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.recording import RecordingTap
from splitter.media.worker.verbs.verb import Done, Gone, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class TapMedia(Verb[Done], frozen=True):
    """Copy what comes from all sides, and what the caller is shown, to the recorder; None: no longer."""

    answer = Done

    id: str
    tap: RecordingTap | None

    def run(self, worker: Dispatcher) -> Done:
        relay, held = worker.relays.get(self.id), worker.rooms.get(self.id)
        line = worker.taps.outlet(self.tap.sockets) if self.tap is not None else None
        if relay is not None:
            relay.record(self.tap, line)
        elif held is not None:
            held.room.record(self.tap, line)
        else:
            raise Gone(f"no relay or room {self.id}")
        return Done()
