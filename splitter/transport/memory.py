"""Memory that many connections took goes back to the system once they are gone. Does I/O: asks the C library.

Each TLS connection has buffers of a quarter of a megabyte. Freed, they stay with the C library, which cannot know that
the next ten thousand connections will not come; after an attack that would be for good.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_ENOUGH = 200
"""Connections that must have gone before it is worth the milliseconds that it takes."""


class Memory:
    """Watches the number of connections, and gives memory back when it has fallen."""

    def __init__(self, trim: Callable[[], None] | None = None) -> None:
        self._trim = trim or _trimmer()
        self._peak = 0

    def look(self, connections: int) -> None:
        """Note how many are open now; called now and then."""
        if self._peak - connections >= _ENOUGH:
            self._trim()
            self._peak = connections
        self._peak = max(self._peak, connections)


def _trimmer() -> Callable[[], None]:
    """glibc's malloc_trim(3); other C libraries have none, and need none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return lambda: None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: trim(0)
