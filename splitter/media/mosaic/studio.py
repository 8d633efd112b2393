"""Mosaics in processes of their own, as calls use them: begun when one is wanted, bounded, counted. Does I/O (asyncio).

The gateway and a process hold the two ends of a pair of sockets. Whichever ends, the other one sees it at once: no
process stays behind, and none is taken up by the next gateway, which begins mosaics anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.mosaic.protocol import (
    INPUTS,
    LINE_LIMIT_BYTES,
    ORIENTATION_ID,
    PAYLOAD_TYPE,
    Arrange,
    Late,
    Ready,
    Tile,
    read_said,
    write,
)
from splitter.media.mosaic.size import size_of
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener, MosaicLost
from splitter.media.ports.mosaics import MosaicHandle, MosaicPlan, MosaicStatus
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.worker.process import WorkerProcess
from splitter.sdp.video import VideoFormat
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
_START_LIMIT_S = 5.0
_END_LIMIT_S = 1.0
# What a mosaic takes: whatever browsers and phones send here. What it sends fits whoever watches, see `size`.
_TAKEN = VideoFormat(
    PAYLOAD_TYPE,
    1,
    "640028",
    40,
    8192,
    245_760,
    feedback=frozenset(("nack pli",)),
    orientation_id=ORIENTATION_ID,
)
_SENT = VideoFormat(PAYLOAD_TYPE, 1, "42e01e", 30, 1620, 40_500, feedback=frozenset(("nack pli", "goog-remb")))


@dataclass(slots=True, eq=False)
class _Open:
    """A mosaic that is made now. `reason`: why it ends, as far as it has said so."""

    handle: MosaicHandle
    process: WorkerProcess
    writer: asyncio.StreamWriter
    on_event: MediaListener
    watching: asyncio.Task[None] | None = None
    reason: str = ""


class Studio:
    """A MosaicEngine.

    Args:
        limit: how many may be open at a time; -1 for what the machine has cores for.
        kbps: what each picture is to take at most.
        logs: passed on to the processes.
    """

    def __init__(
        self, limit: int, kbps: int, logs: TelemetrySettings | None = None, ids: IdSource | None = None
    ) -> None:
        self._kbps = kbps
        self._logs = logs or TelemetrySettings()
        self._ids = ids or IdSource()
        self._open: dict[str, _Open] = {}
        self._opening = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._limit = 0
        self.renew(limit, self._logs)
        metrics.media.MOSAICS.set_function(lambda: len(self._open))

    def renew(self, limit: int, logs: TelemetrySettings) -> None:
        """Go by these from now on; what is open goes on."""
        self._limit, self._logs = limit if limit >= 0 else max(1, (os.cpu_count() or 1) // 2), logs
        metrics.media.MOSAIC_LIMIT.set(self._limit)

    def mosaics(self) -> MosaicStatus:
        """Say how many there are."""
        return MosaicStatus(len(self._open), self._limit, tuple(one.process.pid for one in self._open.values()))

    async def stop(self) -> None:
        """End them all, without events."""
        for one in list(self._open.values()):
            await self.close_mosaic(one.handle)
        if self._ending:
            await asyncio.wait(self._ending)

    # ---- MosaicEngine ---------------------------------------------------------------------------------------------

    async def open_mosaic(self, call_id: str, on_event: MediaListener) -> MosaicHandle:
        if len(self._open) + self._opening >= self._limit:
            metrics.media.MOSAICS_ENDED.labels("limit").inc()
            raise MediaUnavailable(f"as many mosaics as may be are made already: {self._limit}")
        self._opening += 1
        try:
            found = await self._begin(call_id, on_event)
        except MediaUnavailable:
            metrics.media.MOSAICS_ENDED.labels("failed").inc()
            raise
        finally:
            self._opening -= 1
        return found.handle

    def arrange_mosaic(
        self, mosaic: MosaicHandle, plan: MosaicPlan, output: LocalEnd, inputs: Mapping[str, tuple[int, LocalEnd]]
    ) -> None:
        found = self._open.get(mosaic.mosaic_id)
        if found is None:
            raise MediaUnavailable("the mosaic is gone")
        tiles = []
        for picture in plan.pictures:
            number, local = inputs[picture.source]
            tiles.append(Tile(number, local.rtp_port, local.rtcp_port, picture.name, picture.source))
        size = size_of(plan)
        shape = (size.width, size.height, size.frame_rate, size.bitrate_kbps)
        found.writer.write(write(Arrange(output.rtp_port, output.rtcp_port, *shape, tuple(tiles))))

    async def close_mosaic(self, mosaic: MosaicHandle) -> None:
        found = self._open.pop(mosaic.mosaic_id, None)
        if found is None:
            return
        if found.watching is not None:
            found.watching.cancel()
        ending = asyncio.create_task(self._end(found), name=f"end of {mosaic.mosaic_id}")  # nobody waits for that
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    # ---- processes ------------------------------------------------------------------------------------------------

    async def _begin(self, call_id: str, on_event: MediaListener) -> _Open:
        """Begin a process. Raises MediaUnavailable."""
        mosaic_id = f"mosaic-{self._ids.tag()}"
        try:
            process, reader, writer = await self._spawn(mosaic_id)
            try:
                said = await _first_word(reader)
            except BaseException:
                writer.close()
                process.kill(signal.SIGKILL)
                raise
        except (OSError, LocalError, ValueError) as error:
            why = "it did not begin in time" if isinstance(error, TimeoutError) else str(error)
            raise MediaUnavailable(f"a mosaic could not be begun: {why}") from None
        handle = MosaicHandle(mosaic_id, call_id, self._output(said), self._inputs(said))
        found = self._open[mosaic_id] = _Open(handle, process, writer, on_event)
        found.watching = asyncio.create_task(self._watch(found, reader), name=mosaic_id)
        return found

    async def _spawn(self, name: str) -> tuple[WorkerProcess, asyncio.StreamReader, asyncio.StreamWriter]:
        """Start a process with the other end of a pair of sockets. Raises OSError."""
        words = ["--name", name, "--log-format", self._logs.log_format, "--log-level", self._logs.log_level]
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_LIMIT_BYTES)
            try:
                return WorkerProcess.spawn(words, "splitter.media.mosaic", theirs.fileno()), reader, writer
            except OSError:
                writer.close()
                raise

    def _output(self, ready: Ready) -> ParticipantMedia:
        return ParticipantMedia(_at(ready.output), _SENT, _SENT, sending=False, aside=True)

    def _inputs(self, ready: Ready) -> tuple[ParticipantMedia, ...]:
        taken = replace(_TAKEN, bitrate_kbps=self._kbps)
        return tuple(ParticipantMedia(_at(port), taken, taken, receiving=False, aside=True) for port in ready.inputs)

    async def _watch(self, found: _Open, reader: asyncio.StreamReader) -> None:
        """Hear what it says until it ends, and tell whose it was."""
        with suppress(ConnectionError, LocalError, ValueError):  # of a line that is too long
            while line := await reader.readline():
                match read_said(line):
                    case Late(reason=reason):
                        found.reason = reason
                    case _:
                        pass
        self._open.pop(found.handle.mosaic_id, None)
        await self._end(found)
        metrics.media.MOSAICS_ENDED.labels("late" if found.reason else "died").inc()
        reason = found.reason or f"its process {found.process.how or 'was given up'}"
        log.warning("a mosaic ended", call_id=found.handle.call_id, reason=reason)
        found.on_event(MosaicLost(found.handle.call_id, found.handle.mosaic_id, reason))

    async def _end(self, found: _Open) -> None:
        """Let a process end by itself, or else end it."""
        found.writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_LIMIT_S):
                await found.process.ended.wait()
        if not found.process.ended.is_set():
            found.process.kill(signal.SIGKILL)


async def _first_word(reader: asyncio.StreamReader) -> Ready:
    """Wait until a process may begin. Raises LocalError, TimeoutError, ValueError."""
    async with asyncio.timeout(_START_LIMIT_S):
        line = await reader.readline()
    said = read_said(line) if line else None
    if not isinstance(said, Ready) or len(said.inputs) != INPUTS:
        raise LocalError("its process ended at once" if said is None else "it began with something else")
    return said


def _at(port: int) -> RemoteEnd:
    """Where a process is; it has its RTCP at the same port (RFC 5761)."""
    return RemoteEnd(Address(HOST, port), Address(HOST, port))
