"""Which listener an event belongs to. Pure: maps of transactions and dialogs to listeners."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

from splitter.core.net import Flow
from splitter.sip.dialog import DialogId
from splitter.sip.events import SipEvent, TransactionId
from splitter.sip.message import Request
from splitter.sip.transactions.matching import server_key

EventSink: TypeAlias = Callable[[SipEvent], None]
"""Told of events, from the event loop; must return at once (an actor puts the event into its inbox)."""

OtherSide: TypeAlias = Hashable
"""Who the other side of a dialog or transaction is; what it means is known to whoever names it."""

_NOBODY: tuple[None, None] = None, None


@dataclass(slots=True)
class SentRequest:
    """A request of ours that is under way.

    Attributes:
        listener: who asked.
        network: on which network.
        fallback: the UDP flow that it left for TCP because of its size.
        retried: it was sent once more after its connection broke.
        bounced: an ICMP error came back for it.
    """

    listener: EventSink
    network: str
    fallback: Flow | None = None
    retried: bool = False
    bounced: bool = False


class Dispatch:
    """Listeners by transaction and by dialog."""

    def __init__(self) -> None:
        self.asks: dict[TransactionId, SentRequest] = {}
        self._owners: dict[TransactionId, tuple[EventSink, OtherSide]] = {}
        self._dialogs: dict[DialogId, tuple[EventSink, OtherSide]] = {}

    def adopt(self, txn: TransactionId, listener: EventSink, party: OtherSide = None) -> None:
        """Later events of this server transaction go to `listener`."""
        self._owners[txn] = listener, party

    def owner(self, txn: TransactionId) -> EventSink | None:
        """The owner of a server transaction: whoever adopted it."""
        return self._owners.get(txn, _NOBODY)[0]

    def register(self, dialog: DialogId, listener: EventSink, party: OtherSide = None) -> None:
        """Requests inside this dialog go to `listener`."""
        self._dialogs[dialog] = listener, party

    def unregister(self, dialog: DialogId) -> None:
        """The dialog is over; harmless where it is not known."""
        self._dialogs.pop(dialog, None)

    def knows(self, dialog: DialogId) -> bool:
        """True while somebody has this dialog."""
        return dialog in self._dialogs

    def listener(self, dialog: DialogId) -> EventSink | None:
        """The listener of this dialog; None where it has none."""
        return self._dialogs.get(dialog, _NOBODY)[0]

    def dialog(self, request: Request) -> tuple[EventSink | None, OtherSide]:
        """The owner of the dialog that a request belongs to (RFC 3261 §12.2.2), and the side that may send it."""
        return self._dialogs.get(dialog_of(request), _NOBODY)

    def party(self, request: Request) -> OtherSide:
        """The only side that may send this request: the other one of its dialog, or of the INVITE that is cancelled.

        None where nothing is known of either, or nobody was named.
        """
        if request.method == "CANCEL":
            return self._owners.get(server_key(request, "INVITE"), _NOBODY)[1]
        return self.dialog(request)[1] if request.to_tag else None

    def forget(self, txn: TransactionId) -> None:
        """The transaction has ended."""
        self.asks.pop(txn, None)
        self._owners.pop(txn, None)

    def sizes(self) -> dict[str, int]:
        """Count what is held, for the check that nothing is left behind."""
        return {"asks": len(self.asks), "owners": len(self._owners), "dialogs": len(self._dialogs)}


def dialog_of(request: Request) -> DialogId:
    """The dialog that a request of the peer says it is in."""
    call_id, theirs, ours = request.names
    return DialogId(call_id, ours, theirs)
