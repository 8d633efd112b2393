"""Open an adapter for a web caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Message, Verb
from splitter.sdp.webrtc import SecureLocal

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class AdapterOpened(Message, frozen=True):
    """Answer: the browser's port, our side of its transport, and the plain pairs of voice and picture."""

    port: int
    local: SecureLocal
    voice: tuple[int, int]
    picture: tuple[int, int]


class OpenAdapter(Verb[AdapterOpened], frozen=True):
    """Bind its ports. `host` is bound for the browser, `inside` for the plain streams; `advertised` is told."""

    answer = AdapterOpened

    call_id: str
    adapter_id: str
    host: str
    advertised: str
    inside: str

    def run(self, worker: Dispatcher) -> AdapterOpened:
        adapter = worker.open_adapter(self.call_id, self.adapter_id, self.host, self.advertised, self.inside)
        port, local = adapter.local
        return AdapterOpened(port, local, adapter.voice.ports, adapter.picture.ports)
