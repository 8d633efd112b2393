"""What the API of web callers stands on: a door with browsers, whose calls are only written down."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any
from weakref import WeakMethod

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.line import BrowserSaid
from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.browsers.switch import Browsers
from splitter.calls.browsers.view import WebState
from splitter.calls.routing import Routing
from splitter.calls.settings import Peer, Role, Route, Trunk
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.sdp.write import write
from tests.calls.browsers.kit import offer
from tests.world.adapters import FakeAdapters

SHOP = "https://shop.example"
NUMBER = "12345"
OFFER = write(offer()).decode()


@dataclass
class FakeLeg:
    """Hears what browsers do."""

    said: list[BrowserSaid] = field(default_factory=list)

    def hear(self, said: BrowserSaid) -> None:
        self.said.append(said)


@dataclass
class Callers:
    """A door, and what came of it.

    Attributes:
        begun: the INVITEs and ids of calls that began.
    """

    adapters: FakeAdapters
    door: WebDoor
    begun: list[tuple[Any, str]]
    calls: Any
    leg: FakeLeg = field(default_factory=FakeLeg)

    async def open(self, call_id: str, state: WebState = WebState.CONNECTED) -> None:
        """A browser in a call."""
        line = await self.door.browsers.open(call_id, "access")
        line.listen(WeakMethod(self.leg.hear))
        line.show(state=state)


def callers(max_calls: int = 0, **settings: Any) -> Callers:
    """Browsers may call NUMBER, from pages of SHOP, with a token; `settings` say otherwise."""
    adapters, begun = FakeAdapters(lambda network: "127.0.0.1"), []
    trunks = {
        "web": Trunk("web", Role.WEB, "access", (), max_calls=max_calls),
        "pbx": Trunk("pbx", Role.CENTRE, "core", (Peer(ip_network("10.0.0.5")),), Address("10.0.0.5", 5060)),
    }
    routing = Routing(trunks, [Route(re.compile(NUMBER), ("pbx",), origin=Role.WEB)])
    begin = lambda trunk, event, call_id, record: begun.append((event, call_id))  # noqa: E731
    calls: Any = SimpleNamespace(services=SimpleNamespace(routing=routing, ids=IdSource()), begin=begin, draining=False)
    browsers = Browsers(adapters, WebCallSettings(**{"trunk": "web", "origins": (SHOP,), **settings}))
    return Callers(adapters, WebDoor(calls, browsers), begun, calls)


def wish(**more: Any) -> dict[str, Any]:
    """What a page of SHOP asks for."""
    return {
        "data": json.dumps({"number": NUMBER, "sdp": OFFER, **more}),
        "headers": {"Origin": SHOP, "Content-Type": "application/json"},
    }
