"""The process of one mosaic: takes pictures from the room by RTP on the loopback, and sends it the mosaic. Does I/O.

Its priority is lower than that of all else here: where a processor is short, it is the mosaic that suffers, says so
and ends. What it decodes comes from strangers; a fault in a decoder ends this process, which carries nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import time
from contextlib import suppress

import structlog

from splitter.core.errors import LocalError
from splitter.media.mosaic.canvas import Canvas
from splitter.media.mosaic.encoder import MosaicEncoder
from splitter.media.mosaic.incoming import DecodedStream
from splitter.media.mosaic.outgoing import OutgoingStream, key_frame_request
from splitter.media.mosaic.pace import Pace
from splitter.media.mosaic.protocol import (
    INPUTS,
    LINE_LIMIT_BYTES,
    ORIENTATION_ID,
    Arrange,
    Late,
    Ready,
    Tile,
    read_arrangement,
    write,
)
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
_NICE = 10
_RECEIVE_BYTES = 1 << 20  # key frames of a large picture wait here while others are decoded
_PACKET_BYTES = 2048
_PACKETS_AT_ONCE = 64  # of one source, before others have their turn
_ALL_WAITED_FOR_S = 1.0  # the first picture waits so long for pictures of all
_ASKED_AGAIN_S = 0.5
_IDLE_RATE = 15  # until it is said what is wanted


class LoopbackPort:
    """A UDP port on the loopback, of which packets from given ports are taken."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._socket.bind((HOST, 0))
        self.peers: frozenset[int] = frozenset()

    @property
    def number(self) -> int:
        number: int = self._socket.getsockname()[1]
        return number

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> list[bytes]:
        """Take what has come, as much as may be at once."""
        found = []
        for _ in range(_PACKETS_AT_ONCE):
            try:
                data, (host, port) = self._socket.recvfrom(_PACKET_BYTES)
            except (BlockingIOError, ConnectionError):
                break
            if host == HOST and port in self.peers:
                found.append(data)
        return found

    def send(self, data: bytes, port: int) -> None:
        with suppress(OSError):  # nobody is there any more, or the buffer is full: the next key frame mends that
            self._socket.sendto(data, (HOST, port))


class Source:
    """A picture's port, and what comes there."""

    def __init__(self) -> None:
        self.port = LoopbackPort()
        self.incoming = DecodedStream(ORIENTATION_ID)
        self.tile: Tile | None = None
        self._asked_at = float("-inf")

    def assign(self, tile: Tile | None) -> None:
        """Take another one's packets, or nobody's; the same one's go on."""
        before, self.tile = self.tile, tile
        if tile is None or before is None or before.rtp_port != tile.rtp_port:
            self.incoming = DecodedStream(ORIENTATION_ID)
        self.port.peers = frozenset((tile.rtp_port, tile.rtcp_port) if tile is not None else ())

    def read(self) -> None:
        """Decode what has come."""
        now = time.monotonic()
        for data in self.port.read():
            if len(data) > 1 and not 192 <= data[1] <= 223:  # what is RTCP is the room's reports (RFC 5761 §4)
                self.incoming.push(data, now)

    def ask(self, now: float) -> None:
        """Ask for a key frame, if one is missing."""
        incoming, tile = self.incoming, self.tile
        if tile is None or incoming.ssrc is None or not incoming.wants_key_frame:
            return
        if now - self._asked_at >= _ASKED_AGAIN_S:
            self._asked_at, incoming.wants_key_frame = now, False
            self.port.send(key_frame_request(1, incoming.ssrc), tile.rtcp_port)


