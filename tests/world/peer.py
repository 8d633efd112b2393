"""The gateway's neighbours: SIP elements of the world, on the real transaction layer and driver."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.counters import PlainCounters
from splitter.sdp.model import Session
from splitter.sip import events as sip
from splitter.sip.endpoint import Endpoint
from splitter.sip.timers import Timers
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TransportSettings
from tests.world.peer_call import PeerCall
from tests.world.terminal import Terminal
from tests.world.user_agent import Heard, Pairs, session_of
from tests.world.wire import WireSockets

if TYPE_CHECKING:
    from tests.world.world import World


class Peer:
    """A SIP element with one address.

    Attributes:
        calls: every call it ever had, by SIP Call-ID.
        arrived: incoming calls that no test has taken yet.
        on_call: told of each incoming call instead.
        guard: asked of each request; True where it has answered it, and nobody else is to see it.
    """

    def __init__(self, world: World, name: str, address: Address, gateway: Address, transport: str = "udp") -> None:
        self.world = world
        self.name = name
        self.address = address
        self.rng = random.Random(f"{world.seed} {name}")
        self.ids = IdSource(self.rng)
        self.calls: dict[str, PeerCall] = {}
        self.arrived: deque[PeerCall] = deque()
        self.on_call: Callable[[PeerCall], None] = self.arrived.append
        self.guard: Callable[[sip.RequestArrived], bool] = lambda event: False
        self._ports = itertools.count(10_000, 40)
        network = Network("net", (ListenPoint(transport, address),), address.host)
        self.driver = Driver(
            Endpoint(Timers(), self.ids, name),
            {"net": network},
            TransportSettings(),
            world.clock,
            self._on_request,
            counters=PlainCounters(),
            sockets=partial(WireSockets, world.wire),
        )
        self.gateway = self.driver.flow_to("net", transport, gateway)

    # ---- for scripts ----

    def invite(
        self,
        called: str = "110",
        offer: Session | bytes | None = None,
        *,
        uri: str = "",
        number: str | None = None,
        sender: str = "",
        seat: bool = False,
        reliable: str = "",
        timer_s: int = 0,
        headers: Pairs = (),
        parts: Sequence[bytes] = (),
        **offered: Any,
    ) -> PeerCall:
        """Send an INVITE.

        Args:
            called: the number. uri: the whole Request-URI instead, of any scheme.
            offer: what is offered; by default the terminal's `first_offer(**offered)`; b"" for none at all.
            number: the caller's; by default one that no other call of this peer has. sender: the whole From instead.
            seat: offer video alone, as an agent's client does; `called` names the call.
            reliable: "supported" or "require": provisional responses are to be reliable (RFC 3262).
            timer_s: ask for a session of this length (RFC 4028); the peer refreshes what is its duty.
            headers: more of them.
            parts: of a multipart body, each with its own headers; the description follows as the last one.
        """
        number = number or f"139{len(self.calls):08d}"
        call = PeerCall(self, self.ids.sip_call_id(self.address.host), number)
        self.calls[call.sip_call_id] = call
        if offer is None:
            offer = call.terminal.seat_offer(**offered) if seat else call.terminal.first_offer(**offered)
        elif isinstance(offer, bytes):
            offer = call.terminal.given(offer) if offer else None
        supported = [name for name, wanted in (("100rel", reliable == "supported"), ("timer", timer_s)) if wanted]
        lines = [("Supported", ", ".join(supported))] if supported else []
        lines += [("Require", "100rel")] if reliable == "require" else []
        lines += [("Session-Expires", str(timer_s))] if timer_s else []
        call.dial(uri or f"sip:{called}@{self.gateway.remote}", offer, [*lines, *headers], parts, sender)
        return call

    def take(self, limit_s: float = 10.0) -> PeerCall:
        """Run the world until a call comes in, and take it."""
        if not self.world.loop.run_until(lambda: bool(self.arrived), limit_s):
            raise AssertionError(f"no call came to {self.name} within {limit_s:g} s\n{self.world.ladder()}")
        call = self.arrived.popleft()
        call.expect("INVITE")
        return call

    def vanish(self) -> None:
        """The element is gone: nothing reaches it and nothing leaves it."""
        self.world.wire.cut.add(self.address)

    def come_back(self) -> None:
        self.world.wire.cut.discard(self.address)

    def terminal(self) -> Terminal:
        """Media for one more call; ports of its own."""
        return Terminal(self.address.host, next(self._ports) % 50_000 + 10_000, self.ids.number(2**31))

    # ---- inside ----

    def _on_request(self, event: sip.RequestArrived) -> None:
        request = event.request
        if self.guard(event):
            return
        if request.method == "INVITE":
            call = PeerCall(self, request.call_id, request.from_.user or "")
            self.calls[call.sip_call_id] = call
            call.come(event)
        else:
            status = 200 if request.method == "OPTIONS" else 405
            self.driver.respond(event.txn, request.respond(status, to_tag=self.ids.tag()))


__all__ = ["Heard", "Peer", "PeerCall", "session_of"]
