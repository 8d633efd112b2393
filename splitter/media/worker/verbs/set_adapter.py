"""Say what an adapter is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.adapters import AdapterSetting
from splitter.media.worker.verbs.verb import AdapterVerb, Done

if TYPE_CHECKING:
    from splitter.media.adapter.adapter import Adapter


class SetAdapter(AdapterVerb[Done], frozen=True):
    """Know the browser's side, and where its streams go."""

    answer = Done

    setting: AdapterSetting

    def apply(self, adapter: Adapter) -> Done:
        adapter.configure(self.setting)
        return Done()