class MosaicProcess:
    """All that is made here."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._sources = [Source() for _ in range(INPUTS)]
        self._output = LoopbackPort()
        self._stream = OutgoingStream(now)
        self._arrangement: Arrange | None = None
        self._canvas: Canvas | None = None
        self._encoder: MosaicEncoder | None = None
        self._pace = Pace(_IDLE_RATE, now)
        self._arranged_at = now
        self._begun = False

    @property
    def ready(self) -> Ready:
        return Ready(self._output.number, tuple(source.port.number for source in self._sources))

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read what comes as it comes."""
        for source in self._sources:
            loop.add_reader(source.port, source.read)
        loop.add_reader(self._output, self._take_feedback)

    def arrange(self, wanted: Arrange) -> None:
        """Make this of it from now on."""
        before, self._arrangement = self._arrangement, wanted
        tiles = {tile.input: tile for tile in wanted.tiles}
        for index, source in enumerate(self._sources):
            source.assign(tiles.get(index))
        self._output.peers = frozenset((wanted.rtp_port, wanted.rtcp_port))
        names = tuple((tile.name, tile.otherwise) for tile in wanted.tiles)
        self._canvas = Canvas(wanted.width, wanted.height, names)
        for source in self._shown():
            source.incoming.fresh = source.incoming.picture is not None
        shape = (wanted.width, wanted.height, wanted.rate, wanted.kbps)
        if before is None or shape != (before.width, before.height, before.rate, before.kbps):
            self._encoder = MosaicEncoder(*shape)
            self._stream.wants_key_frame = True
            self._pace = Pace(wanted.rate, time.monotonic())
        self._arranged_at = time.monotonic()

    def _shown(self) -> list[Source]:
        tiles = self._arrangement.tiles if self._arrangement is not None else ()
        return [self._sources[tile.input] for tile in tiles]

    def _take_feedback(self) -> None:
        for data in self._output.read():
            self._stream.take(data)

    async def run(self) -> str:
        """Make pictures until that cannot be kept up. Returns: why it cannot."""
        while not self._pace.late:
            await asyncio.sleep(max(0.0, self._pace.due - time.monotonic()))
            now = time.monotonic()
            self._pace.begin(now)
            for source in self._shown():
                source.ask(now)
            self._make(now)
        return "it came later than real time: the machine is too busy"

    def _make(self, now: float) -> None:
        wanted, canvas, encoder, stream = self._arrangement, self._canvas, self._encoder, self._stream
        if wanted is None or canvas is None or encoder is None:
            return
        for index, source in enumerate(self._shown()):
            incoming = source.incoming
            if incoming.fresh and incoming.picture is not None:
                incoming.fresh = False
                canvas.put(index, incoming.picture, incoming.orientation)
        if not self._begun:
            some = [source for source in self._shown() if source.incoming.picture is not None]
            if len(some) < len(wanted.tiles) and now - self._arranged_at < _ALL_WAITED_FOR_S:
                return
            self._begun = True
        encoder.limit(stream.limit_kbps)
        key, stream.wants_key_frame = stream.wants_key_frame, False
        for data in stream.packets(encoder.encode(canvas.frame(), key), now):
            self._output.send(data, wanted.rtp_port)
        if (report := stream.report(now, time.time())) is not None:
            self._output.send(report, wanted.rtcp_port)


async def serve(control: socket.socket) -> None:
    """Make a mosaic as the other end of `control` says, until it is closed."""
    reader, writer = await asyncio.open_unix_connection(sock=control, limit=LINE_LIMIT_BYTES)
    process = MosaicProcess()
    process.listen(asyncio.get_running_loop())
    writer.write(write(process.ready))
    making = asyncio.create_task(process.run())
    hearing = asyncio.create_task(_hear(reader, process))
    await asyncio.wait({making, hearing}, return_when=asyncio.FIRST_COMPLETED)
    if making.done():
        writer.write(write(Late(making.result())))
        await writer.drain()
    else:
        hearing.result()
    writer.close()


async def _hear(reader: asyncio.StreamReader, process: MosaicProcess) -> None:
    while line := await reader.readline():
        process.arrange(read_arrangement(line))


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m splitter.media.mosaic`; its standard input is the pair's other end."""
    parser = argparse.ArgumentParser(prog="splitter.media.mosaic", description="Makes a mosaic for splitter.")
    parser.add_argument("--name", default="mosaic", help="for the log")
    parser.add_argument("--log-format", default="console")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(arguments)
    configure(TelemetrySettings(log_format=options.log_format, log_level=options.log_level))
    structlog.contextvars.bind_contextvars(mosaic=options.name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's affair
    os.nice(_NICE)
    with socket.socket(fileno=os.dup(0)) as control, suppress(ConnectionError):
        control.setblocking(False)
        try:
            asyncio.run(serve(control))
        except LocalError as error:
            log.error("a mosaic was not understood", reason=str(error))
