"""Close an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class CloseAdapter(Verb[Done], frozen=True):
    """Give its ports back; harmless where it is gone."""

    answer = Done

    adapter_id: str

    @property
    def subject(self) -> str:
        return self.adapter_id

    def run(self, worker: Dispatcher) -> Done:
        worker.close_adapter(self.adapter_id)
        return Done()
