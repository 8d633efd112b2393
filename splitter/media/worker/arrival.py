"""How a gateway comes to a worker: it finds one that is there, or begins one. Does I/O (asyncio).

A worker that is there obeys the next gateway, and tells it what it carries. It is of no use where it does not
understand us: then it keeps what it has until its grace is over, and another one takes its place.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from splitter.core.errors import MediaTimeout, MediaUnavailable
from splitter.media.ports.events import MediaEvent
from splitter.media.worker.client import RefusedByWorker, WorkerClient
from splitter.media.worker.process import WorkerProcess
from splitter.media.worker.pulse import Patience, Pulse, look
from splitter.media.worker.verbs.inventory import Carried, ListHoldings
from splitter.media.worker.verbs.process import Hello, Status

log = structlog.get_logger(__name__)

R = TypeVar("R")

LONG_S = 3600.0  # the pulse says when an answer has been waited for long enough
_LOOK_S = 0.02  # between two looks for a socket
ENDING_S = 0.5
"""What a worker that closed its connection gets to end by itself, for the sake of the reason."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a worker is, and how it is begun.

    Attributes:
        arguments: of its process; None where it is no process of ours: then somebody else begins it.
        start_limit_s: from its begin to the answer to Hello.
        patience, look_s: with one that is there; see `pulse`.
    """

    index: int
    path: Path
    arguments: list[str] | None
    start_limit_s: float
    patience: Patience
    look_s: float


class Arrival:
    """One way to a worker.

    Attributes:
        process: it, as soon as it is known.
        status: its answer to Hello.
    """

    def __init__(
        self,
        site: Site,
        hello: Hello,
        on_event: Callable[[str, MediaEvent], None],
        on_found: Callable[[WorkerClient, Carried], None],
    ) -> None:
        self._site = site
        self._hello = hello
        self._on_event = on_event
        self._on_found = on_found
        self.process: WorkerProcess | None = None
        self.status = Status(0, 0, 0, 0, 0)

    async def find(self) -> WorkerClient | None:
        """Take over the worker that is there. Returns: None where there is none, or none that may go on.

        Raises:
            MediaTimeout: it does not answer.
            MediaUnavailable: it is somebody else's, or obeys somebody else.
        """
        client = await self._connected()
        if client is None:
            return None
        try:
            if not await self._greeted(client):
                client.close()
                return None
            status = self.status
            log.info("media worker found", index=self._site.index, relays=status.relays, rooms=status.rooms)
            if status.relays or status.rooms:
                await self._take_stock(client)
        except BaseException:
            client.close()
            raise
        return client

    async def begin(self) -> WorkerClient:
        """Begin a worker, or wait until somebody else has. Raises MediaUnavailable, MediaTimeout, OSError."""
        site = self._site
        if site.arguments is not None:
            self.process = WorkerProcess.spawn(site.arguments)
        deadline = time.monotonic() + site.start_limit_s
        while (client := await self._connected()) is None:
            if self.process is not None and self.process.ended.is_set():
                raise MediaUnavailable("the media worker ended while starting")
            if time.monotonic() > deadline:
                raise MediaTimeout("the media worker did not start in time")
            await asyncio.sleep(_LOOK_S)
        try:
            if self.process is None or client.pid != self.process.pid:
                raise MediaUnavailable("another media worker was faster")  # and is found at the next try
            self.status = await client.ask(self._hello, deadline - time.monotonic())
        except BaseException:
            client.close()
            raise
        return client

    async def _connected(self) -> WorkerClient | None:
        """A connection to whoever listens; None where nobody does. Raises MediaUnavailable where another user does."""
        site = self._site
        try:
            client = await WorkerClient.connect(site.path, self._on_event)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        if client.uid != os.geteuid():
            client.close()
            raise MediaUnavailable(f"{site.path} belongs to user {client.uid}")
        if self.process is None:
            try:
                self.process = WorkerProcess(client.pid)
            except ProcessLookupError:
                client.close()
                return None
        return client

    async def _greeted(self, client: WorkerClient) -> bool:
        """Say Hello to a worker that was there before us. Returns: False where it does not understand us.

        Raises:
            MediaTimeout: it hangs.
            MediaUnavailable: it obeys another gateway.
        """
        end = time.monotonic() + self._site.start_limit_s
        while True:
            try:
                self.status = await self._attend(client.ask(self._hello, LONG_S))
                return True
            except MediaUnavailable as error:
                kind = error.kind if isinstance(error, RefusedByWorker) else ""
                if kind == "busy" and time.monotonic() < end:  # by a gateway that has just died, as it seems
                    await asyncio.sleep(_LOOK_S)
                elif kind == "busy":
                    self._leave_alone()
                    raise
                else:
                    await self._disown(str(error))
                    return False

    async def _take_stock(self, client: WorkerClient) -> None:
        """Ask what it carries."""
        after = ""
        while True:
            page = await self._attend(client.ask(ListHoldings(after), LONG_S))
            self._on_found(client, page)
            after = page.last
            if not after:
                return

    def _leave_alone(self) -> None:
        """It is none of ours."""
        process, self.process = self.process, None
        if process is not None:
            process.release()

    async def _disown(self, reason: str) -> None:
        """Leave a worker that does not understand us to its grace, if it lives, and take its place."""
        process, site = self.process, self._site
        assert process is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await process.ended.wait()
        if not process.ended.is_set():
            log.error("media worker of before is of no use", index=site.index, pid=process.pid, reason=reason)
            if site.arguments is None:  # there cannot be two of a unit
                process.kill(signal.SIGTERM)
            site.path.unlink(missing_ok=True)
        self.process = None  # still looked after: it may be a child of ours, which somebody has to bury

    async def _attend(self, asking: Coroutine[Any, Any, R]) -> R:
        """Wait for an answer as long as the worker does not hang. Raises MediaTimeout."""
        site = self._site
        pulse = Pulse(site.patience, site.look_s)
        request = asyncio.ensure_future(asking)
        try:
            pulse.heard(time.monotonic())
            while not request.done():
                await asyncio.wait([request], timeout=site.look_s)
                if not request.done() and self.process is not None:
                    pulse.silent(time.monotonic(), look(self.process.pid))
                    if pulse.hangs:
                        raise MediaTimeout(pulse.hangs)
            return request.result()
        finally:
            request.cancel()
