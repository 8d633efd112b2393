"""The network of the world: datagrams in memory, which may be lost, doubled, delayed and overtaken, by seed."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from splitter.core.net import Address, Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Message, Request
from splitter.transport.settings import Network
from splitter.transport.sockets import Sockets

Arrived = Callable[[Address, bytes], None]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to a datagram.

    Attributes:
        loss, duplication: probabilities.
        delay_s: the way of every datagram.
        jitter_s: up to so much longer, evenly spread: what is sent later may come first.
        late: probability of a datagram that takes up to `late_s` longer still.
    """

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: float = 0.005
    jitter_s: float = 0.0
    late: float = 0.0
    late_s: float = 2.0


FAIR = Weather()


@dataclass(frozen=True, slots=True)
class Sent:
    """One datagram: when, from, to, what, and what became of it ("" for an ordinary one)."""

    at: float
    source: Address
    target: Address
    message: Message
    data: bytes
    fate: str


class Wire:
    """All cables.

    Attributes:
        weather: of every link from now on.
        cut: addresses that nothing reaches and nothing leaves.
        closed: addresses where nobody listens, as the sender is told at once.
        silenced: SIP Call-IDs that nobody hears any more, in either direction.
        drop: asked for each datagram; True loses it. For tests that lose one certain message.
        sent: every datagram by SIP Call-ID; `forget` keeps this small.
        watchers: told of each datagram when it is sent.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random, weather: Weather) -> None:
        self._loop = loop
        self._rng = rng
        self.weather = weather
        self.cut: set[Address] = set()
        self.closed: set[Address] = set()
        self.silenced: set[str] = set()
        self.drop: Callable[[Sent], bool] = lambda sent: False
        self.sent: dict[str, list[Sent]] = defaultdict(list)
        self.watchers: list[Callable[[Sent], None]] = []
        self.count = 0
        self._ends: dict[Address, Arrived] = {}

    def attach(self, address: Address, arrived: Arrived) -> None:
        self._ends[address] = arrived

    def attach_too(self, address: Address, beside: Address) -> None:
        """Whoever is at `beside` is here as well: a connection that it has opened."""
        self._ends[address] = self._ends[beside]

    def detach(self, address: Address) -> None:
        self._ends.pop(address, None)

    def forget(self, sip_call_id: str) -> None:
        self.sent.pop(sip_call_id, None)
        self.silenced.discard(sip_call_id)

    def send(self, source: Address, target: Address, message: Message, data: bytes, reliable: bool = False) -> None:
        """Put a datagram on its way, or a message of a stream, which is `reliable`."""
        ways, fate = ((self.weather.delay_s,), "") if reliable else self._fate(source, target)
        if message.call_id in self.silenced:
            ways, fate = (), "lost: vanished"
        sent = Sent(self._loop.time(), source, target, message, data, fate)
        if ways and self.drop(sent):
            ways, sent = (), Sent(sent.at, source, target, message, data, "lost")
        self.count += 1
        self.sent[message.call_id].append(sent)
        for watcher in self.watchers:
            watcher(sent)
        for delay_s in ways:
            self._loop.call_later(delay_s, self.arrive, source, target, data)

    def hears(self, address: Address) -> bool:
        """Whether somebody is there to open a connection with."""
        return address in self._ends and address not in self.cut

    def _fate(self, source: Address, target: Address) -> tuple[tuple[float, ...], str]:
        rng, weather = self._rng, self.weather
        if source in self.cut or target in self.cut:
            return (), "lost: cut off"
        if weather.loss and rng.random() < weather.loss:
            return (), "lost"
        ways = [self._way()]
        fate = f"late by {ways[0]:.1f} s" if ways[0] > 0.4 else ""
        if weather.duplication and rng.random() < weather.duplication:
            ways.append(self._way())
            fate = "doubled"
        return tuple(ways), fate

    def _way(self) -> float:
        rng, weather = self._rng, self.weather
        way = weather.delay_s
        if weather.jitter_s:
            way += rng.random() * weather.jitter_s
        if weather.late and rng.random() < weather.late:
            way += rng.random() * weather.late_s
        return way

    def arrive(self, source: Address, target: Address, data: bytes) -> None:
        """A datagram is there, if anybody is."""
        arrived = self._ends.get(target)
        if arrived is not None and target not in self.cut:
            arrived(source, data)


class WireSockets(Sockets):
    """A driver's sockets that are ends of the wire; what stands before them (bans, limits) is the real thing.

    A stream is told from UDP by this: nothing is lost on it but by a death, and who sends where nobody is hears of that.
    Its ends have the ports that they listen on.
    """

    def __init__(self, wire: Wire, user: Any, networks: Mapping[str, Network], *rest: Any) -> None:
        super().__init__(user, networks, *rest)
        self._wire, self._told = wire, user
        self._places = [
            (network.name, listener.transport, listener.address)
            for network in networks.values()
            for listener in network.listeners
        ]

    async def start(self) -> None:
        for network, transport, local in self._places:
            self._wire.attach(local, self._end(network, transport, local))

    async def stop(self) -> None:
        for _, _, local in self._places:
            self._wire.detach(local)

    def send(self, transmit: Transmit) -> None:
        flow = transmit.flow
        if flow.remote in self._wire.closed or (flow.reliable and not self._wire.hears(flow.remote)):
            asyncio.get_running_loop().call_soon(self._told.unsent, transmit, "port unreachable")
            return
        self._wire.send(flow.local, flow.remote, transmit.message, transmit.data, flow.reliable)

    def reaches(self, flow: Flow) -> bool:
        return not flow.reliable or self._wire.hears(flow.remote)

    def _end(self, network: str, transport: str, local: Address) -> Arrived:
        def arrived(source: Address, data: bytes) -> None:
            self._datagram(Flow(network, transport, local, source), data)

        return arrived


def label(message: Message) -> str:
    """A message in a word or two: "INVITE", "180 INVITE"."""
    return message.method if isinstance(message, Request) else f"{message.status} {message.cseq[1]}"
