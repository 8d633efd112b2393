"""The gateway's end of the recorder: finds it or starts it, asks it, and hears how it is. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from splitter.core.errors import LocalError
from splitter.core.pauses import doubled_s
from splitter.media.ports.recording import RecordingTap
from splitter.media.record import protocol as p
from splitter.media.record.keys import key_file
from splitter.media.record.place import CONTROL, TAPS
from splitter.media.record.settings import RecordingSettings
from splitter.media.worker.place import peer_of
from splitter.media.worker.process import WorkerProcess
from splitter.telemetry.settings import TelemetrySettings

_START_LIMIT_S = 10.0
_LOOK_S = 0.05
_FIRST_LIMIT_S = 4.0
_STOP_LIMIT_S = 5.0
_FIRST_AGAIN_S, _LAST_AGAIN_S = 0.1, 5.0
_STEADY_S = 10.0
ASK_LIMIT_S = 5.0
GRACE_S = 60.0

log = structlog.get_logger(__name__)


class _Silent(LocalError):
    """A recorder that is there and does not answer."""


class RecorderLink:
    """The recorder, and its successors.

    Args:
        settings: where it writes. sockets: the folder of its sockets.
        on_back: called when one can be asked, be it the first or another one.
        on_trouble: told the recording that had to stop, "" for all, and why; "" where they may begin again.

    Attributes:
        fault: why nothing can be recorded now; "" where it can.
        warnings: what the recorder does not do beside recordings, in words, by what it is.
        kept_bytes: what recordings take here.
        left: recordings that the one which was found is making.
        pid: of its process.
    """

    NAME = "recorder"
    MODULE = "splitter.media.record"
    SOCKETS = CONTROL, TAPS

    def __init__(
        self,
        settings: RecordingSettings,
        sockets: Path,
        logs: TelemetrySettings,
        on_back: Callable[[], None],
        on_trouble: Callable[[str, str], None],
        grace_s: float = GRACE_S,
    ) -> None:
        self._settings, self._sockets, self._logs = settings, sockets, logs
        self._grace_s = grace_s
        self._on_back, self._on_trouble = on_back, on_trouble
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[p.RecorderAnswer]] = {}
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._process: WorkerProcess | None = None
        self._first = asyncio.Event()
        self._left = False
        self.fault = f"the {self.NAME} has not started yet"
        self.warnings: dict[str, str] = {}
        self.kept_bytes = 0
        self.left: frozenset[str] = frozenset()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and not self._process.ended.is_set() else None

    @property
    def taps(self) -> str:
        """The socket that taps send to."""
        return str(self._sockets / self.SOCKETS[1])

    def tap(self, recording: str) -> RecordingTap:
        """Where copies of a recording's packets go."""
        return RecordingTap(recording, self.taps)

    async def arrived(self) -> None:
        """Wait for the first one, within limits: a gateway that has just begun finds it in a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LIMIT_S):
                await self._first.wait()

    def start(self) -> None:
        """Begin; calls do not wait for it."""
        self._task = asyncio.create_task(self._run(), name=self.NAME)

    def leave(self) -> None:
        """Leave it as it is to the next gateway: nothing that is said from now on is heard."""
        self._left = True
        if self._writer is not None:
            self._writer.transport.abort()
        if self._process is not None:
            self._process.release()

    async def stop(self) -> None:
        """End it, in order: what was asked before is done."""
        with suppress(LocalError):
            await self.ask(p.AskHow(), _STOP_LIMIT_S)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        process = self._process
        if process is not None and not process.ended.is_set() and not self._left:
            process.kill(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_LIMIT_S):
                    await process.ended.wait()
            process.kill()

    async def ask(self, ask: p.RecorderAsk, limit_s: float = ASK_LIMIT_S) -> p.RecorderAnswer:
        """Ask something. Raises LocalError where it is not done."""
        writer = self._writer
        if writer is None or self._left:
            raise LocalError(self.fault or f"there is no {self.NAME}")
        self._number += 1
        number = self._number
        answer: asyncio.Future[p.RecorderAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(p.write_line(p.RecorderCall(number, ask)))  # type: ignore[arg-type]
            async with asyncio.timeout(limit_s):
                said = await answer
        except TimeoutError:
            raise _Silent(f"the {self.NAME} does not answer") from None
        except OSError as error:
            raise LocalError(f"the {self.NAME} is gone: {error}") from error
        finally:
            self._waiting.pop(number, None)
        if said.fault:
            raise LocalError(said.fault)
        return said

    def tell(self, ask: p.RecorderAsk) -> None:
        """Ask something whose answer nobody waits for."""
        if self._left:
            return
        if self._writer is not None and self._writer.transport.get_write_buffer_size() < p.LINE_LIMIT_BYTES:
            self._writer.write(p.write_line(p.RecorderCall(0, ask)))  # type: ignore[arg-type]

    # ---- its life -----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        deaths, loop = 0, asyncio.get_running_loop()
        while not self._left:
            began = loop.time()
            try:
                reader, self._writer = await self._arrive()
                await self._live(reader)
                reason = "it closed its connection"
            except (OSError, LocalError, TimeoutError, ValueError) as error:  # ValueError: a line that is too long
                reason = str(error) or type(error).__name__
            finally:
                self._let_go()
            if self._left:
                return
            deaths = 0 if loop.time() - began > _STEADY_S else deaths + 1
            self._trouble("", f"the {self.NAME} is gone: {reason}")
            pause_s = doubled_s(_FIRST_AGAIN_S, _LAST_AGAIN_S, deaths)
            log.error(f"{self.NAME} lost", reason=reason, again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _arrive(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Come to the recorder that is there, or to a new one. Raises OSError, LocalError."""
        path = str(self._sockets / self.SOCKETS[0])
        with suppress(OSError):
            found = await asyncio.open_unix_connection(path, limit=p.LINE_LIMIT_BYTES)
            pid = peer_of(found[1].transport)[0]
            if pid != self.pid:  # else it is watched already
                with suppress(ProcessLookupError):
                    self._process = WorkerProcess(pid)
            if not self._is_another(pid):
                log.info(f"{self.NAME} found")
                return found
            found[1].transport.abort()
            await self._end_another()
        self._process = WorkerProcess.spawn(self._arguments(), self.MODULE)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                while True:
                    with suppress(OSError):
                        return await asyncio.open_unix_connection(path, limit=p.LINE_LIMIT_BYTES)
                    if self._process.ended.is_set():
                        raise LocalError("it ended while starting; its log says why")
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            self._process.kill()  # there must not be two
            raise LocalError("it did not start in time") from None

    def _is_another(self, pid: int) -> bool:
        """Whether a recorder was begun with other settings, or by another version: a key that seals, or a store."""
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            if self.MODULE in words:
                return words[words.index(self.MODULE) + 1 :] != self._arguments()
        return False

    async def _end_another(self) -> None:
        """End it in order: it ends its files, and the next one goes on in others."""
        log.warning(f"the {self.NAME} that was found has other settings: another one takes its place")
        process = self._process
        if process is None:
            return
        process.kill(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_LIMIT_S):
                await process.ended.wait()
        process.kill()

    def _arguments(self) -> list[str]:
        settings = self._settings
        words = {
            "--sockets": str(self._sockets),
            "--folder": settings.folder,
            "--key": str(key_file(settings.folder, settings.key)),
            "--least-free": str(settings.least_free_mb),
            "--quota": str(settings.quota_gb),
            "--keep-days": str(settings.keep_days),
            "--keep-days-for": ",".join(f"{route}:{days:g}" for route, days in settings.keep_days_for),
            "--seal-key": settings.seal_key,
            "--seal-command": settings.seal_command,
            "--store": settings.store,
            "--store-endpoint": settings.store_endpoint,
            "--store-region": settings.store_region,
            "--store-credentials": settings.store_credentials,
            "--render": settings.render.value,
            "--render-at-once": str(settings.render_at_once),
            "--render-below": str(settings.render_below),
            "--timestamp-url": settings.timestamp_url,
            "--grace": str(self._grace_s),
            "--protocol": str(p.PROTOCOL),
            "--log-format": self._logs.log_format,
            "--log-level": self._logs.log_level,
        }
        return [word for pair in words.items() for word in pair]

    async def _live(self, reader: asyncio.StreamReader) -> None:
        how = asyncio.create_task(self.ask(p.AskHow(), ASK_LIMIT_S))
        how.add_done_callback(self._came)
        try:
            while line := await reader.readline():
                self._heard(self._read(line))
        finally:
            how.cancel()

    def _read(self, line: bytes) -> p.RecorderAnswer:
        return p.read_answer(line)

    def _came(self, how: asyncio.Task[p.RecorderAnswer]) -> None:
        if how.cancelled():
            return
        error = how.exception()
        if error is not None:
            self._trouble("", str(error))
            if isinstance(error, _Silent) and self._writer is not None:
                self._writer.transport.abort()  # it is asked anew: nothing else would tell that it is well again
            return
        self._take_up(how.result())
        self.fault = ""
        self._first.set()
        log.info(f"{self.NAME} ready")
        self._on_back()

    def _take_up(self, answer: p.RecorderAnswer) -> None:
        """Learn what it has done for a gateway before this one."""
        self.left = frozenset(answer.states)
        self._learn(answer)

    def _learn(self, answer: p.RecorderAnswer) -> None:
        self.warnings = answer.warnings
        self.kept_bytes = answer.kept_bytes

    def _heard(self, answer: p.RecorderAnswer) -> None:
        if answer.id:
            waiting = self._waiting.get(answer.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
        elif answer.of_warnings:
            self._learn(answer)
        else:
            self._trouble(answer.recording, answer.fault)

    def _trouble(self, recording: str, reason: str) -> None:
        self._first.set()
        if not recording:
            self.fault = reason
        if recording or reason:
            self._on_trouble(recording, reason)
        else:
            self._on_back()  # there is room again

    def _let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(p.RecorderAnswer(0, f"the {self.NAME} is gone"))
