"""The forwarder's process: it takes what taps send and what the gateway asks, and sends RTP. Does I/O.

It outlives the gateway as the media workers do: without one it goes on for its grace time, so that a recorder elsewhere
notices nothing of a restart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.media.forward import protocol as p
from splitter.media.forward.forwarder import CopyForwarder
from splitter.media.forward.lines import SendingPorts
from splitter.media.record.protocol import LINE_LIMIT_BYTES, write_line
from splitter.media.worker.place import peer_of
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

_DATAGRAM_BYTES = 1 << 17
_READ_AT_A_TIME = 64
_REPORTS_S = 5.0  # RFC 3550 §6.2
_TRIES = 200

log = structlog.get_logger(__name__)


class SendingPair:
    """An even port and the next one, on one address. See `SendingPorts`.

    Args:
        avoided: ports of the media workers, which would find them taken.

    Raises:
        OSError: no pair is free.
    """

    def __init__(self, host: str, avoided: range, heard: Callable[[bytes, str], None]) -> None:
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._rtp, self._rtcp = _bound_pair(host, avoided)
        self.port: int = self._rtp.getsockname()[1]
        for one in (self._rtp, self._rtcp):
            self._loop.add_reader(one, self._read, one)

    def send(self, data: bytes, host: str, port: int, rtcp: bool = False) -> bool:
        """Send. Returns: whether it left."""
        try:
            (self._rtcp if rtcp else self._rtp).sendto(data, (host, port))
        except OSError:
            return False
        return True

    def _read(self, one: socket.socket) -> None:
        for _ in range(_READ_AT_A_TIME):
            try:
                data, source = one.recvfrom(2048)
            except OSError:
                return
            self._heard(data, source[0])

    def close(self) -> None:
        """Give both back."""
        for one in (self._rtp, self._rtcp):
            self._loop.remove_reader(one)
            one.close()


def _bound_pair(host: str, avoided: range) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_TRIES):
        first = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        second = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            first.bind((host, 0))
            port = first.getsockname()[1]
            if port % 2 == 0 and port not in avoided:
                second.bind((host, port + 1))
                return first, second
        except OSError as error:
            if error.errno != 98:  # EADDRINUSE
                first.close()
                second.close()
                raise
        first.close()
        second.close()
    raise OSError(98, "no pair of ports is free")


class ForwarderProcess:
    """The process.

    Args:
        folder: of its sockets. host: the address that lines are sent from, but for the ports that are `avoided`.
        grace_s: how long it goes on alone.
    """

    def __init__(self, folder: Path, host: str, grace_s: float, avoided: range = range(0)) -> None:
        self._avoided = avoided
        self._folder, self._host, self._grace_s = folder, host, grace_s
        self._loop = asyncio.get_running_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._end: asyncio.TimerHandle | None = None
        self._reports: asyncio.TimerHandle | None = None
        self._taps: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self.stopped = asyncio.Event()
        self.forwarder = CopyForwarder(
            self._open_ports, self._tell, IdSource(), time.monotonic, time.time, f"splitter@{host}"
        )

    def _open_ports(self, heard: Callable[[bytes, str], None]) -> SendingPorts:
        return SendingPair(self._host, self._avoided, heard)

    async def start(self) -> None:
        """Listen. Raises LocalError where another one does already, OSError."""
        control, taps = self._folder / p.CONTROL, self._folder / p.TAPS
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(control))
            except OSError:
                pass
            else:
                raise LocalError(f"{control}: another forwarder listens there")
        for path in (control, taps):
            path.unlink(missing_ok=True)
        self._taps = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._taps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._taps.bind(str(taps))
        taps.chmod(0o600)
        self._loop.add_reader(self._taps, self._read)
        self._server = await asyncio.start_unix_server(self._serve, str(control), limit=LINE_LIMIT_BYTES)
        control.chmod(0o600)
        self._start_grace()
        self._report()

    def _read(self) -> None:
        assert self._taps is not None
        for _ in range(_READ_AT_A_TIME):
            try:
                datagram = self._taps.recv(_DATAGRAM_BYTES)
            except OSError:
                return
            self.forwarder.take(datagram)

    def _report(self) -> None:
        self._reports = self._loop.call_later(_REPORTS_S, self._report)
        self.forwarder.send_reports()

    # ---- the gateway -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
                self._ask(line, writer)
        except (OSError, ValueError) as error:
            log.error("control connection closed", reason=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self._start_grace()

    def _start_grace(self) -> None:
        self._end = self._loop.call_later(self._grace_s, self.stopped.set)

    def _ask(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            call = p.read_call(line)
        except LocalError as error:
            log.error("control message dropped", reason=str(error))
            return
        answer = self.forwarder.carry_out(call)
        if call.id and not writer.is_closing():
            writer.write(write_line(answer))
        elif answer.fault:
            log.error("what nobody waits for was not done", ask=type(call.ask).__name__, reason=answer.fault)

    def _tell(self, answer: p.ForwarderAnswer) -> None:
        for writer in self._writers:
            if not writer.is_closing():
                writer.write(write_line(answer))

    async def close(self) -> None:
        """Give back sockets and ports."""
        for timer in (self._end, self._reports):
            if timer is not None:
                timer.cancel()
        if self._taps is not None:
            self._loop.remove_reader(self._taps)
            self._taps.close()
        self.forwarder.close()
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        for path in (self._folder / p.CONTROL, self._folder / p.TAPS):
            path.unlink(missing_ok=True)


async def _run(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    first, last = (int(port) for port in arguments.avoid.split("-"))
    process = ForwarderProcess(Path(arguments.sockets), arguments.host, arguments.grace, range(first, last + 1))
    await process.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stopped.set)
    log.info("forwarder ready", host=arguments.host)
    await process.stopped.wait()
    await process.forwarder.finish()
    await process.close()


def main(words: list[str] | None = None) -> None:
    """Run a forwarder to its end."""
    parser = argparse.ArgumentParser(prog="splitter-forwarder")
    parser.add_argument("--sockets", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--avoid", default="0-0")
    parser.add_argument("--grace", type=float, default=60.0)
    parser.add_argument("--log-format", default="json")
    parser.add_argument("--log-level", default="info")
    arguments = parser.parse_args(words)
    configure(TelemetrySettings(log_format=arguments.log_format, log_level=arguments.log_level))
    with suppress(OSError):
        os.nice(5)  # voice and picture come first
    try:
        asyncio.run(_run(arguments))
    except (LocalError, OSError) as error:
        log.error("the forwarder cannot start", reason=str(error))
        sys.exit(1)
