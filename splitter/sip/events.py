"""What the endpoint puts out: messages to transmit, and events for its user. Pure.

Every transaction that was announced by a `RequestArrived` or started by `Endpoint.request` ends with one
`TransactionEnded`; nothing about it comes after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from splitter.core.net import Flow
from splitter.sip.message import Message, Request, Response

TransactionId: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send these bytes. A retransmission is the very same object again.

    Attributes:
        flow: where to; for a response over TCP whose connection is gone see RFC 3261 §18.2.2.
        data: `message` serialised.
        message: for the trace.
        txn: the transaction to blame in `Endpoint.transport_failed`.
    """

    flow: Flow
    data: bytes
    message: Message
    txn: TransactionId


@dataclass(frozen=True, slots=True)
class RequestArrived:
    """A new request, never ACK or CANCEL, never a retransmission. An INVITE was already answered with 100."""

    txn: TransactionId
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class CancelArrived:
    """CANCEL for the INVITE of `txn`, which has no final response yet; the user owes it a 487.

    `request` is the CANCEL (it may carry Reason); it was answered already.
    """

    txn: TransactionId
    request: Request


@dataclass(frozen=True, slots=True)
class AckArrived:
    """The first ACK to our 2xx; its body may be the SDP answer."""

    txn: TransactionId
    request: Request


@dataclass(frozen=True, slots=True)
class AckTimedOut:
    """A 2xx of ours got no ACK within 64*T1; the session stands, and the user should end it (RFC 3261 §13.3.1.4)."""

    txn: TransactionId


@dataclass(frozen=True, slots=True)
class PrackTimedOut:
    """A reliable response of ours got no PRACK within 64*T1; the user should refuse the INVITE (RFC 3262 §3)."""

    txn: TransactionId


@dataclass(frozen=True, slots=True)
class ResponseArrived:
    """A response to our request: each provisional, the final, and for INVITE one 2xx per To tag (forking)."""

    txn: TransactionId
    response: Response
    flow: Flow


@dataclass(frozen=True, slots=True)
class StrayAnswer:
    """A 2xx, in a dialog of ours, to an INVITE that no transaction knows: a process before this one sent it.

    The endpoint drops it (RFC 6026 §8.7). A peer in a dialog that was taken up again has agreed to something meanwhile,
    and waits for the ACK: without one it ends the call (RFC 3261 §13.3.1.4). So the driver tells it.
    """

    txn: TransactionId
    response: Response
    flow: Flow


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """Our request got no final response.

    Attributes:
        status: as if it had been answered so: 408 after timer B or F (after an `answer_limit_s` a 2xx may still follow,
            for the user to end), 503 after a transport failure, 487 where a cancelled INVITE never got its final
            response (RFC 3261 §9.1).
        reason: in plain words.
        sent: the peer may have it all the same; False where it never left, or is known not to have arrived.
    """

    txn: TransactionId
    status: int
    reason: str
    sent: bool = False


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """The transaction is gone; whoever keeps something under its id can drop it."""

    txn: TransactionId


SipEvent: TypeAlias = (
    RequestArrived
    | CancelArrived
    | AckArrived
    | AckTimedOut
    | PrackTimedOut
    | ResponseArrived
    | StrayAnswer
    | RequestFailed
    | TransactionEnded
)
Output: TypeAlias = Transmit | SipEvent
