"""What all SIP connections have in common, be they TCP, TLS or WebSocket. Does I/O.

A stream knows its peer from the start, before any handshake: whatever happens to it can be laid at somebody's door.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol, cast

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Request

WRITE_LIMIT_BYTES = 1024 * 1024
"""A peer that reads more slowly than this much is behind loses its connection, not our memory."""
_UNANSWERED = 128


class StreamOwner(Protocol):
    """What a stream tells its pool."""

    def opened(self, stream: StreamConnection) -> None:
        """A connection's handshakes are done."""
        ...

    def received(self, stream: StreamConnection, data: bytes) -> None:
        """A whole message came."""
        ...

    def unframeable(self, stream: StreamConnection, error: PeerError) -> None:
        """A connection brings what cannot be cut into messages; it is closing."""
        ...

    def abused(self, stream: StreamConnection, reason: str, detail: str) -> None:
        """The peer misbehaved; `reason` is one of `splitter.transport.bans.POINTS`."""
        ...

    def lost(self, stream: StreamConnection, fault: str) -> None:
        """A connection is gone; `fault` is empty where it was closed in order."""
        ...


class StreamUser(Protocol):
    """What the pool tells the driver."""

    def received(self, flow: Flow, data: bytes) -> None:
        """A whole message came."""
        ...

    def unframeable(self, flow: Flow, error: PeerError) -> None: ...

    def unsent(self, transmit: Transmit, reason: str) -> None:
        """A message could not be sent: no connection could be had for it."""
        ...

    def broken(self, requests: list[str], reason: str) -> None:
        """A connection broke over which these requests went."""
        ...


class StreamConnection(asyncio.Protocol):
    """A connection, opened by either side.

    Attributes:
        flow: network, our listener, the peer. accepted: the same, but for a proxy that has connected for the peer.
        counted: as whose it counts; the proxy's until that has named the peer.
        inbound: the peer opened it.
        answers_pings: a ping without an answer means that the peer is gone.
        carried: a message came over it.
        excused: that none came is not the peer's fault.
        made_at: when it was opened.
        used_at: when the last message passed.
        heard_at: when anything came last.
        begun_at: when the message that is still incomplete began; None between messages.
        pinged_at: when we asked for a sign of life that has not come yet, else None.
        closing_at: when we began to close it, else None.
        requests: transactions of the latest requests sent over it, for the case that it breaks.
        fault: why we aborted it; empty where we did not.
    """

    def __init__(self, owner: StreamOwner, flow: Flow, clock: Clock, inbound: bool) -> None:
        self.flow = self.accepted = self.counted = flow
        self.inbound = inbound
        self.answers_pings = False
        self.carried = False
        self.excused = False
        self.made_at = self.used_at = self.heard_at = clock.now()
        self.begun_at: float | None = None
        self.pinged_at: float | None = None
        self.closing_at: float | None = None
        self.requests: deque[str] = deque(maxlen=_UNANSWERED)
        self._owner = owner
        self._clock = clock
        self.fault = ""
        self._transport: asyncio.Transport | None = None

    @property
    def usable(self) -> bool:
        """Open, and neither side has begun to close it."""
        return self._transport is not None and self.closing_at is None and not self._transport.is_closing()

    @property
    def certificate(self) -> dict[str, object] | None:
        """The peer's, verified; None where it showed none, or nobody asked for it."""
        return self._transport.get_extra_info("peercert") or None if self._transport is not None else None

    def send(self, transmit: Transmit) -> None:
        """Write one message; only while `usable`."""
        self.used_at = self._clock.now()
        if isinstance(transmit.message, Request) and transmit.message.method != "ACK":
            self.requests.append(transmit.txn)
        self._write(transmit.data)

    def ping(self) -> None:
        """Ask for a sign of life (RFC 5626 §3.5.1)."""
        self.pinged_at = self._clock.now()
        self._ping()

    def close(self) -> None:
        """Close in order: what was written still goes out."""
        if self._transport is not None and self.closing_at is None:
            self.closing_at = self._clock.now()
            self._close()

    def abort(self, fault: str) -> None:
        """Close at once, because of `fault`."""
        if self._transport is not None:
            self.fault = self.fault or fault
            with suppress(AttributeError):  # asyncio before 3.11.5: a TLS transport that was closed cannot be aborted
                self._transport.abort()

    # ---- for asyncio ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._owner.lost(self, self.fault or (str(exc) if exc is not None else ""))

    # ---- for the kinds of stream ----

    def _heard(self) -> None:
        """Something came."""
        self.heard_at = self._clock.now()
        self.pinged_at = None

    def _received(self, data: bytes) -> None:
        """One whole message came."""
        self.carried = True
        self.used_at = self.heard_at
        self._owner.received(self, data)

    def _write(self, data: bytes) -> None:
        raise NotImplementedError

    def _ping(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        assert self._transport is not None
        self._transport.close()
