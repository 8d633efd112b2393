"""The transaction layer of one SIP element (RFC 3261 §17, RFC 6026), with the reliability of 2xx and ACK. Pure.

Messages, requests of the user and the time go in; messages to transmit and events come out. Nothing here waits, reads a
clock or touches a socket: whoever runs it (`transport.driver`) calls `on_timeout` when `next_timeout` has come.
"""

from __future__ import annotations

from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.events import Output, TransactionId, Transmit
from splitter.sip.message import Message, Request, Response
from splitter.sip.timers import Timers
from splitter.sip.transactions.client import ClientSide
from splitter.sip.transactions.record import ClientTransaction, ServerTransaction, Transaction
from splitter.sip.transactions.server import ServerSide
from splitter.sip.transactions.side import Core
from splitter.sip.transactions.table import Event


class Endpoint:
    """All transactions of the gateway.

    Args:
        timers: the waits of the standard; tests and closed networks may shorten them.
        ids: where branches and tags come from.
        server: value of the Server header in the responses that the endpoint makes itself; empty for none.
        limit: most transactions at a time; past it initial requests get 503 and nothing is kept of them, past twice as
            many all requests.

    Every method that may cause something returns the outputs in the order in which they are to be carried out.
    `now` is in seconds of one monotonic clock and never goes back.
    """

    def __init__(self, timers: Timers, ids: IdSource, server: str = "", limit: int = 200_000) -> None:
        self._core = Core(timers)
        self._client = ClientSide(self._core, ids)
        self._server = ServerSide(self._core, ids, server, limit)

    def receive(self, message: Message, flow: Flow, now: float) -> list[Output]:
        """A message came in.

        Raises:
            PeerError: a header that identifies its transaction cannot be read; nothing has changed.
        """
        out: list[Output] = []
        if isinstance(message, Request):
            self._server.receive(message, flow, now, out)
        else:
            self._client.receive(message, flow, now, out)
        return out

    def request(
        self, request: Request, flow: Flow, sent_by: Address, now: float, answer_limit_s: float | None = None
    ) -> tuple[TransactionId, list[Output]]:
        """Start a client transaction: any method but ACK and CANCEL.

        Args:
            request: not modified; what goes out is a copy with our Via (branch, rport) on top and Max-Forwards.
            sent_by: where we are reached, for the Via.
            answer_limit_s: instead of 64*T1, the time until any response to an INVITE (timer B), or until the final
                response to another request (timer F).
        """
        if request.method in ("ACK", "CANCEL"):
            raise LocalError(f"{request.method} is no transaction of its own: use acknowledge or cancel")
        out: list[Output] = []
        return self._client.start(request, flow, sent_by, now, out, answer_limit_s), out

    def resume(self, invite: Request, flow: Flow, sent_by: Address, branch: str) -> TransactionId:
        """Go on with an INVITE that a former process sent, to cancel it or to hear its answer. Nothing is sent.

        Args:
            invite: as that process gave it to `request`.
            branch: of its Via: `branch_of` the transaction that it had.
        """
        return self._client.resume(invite, flow, sent_by, branch)

    def repeat(self, txn: TransactionId, response: Response, flow: Flow, patience_s: float, now: float) -> list[Output]:
        """Go on with a final answer that a former process gave: to an INVITE it is said again until its ACK comes.

        Args:
            txn: the transaction that it had; it is the same in every process.
            flow: where that process sent it.
            patience_s: what is left of the time in which the ACK may come.
        """
        out: list[Output] = []
        if txn not in self._core.transactions:
            self._server.repeat(txn, response, flow, patience_s, now, out)
        return out

    def invite_of(self, txn: TransactionId) -> Transmit | None:
        """An INVITE of ours as it was sent, as long as it can be cancelled."""
        client = self._core.transactions.get(txn)
        if not isinstance(client, ClientTransaction) or client.request is None or client.request.method != "INVITE":
            return None
        return Transmit(client.flow, client.request.serialize(), client.request, txn)

    def respond(self, txn: TransactionId, response: Response, now: float) -> list[Output]:
        """Answer a request. A 2xx to INVITE is repeated until its ACK comes; a To tag that is missing is put in.

        Ignored where the transaction is gone or has its final response already.
        """
        out: list[Output] = []
        if isinstance(server := self._core.transactions.get(txn), ServerTransaction):
            self._server.respond(server, response, now, out)
        return out

    def confirm_provisional(self, txn: TransactionId, now: float) -> list[Output]:
        """The PRACK to our reliable provisional response came (RFC 3262 §3): stop repeating it.

        A provisional response given to `respond` is reliable if it has an RSeq; the next one goes out after this.
        """
        out: list[Output] = []
        self._feed(self._core.transactions.get(txn), Event.PRACK, now, out)
        return out

    def cancel(self, txn: TransactionId, now: float, reason_header: str | None = None) -> list[Output]:
        """Cancel an INVITE of ours (§9.1). Its final response still arrives: 487, or a 2xx that crossed.

        Before any provisional response it is remembered, and goes out after one. Ignored once a final response is in.

        Args:
            reason_header: value of a Reason header (RFC 3326) for the CANCEL.
        """
        out: list[Output] = []
        if isinstance(client := self._core.transactions.get(txn), ClientTransaction):
            self._client.cancel(client, reason_header, now, out)
        return out

    def acknowledge(
        self, txn: TransactionId, ack: Request, flow: Flow, now: float, sent_by: Address | None = None
    ) -> list[Output]:
        """Send the ACK of a 2xx, now and again for every repetition of that 2xx (told apart by To tag).

        Args:
            ack: made from the dialog; not modified.
            sent_by: for the Via, where `flow` needs another than the INVITE had, or the transaction is gone.
        """
        client = self._core.transactions.get(txn)
        known = client if isinstance(client, ClientTransaction) else None
        return [self._client.acknowledge(known, txn, ack, flow, sent_by)]

    def reroute(self, txn: TransactionId, flow: Flow, sent_by: Address, now: float) -> list[Output]:
        """Send a request of ours that has no response yet over another flow (RFC 3261 §18.1.1: TCP to UDP and back).

        The transaction keeps its id; its timers start anew. Ignored once a response has come.
        """
        out: list[Output] = []
        if isinstance(client := self._core.transactions.get(txn), ClientTransaction):
            self._client.reroute(client, flow, sent_by, now, out)
        return out

    def flow_of(self, txn: TransactionId) -> Flow | None:
        """Where the messages of a live transaction go."""
        known = self._core.transactions.get(txn)
        return known.flow if known is not None else None

    def transport_failed(self, txn: TransactionId, now: float, reason: str, sent: bool = False) -> list[Output]:
        """A message of this transaction could not be sent (§17.1.4, §17.2.4).

        Args:
            sent: it may have arrived: its connection broke afterwards.
        """
        out: list[Output] = []
        self._feed(self._core.transactions.get(txn), Event.TRANSPORT_ERROR, now, out, reason, sent)
        return out

    @property
    def soonest(self) -> float:
        """Moment before which no timeout comes: who is up by then need not ask `next_timeout`."""
        return self._core.schedule.soonest

    def next_timeout(self) -> float | None:
        """When `on_timeout` wants to be called; None: not before something else happens."""
        return self._core.schedule.next()

    def on_timeout(self, now: float) -> list[Output]:
        """Let all timers fire that are due. Calling it early or late does no harm."""
        out: list[Output] = []
        while (due := self._core.schedule.pop(now)) is not None:
            self._feed(due[0], due[1], now, out)
        return out

    def _feed(
        self,
        txn: Transaction | None,
        event: Event,
        now: float,
        out: list[Output],
        reason: str = "",
        sent: bool = False,
    ) -> None:
        if isinstance(txn, ClientTransaction):
            self._client.feed(txn, event, now, out, reason=reason, sent=sent)
        elif isinstance(txn, ServerTransaction):
            self._server.feed(txn, event, now, out, reason=reason)

    def __contains__(self, txn: TransactionId) -> bool:
        return txn in self._core.transactions

    def __len__(self) -> int:
        """Live transactions."""
        return len(self._core.transactions)
