"""Let a relay have one side more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.voice import SideSpec
from splitter.media.worker.verbs.verb import Message, RelayVerb

if TYPE_CHECKING:
    from splitter.media.relay.relay import Relay


class SideAdded(Message, frozen=True):
    """Answer: its number, its RTP and its RTCP port."""

    side: int
    ports: tuple[int, int]


class AddSide(RelayVerb[SideAdded], frozen=True):
    """Bind the ports of a side on `host`. `advertised`: what SDP says instead. `ticket`: see RemoveSide."""

    answer = SideAdded

    spec: SideSpec
    host: str
    advertised: str
    ticket: str

    def apply(self, relay: Relay) -> SideAdded:
        side = relay.add_side(self.spec.name, self.host, self.ticket)
        return SideAdded(side.number, side.ports)
