"""Tells guests' pages at once what becomes of their call: the newest view, for each that waits. asyncio, no I/O."""

from __future__ import annotations

import asyncio

from splitter.calls.view import CallView

MOST_OF_CALL = 16
MOST = 4000


class FullFeed(Exception):
    """The feed is full: as many pages are told of the call, or of all calls, as can be."""


class GuestFeed:
    """The pages that wait for news, by call."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[CallView]]] = {}
        self._count = 0

    def on_call(self, view: CallView) -> None:
        """A call changed; whoever has not taken the view before takes this one alone."""
        for queue in self._queues.get(view.call_id, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(view)

    def watch(self, view: CallView) -> asyncio.Queue[CallView]:
        """Begin with this view. Raises FullFeed."""
        queues = self._queues.get(view.call_id, set())
        if self._count >= MOST or len(queues) >= MOST_OF_CALL:
            raise FullFeed
        queue: asyncio.Queue[CallView] = asyncio.Queue(1)
        queue.put_nowait(view)
        queues.add(queue)
        self._queues[view.call_id] = queues
        self._count += 1
        return queue

    def unwatch(self, call_id: str, queue: asyncio.Queue[CallView]) -> None:
        """Tell it nothing more."""
        queues = self._queues[call_id]
        queues.remove(queue)
        self._count -= 1
        if not queues:
            del self._queues[call_id]

    def __len__(self) -> int:
        """Pages that are told."""
        return self._count
