"""The gateway's end of a worker's control connection. Does I/O (asyncio).

Requests may overlap: a slow one delays no other. Each is bounded in time, and what is queued for a worker that does not
read is bounded in size. What one turn of the event loop asks for leaves in one write, and one timer watches over all
that wait: a call makes a dozen requests, and system calls and timers would cost more than the requests themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import structlog

from splitter.core.errors import MediaTimeout, MediaUnavailable, NoPorts
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import PICTURE_LIMIT_BYTES
from splitter.media.worker.notices import MediaNotice, ProtocolError, read_event
from splitter.media.worker.place import peer_of
from splitter.media.worker.protocol import Framer, VerbReply, read_answer, read_message, write_call
from splitter.media.worker.verbs.verb import Failed, Message, Verb

QUEUE_LIMIT_BYTES = 4 * PICTURE_LIMIT_BYTES  # pictures on their way must not make a worker look deaf
WAITING_LIMIT = 2000  # requests under way to one worker
SWEEP_S = 0.05  # how late a request may be found to be overdue

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Message)


class GoneFromWorker(MediaUnavailable):
    """The worker does not know the relay, room or participant (any more)."""


_ERRORS: dict[str, type[MediaUnavailable]] = {"gone": GoneFromWorker, "ports": NoPorts}


class RefusedByWorker(MediaUnavailable):
    """The worker does not obey us.

    Attributes:
        kind: "version" (it speaks another protocol) or "busy" (it obeys another gateway).
    """

    def __init__(self, reason: str, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


class _Waiting(NamedTuple):
    """A request under way; `deadline` by the loop's clock."""

    future: asyncio.Future[Message]
    deadline: float


class WorkerClient(asyncio.Protocol):
    """One control connection.

    Args:
        on_event: takes the id of a relay or room, and its event.

    Attributes:
        lost: set when the connection is gone.
        replies: to requests, so far.
        pid, uid: the process and user at the other end.
    """

    def __init__(self, on_event: Callable[[str, MediaEvent], None]) -> None:
        self._on_event = on_event
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._sweeping = False
        self._unsent: list[bytes] = []
        self._last_id = self.replies = 0
        self.lost = asyncio.Event()
        self.pid = self.uid = -1

    @classmethod
    async def connect(cls, path: Path, on_event: Callable[[str, MediaEvent], None]) -> WorkerClient:
        """Connect to the worker that listens on `path`. Raises OSError."""
        _, client = await asyncio.get_running_loop().create_unix_connection(lambda: cls(on_event), str(path))
        return client

    async def ask(self, verb: Verb[R], limit_s: float) -> R:
        """Send a verb and wait for its answer.

        Raises:
            MediaTimeout: no answer within `limit_s`. It may still be carried out later.
            GoneFromWorker: it names what the worker does not have.
            MediaUnavailable: refused, or the worker is gone.
        """
        if len(self._waiting) >= WAITING_LIMIT:
            raise MediaUnavailable("too many requests under way to the media worker")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        id = self._send(verb)
        self._waiting[id] = _Waiting(future, loop.time() + limit_s)
        self._sweep_later(loop)
        try:
            answer = await future
        except TimeoutError:
            raise MediaTimeout(f"{type(verb).__name__}: no answer in {limit_s:g} s") from None
        finally:
            self._waiting.pop(id, None)
            del future  # its exception remembers this frame: the frame must not lead back to it
        if isinstance(answer, verb.answer):
            return cast(R, answer)
        if not isinstance(answer, Failed):
            raise MediaUnavailable(f"the media worker answered {type(answer).__name__}")
        if answer.kind in ("version", "busy"):
            raise RefusedByWorker(answer.reason, answer.kind)
        raise _ERRORS.get(answer.kind, MediaUnavailable)(answer.reason, answer.retry_after_s)

    def tell(self, verb: Verb[Any]) -> None:
        """Send a verb and do not wait. What a lost worker does not hear needs no saying."""
        try:
            self._send(verb)
        except MediaUnavailable:
            pass

    def _send(self, verb: Verb[Any]) -> int:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise MediaUnavailable("the media worker is gone")
        if transport.get_write_buffer_size() > QUEUE_LIMIT_BYTES:
            raise MediaUnavailable("the media worker does not read its commands")
        self._last_id += 1
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(write_call(self._last_id, verb))
        return self._last_id

    def _flush(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what is overdue."""
        self._sweeping = False
        now = loop.time()
        for waiting in self._waiting.values():
            if waiting.deadline <= now and not waiting.future.done():
                waiting.future.set_exception(TimeoutError())
        if self._waiting:
            self._sweep_later(loop)

    def close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.pid, self.uid = peer_of(transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._framer.feed(data):
                self._take(body)
        except ProtocolError as error:
            log.error("media worker not understood", reason=str(error))
            self.close()

    def _take(self, body: bytes) -> None:
        try:
            message = read_message(body)
            if isinstance(message, MediaNotice):
                self._on_event(message.owner, read_event(message))
            else:
                self._settle(message)
        except ProtocolError as error:
            log.error("message of a media worker dropped", reason=str(error))

    def _settle(self, reply: VerbReply) -> None:
        self.replies += 1
        waiting = self._waiting.get(reply.id)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_result(read_answer(reply))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(MediaUnavailable("the media worker died"))
        self._waiting.clear()
