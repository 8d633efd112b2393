"""Begin an ICE restart of a web caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.join_secure import JoinedSecure
from splitter.media.worker.verbs.verb import AdapterVerb

if TYPE_CHECKING:
    from splitter.media.adapter.adapter import Adapter


class RestartAdapter(AdapterVerb[JoinedSecure], frozen=True):
    """Open another port with other credentials beside the path that there is."""

    answer = JoinedSecure

    def apply(self, adapter: Adapter) -> JoinedSecure:
        return JoinedSecure(*adapter.restart())
