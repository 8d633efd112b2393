"""One SIP connection over TCP or TLS: framing and its limits (RFC 3261 §18.3, RFC 5626 §3.5.1). Does I/O."""

from __future__ import annotations

import asyncio

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.parse import StreamFramer
from splitter.transport.stream import WRITE_LIMIT_BYTES, StreamConnection, StreamOwner

_PING, _PONG = b"\r\n\r\n", b"\r\n"
_HALF_A_PING = 4  # fewer bytes than this may be what is left of keep-alives, and no message


class TcpConnection(StreamConnection):
    """One TCP or TLS connection.

    Args:
        limit_bytes: a longer message ends it.
    """

    def __init__(self, owner: StreamOwner, flow: Flow, clock: Clock, inbound: bool, limit_bytes: int) -> None:
        super().__init__(owner, flow, clock, inbound)
        self._framer = StreamFramer(limit_bytes)
        self._pings = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        if not self.usable:
            return
        if self.pinged_at is not None and self._is_pong(data):
            self.answers_pings = True
            data = data[len(_PONG) :]  # or two of them would read as a ping
        self._heard()
        try:
            messages = self._framer.feed(data)
            if self._framer.pings != self._pings:
                self._pong(self._framer.pings - self._pings)
            for message in messages:
                self._received(message)
            if messages:
                self._framer.feed(b"")  # says whether what follows them can be cut
        except PeerError as error:
            self._owner.unframeable(self, error)
            self.fault = self.fault or "what came was no SIP"
            self.close()  # an answer to it still goes out
            return
        if self._framer.pending < _HALF_A_PING:
            self.begun_at = None
        elif self.begun_at is None or messages:
            self.begun_at = self.heard_at

    def _is_pong(self, data: bytes) -> bool:
        return data.startswith(_PONG) and not data.startswith(_PING) and not self._framer.pending

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > WRITE_LIMIT_BYTES:
            self._owner.abused(self, "slow", "it does not read")
            self.abort("the peer does not read")

    def _ping(self) -> None:
        self._write(_PING)

    def _pong(self, count: int) -> None:
        """RFC 5626 §3.5.1: a double CRLF asks for a single one. Who has sent messages may so keep its connection."""
        self._pings += count
        if self.carried:
            self.used_at = self.heard_at
        self._write(_PONG * count)
