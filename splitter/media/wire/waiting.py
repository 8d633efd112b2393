"""An event loop that waits for packets first: its selector may be lent to a poller. Does I/O.

Most packets need nothing of Python. So where the short way is native, its library does the waiting: the loop's own
files are one more descriptor in the epoll of the media sockets, and Python gets control when one of them can be read, a
timer is due, or a packet needs thought. Otherwise this is asyncio's loop as it always was.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

Waiter = Callable[[float], bool]
"""Waits so many seconds at most (negative: for ever), and may call handlers. Returns: whether the loop's files can be
read."""


class LentSelector(selectors.EpollSelector):
    """A selector that lets another one wait.

    Attributes:
        waiter: it; None: nobody else does.
    """

    waiter: Waiter | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        waiter = self.waiter
        if waiter is None:
            return super().select(timeout)
        return super().select(0) if waiter(-1.0 if timeout is None else timeout) else []


class PacketLoop(asyncio.SelectorEventLoop):
    """The event loop of a media worker.

    Attributes:
        waiting: what it waits with.
    """

    def __init__(self) -> None:
        self.waiting = LentSelector()
        super().__init__(self.waiting)


def waiting_of(loop: asyncio.AbstractEventLoop) -> LentSelector | None:
    """What can be lent of this loop; None: it waits by itself."""
    return loop.waiting if isinstance(loop, PacketLoop) else None
