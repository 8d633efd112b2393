"""An SMPP service of the tests, written against the specification alone: it shares no code with the gateway.

What it does with a message is told by a script; it keeps what it took, and sends receipts when it is told to.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x09, 0x04, 0x05, 0x06, 0x15


@dataclass(frozen=True)
class Submitted:
    """What a submit_sm said."""

    source: str
    number: str
    esm_class: int
    validity: str
    registered: int
    coding: int
    message: bytes


@dataclass
class SmppService:
    """Its script and its memory.

    Attributes:
        statuses: for the next messages, one after the other; 0 once they are used up. None: no answer at all.
        before_answer: called with each message before it is answered.
    """

    password: str = "secret"
    statuses: list[int | None] = field(default_factory=list)
    before_answer: Callable[[Submitted], None] | None = None
    enquires: bool = True
    taken: list[Submitted] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _writer: asyncio.StreamWriter | None = None
    _number: int = 0

    def deliver(self, text: str, ident: str = "", state: int = 0, esm_class: int = 4) -> None:
        """Send a deliver_sm: a receipt, with the optional parameters where they are given."""
        message = text.encode("latin-1")
        body = b"\0\1\1" + b"8613800138000\0" + b"\1\1" + b"12345\0" + bytes((esm_class, 0, 0)) + b"\0\0"
        body += bytes((0, 0, 0, 0, len(message))) + message
        if ident:
            body += struct.pack(">HH", 0x001E, len(ident) + 1) + ident.encode() + b"\0"
        if state:
            body += struct.pack(">HHB", 0x0427, 1, state)
        self._send(DELIVER, 0, 7, body)

    def drop(self) -> None:
        """Break the connection."""
        if self._writer is not None:
            self._writer.transport.abort()

    def raw(self, data: bytes) -> None:
        """Send whatever."""
        assert self._writer is not None
        self._writer.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, command, _, sequence = struct.unpack(">IIII", await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                self.commands.append(command)
                self._answer(command, sequence, body)
                if command == UNBIND:
                    break
        writer.close()

    def _answer(self, command: int, sequence: int, body: bytes) -> None:
        if command == BIND:
            _, password, *_ = body.split(b"\0")
            self._send(command | 1 << 31, 0 if password == self.password.encode() else 0x0E, sequence, b"test\0")
        elif command == SUBMIT:
            status = self.statuses.pop(0) if self.statuses else 0
            message = submitted(body)
            if self.before_answer is not None:
                self.before_answer(message)
            if status is None:
                self.taken.append(message)
                return
            if status == 0:
                self.taken.append(message)
                self._number += 1
            self._send(command | 1 << 31, status, sequence, b"" if status else f"{self._number:X}\0".encode())
        elif (command == ENQUIRE and self.enquires) or command == UNBIND:
            self._send(command | 1 << 31, 0, sequence, b"")

    def _send(self, command: int, status: int, sequence: int, body: bytes) -> None:
        assert self._writer is not None
        self._writer.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)


def submitted(body: bytes) -> Submitted:
    """Read a submit_sm (§4.4.1)."""
    rest = body

    def text() -> str:
        nonlocal rest
        piece, _, rest = rest.partition(b"\0")
        return piece.decode()

    def octets(count: int) -> bytes:
        nonlocal rest
        piece, rest = rest[:count], rest[count:]
        return piece

    text()
    octets(2)
    source = text()
    octets(2)
    number = text()
    esm_class = octets(3)[0]
    text()
    validity = text()
    registered, _, coding, _, length = octets(5)
    message = octets(length)
    assert not rest, "nothing stands behind it"
    return Submitted(source, number, esm_class, validity, registered, coding, message)


@asynccontextmanager
async def smpp_service(**script: object) -> AsyncIterator[SmppService]:
    """A service on a port of its own."""
    service = SmppService(**script)  # type: ignore[arg-type]
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        service.drop()
