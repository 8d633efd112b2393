"""Messages about to leave: what a peer builds on is written down before. Does no I/O of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from splitter.core.errors import PeerError
from splitter.sip.events import TransactionId, Transmit
from splitter.sip.message import Message, Request

_ASKS = frozenset(("INVITE", "ACK", "BYE", "CANCEL"))
_ANSWERS = frozenset(("INVITE", "UPDATE", "BYE"))


class Ahead(Protocol):
    """What writes down what leaves, for the process that comes after this one. Does not block, and raises nothing."""

    def note(self, transmit: Transmit) -> None:
        """Know of a message that is about to leave."""

    def write(self, leaving: Sequence[Transmit]) -> None:
        """Write down what has changed, at least in the calls of these messages: they leave now."""

    def give_up(self, invite: Transmit) -> None:
        """Know of an INVITE of ours that is cancelled, or will be: its peer must not ring for ever."""

    def confirmed(self, txn: TransactionId) -> None:
        """Nothing has to be repeated in this transaction any longer."""


class Departures:
    """Sends, in order; and has somebody write down first what has changed, once for all that leaves in one turn.

    Who says something to a peer is in the middle of a step when it is handed in here. So it leaves two turns of the
    loop later: in the first one the call hears of what a transaction has said by itself, such as an ACK, and says what
    it has to say about it; then whatever has changed can be written down, all of it once.

    Args:
        send: puts a message on the network.
        ahead: writes down what has changed. None: nobody does, and everything leaves at once.
    """

    def __init__(self, send: Callable[[Transmit], None], ahead: Ahead | None) -> None:
        self._send = send
        self._ahead = ahead
        self._waiting: list[Transmit] = []

    def hand_in(self, transmit: Transmit) -> None:
        """Send this after all that was handed in before."""
        if self._ahead is None or not (self._waiting or _binds(transmit.message)):
            self._send(transmit)
            return
        if not self._waiting:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self.flush)
        self._waiting.append(transmit)
        self._ahead.note(transmit)

    def close(self) -> None:
        """Send what waits, and nothing that comes after: nobody would write it down."""
        self.flush()
        self._send = lambda _: None

    def flush(self) -> None:
        """Send now what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._ahead is not None:
            self._ahead.write(waiting)
        for transmit in waiting:
            self._send(transmit)


def _binds(message: Message) -> bool:
    """Whether a peer builds on it: a description, an INVITE, which it works on for minutes, what ends that or the call,
    any answer to these, and the ACK that ends the repetitions of its own.

    The first 100 already ends the repetitions of an INVITE, and no timer of its sender runs from then on (RFC 3261
    §17.1.1.2): it must be known to who comes after us, or its sender waits for ever.
    """
    if message.body:
        return True
    if isinstance(message, Request):
        return message.method in _ASKS
    try:
        return message.cseq[1] in _ANSWERS
    except PeerError:
        return False  # a 400 to what could not be read says its CSeq again, and nobody keeps anything of it
