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
from splitter.media.record.sockets import CopySockets
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

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
        self._host, self._avoided = host, avoided
        self._reports: asyncio.TimerHandle | None = None
        self._sockets = CopySockets("forwarder", folder / p.CONTROL, folder / p.TAPS, grace_s, self._take, self._ask)
        self.forwarder = CopyForwarder(
            self._open_ports, self._sockets.tell, IdSource(), time.monotonic, time.time, f"splitter@{host}"
        )

    @property
    def stopped(self) -> asyncio.Event:
        """Set when it is to end."""
        return self._sockets.stopped

    def _open_ports(self, heard: Callable[[bytes, str], None]) -> SendingPorts:
        return SendingPair(self._host, self._avoided, heard)

    async def start(self) -> None:
        """Listen. Raises LocalError where another one does already, OSError."""
        self._sockets.claim()
        await self._sockets.listen()
        self._report()

    def _take(self, datagram: bytes) -> None:
        self.forwarder.take(datagram)

    def _ask(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        call = p.read_call(line)
        self._sockets.answer(writer, call, self.forwarder.carry_out(call))

    def _report(self) -> None:
        self._reports = asyncio.get_running_loop().call_later(_REPORTS_S, self._report)
        self.forwarder.send_reports()

    async def close(self) -> None:
        """Give back sockets and ports."""
        if self._reports is not None:
            self._reports.cancel()
        self._sockets.close_taps()
        self.forwarder.close()
        self._sockets.close()


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
    parser.add_argument("--protocol", default="")  # for the next gateway, which reads how this was begun
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
