"""The worker's end of a control connection. Does I/O (asyncio).

What came in one piece is answered in one piece.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

import structlog

from splitter.media.ports.events import MediaEvent
from splitter.media.worker.notices import ProtocolError
from splitter.media.worker.place import peer_of
from splitter.media.worker.protocol import (
    FRAME_LIMIT_BYTES,
    Framer,
    VerbCall,
    read_call,
    read_verb,
    write_event,
    write_reply,
)
from splitter.media.worker.verbs.verb import Failed, Message, Verb

UNREAD_LIMIT_BYTES = 4 * FRAME_LIMIT_BYTES  # what comes past this is dropped: the gateway does not read

log = structlog.get_logger(__name__)


class Commanded(Protocol):
    """Worker that obeys what comes by control connections."""

    def connected(self, control: Control) -> None:
        """Know of a connection."""
        ...

    def disconnected(self, control: Control) -> None:
        """Know that it is gone."""
        ...

    def execute(self, call: VerbCall, verb: Verb[Any], control: Control) -> None:
        """Carry out a verb, and reply."""
        ...


class Control(asyncio.Protocol):
    """One control connection.

    Args:
        worker: that hears of it.

    Attributes:
        pid, uid: of who connected.
    """

    def __init__(self, worker: Commanded) -> None:
        self._worker = worker
        self.pid = self.uid = -1
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._replies: list[bytes] | None = None  # to what came in one piece: they leave in one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.pid, self.uid = peer_of(transport)
        self._worker.connected(self)

    def data_received(self, data: bytes) -> None:
        self._replies = []
        try:
            for body in self._framer.feed(data):
                self._call(body)
        except ProtocolError as error:
            log.error("control connection closed", reason=str(error))
            self.close()
        finally:
            self._flush()

    def _call(self, body: bytes) -> None:
        try:
            call = read_call(body)
        except ProtocolError as error:
            log.error("control message dropped", reason=str(error))
            return
        try:
            verb = read_verb(call)
        except ProtocolError as error:
            self.reply(call, Failed("fault", str(error)))
            return
        self._worker.execute(call, verb, self)

    def reply(self, call: VerbCall, answer: Message) -> None:
        self._write(write_reply(call.id, answer))

    def notify(self, owner: str, event: MediaEvent) -> None:
        self._write(write_event(owner, event))

    def _write(self, frame: bytes) -> None:
        if self._replies is not None:
            self._replies.append(frame)
            return
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            log.error("control message dropped", reason="the gateway does not read")
            return
        transport.write(frame)

    def _flush(self) -> None:
        """Send the replies that were gathered: each write wakes the gateway, which costs more than a reply."""
        replies, self._replies = self._replies, None
        if replies:
            self._write(b"".join(replies))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._worker.disconnected(self)

    def close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.abort()
