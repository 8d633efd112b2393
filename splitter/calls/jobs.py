"""Work of one call that its inbox does not wait for: requests to the media engine that may take a while.

A job only asks; what comes of it is an event that enters the inbox, and changes the call there, in the order of
everything else. Jobs of the same key run one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from splitter.calls.events import CallEvent

log = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[CallEvent | None]]


FAULT = "a fault in the gateway; see the log"


class Jobs:
    """The jobs of one call.

    Args:
        name: of the call, for the log.
        post: puts an event into its inbox.
    """

    def __init__(self, name: str, post: Callable[[CallEvent], None]) -> None:
        self._name = name
        self._post = post
        self._last: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self, key: str, work: Work, otherwise: CallEvent | None = None) -> None:
        """Begin as soon as the job of this key before it is done; a call that is over begins nothing.

        Args:
            otherwise: what happens to the call where the work fails by a fault of ours; whoever waits must hear of it.
        """
        if self._closed:
            return
        task = asyncio.create_task(self._run(key, self._last.get(key), work, otherwise), name=f"{key} of {self._name}")
        self._last[key] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, done))

    def __contains__(self, key: str) -> bool:
        """One of this key is under way."""
        return key in self._last

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self) -> None:
        """End them all: what they asked for goes with the room and the relay."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, key: str, before: asyncio.Task[None] | None, work: Work, otherwise: CallEvent | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        try:
            event = await work()
        except Exception:
            log.exception("a job of a call failed", call_id=self._name, job=key)
            event = otherwise
        if event is not None and not self._closed:
            self._post(event)

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(key) is task:
            del self._last[key]
