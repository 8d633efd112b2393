"""The port to SIP, as calls need it: what sends their messages, and what each of its users is told. Pure.

`splitter.transport.driver.Driver` implements it; so does `legs.challenged.Challenged`, for the part that legs need.
"""

from __future__ import annotations

from typing import Protocol

from splitter.core.net import Address, Flow
from splitter.sip.dialog import DialogId
from splitter.sip.events import TransactionId
from splitter.sip.message import Request, Response
from splitter.transport.bans import IpNetwork
from splitter.transport.dispatch import EventSink, OtherSide


class LegSignalling(Protocol):
    """What a leg needs to send and hear the messages of its dialog. Nothing here waits."""

    def request(
        self, request: Request, flow: Flow, listener: EventSink, answer_limit_s: float | None = None
    ) -> TransactionId:
        """Send a request; its responses, or its failure, go to `listener`.

        Args:
            answer_limit_s: without any response for this long it has failed with 408.
        """

    def respond(self, txn: TransactionId, response: Response) -> None:
        """Answer a request of the peer."""

    def confirm_provisional(self, txn: TransactionId) -> None:
        """The PRACK to our reliable provisional response came (RFC 3262 §3)."""

    def cancel(self, txn: TransactionId, reason: str | None = None) -> None:
        """Cancel an INVITE of ours; `reason` is the value of a Reason header."""

    def acknowledge(self, txn: TransactionId, ack: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx to our INVITE `txn`, and again whenever that 2xx comes again."""

    def adopt(self, txn: TransactionId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear what becomes of a request that arrived outside a registered dialog."""

    def register(self, dialog_id: DialogId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear of the requests inside a dialog; `party` alone may send them."""

    def unregister(self, dialog_id: DialogId) -> None:
        """Forget a dialog; further requests in it get 481."""

    def knows(self, dialog_id: DialogId) -> bool:
        """True while somebody hears of the requests in this dialog."""

    def locate(self, network: str, uri: str, default_transport: str = "udp") -> Flow | None:
        """The flow to a URI where no name must be resolved, else None."""

    def reaches(self, flow: Flow) -> bool:
        """True where a message can leave at once: over UDP, or over a connection that is open."""

    def contact(self, network: str, transport: str, host: str | None = None) -> Address:
        """Host and port that reach us on this network, for a peer at `host`."""


class Resuming(LegSignalling, Protocol):
    """What carries on where a former process has ended."""

    def resume(self, invite: Request, flow: Flow, branch: str, listener: EventSink) -> TransactionId:
        """Go on with an INVITE that it sent; see `Endpoint.resume`."""

    def repeat(self, txn: TransactionId, response: Response, flow: Flow, patience_s: float) -> None:
        """Go on with an answer that it gave; see `Endpoint.repeat`."""

    def received(self, flow: Flow, data: bytes) -> None:
        """A message came in over a flow."""


class Signalling(Resuming, Protocol):
    """What calls, trunks and registrations need beside that."""

    def flow_to(self, network: str, transport: str, remote: Address) -> Flow:
        """The flow to a numeric address."""

    def expect(self, network: str, host: str, name: str) -> None:
        """A TLS server at this address is to prove that it is `name` (RFC 5922)."""

    def spare(self, network: IpNetwork) -> None:
        """Never ban these addresses: a neighbour's name has resolved to them."""

    def on_abuse(self, flow: Flow, reason: str) -> None:
        """A source misbehaved in a way that only the user sees; see `transport.bans`."""
