"""The gateway's end of a worker's control connection. Does I/O (asyncio).

Requests may overlap: a slow one delays no other. Each is bounded in time, and what is queued for a worker that does not
read is bounded in size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import structlog

from splitter.core.errors import MediaTimeout, MediaUnavailable
from splitter.media.engine import MediaEvent
from splitter.media.worker.protocol import (
    Command,
    Failed,
    Framer,
    Notice,
    ProtocolError,
    Reply,
    Result,
    read_answer,
    read_event,
    read_result,
    write_call,
)

QUEUE_LIMIT_BYTES = 1 << 20
WAITING_LIMIT = 2000  # requests under way to one worker

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Result)


class Gone(MediaUnavailable):
    """The worker does not know the relay, room or participant (any more)."""


class WorkerClient(asyncio.Protocol):
    """One control connection.

    Args:
        on_event: takes the id of a relay or room, and its event.

    Attributes:
        lost: set when the connection is gone.
    """

    def __init__(self, on_event: Callable[[str, MediaEvent], None]) -> None:
        self._on_event = on_event
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._last_id = 0
        self.lost = asyncio.Event()

    @classmethod
    async def connect(cls, path: Path, on_event: Callable[[str, MediaEvent], None]) -> WorkerClient:
        """Connect to the worker that listens on `path`. Raises OSError."""
        _, client = await asyncio.get_running_loop().create_unix_connection(lambda: cls(on_event), str(path))
        return client

    async def ask(self, command: Command, expected: type[R], limit_s: float) -> R:
        """Send a command and wait for its result.

        Raises:
            MediaTimeout: no answer within `limit_s`. The command may still be carried out later.
            Gone: it names what the worker does not have.
            MediaUnavailable: refused, or the worker is gone.
        """
        if len(self._waiting) >= WAITING_LIMIT:
            raise MediaUnavailable("too many requests under way to the media worker")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        id = self._send(command)
        self._waiting[id] = future
        try:
            async with asyncio.timeout(limit_s):
                result = await future
        except TimeoutError:
            raise MediaTimeout(f"{type(command).__name__}: no answer in {limit_s:g} s") from None
        finally:
            self._waiting.pop(id, None)
        if isinstance(result, expected):
            return result
        if not isinstance(result, Failed):
            raise MediaUnavailable(f"the media worker answered {type(result).__name__}")
        kind = Gone if result.kind == "gone" else MediaUnavailable
        raise kind(result.reason, result.retry_after_s)

    def tell(self, command: Command) -> None:
        """Send a command and do not wait. What a lost worker does not hear needs no saying."""
        try:
            self._send(command)
        except MediaUnavailable:
            pass

    def _send(self, command: Command) -> int:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise MediaUnavailable("the media worker is gone")
        if transport.get_write_buffer_size() > QUEUE_LIMIT_BYTES:
            raise MediaUnavailable("the media worker does not read its commands")
        self._last_id += 1
        transport.write(write_call(self._last_id, command))
        return self._last_id

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._framer.feed(data):
                self._take(body)
        except ProtocolError as error:
            log.error("media worker not understood", reason=str(error))
            self.close()

    def _take(self, body: bytes) -> None:
        try:
            answer = read_answer(body)
            if isinstance(answer, Notice):
                self._on_event(answer.owner, read_event(answer))
            else:
                self._settle(answer)
        except ProtocolError as error:
            log.error("message of a media worker dropped", reason=str(error))

    def _settle(self, reply: Reply) -> None:
        future = self._waiting.pop(reply.id, None)
        if future is not None and not future.done():
            future.set_result(read_result(reply))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(MediaUnavailable("the media worker died"))
        self._waiting.clear()
