"""A TCP connection that has not said yet whom it is for. Does I/O."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from splitter.core.errors import PeerError
from splitter.core.net import source_of
from splitter.media.wire.frames import Frames, StreamAddress

REQUEST_LIMIT_BYTES = 1_024
"""Of the first frame: a binding request with the longest of names is shorter."""


class Knocking:
    """One connection, until its first frame is there.

    Args:
        sock: connected, and its owner's again with either call.
        limit_s: how long it may take.
        on_said: takes it, its first frame, and all that was read.
        on_hopeless: takes it and why nothing will come: "silent", "oversize", "gone", or what `give_up` was told.

    Attributes:
        source: that it counts as.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        peer: StreamAddress,
        limit_s: float,
        on_said: Callable[[Knocking, bytearray, bytes], None],
        on_hopeless: Callable[[Knocking, str], None],
    ) -> None:
        self._loop, self.sock, self.peer = loop, sock, peer
        self.source = source_of(peer.host)
        self._on_said, self._on_hopeless = on_said, on_hopeless
        self._read = b""
        self._timer = loop.call_later(limit_s, self.give_up, "silent")
        loop.add_reader(sock.fileno(), self._on_readable)

    def give_up(self, reason: str) -> None:
        """Wait no longer."""
        self._leave()
        self._on_hopeless(self, reason)

    def _leave(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self.sock.fileno())

    def _on_readable(self) -> None:
        try:
            data = self.sock.recv(REQUEST_LIMIT_BYTES + 2 - len(self._read))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.give_up("gone")
            return
        self._read += data
        try:
            frames = Frames(REQUEST_LIMIT_BYTES).feed(self._read)
        except PeerError:
            self.give_up("oversize")
            return
        if frames:
            self._leave()
            self._on_said(self, frames[0], self._read)
        elif len(self._read) >= REQUEST_LIMIT_BYTES + 2 or self._read[:2] == b"\0\0":
            self.give_up("oversize")
