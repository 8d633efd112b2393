"""The client side: requests that we send (RFC 3261 §17.1, §9.1, §13.2.2.4). Pure: time is an argument."""

from __future__ import annotations

from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.events import Output, RequestFailed, ResponseArrived, TransactionId, Transmit
from splitter.sip.headers import HeaderLine, Headers
from splitter.sip.message import Request, Response
from splitter.sip.transactions.invite_client import IMPATIENT_INVITE_CLIENT, INVITE_CLIENT
from splitter.sip.transactions.matching import client_key, response_key
from splitter.sip.transactions.non_invite_client import NON_INVITE_CLIENT
from splitter.sip.transactions.record import ClientTransaction
from splitter.sip.transactions.side import Core, Occasion, TransactionSide
from splitter.sip.transactions.table import Action, Event, TransactionState

_OFFSPRING = frozenset(("via", "max-forwards", "route", "from", "to", "call-id", "cseq", "session-id"))
_MOST_FORKS = 32
"""2xx of more To tags than this are ignored: no proxy forks so widely, and memory is bounded."""


class ClientSide(TransactionSide[ClientTransaction]):
    """Starts client transactions, matches responses, cancels, acknowledges."""

    def __init__(self, core: Core, ids: IdSource) -> None:
        super().__init__(core)
        self._ids = ids
        self._do |= {
            Action.SEND: self._send,
            Action.DELIVER: self._deliver,
            Action.DELIVER_SUCCESS: self._deliver_success,
            Action.SEND_ACK: self._send_ack,
            Action.SEND_CANCEL: self._send_cancel,
            Action.REMEMBER_CANCEL: self._remember_cancel,
            Action.RECALL_CANCEL: self._recall_cancel,
            Action.REPORT_TIMEOUT: self._report_timeout,
            Action.REPORT_CANCEL_TIMEOUT: self._report_cancel_timeout,
            Action.REPORT_TRANSPORT: self._report_transport,
        }

    def start(
        self,
        request: Request,
        flow: Flow,
        sent_by: Address,
        now: float,
        out: list[Output],
        answer_limit_s: float | None = None,
    ) -> TransactionId:
        """Send a request under a Via of ours; see `Endpoint.request`."""
        branch = self._ids.branch()
        wire = _under_via(request, flow, sent_by, branch)
        txn = self._add(wire, flow, sent_by, branch)
        txn.answer_limit_s = answer_limit_s
        if answer_limit_s is not None and request.method == "INVITE":
            txn.table = IMPATIENT_INVITE_CLIENT
        self.feed(txn, Event.START, now, out, wire)
        return txn.id

    def resume(self, invite: Request, flow: Flow, sent_by: Address, branch: str) -> TransactionId:
        """Go on with an INVITE of a former process; see `Endpoint.resume`."""
        txn = self._add(_under_via(invite, flow, sent_by, branch), flow, sent_by, branch)
        txn.state = TransactionState.PROCEEDING
        return txn.id

    def receive(self, response: Response, flow: Flow, now: float, out: list[Output]) -> None:
        """A response; dropped where it answers nothing of ours (§18.1.2)."""
        txn = self._core.transactions.get(response_key(response))
        if not isinstance(txn, ClientTransaction) or not _via_alone(response):
            return
        status = response.status
        event = Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.REFUSAL
        self.feed(txn, event, now, out, response, flow)

    def cancel(self, txn: ClientTransaction, reason: str | None, now: float, out: list[Output]) -> None:
        """Give an INVITE up: now, or once a provisional response allows it (§9.1)."""
        if not txn.cancel_sent:
            txn.cancel_reason = reason
            self.feed(txn, Event.CANCEL, now, out)

    def acknowledge(
        self, txn: ClientTransaction | None, id: TransactionId, ack: Request, flow: Flow, sent_by: Address | None
    ) -> Transmit:
        """Make the ACK of a 2xx, and keep it for retransmissions of that 2xx (§13.2.2.4)."""
        place = sent_by or (txn.sent_by if txn else None)
        if place is None:
            raise LocalError("an ACK after its transaction needs sent_by")
        headers = ack.headers.copy()
        headers.remove("Via")
        headers.prepend("Via", _via(flow, place, self._ids.branch()))
        wire = Request(ack.method, ack.uri, headers, ack.body)
        transmit = Transmit(flow, wire.serialize(), wire, id)
        if txn is not None and txn.acks is not None:
            txn.acks[ack.to_tag or ""] = transmit
        return transmit

    def reroute(self, txn: ClientTransaction, flow: Flow, sent_by: Address, now: float, out: list[Output]) -> None:
        """Send a request that got nowhere over another flow; its timers start anew."""
        if txn.request is None or txn.state not in (TransactionState.CALLING, TransactionState.TRYING):
            return
        for alarm in (txn.resend, txn.limit):
            if alarm is not None:
                self._core.schedule.cancel(alarm)
        txn.flow, txn.sent_by = flow, sent_by
        wire = Request(txn.request.method, txn.request.uri, txn.request.headers.copy(), txn.request.body)
        wire.headers.set("Via", _via(flow, sent_by, txn.branch))
        txn.request = wire
        self.feed(txn, Event.START, now, out, wire)

    def _add(self, wire: Request, flow: Flow, sent_by: Address, branch: str, own: bool = False) -> ClientTransaction:
        table, state = (
            (INVITE_CLIENT, TransactionState.CALLING)
            if wire.method == "INVITE"
            else (NON_INVITE_CLIENT, TransactionState.TRYING)
        )
        txn = ClientTransaction(client_key(branch, wire.method), table, state, flow, wire, sent_by, branch, own)
        self._core.transactions[txn.id] = txn
        return txn

    def _limit_s(self, txn: ClientTransaction, timer: Event, seconds: float) -> float:
        if txn.answer_limit_s is not None and timer in (Event.B, Event.F):
            return txn.answer_limit_s
        return seconds

    def _transmit(self, txn: ClientTransaction, wire: Request, out: list[Output]) -> None:
        txn.last = Transmit(txn.flow, wire.serialize(), wire, txn.id)
        out.append(txn.last)

    def _send(self, txn: ClientTransaction, occasion: Occasion) -> None:
        assert isinstance(occasion.message, Request)
        self._transmit(txn, occasion.message, occasion.out)

    def _deliver(self, txn: ClientTransaction, occasion: Occasion) -> None:
        assert isinstance(occasion.message, Response)
        assert occasion.flow is not None
        if not txn.own:
            occasion.out.append(ResponseArrived(txn.id, occasion.message, occasion.flow))

    def _deliver_success(self, txn: ClientTransaction, occasion: Occasion) -> None:
        assert isinstance(occasion.message, Response)
        if txn.acks is None:
            txn.acks = {}
            txn.last = txn.request = None  # the ACKs are the user's to make
        tag = occasion.message.to_tag or ""
        if tag not in txn.acks:
            if len(txn.acks) < _MOST_FORKS:
                txn.acks[tag] = None
                self._deliver(txn, occasion)
        elif (ack := txn.acks[tag]) is not None:
            occasion.out.append(ack)

    def _send_ack(self, txn: ClientTransaction, occasion: Occasion) -> None:
        assert occasion.message is not None
        assert txn.request is not None
        to = next(line for line in occasion.message.headers.lines() if line[0] == "to")
        self._transmit(txn, _offspring(txn.request, "ACK", to), occasion.out)
        txn.request = None

    def _send_cancel(self, txn: ClientTransaction, occasion: Occasion) -> None:
        assert txn.request is not None
        txn.cancel_sent = True
        cancel = _offspring(txn.request, "CANCEL")
        if txn.cancel_reason:
            cancel.headers.add("Reason", txn.cancel_reason)
        child = self._add(cancel, txn.flow, txn.sent_by, txn.branch, own=True)
        self.feed(child, Event.START, occasion.now, occasion.out, cancel)

    def _remember_cancel(self, txn: ClientTransaction, occasion: Occasion) -> None:
        txn.cancel_wanted = True

    def _recall_cancel(self, txn: ClientTransaction, occasion: Occasion) -> None:
        if txn.cancel_wanted:
            self.feed(txn, Event.CANCEL, occasion.now, occasion.out)

    def _report_timeout(self, txn: ClientTransaction, occasion: Occasion) -> None:
        self._report(txn, occasion, 408, True, f"no answer from {txn.flow.remote}")

    def _report_cancel_timeout(self, txn: ClientTransaction, occasion: Occasion) -> None:
        self._report(txn, occasion, 487, True, f"{txn.flow.remote} never answered the cancelled INVITE")

    def _report_transport(self, txn: ClientTransaction, occasion: Occasion) -> None:
        self._report(txn, occasion, 503, occasion.sent, occasion.reason or f"cannot send to {txn.flow.remote}")

    def _report(self, txn: ClientTransaction, occasion: Occasion, status: int, sent: bool, reason: str) -> None:
        if not txn.own:
            occasion.out.append(RequestFailed(txn.id, status, reason, sent))


