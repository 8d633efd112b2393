"""Open a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Message, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class RelayOpened(Message, frozen=True):
    """(RTP, RTCP) of each side."""

    ports: tuple[tuple[int, int], ...]


class OpenRelay(Verb[RelayOpened], frozen=True):
    """`sides`: of each, what events call it and the address to bind. `advertised`: what SDP says instead."""

    answer = RelayOpened

    call_id: str
    relay_id: str
    sides: tuple[tuple[str, str], ...]
    advertised: tuple[str, ...] = ()

    def run(self, worker: Dispatcher) -> RelayOpened:
        relay = worker.open_relay(self.call_id, self.relay_id, self.sides)
        return RelayOpened(tuple(side.ports for side in relay.sides.values()))
