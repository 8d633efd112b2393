"""What is remembered about one transaction. Pure."""

from __future__ import annotations

from typing import TypeAlias

from splitter.core.net import Address, Flow
from splitter.sip.events import TransactionId, Transmit
from splitter.sip.message import Request
from splitter.sip.transactions.schedule import RunningTimer
from splitter.sip.transactions.table import TransactionState, Transitions

RequestIdentity: TypeAlias = tuple[str, str | None, tuple[int, str]]
"""Call-ID, From tag, CSeq of a request."""


class Transaction:
    """What both sides have in common.

    Attributes:
        id: its key in the map of transactions (see `matching`).
        table: the machine it follows.
        flow: where its messages go.
        last: what a retransmission sends; bytes are kept, nothing is written twice.
        gap_s: the wait that the retransmission timer runs for now.
        resend, limit: the running alarms, if any.
        own: started by the endpoint itself; its user hears nothing of it.
    """

    __slots__ = ("flow", "gap_s", "id", "last", "limit", "own", "resend", "state", "table")

    def __init__(
        self, id: TransactionId, table: Transitions, state: TransactionState, flow: Flow, own: bool = False
    ) -> None:
        self.id = id
        self.table = table
        self.state = state
        self.flow = flow
        self.own = own
        self.last: Transmit | None = None
        self.gap_s = 0.0
        self.resend: RunningTimer[Transaction] | None = None
        self.limit: RunningTimer[Transaction] | None = None


class ClientTransaction(Transaction):
    """A request of ours.

    Attributes:
        request: as sent; ACK and CANCEL are made from it. None once neither can be needed.
        sent_by: what our Via names.
        branch: of our Via.
        answer_limit_s: replaces timer B or F.
        cancel_wanted: `cancel` was called; with `cancel_reason` as the value of the Reason header.
        cancel_sent: the CANCEL is out.
        acks: To tag of each 2xx → its ACK, None until the user has given it.
    """

    __slots__ = (
        "acks",
        "answer_limit_s",
        "branch",
        "cancel_reason",
        "cancel_sent",
        "cancel_wanted",
        "request",
        "sent_by",
    )

    def __init__(
        self,
        id: TransactionId,
        table: Transitions,
        state: TransactionState,
        flow: Flow,
        request: Request,
        sent_by: Address,
        branch: str,
        own: bool = False,
    ) -> None:
        super().__init__(id, table, state, flow, own)
        self.request: Request | None = request
        self.sent_by = sent_by
        self.branch = branch
        self.answer_limit_s: float | None = None
        self.cancel_wanted = False
        self.cancel_sent = False
        self.cancel_reason: str | None = None
        self.acks: dict[str, Transmit | None] | None = None


class ServerTransaction(Transaction):
    """A request of the peer.

    Attributes:
        identity: Call-ID, From tag, CSeq: what finds merged requests (RFC 3261 §8.2.2.2) and the ACK of a 2xx.
        initial: the request had no To tag, so that a merged one may follow.
        tag: the To tag that goes into responses which have none.
        accepted_tag: the To tag of our 2xx.
        cancelled: the user was told of a CANCEL.
        patience_s: replaces timer H or L: so long is an ACK waited for.
    """

    __slots__ = ("accepted_tag", "cancelled", "identity", "initial", "patience_s", "tag")

    def __init__(
        self,
        id: TransactionId,
        table: Transitions,
        state: TransactionState,
        flow: Flow,
        identity: RequestIdentity,
        initial: bool,
        own: bool,
    ) -> None:
        super().__init__(id, table, state, flow, own)
        self.identity = identity
        self.initial = initial
        self.tag: str | None = None
        self.accepted_tag: str | None = None
        self.cancelled = False
        self.patience_s: float | None = None
