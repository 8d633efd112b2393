"""The driver: runs the SIP endpoint on sockets, with one timer, and hands its events to listeners. Does I/O.

It belongs to one event loop (asyncio or uvloop), and all its methods are called from there. None of them blocks, and a
failure never comes back from the call that caused it: it arrives later, as a `RequestFailed` at the listener.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Protocol

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Address, Flow
from splitter.sip.dialog import DialogId
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import (
    AckArrived,
    Output,
    ResponseArrived,
    SipEvent,
    TransactionEnded,
    TransactionId,
    Transmit,
)
from splitter.sip.message import Message, Request, Response
from splitter.transport.addressing import Addressing
from splitter.transport.bans import Ban, IpNetwork
from splitter.transport.connections import Connections
from splitter.transport.counters import PrometheusCounters, TransportCounters
from splitter.transport.delivery import EventDelivery, FaultLog, OnRequest
from splitter.transport.departures import Ahead, Departures
from splitter.transport.dispatch import Dispatch, EventSink, OtherSide, SentRequest, dialog_of
from splitter.transport.large import LargeRequests
from splitter.transport.quiet import Quiet
from splitter.transport.screening import Screening
from splitter.transport.settings import Network, TransportSettings
from splitter.transport.sockets import Sockets
from splitter.transport.timer import OneTimer
from splitter.transport.tls import TlsIdentity
from splitter.transport.undelivered import Undelivered
from splitter.transport.unheard import Unheard
from splitter.transport.x509 import Validity

__all__ = ["Driver", "EventSink", "SipEvent", "Tap"]

log = structlog.get_logger(__name__)


class Tap(Protocol):
    """Sees every message as it passes; must neither block nor raise."""

    def message(self, direction: str, flow: Flow, message: Message, data: bytes) -> None:
        """`direction` is "in" or "out"; `data` is `message` as it is on the wire."""
        ...


class Driver:
    """The gateway's SIP on the network.

    Args:
        endpoint: the transaction layer; used by nobody else.
        networks: what to listen on, by name.
        settings: bounds.
        clock: monotonic time; the same that the endpoint's `now` means.
        on_request: told of requests outside dialogs, and of nothing else. It answers with `respond`, and calls `adopt`
            to hear of CANCEL and ACK. If it raises PeerError, the request is answered with that status.
        tap: sees each message.
        source_ok: asked for each datagram and connection before anything is read of it.
        party_ok: whether a source is the other side of a dialog, as `register` and `adopt` have named it.
        counters: where counts go.
        spared: addresses of neighbours, which are never banned; None: nobody ever is.
        sockets: makes what carries the bytes; a simulation hands in a network of its own.
        ahead: writes down what has changed before anything leaves that a peer builds on; see `departures`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        networks: Mapping[str, Network],
        settings: TransportSettings,
        clock: Clock,
        on_request: OnRequest,
        tap: Tap | None = None,
        *,
        source_ok: Callable[[Flow], bool] = lambda flow: True,
        party_ok: Callable[[Flow, OtherSide], bool] = lambda flow, party: True,
        counters: TransportCounters | None = None,
        spared: Iterable[IpNetwork] | None = None,
        sockets: Callable[..., Sockets] = Sockets,
        ahead: Ahead | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._tap = tap
        self._counters: TransportCounters = counters or PrometheusCounters()
        self._addressing = Addressing(networks, settings.resolve_limit_s)
        self._sockets = sockets(self, networks, self._addressing, settings, clock, source_ok, self._counters)
        if spared is not None:
            self._sockets.gate.bans.spare_only(spared)
        self._dispatch = Dispatch()
        quiet = Quiet()
        self._faults = FaultLog(quiet, clock)
        self._delivery = EventDelivery(endpoint, self._dispatch, on_request, self._counters, self._faults)
        self._large = LargeRequests(self._addressing, settings.udp_request_limit_bytes)
        self._undelivered = Undelivered(endpoint, self._dispatch, self._large, self._addressing, quiet)
        self._screening = Screening(
            settings.message_limit_bytes,
            self._sockets.gate,
            self._dispatch,
            party_ok,
            self._counters,
            clock,
            quiet,
        )
        self._timer = OneTimer(clock, self.ring)
        self._unheard = Unheard(self.received)
        self._departures = Departures(self._sockets.send, ahead)
        self._ahead = ahead

    # ---- life ----

    async def start(self, hearing: bool = True) -> None:
        """Open every listener.

        Args:
            hearing: False keeps what comes until `hear`: no dialog that is still being taken up is told to be unknown.
        Raises:
            LocalError: one cannot be opened; none is left open then.
        """
        if not hearing:
            self._unheard.wait()
        await self._sockets.start()

    def pause(self) -> None:
        """Handle nothing more of what comes."""
        self._unheard.wait()
        self._departures.close()

    def hear(self) -> None:
        """Handle what came since the start, in its order, and whatever comes from now on."""
        self._unheard.go_on()

    async def stop(self) -> None:
        """Close every socket and connection; transactions are abandoned."""
        self._departures.flush()
        self._timer.cancel()
        await self._sockets.stop()

    # ---- for the user ----

    def request(
        self, request: Request, flow: Flow, listener: EventSink, answer_limit_s: float | None = None
    ) -> TransactionId:
        """Send a request; its responses, or its failure, go to `listener`.

        One that is too large for UDP goes over TCP where that is possible (RFC 3261 §18.1.1).

        Args:
            answer_limit_s: see `Endpoint.request`.
        Raises:
            LocalError: the flow is of no network or transport of ours.
        """
        now = self._clock.now()
        sent_by = self._addressing.sent_by(flow)
        txn, outputs = self._endpoint.request(request, flow, sent_by, now, answer_limit_s)
        ask = self._dispatch.asks[txn] = SentRequest(listener, flow.network)
        if (stream := self._large.stream(outputs[0], flow, now)) is not None:
            ask.fallback = flow
            outputs = self._endpoint.reroute(txn, stream, self._addressing.sent_by(stream), now)
        self._carry_out(outputs)
        return txn

    def resume(self, invite: Request, flow: Flow, branch: str, listener: EventSink) -> TransactionId:
        """Go on with an INVITE that a former process sent; see `Endpoint.resume`."""
        txn = self._endpoint.resume(invite, flow, self._addressing.sent_by(flow), branch)
        self._dispatch.asks[txn] = SentRequest(listener, flow.network)
        return txn

    def repeat(self, txn: TransactionId, response: Response, flow: Flow, patience_s: float) -> None:
        """Go on with an answer that a former process gave; see `Endpoint.repeat`."""
        self._carry_out(self._endpoint.repeat(txn, response, flow, patience_s, self._clock.now()))

    def respond(self, txn: TransactionId, response: Response) -> None:
        """Answer a request; see `Endpoint.respond`."""
        self._carry_out(self._endpoint.respond(txn, response, self._clock.now()))

    def confirm_provisional(self, txn: TransactionId) -> None:
        """The PRACK to our reliable provisional response came; see `Endpoint.confirm_provisional`."""
        self._carry_out(self._endpoint.confirm_provisional(txn, self._clock.now()))

    def cancel(self, txn: TransactionId, reason: str | None = None) -> None:
        """Cancel an INVITE of ours; `reason` is the value of a Reason header. See `Endpoint.cancel`."""
        if self._ahead is not None and (invite := self._endpoint.invite_of(txn)) is not None:
            self._ahead.give_up(invite)
        self._carry_out(self._endpoint.cancel(txn, self._clock.now(), reason))

    def acknowledge(self, txn: TransactionId, ack: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx to our INVITE `txn`, and again whenever that 2xx comes again."""
        now = self._clock.now()
        outputs = self._endpoint.acknowledge(txn, ack, flow, now, self._addressing.sent_by(flow))
        if (stream := self._large.stream(outputs[0], flow, now)) is not None:
            outputs = self._endpoint.acknowledge(txn, ack, stream, now, self._addressing.sent_by(stream))
        self._carry_out(outputs)

    def adopt(self, txn: TransactionId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear of CancelArrived, AckArrived, AckTimedOut and PrackTimedOut of a request that arrived.

        A request inside a registered dialog is adopted by the dialog's listener without this.

        Args:
            party: who alone may cancel it; see `party_ok`.
        """
        self._dispatch.adopt(txn, listener, party)

    def register(self, dialog_id: DialogId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear of the requests inside a dialog, early or confirmed.

        Args:
            party: the other side: whoever else sends a request in this dialog gets 481; see `party_ok`.
        """
        self._dispatch.register(dialog_id, listener, party)

    def knows(self, dialog_id: DialogId) -> bool:
        """Tell whether somebody has this dialog."""
        return self._dispatch.knows(dialog_id)

    def unregister(self, dialog_id: DialogId) -> None:
        """Forget a dialog; further requests in it get 481."""
        self._dispatch.unregister(dialog_id)
        self._sockets.holds.release(dialog_id)

    def hold(self, owner: Hashable, flow: Flow) -> None:
        """Keep the connection of a flow alive for a registration (RFC 5626); dialogs need not ask.

        Args:
            owner: what needs it, an address of record and its binding, say; a later `hold` of it moves it.
        """
        if flow.reliable:
            self._sockets.holds.hold(owner, flow)

    def release(self, owner: Hashable) -> None:
        """The registration is over; harmless where it is not known."""
        self._sockets.holds.release(owner)

    def flow_to(self, network: str, transport: str, remote: Address) -> Flow:
        """The flow to a numeric address; see `Addressing.flow_to`."""
        return self._addressing.flow_to(network, transport, remote)

    def locate(self, network: str, uri: str, default_transport: str = "udp") -> Flow | None:
        """The flow to a URI where no name must be resolved, else None; see `Addressing.locate`."""
        return self._addressing.locate(network, uri, default_transport)

    def reaches(self, flow: Flow) -> bool:
        """Tell whether a message can leave at once: over UDP, or over a connection that is open."""
        return self._sockets.reaches(flow)

    async def resolve(self, network: str, uri: str, default_transport: str = "udp") -> Flow:
        """The flow to a URI; see `Addressing.resolve`."""
        return await self._addressing.resolve(network, uri, default_transport)

    def contact(self, network: str, transport: str, host: str | None = None) -> Address:
        """Host and port that reach us on this network, for a peer at `host`; see `Addressing.contact`."""
        return self._addressing.contact(network, transport, host)

    def expect(self, network: str, host: str, name: str) -> None:
        """A TLS server at this address is to prove that it is `name` (RFC 5922); else, that it has the address."""
        self._sockets.credentials.expect(network, host, name)

    def expect_no_longer(self, network: str, host: str, name: str) -> None:
        """Take an `expect` back."""
        self._sockets.credentials.expect_no_longer(network, host, name)

    def renew(
        self, networks: Mapping[str, Network], identities: Mapping[str, TlsIdentity], spared: Iterable[IpNetwork]
    ) -> None:
        """Take new values of what can change while it runs; live connections keep what they have.

        Args:
            networks: with the listeners that are open.
            identities: their certificates; see `tls.identities_of`.
            spared: addresses of neighbours, which are never banned.
        """
        self._sockets.adopt(networks, identities)
        self._sockets.gate.bans.spare_only(spared)

    def certificates(self) -> dict[str, Validity]:
        """The times between which our certificates hold, by network."""
        return self._sockets.credentials.validities()

    def on_abuse(self, flow: Flow, reason: str) -> None:
        """A source misbehaved in a way that only the user sees, such as "authentication"; see `transport.bans`."""
        self._sockets.gate.abuse(flow, reason)

    def spare(self, network: IpNetwork) -> None:
        """Never ban these addresses: a neighbour's name has resolved to them."""
        self._sockets.gate.bans.spare(network)

    def bans(self) -> list[tuple[Ban, float]]:
        """The bans, each with the seconds that it still lasts."""
        now = self._clock.now()
        return [(ban, ban.until - now) for ban in self._sockets.gate.bans.list(now)]

    def lift_ban(self, host: str) -> bool:
        """End a ban; False where there is none."""
        return self._sockets.gate.bans.lift(host)

    @property
    def connections(self) -> Connections:
        """The connections that are open now."""
        return self._sockets.connections

    def sizes(self) -> dict[str, int]:
        """Count what is held, for the check that nothing is left behind."""
        return {
            "transactions": len(self._endpoint),
            "connections": len(self.connections),
            "holds": len(self._sockets.holds),
            "unheard messages": len(self._unheard),
            **self._dispatch.sizes(),
        }

    # ---- for the sockets ----

    def received(self, flow: Flow, data: bytes) -> None:
        """Handle a datagram, or a message of a stream: the border at which no exception passes."""
        if self._unheard.keeps(flow, data):
            return
        try:
            self._receive(flow, data)
        except Exception:
            self._faults.write("message could not be handled", flow.remote.host, source=str(flow))

    def unframeable(self, flow: Flow, error: PeerError) -> None:
        """A stream that is no SIP; its connection is closed once what can be answered was."""
        self._send_at_once(self._screening.refuse(flow, error))

    def unsent(self, transmit: Transmit, reason: str) -> None:
        """A message could not be sent; see `Undelivered.unsent`."""
        self._carry_out(self._undelivered.unsent(transmit, reason, self._clock.now()))

    def broken(self, requests: list[TransactionId], reason: str) -> None:
        """A connection broke over which these requests went; see `Undelivered.broken`."""
        for outputs in self._undelivered.broken(requests, reason, self._clock.now()):
            self._carry_out(outputs)

    def bounced(self, quoted: bytes, remote: Address, reason: str) -> None:
        """An ICMP error came; see `Undelivered.bounced`."""
        self._carry_out(self._undelivered.bounced(quoted, remote, reason, self._clock.now()))

    # ---- inside ----

    def _receive(self, flow: Flow, data: bytes) -> None:
        request: Request | None = None
        try:
            message = self._screening.read(data)
            if message is None:
                return
            kind: str | int
            if isinstance(message, Request):
                request, kind = message, message.method
            else:
                kind = message.status
            self._counters.message(flow.network, "in", kind)
            if self._tap is not None:
                self._tap.message("in", flow, message, data)
            if request is not None and self._screening.is_foreign(request, flow):
                self._send_at_once(self._screening.disown(request, flow))
                return
            outputs = self._endpoint.receive(message, flow, self._clock.now()) or self._delivery.stray(message, flow)
        except PeerError as error:
            self._send_at_once(self._screening.refuse(flow, error, request))
            return
        if request is not None and flow.reliable:
            if "alias" in request.via.params:
                self._sockets.alias(flow, request.via.port or (5061 if flow.transport == "tls" else 5060))
            self._hold_for(dialog_of(request), flow)
        self._carry_out(outputs)

    def _hold_for(self, dialog: DialogId, flow: Flow) -> None:
        """A request of a dialog went over this connection: it is worth keeping alive while the dialog lives."""
        if self._dispatch.knows(dialog):
            self._sockets.holds.hold(dialog, flow)

    def _send_at_once(self, answer: Transmit | None) -> None:
        """Send an answer that no transaction repeats, if there is one."""
        if answer is not None:
            self._transmit(answer)

    def _carry_out(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self._transmit(output)
                continue
            if self._ahead is not None and _is_last(output):
                self._ahead.confirmed(output.txn)
            if (owed := self._delivery.deliver(output)) is not None:
                self._pay(output.txn, owed)
        if self._endpoint.soonest < self._timer.at:
            self._timer.ring_at(self._endpoint.next_timeout())

    def _pay(self, txn: TransactionId, response: Response) -> None:
        """Give the response that nobody else gave; a listener that failed may have given one all the same."""
        try:
            self.respond(txn, response)
        except Exception:
            self._faults.write("an answer could not be given", str(response.status), txn=txn)

    def _transmit(self, transmit: Transmit) -> None:
        flow, message = transmit.flow, transmit.message
        kind: str | int
        if isinstance(message, Request):
            kind = message.method
            if flow.reliable:
                self._hold_for(DialogId(*message.names), flow)
        else:
            kind = message.status
        self._counters.message(flow.network, "out", kind)
        if self._tap is not None:
            self._tap.message("out", flow, message, transmit.data)
        self._departures.hand_in(transmit)

    def ring(self) -> None:
        self._carry_out(self._endpoint.on_timeout(self._clock.now()))


def _is_last(event: SipEvent) -> bool:
    """Whether the peer has heard what a transaction had to say, or will not be told again."""
    if isinstance(event, ResponseArrived):
        return event.response.status >= 200
    return isinstance(event, AckArrived | TransactionEnded)
