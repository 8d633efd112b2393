"""One SIP connection over TCP: framing and its limits (RFC 3261 §18.3, RFC 5626 §3.5.1). Does I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Request
from splitter.sip.parse import StreamFramer

_WRITE_LIMIT_BYTES = 1024 * 1024
"""A peer that reads more slowly than this much is behind loses its connection, not our memory."""
_UNANSWERED = 128


class ConnectionUser(Protocol):
    """What a connection tells its pool."""

    def opened(self, connection: Connection) -> None: ...

    def received(self, connection: Connection, data: bytes) -> None:
        """One whole message."""
        ...

    def unframeable(self, connection: Connection, error: PeerError) -> None:
        """The stream cannot be cut into messages; the connection is closing."""
        ...

    def lost(self, connection: Connection, fault: str) -> None:
        """It is gone; `fault` is empty where it was closed in order."""
        ...


class Connection(asyncio.Protocol):
    """One TCP connection, opened by either side.

    Attributes:
        flow: network, our listener, the peer.
        inbound: the peer opened it.
        used_at: when something last passed.
        begun_at: when the message that is still incomplete began; None between messages.
        requests: transactions of the latest requests sent over it, for the case that it breaks.
    """

    def __init__(
        self,
        user: ConnectionUser,
        flow_of: Callable[[asyncio.Transport], Flow],
        clock: Clock,
        limit_bytes: int,
        inbound: bool,
    ) -> None:
        self._user = user
        self._flow_of = flow_of
        self._clock = clock
        self._framer = StreamFramer(limit_bytes)
        self._pings = 0
        self._fault = ""
        self._transport: asyncio.Transport | None = None
        self.flow: Flow
        self.inbound = inbound
        self.used_at = clock.now()
        self.begun_at: float | None = None
        self.requests: deque[str] = deque(maxlen=_UNANSWERED)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.flow = self._flow_of(self._transport)
        self._user.opened(self)

    @property
    def usable(self) -> bool:
        """Open, and neither side has begun to close it."""
        return self._transport is not None and not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        if not self.usable:
            return
        self.used_at = now = self._clock.now()
        try:
            messages = self._framer.feed(data)
        except PeerError as error:
            self._user.unframeable(self, error)
            self.abort("what came was no SIP")
            return
        if self._framer.pings != self._pings:
            self._pong(self._framer.pings - self._pings)
        for message in messages:
            self._user.received(self, message)
        if not self._framer.pending:
            self.begun_at = None
        elif self.begun_at is None or messages:
            self.begun_at = now

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._user.lost(self, self._fault or (str(exc) if exc is not None else ""))

    def send(self, transmit: Transmit) -> None:
        """Write one message; only while `usable`."""
        assert self._transport is not None
        self.used_at = self._clock.now()
        if isinstance(transmit.message, Request) and transmit.message.method != "ACK":
            self.requests.append(transmit.txn)
        self._transport.write(transmit.data)
        if self._transport.get_write_buffer_size() > _WRITE_LIMIT_BYTES:
            self.abort("the peer does not read")

    def close(self) -> None:
        """Close in order: what was written still goes out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, fault: str) -> None:
        """Close at once, because of `fault`."""
        if self._transport is not None:
            self._fault = fault
            self._transport.abort()

    def _pong(self, count: int) -> None:
        """RFC 5626 §3.5.1: a double CRLF asks for a single one."""
        self._pings += count
        if self._transport is not None:
            self._transport.write(b"\r\n" * count)
