"""The server side: requests that we get (RFC 3261 §17.2, §8.2.2.2, §9.2, §13.3.1.4). Pure: time is an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from splitter.core.ids import IdSource
from splitter.core.net import Flow
from splitter.sip.events import (
    AckArrived,
    AckTimedOut,
    CancelArrived,
    Output,
    PrackTimedOut,
    RequestArrived,
    TransactionId,
    Transmit,
)
from splitter.sip.message import Request, Response
from splitter.sip.transactions.invite_server import INVITE_SERVER
from splitter.sip.transactions.matching import reply_flow, server_key, stamp
from splitter.sip.transactions.non_invite_server import NON_INVITE_SERVER
from splitter.sip.transactions.record import RequestIdentity, ServerTransaction
from splitter.sip.transactions.side import Core, Occasion, TransactionSide
from splitter.sip.transactions.table import Action, Event, TransactionState

AcceptedKey: TypeAlias = tuple[str, str | None, int, str | None]
"""Call-ID, From tag, CSeq number, To tag: the ACK of a 2xx has these and nothing of its INVITE's Via (§13.3.1.4)."""

_RETRY_AFTER_S = 5


class ServerSide(TransactionSide[ServerTransaction]):
    """Makes server transactions, absorbs retransmissions, answers CANCEL, finds the ACK of a 2xx."""

    def __init__(self, core: Core, ids: IdSource, server: str, limit: int) -> None:
        super().__init__(core)
        self._ids = ids
        self._name = (("Server", server),) if server else ()
        self._limit = limit
        self._initial: dict[RequestIdentity, ServerTransaction] = {}
        self._accepted: dict[AcceptedKey, ServerTransaction] = {}
        self._do |= {
            Action.SEND: self._send,
            Action.SEND_ONCE: self._send_once,
            Action.REPORT_ACK: self._report_ack,
            Action.REPORT_ACK_MISSING: self._report_ack_missing,
            Action.REPORT_PRACK_MISSING: self._report_prack_missing,
        }

    def receive(self, request: Request, flow: Flow, now: float, out: list[Output]) -> None:
        """A request of any kind.

        Raises:
            PeerError: a header that identifies it cannot be read; nothing has changed.
        """
        if request.method == "ACK":
            return self._receive_ack(request, now, out)
        key = server_key(request)
        known = self._core.transactions.get(key)
        if isinstance(known, ServerTransaction):
            self._follow(known, flow)
            return self.feed(known, Event.REQUEST, now, out, request)
        initial = request.to_tag is None
        identity = (request.call_id, request.from_tag, request.cseq)
        reply = reply_flow(request.via, flow)
        stamp(request, flow)
        # CANCEL and requests inside a dialog end calls: they may use as much again before they are refused too.
        limit = self._limit if initial and request.method != "CANCEL" else 2 * self._limit
        if len(self._core.transactions) >= limit:
            out.append(self._overload(request, reply))
        elif request.method == "CANCEL":
            self._receive_cancel(request, self._add(key, request, reply, identity, initial, own=True), now, out)
        elif initial and identity in self._initial:
            # §8.2.2.2: the same request over two paths of a fork; one of them is enough.
            txn = self._add(key, request, reply, identity, initial, own=True)
            self.respond(txn, self._answer(request, 482), now, out)
        else:
            self._admit(self._add(key, request, reply, identity, initial), request, flow, now, out)
        return None

    def respond(self, txn: ServerTransaction, response: Response, now: float, out: list[Output]) -> None:
        """Send a response of the user; ignored in states where the table knows no such response."""
        status = response.status
        if status < 200:
            event = Event.SEND_RELIABLE if "rseq" in response.headers else Event.SEND_PROVISIONAL
        elif status < 300:
            event = Event.SEND_SUCCESS
        else:
            event = Event.SEND_REFUSAL
        if status > 100:
            self._fill_tag(txn, response)
        self.feed(txn, event, now, out, response)

    def repeat(
        self, id: TransactionId, response: Response, flow: Flow, patience_s: float, now: float, out: list[Output]
    ) -> None:
        """Make a transaction of before anew, with its final response; see `Endpoint.repeat`."""
        identity = (response.call_id, response.from_tag, response.cseq)
        table = INVITE_SERVER if response.cseq[1] == "INVITE" else NON_INVITE_SERVER
        txn = ServerTransaction(id, table, TransactionState.PROCEEDING, flow, identity, False, False)
        txn.patience_s = patience_s
        self._core.transactions[id] = txn
        self.respond(txn, response, now, out)

    def _limit_s(self, txn: ServerTransaction, timer: Event, seconds: float) -> float:
        return seconds if txn.patience_s is None or timer not in (Event.H, Event.L) else txn.patience_s

    @staticmethod
    def _follow(txn: ServerTransaction, flow: Flow) -> None:
        """A peer that has connected anew goes on there: what its old connection asked for is answered over this one.

        §18.2.2 would send it to the port of sent-by, where a client does not listen.
        """
        before = txn.flow
        if flow.reliable and before.reliable and flow != before and flow.remote.host == before.remote.host:
            txn.flow = flow
            if txn.last is not None:
                txn.last = replace(txn.last, flow=flow)

    def _add(
        self,
        key: TransactionId,
        request: Request,
        reply: Flow,
        identity: RequestIdentity,
        initial: bool,
        own: bool = False,
    ) -> ServerTransaction:
        table, state = (
            (INVITE_SERVER, TransactionState.PROCEEDING)
            if request.method == "INVITE"
            else (NON_INVITE_SERVER, TransactionState.TRYING)
        )
        txn = ServerTransaction(key, table, state, reply, identity, initial, own)
        self._core.transactions[key] = txn
        return txn

    def _admit(self, txn: ServerTransaction, request: Request, flow: Flow, now: float, out: list[Output]) -> None:
        """A new request goes to the user; an INVITE gets its 100 first, which stops the peer's timer A."""
        if txn.initial:
            self._initial[txn.identity] = txn
        if request.method == "INVITE":
            self.feed(txn, Event.SEND_PROVISIONAL, now, out, request.respond(100))
        else:
            self.feed(txn, Event.START, now, out)
        out.append(RequestArrived(txn.id, request, flow))

    def _receive_ack(self, request: Request, now: float, out: list[Output]) -> None:
        """The ACK of a refusal has the branch of its INVITE (§17.1.1.3), that of a 2xx is found by its dialog."""
        txn = self._core.transactions.get(server_key(request, "INVITE"))
        if txn is None:
            key = (request.call_id, request.from_tag, request.cseq[0], request.to_tag)
            txn = self._accepted.get(key)
        if isinstance(txn, ServerTransaction):
            self.feed(txn, Event.ACK, now, out, request)

    def _receive_cancel(self, request: Request, txn: ServerTransaction, now: float, out: list[Output]) -> None:
        """§9.2: answered here in any case; the user hears of it only while it still owes a final response."""
        invite = self._core.transactions.get(server_key(request, "INVITE"))
        if not isinstance(invite, ServerTransaction):
            return self.respond(txn, self._answer(request, 481), now, out)
        self._follow(invite, txn.flow)
        txn.tag = self._tag_of(invite)
        self.respond(txn, self._answer(request, 200), now, out)
        if invite.state in (TransactionState.PROCEEDING, TransactionState.UNCONFIRMED) and not invite.cancelled:
            invite.cancelled = True
            out.append(CancelArrived(invite.id, request))
        return None

    def _answer(self, request: Request, status: int) -> Response:
        return request.respond(status, headers=self._name)

    def _overload(self, request: Request, reply: Flow) -> Transmit:
        """503 without keeping anything: a retransmission gets another one."""
        response = request.respond(
            503, to_tag=self._ids.tag(), headers=(*self._name, ("Retry-After", str(_RETRY_AFTER_S)))
        )
        return Transmit(reply, response.serialize(), response, "")

    def _tag_of(self, txn: ServerTransaction) -> str:
        """The To tag of what was answered so far, or the one that answers without a tag will get."""
        if txn.tag is None and txn.last is not None:
            txn.tag = txn.last.message.to_tag
        if txn.tag is None:
            txn.tag = self._ids.tag()
        return txn.tag

    def _fill_tag(self, txn: ServerTransaction, response: Response) -> None:
        """§8.2.6.2: every response but 100 has a To tag; one that the user left out is put in."""
        to = response.headers.get("to") or ""
        if "tag=" not in to.lower():
            response.headers.set("To", f"{to};tag={self._tag_of(txn)}")

    def _send(self, txn: ServerTransaction, occasion: Occasion) -> None:
        response = occasion.message
        assert isinstance(response, Response)
        if txn.state is TransactionState.ACCEPTED:
            call_id, from_tag, (number, _) = txn.identity
            txn.accepted_tag = response.to_tag
            self._accepted[call_id, from_tag, number, txn.accepted_tag] = txn
        txn.last = Transmit(txn.flow, response.serialize(), response, txn.id)
        occasion.out.append(txn.last)

    def _send_once(self, txn: ServerTransaction, occasion: Occasion) -> None:
        response = occasion.message
        assert isinstance(response, Response)
        occasion.out.append(Transmit(txn.flow, response.serialize(), response, txn.id))

    def _report_ack(self, txn: ServerTransaction, occasion: Occasion) -> None:
        assert isinstance(occasion.message, Request)
        txn.last = None  # nothing will be sent again
        occasion.out.append(AckArrived(txn.id, occasion.message))

    def _report_ack_missing(self, txn: ServerTransaction, occasion: Occasion) -> None:
        occasion.out.append(AckTimedOut(txn.id))

    def _report_prack_missing(self, txn: ServerTransaction, occasion: Occasion) -> None:
        occasion.out.append(PrackTimedOut(txn.id))

    def _forget(self, txn: ServerTransaction) -> None:
        if self._initial.get(txn.identity) is txn:
            del self._initial[txn.identity]
        if txn.accepted_tag is not None:
            call_id, from_tag, (number, _) = txn.identity
            self._accepted.pop((call_id, from_tag, number, txn.accepted_tag), None)
