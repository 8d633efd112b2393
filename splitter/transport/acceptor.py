"""One listening TCP socket: accepts, and leaves what is accepted to the pool before a byte is read of it. Does I/O.

asyncio's own server would have finished the TLS handshake before anybody could ask who is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

import structlog

from splitter.core.freebind import bind_anywhere
from splitter.core.net import Address

log = structlog.get_logger(__name__)

_BACKLOG = 1024
_BATCH = 64
_REST_S = 0.5
"""The pause of accepting where file descriptors or memory are missing; peers wait in the backlog."""
_UNREAD_MS = 20_000
"""The time that what we send may wait for the peer's kernel; without it a dead peer would swallow calls for minutes."""

OnAccept = Callable[[socket.socket, Address], None]


class Acceptor:
    """A listener.

    Args:
        address: where to bind; port 0 takes a free one.
        on_accept: given each connection and its peer; owns the socket from then on. Must not raise.
        batch: accepted before timers and other sockets get their turn again.
        breath_s: the pause after a whole batch.
        freebind: the address may be one that this machine is still to get.

    Attributes:
        address: where it is really bound.

    Raises:
        OSError: it cannot be bound.
    """

    def __init__(
        self,
        address: Address,
        on_accept: OnAccept,
        batch: int = _BATCH,
        breath_s: float = 0.0,
        freebind: bool = False,
    ) -> None:
        self._on_accept = on_accept
        self._batch = batch
        self._breath_s = breath_s
        self._rest: asyncio.TimerHandle | None = None
        self._socket = _listening(address, freebind)
        self.address = Address(*self._socket.getsockname()[:2])

    def start(self) -> None:
        """Begin to accept; needs a running event loop."""
        self._rest = None
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting, and give the port back."""
        if self._rest is not None:
            self._rest.cancel()
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _accept(self) -> None:
        for _ in range(self._batch):
            try:
                sock, peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept connections for a moment", listener=str(self.address), reason=error.strerror)
                self._pause(_REST_S)
                return
            prepare(sock)
            self._on_accept(sock, Address(*peer[:2]))
            if self._socket.fileno() < 0:
                return
        if self._breath_s:
            self._pause(self._breath_s)

    def _pause(self, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        self._rest = loop.call_later(for_s, self.start)


def prepare(sock: socket.socket) -> None:
    """Set what every connection of ours needs, whoever opens it."""
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # the peer may be gone already
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)


def reset(sock: socket.socket) -> None:
    """Close with RST: nothing of the connection stays behind, on our side or in the kernel."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _listening(address: Address, freebind: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if freebind:
            bind_anywhere(sock)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
