"""Messages about to leave: what a peer builds on is written down before. Does no I/O of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from splitter.sip.events import Transmit
from splitter.sip.message import Message, Request

WriteAhead = Callable[[list[Message]], None]


class Departures:
    """Sends, in order; and has somebody write down first what has changed, once for all that leaves in one turn.

    Who says something to a peer is in the middle of a step when it is handed in here. So it leaves one turn of the loop
    later, when whatever the step has changed can be written down.

    Args:
        send: puts a message on the network.
        write_ahead: writes down what has changed, at least in the calls of these messages. None: nobody does, and
            everything leaves at once.
    """

    def __init__(self, send: Callable[[Transmit], None], write_ahead: WriteAhead | None) -> None:
        self._send = send
        self._write_ahead = write_ahead
        self._waiting: list[Transmit] = []

    def hand_in(self, transmit: Transmit) -> None:
        """Send this after all that was handed in before."""
        if self._write_ahead is None or not (self._waiting or _binds(transmit.message)):
            self._send(transmit)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(transmit)

    def close(self) -> None:
        """Send what waits, and nothing that comes after: nobody would write it down."""
        self.flush()
        self._send = lambda _: None

    def flush(self) -> None:
        """Send now what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._write_ahead is not None:
            self._write_ahead([transmit.message for transmit in waiting])
        for transmit in waiting:
            self._send(transmit)


def _binds(message: Message) -> bool:
    """Whether a peer builds on it: a description, an INVITE, which it works on for minutes, any answer to one.

    The first 100 already ends the repetitions of an INVITE, and no timer of its sender runs from then on (RFC 3261
    §17.1.1.2): it must be known to who comes after us, or its sender waits for ever.
    """
    if message.body:
        return True
    return (message.method if isinstance(message, Request) else message.cseq[1]) == "INVITE"
