"""INFOs of one leg that concern the other side (RFC 6086): ours go one at a time, the peer's wait for their response.

No I/O of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.messages import Pairs, Refusal
from splitter.sip import events as sip
from splitter.sip.message import Request, Response

_MOST_WAIT = 32  # as many as the voice takes; see rtp/telephone_event.py

Listener = Callable[[sip.SipEvent], None]


@dataclass(frozen=True, slots=True)
class _Info:
    """One of ours; `done` hears its final status."""

    content_type: str
    body: bytes
    done: Callable[[int], None]


class LegInfos:
    """What is under way in both directions.

    Args:
        send: sends an INFO in the dialog; False where there is none any more.
        respond: answers a transaction of the peer.

    Attributes:
        refused: the peer was sent a digit, and does not take digits so.
    """

    def __init__(self, send: Callable[[str, bytes, Listener], bool], respond: Callable[[str, Response], None]) -> None:
        self.refused = False
        self._send = send
        self._respond = respond
        self._ours: deque[_Info] = deque()  # the first one is under way
        self._theirs: dict[str, Request] = {}

    def inform(self, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        """Send an INFO when those before it are answered: none may overtake another (RFC 3261 §12.2.2).

        Args:
            done: hears the final status; 408 for no response, 481 where the dialog has ended.
        """
        self._ours.append(_Info(content_type, body, done))
        if len(self._ours) == 1:
            self._next()

    def take(self, txn: str, request: Request) -> None:
        """An INFO of the peer that `reply` will answer.

        Raises:
            PeerError: 500 where too many wait already.
        """
        if len(self._theirs) >= _MOST_WAIT:
            raise Refusal(500, "too many digits wait", [("Retry-After", "1")])
        self._theirs[txn] = request

    def reply(self, txn: str, status: int, headers: Pairs = ()) -> None:
        """Answer an INFO of the peer, unless that was done."""
        request = self._theirs.pop(txn, None)
        if request is not None:
            self._respond(txn, request.respond(status, headers=headers))

    def end(self) -> None:
        """The dialog is over: nothing is sent any more, and the peer's get a final response (RFC 3261 §15.1.2)."""
        for txn in tuple(self._theirs):
            self.reply(txn, 487)
        while self._ours:
            self._ours.popleft().done(481)

    def _next(self) -> None:
        if self._ours and not self._send(self._ours[0].content_type, self._ours[0].body, self._on_answer):
            self.end()

    def _on_answer(self, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived(response=response) if response.status >= 200:
                status = response.status
            case sip.RequestFailed():
                status = event.status
            case _:
                return
        if self._ours:  # else the dialog ended meanwhile
            self._ours.popleft().done(status)
            self._next()
