"""INFOs of one leg that concern the other side (RFC 6086): ours go one at a time, the peer's wait for their response.

No I/O of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.peers.messages import Pairs, Refusal
from splitter.sip import events as sip
from splitter.sip.message import Request, Response

_MOST_WAIT = 32  # as many as the voice takes; see rtp/telephone_event.py

Listener = Callable[[sip.SipEvent], None]
Send = Callable[[str, bytes, Listener], bool]
"""Sends an INFO in the dialog; False where there is none any more."""


@dataclass(frozen=True, slots=True)
class _Info:
    """An INFO of ours; `send` sends it, `done` hears its final status."""

    send: Send
    content_type: str
    body: bytes
    done: Callable[[int], None]


class LegInfos:
    """The INFOs that are under way in both directions."""

    def __init__(self) -> None:
        self._ours: deque[_Info] = deque()  # the first one is under way
        self._theirs: dict[str, Request] = {}

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not (self._ours or self._theirs)

    def inform(self, send: Send, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        """Send an INFO when those before it are answered: none may overtake another (RFC 3261 §12.2.2).

        Args:
            send: sends it.
            done: hears the final status; 408 for no response, 481 where the dialog has ended.
        """
        self._ours.append(_Info(send, content_type, body, done))
        if len(self._ours) == 1:
            self._next()

    def take_request(self, txn: str, request: Request) -> None:
        """An INFO of the peer that `reply` will answer.

        Raises:
            PeerError: 500 where too many wait already.
        """
        if len(self._theirs) >= _MOST_WAIT:
            raise Refusal(500, "too many digits wait", [("Retry-After", "1")])
        self._theirs[txn] = request

    def reply(self, txn: str, status: int, headers: Pairs = ()) -> Response | None:
        """The answer to an INFO of the peer; None where that was given."""
        request = self._theirs.pop(txn, None)
        return request.respond(status, headers=headers) if request is not None else None

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The peer's that wait for a response."""
        return tuple(self._theirs)

    def end(self) -> None:
        """The dialog is over: nothing is sent any more."""
        while self._ours:
            self._ours.popleft().done(481)

    def _next(self) -> None:
        if self._ours:
            first = self._ours[0]
            if not first.send(first.content_type, first.body, self._on_answer):
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
