"""Sockets on addresses that this machine does not have yet: a node that takes another one's place opens them first."""

from __future__ import annotations

import socket

_IP_FREEBIND, _IPV6_FREEBIND = 15, 78  # <linux/in.h>, <linux/in6.h>; Python has no names for them


def bind_anywhere(sock: socket.socket) -> None:
    """Let a socket be bound to an address that is none of this machine's. It takes no privilege; see ip(7)."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
