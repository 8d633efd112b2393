"""A message of ours that its peer has not confirmed: the process that comes after this one says it again. Pure.

A final answer to an INVITE waits for its ACK, a BYE for its answer, a cancelled INVITE for its final response; the
answer to an UPDATE is asked for again where it was lost, and must be the same then. Each may be lost on the network,
and who waits for it waits for ever: a sender whose INVITE was answered with 100 repeats nothing (RFC 3261 §17.1.1.2),
and a phone that rings goes on until it hears CANCEL.
"""

from __future__ import annotations

from collections.abc import KeysView

from splitter.core.frozen import frozen
from splitter.core.net import Flow
from splitter.sip.message import Message, Request

GIVEN_UP_S = 32.0
"""After so long no ACK comes any more (RFC 3261 §13.3.1.4, §17.2.1)."""


@frozen
class Outstanding:
    """One message.

    Attributes:
        leg: whose it is.
        txn: its transaction; that of a peer's request has the same name in every process.
        flow: where it was sent.
        message: the answer, the BYE, or the INVITE that was cancelled, as it left.
        until: Unix seconds; its peer has given up by then.
    """

    leg: str
    txn: str
    flow: Flow
    message: bytes
    until: float = 0.0

    def patience_s(self, wall: float) -> float:
        """The time in which its peer may still confirm it, whatever has become of the clock."""
        return min(max(1.0, self.until - wall), GIVEN_UP_S)


def must_arrive(message: Message) -> bool:
    """Whether a message is kept until its peer has confirmed it."""
    if isinstance(message, Request):
        return message.method == "BYE"
    return message.status >= 200 and message.cseq[1] in ("INVITE", "UPDATE")


class OutstandingBook:
    """The outstanding messages of all calls."""

    def __init__(self) -> None:
        self._by_call: dict[str, dict[str, Outstanding]] = {}
        self._calls: dict[str, str] = {}  # by transaction

    def add(self, call_id: str, one: Outstanding) -> None:
        """Note a message; one of each transaction."""
        self._by_call.setdefault(call_id, {})[one.txn] = one
        self._calls[one.txn] = call_id

    def drop(self, txn: str) -> str:
        """Forget the message of this transaction. Returns: the id of its call; "" where it had none."""
        call_id = self._calls.pop(txn, "")
        if call_id:
            rest = self._by_call[call_id]
            del rest[txn]
            if not rest:
                del self._by_call[call_id]
        return call_id

    def of(self, call_id: str) -> tuple[Outstanding, ...]:
        """The messages of one call."""
        found = self._by_call.get(call_id)
        return tuple(found.values()) if found else ()

    def knows(self, txn: str) -> bool:
        """Whether there is a message of this transaction."""
        return txn in self._calls

    @property
    def calls(self) -> KeysView[str]:
        """The ids of the calls that have any."""
        return self._by_call.keys()