def _via(flow: Flow, sent_by: Address, branch: str) -> str:
    return f"SIP/2.0/{flow.transport.upper()} {sent_by};rport;branch={branch}"


def _under_via(request: Request, flow: Flow, sent_by: Address, branch: str) -> Request:
    """The request as it goes out: a Via of ours on top, and Max-Forwards."""
    headers = request.headers.copy()
    headers.remove("Via")
    headers.prepend("Via", _via(flow, sent_by, branch))
    if "Max-Forwards" not in headers:
        headers.add("Max-Forwards", "70")
    return Request(request.method, request.uri, headers, request.body)


def _via_alone(response: Response) -> bool:
    """§8.1.3.3: a response with Vias besides ours was misrouted."""
    found = response.headers.get_all("via")
    return len(found) == 1 and ("," not in found[0] or len(response.vias) == 1)


def _offspring(request: Request, method: str, to: HeaderLine | None = None) -> Request:
    """The ACK to a refusal (§17.1.1.3) or the CANCEL (§9.1) of a request: its Via, Route, From, Call-ID, CSeq number,
    and Session-ID (RFC 7989 §7).

    Args:
        to: the To line of the response, for ACK.
    """
    lines = []
    for line in request.headers.lines():
        key, name, _ = line
        if key not in _OFFSPRING:
            continue
        if key == "cseq":
            line = (key, name, f" {request.cseq[0]} {method}")
        elif key == "to" and to is not None:
            line = to
        lines.append(line)
    return Request(method, request.uri, Headers.of_lines(lines, request.headers.encoding))
