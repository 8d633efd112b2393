"""File descriptors: enough for the connections that the settings allow. Does I/O: changes the limit of this process."""

from __future__ import annotations

import resource

import structlog

log = structlog.get_logger(__name__)

_OTHERS = 512
"""What the rest of the program needs: store, workers, API, logs."""


def make_room(connections: int) -> None:
    """Raise the limit of open files where the connections need it; say so where that cannot be done."""
    wanted = connections + connections // 8 + _OTHERS  # some more for connections that are just being refused
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    except (OSError, ValueError):
        possible = soft
    if possible < wanted:
        log.warning("too few open files are allowed for transport.tcp_connections", allowed=possible, wanted=wanted)
