"""A small SIP user agent on a port of its own: places and takes calls (RFC 3261). Does I/O.

agent = UserAgent("13800000000", "127.0.0.1")
await agent.start()
call = agent.place("sip:12345@127.0.0.1:5060", Address("127.0.0.1", 5060), party)
outcome = await call.answered()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.lab.agent_call import ALLOW, SDP, AgentCall
from splitter.lab.call_ports import CallMedia
from splitter.lab.counters import PlainCounters
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import RequestArrived
from splitter.sip.headers import Headers
from splitter.sip.message import Message, Request
from splitter.sip.timers import Timers
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TransportSettings

_NETWORK = "lab"
_REMEMBERED = 200


class UserAgent:
    """A user agent on a UDP port of its own. `port`: 0 for any that is free.

    Attributes:
        user: the user part of From and Contact.
        address: where it listens, once started.
        messages: the last messages, "in" or "out" with each.
        on_call: takes incoming calls; without it they get 480.
        driver_type: what runs its SIP.
        behind: address that the peer names → where it is in fact, on this side of its NAT.
    """

    driver_type: type[Driver] = Driver

    def __init__(
        self, user: str, host: str, clock: Clock | None = None, ids: IdSource | None = None, port: int = 0
    ) -> None:
        self.user = user
        self.address = Address(host, port)
        self._port = port
        self.messages: deque[tuple[str, Message]] = deque(maxlen=_REMEMBERED)
        self.on_call: Callable[[AgentCall, Request], None] | None = None
        self.new_party: Callable[[], CallMedia] | None = None
        self.behind: Mapping[str, str] = {}
        self._clock = clock or SystemClock()
        self._ids = ids or IdSource()
        self._driver: Driver | None = None

    @property
    def driver(self) -> Driver:
        assert self._driver is not None, "not started"
        return self._driver

    async def start(self) -> None:
        """Bind the port and listen."""
        host = self.address.host
        network = Network(_NETWORK, (ListenPoint("udp", Address(host, self._port)),), host)
        endpoint = Endpoint(Timers(), self._ids, "lab")
        self._driver = self.driver_type(
            endpoint,
            {_NETWORK: network},
            TransportSettings(),
            self._clock,
            self._on_request,
            self,
            counters=PlainCounters(),
        )
        await self._driver.start()
        self.address = self._driver.contact(_NETWORK, "udp")

    async def stop(self) -> None:
        """Free the port; calls that live are simply left."""
        if self._driver is not None:
            await self._driver.stop()
            self._driver = None

    def place(
        self,
        uri: str,
        to: Address,
        party: CallMedia,
        *,
        headers: Iterable[tuple[str, str]] = (),
        with_offer: bool = True,
    ) -> AgentCall:
        """Call `uri` at the numeric address `to`. `headers` are added to the INVITE."""
        lines = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", f"<sip:{self.user}@{self.address}>;tag={self._ids.tag()}"),
                ("To", f"<{uri}>"),
                ("Call-ID", self._ids.sip_call_id(self.address.host)),
                ("CSeq", "1 INVITE"),
                *self.contact(),
                ("Allow", ALLOW),
                *headers,
            ]
        )
        body = b""
        if with_offer:
            body = party.offer()
            lines.add("Content-Type", SDP)
        call = AgentCall(self, party, self.driver.flow_to(_NETWORK, "udp", to))
        call.begin(Request("INVITE", uri, lines, body))
        return call

    def contact(self) -> list[tuple[str, str]]:
        """Our Contact, as an SBC shows a video handset's (RFC 3840: the `video` feature)."""
        return [("Contact", f"<sip:{self.user}@{self.address}>;video")]

    def flow_to(self, uri: str, otherwise: Flow) -> Flow:
        """The flow to a URI with a numeric host; `otherwise` where it has a name."""
        found = self.driver.locate(_NETWORK, uri) or otherwise
        return found._replace(remote=found.remote._replace(host=self.behind.get(found.remote.host, found.remote.host)))

    def message(self, direction: str, flow: Flow, message: Message, data: bytes) -> None:
        """The driver's tap."""
        self.messages.append((direction, message))

    def _on_request(self, event: RequestArrived) -> None:
        request = event.request
        if request.method == "OPTIONS":
            self.driver.respond(event.txn, request.respond(200, to_tag=self._ids.tag(), headers=[("Allow", ALLOW)]))
        elif request.method != "INVITE":
            self.driver.respond(event.txn, request.respond(405, to_tag=self._ids.tag()))
        elif self.on_call is None or self.new_party is None:
            self.driver.respond(event.txn, request.respond(480, to_tag=self._ids.tag()))
        else:
            call = AgentCall(self, self.new_party(), event.flow)
            call.take(event, self._ids.tag())
            self.on_call(call, request)
