"""Opens one connection to a peer, over TLS where that is wanted (RFC 3261 §18.1.1, §26.2). Does I/O."""

from __future__ import annotations

import asyncio
import errno
import socket

from splitter.transport.acceptor import prepare
from splitter.transport.settings import SECURE
from splitter.transport.tcp import TcpConnection
from splitter.transport.tls import TlsIdentities

_WILDCARDS = frozenset(("0.0.0.0", "::"))
_CLOSING_S = 5.0


async def connect(stream: TcpConnection, credentials: TlsIdentities, limit_s: float) -> None:
    """Connect to the remote end of the stream's flow, from the listener's own address, so that the peer knows us.

    Args:
        limit_s: for the TCP connection, and again for the TLS handshake.
    Raises:
        OSError: it cannot be had, or not in time.
        LocalError: the network has no certificate.
    """
    flow = stream.flow
    secure = flow.transport in SECURE
    loop = asyncio.get_running_loop()
    context = credentials.client(flow.network) if secure else None
    sock = socket.socket(socket.AF_INET6 if ":" in flow.remote.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        prepare(sock)
        if flow.local.host not in _WILDCARDS:
            sock.bind((flow.local.host, 0))
        async with asyncio.timeout(limit_s):
            await loop.sock_connect(sock, tuple(flow.remote))
        if sock.getsockname() == sock.getpeername():  # where nobody listens, and our own port happens to be that one
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens there: the connection led to itself")
    except TimeoutError as error:
        sock.close()
        raise OSError(f"nobody answered within {limit_s:g} s") from error
    except BaseException:
        sock.close()
        raise
    await loop.create_connection(  # closes the socket itself where it fails
        lambda: stream,
        sock=sock,
        ssl=context,
        server_hostname=credentials.server_name(flow.network, flow.remote.host) if secure else None,
        ssl_handshake_timeout=limit_s if secure else None,
        ssl_shutdown_timeout=_CLOSING_S if secure else None,
    )


def reason_of(error: Exception) -> str:
    """An error of sockets or TLS in words."""
    for name in ("verify_message", "reason", "strerror"):
        if text := getattr(error, name, None):
            return str(text)
    return str(error) or type(error).__name__
