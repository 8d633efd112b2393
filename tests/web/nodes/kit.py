"""Several gateways on loopback, each with its API, hub and desks, and calls of our own making. Does I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from splitter.calls.desks import Desks, DeskView
from splitter.calls.logins.access import ApiSettings
from splitter.calls.states import CallState
from splitter.calls.view import CallView
from splitter.cluster.nodes import NodeView
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from splitter.web.nodes.neighbours import Neighbours
from splitter.web.nodes.way import Ways
from tests.patience import until
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL, SECRET, Gateway, Web, web


@dataclass
class Book:
    """A directory that a test writes."""

    entries: dict[str, NodeView] = field(default_factory=dict)

    def nodes(self) -> tuple[NodeView, ...]:
        return tuple(self.entries[name] for name in sorted(self.entries))

    def say(self, view: NodeView) -> None:
        """The test knows."""

    def start(self, limit_s: float) -> None:
        """It stands already."""

    def stop(self) -> None:
        """It stands yet."""


@dataclass
class Node:
    """One of them."""

    name: str
    parts: Gateway
    outside: Web
    hub: Hub
    desks: Desks
    neighbours: Neighbours

    def begin(self, **changed: Any) -> CallView:
        """A call lives here from now on, or changed."""
        view = replace(CALL, **{"node": self.name, **changed})
        self.parts.calls.add(view)
        self.hub.call(view)
        return view

    def end(self, view: CallView) -> None:
        """It is over."""
        self.parts.calls.views.pop(view.call_id, None)
        self.hub.call(replace(view, state=CallState.ENDED))


@dataclass
class Pair:
    """Two gateways that know each other."""

    a: Node
    b: Node
    book: Book
    clock: VirtualClock

    async def heard(self) -> None:
        """Wait until each knows what the other has told."""
        pairs = ((self.a, self.b), (self.b, self.a))
        await until(
            lambda: all(far.hub.place_in(near.name) == f"{near.hub.epoch}:{near.hub.seq}" for near, far in pairs)
        )


@asynccontextmanager
async def pair(
    directory: Path, secrets: tuple[bytes, bytes] = (SECRET, SECRET), settings: ApiSettings | None = None
) -> AsyncIterator[Pair]:
    """Two of them, on free ports."""
    clock, book = VirtualClock(), Book()
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(node(directory / name, name, book, clock, secret, settings=settings))
            for name, secret in zip("ab", secrets, strict=True)
        ]
        for one in nodes:
            await one.neighbours.start()
        stack.push_async_callback(nodes[0].neighbours.stop)
        stack.push_async_callback(nodes[1].neighbours.stop)
        yield Pair(nodes[0], nodes[1], book, clock)


@asynccontextmanager
async def node(
    directory: Path,
    name: str,
    book: Book,
    clock: VirtualClock,
    secret: bytes = SECRET,
    epoch: str = "e1",
    settings: ApiSettings | None = None,
) -> AsyncIterator[Node]:
    """One gateway, which stands in the book while it is there."""
    directory.mkdir(exist_ok=True)
    told: list[Hub] = []
    desks = Desks(("501",), lambda view: _tell(told, view))
    hub = Hub(clock, epoch, None, name, desks.together)
    told.append(hub)
    neighbours = Neighbours(name, book, lambda: NodeView(name), Ways(name, secret, clock), clock, hub, desks)
    events = Events(hub, desks, clock).handle
    more: dict[str, Any] = {"events": events, "clock": clock, "elsewhere": neighbours, "desks": desks.views}
    async with web(directory, settings, **more) as (parts, outside):
        book.entries[name] = NodeView(name, outside.base, state="active")
        yield Node(name, parts, outside, hub, desks, neighbours)


def _tell(hubs: list[Hub], view: DeskView) -> None:
    for hub in hubs:
        hub.desk(view)
