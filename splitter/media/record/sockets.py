"""The sockets of a process that takes copies: the gateway asks by one, taps send to the other. Does I/O (asyncio).

Such a process outlives the gateway as the media workers do: without one it goes on for its grace time.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from splitter.core.errors import LocalError
from splitter.media.record.protocol import LINE_LIMIT_BYTES, AskedCall, RecorderAnswer, write_line
from splitter.media.worker.place import peer_of

_DATAGRAM_BYTES = 1 << 17
_READ_AT_A_TIME = 64
_RECEIVE_BYTES = 4 << 20

log = structlog.get_logger(__name__)

Writer = asyncio.StreamWriter


class CopySockets:
    """Both sockets of one process.

    Args:
        name: of the process in words. control, taps: their paths.
        grace_s: how long it goes on without a gateway.
        take: takes what taps send. ask: takes a line of a gateway, and where its answer goes; raises LocalError where
            it cannot be read.

    Attributes:
        stopped: it is to end.
    """

    def __init__(
        self,
        name: str,
        control: Path,
        taps: Path,
        grace_s: float,
        take: Callable[[bytes], None],
        ask: Callable[[bytes, Writer], None],
    ) -> None:
        self._name, self._paths = name, (control, taps)
        self._grace_s = grace_s
        self._take, self._ask = take, ask
        self._loop = asyncio.get_running_loop()
        self._writers: set[Writer] = set()
        self._end: asyncio.TimerHandle | None = None
        self._taps: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self.stopped = asyncio.Event()

    def claim(self) -> None:
        """Take the place. Raises LocalError: another one has it."""
        control, _ = self._paths
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(control))
            except OSError:
                return
        raise LocalError(f"{control}: another {self._name} listens there")

    async def listen(self) -> None:
        """Listen at the place that is claimed. Raises OSError."""
        control, taps = self._paths
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._taps = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._taps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._taps.bind(str(taps))
        taps.chmod(0o600)
        self._loop.add_reader(self._taps, self._read)
        self._server = await asyncio.start_unix_server(self._serve, str(control), limit=LINE_LIMIT_BYTES)
        control.chmod(0o600)
        self._start_grace()

    def answer(self, writer: Writer, call: AskedCall, answer: RecorderAnswer) -> None:
        """Answer what was asked, or put down a fault that nobody waits for."""
        if call.id:
            _send(writer, answer)
        elif answer.fault:
            log.error("what nobody waits for was not done", ask=type(call.ask).__name__, reason=answer.fault)

    def tell(self, answer: RecorderAnswer) -> None:
        """Tell each gateway what none has asked."""
        for writer in self._writers:
            _send(writer, answer)

    def close_taps(self) -> None:
        """Take no more copies."""
        taps, self._taps = self._taps, None
        if taps is not None:
            self._loop.remove_reader(taps)
            taps.close()

    def close(self) -> None:
        """Give both back."""
        if self._end is not None:
            self._end.cancel()
        self.close_taps()
        if self._server is not None:
            self._server.close()
            for path in self._paths:
                path.unlink(missing_ok=True)
        for writer in tuple(self._writers):
            writer.close()

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(_READ_AT_A_TIME):
            if self._taps is None:
                return
            try:
                datagram = self._taps.recv(_DATAGRAM_BYTES)
            except OSError:
                return
            self._take(datagram)

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        _, uid = peer_of(writer.transport)
        if uid != os.geteuid():
            log.error("control connection refused", uid=uid)
            writer.close()
            return
        self._writers.add(writer)
        if self._end is not None:
            self._end.cancel()
            self._end = None
        try:
            while line := await reader.readline():
                self._hear(line, writer)
        except (OSError, ValueError) as error:
            log.error("control connection closed", reason=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self._start_grace()

    def _hear(self, line: bytes, writer: Writer) -> None:
        try:
            self._ask(line, writer)
        except LocalError as error:
            log.error("control message dropped", reason=str(error))

    def _start_grace(self) -> None:
        self._end = self._loop.call_later(self._grace_s, self.stopped.set)


def _send(writer: Writer, answer: RecorderAnswer) -> None:
    if not writer.is_closing():
        writer.write(write_line(answer))
