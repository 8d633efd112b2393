"""The recorder's process: it takes what taps send, and what the gateway asks, and one thread writes it. Does I/O.

It outlives the gateway as the media workers do: without one it goes on for its grace time, and then ends its files.
A slow disk holds up the thread, and not the socket: what waits is bounded, and what comes past that is dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from splitter.core.errors import LocalError
from splitter.media.record import protocol as p
from splitter.media.record.arguments import arguments_parser, store_place
from splitter.media.record.beside import PHOTO, STILL
from splitter.media.record.films import FilmRules
from splitter.media.record.keeper import RecordingRefused, Retention
from splitter.media.record.keys import read_or_make
from splitter.media.record.mover import MoveNotesInTurn, RecordingMover
from splitter.media.record.place import CONTROL, TAPS
from splitter.media.record.render_queue import RenderQueue
from splitter.media.record.seal_keys import SealKeys, Seals, ensure_key
from splitter.media.record.settings import Rendering, read_routes
from splitter.media.record.stamper import LedgerStamper
from splitter.media.record.stamps import Authority, authority_at
from splitter.media.record.store import RecordingStore, open_store
from splitter.media.record.studio import RecordingStudio
from splitter.media.record.turns import InTurn
from splitter.media.record.writing import WritingThread
from splitter.media.worker.place import peer_of
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

_DATAGRAM_BYTES = 1 << 17
_READ_AT_A_TIME = 64

R = TypeVar("R")

log = structlog.get_logger(__name__)


class RecorderProcess:
    """The process.

    Args:
        folder: of its sockets. grace_s: how long it goes on without a gateway.
    """

    def __init__(self, folder: Path, grace_s: float) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._end: asyncio.TimerHandle | None = None
        self._warnings: dict[str, str] = {}
        self.stopped = asyncio.Event()
        self.writing: WritingThread | None = None
        self.studio: RecordingStudio | None = None
        self._taps: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._films: asyncio.Task[None] | None = None

    async def start(
        self, make: Callable[[Callable[[str, str], None]], RecordingStudio], at_once: int = 0, below: float = 0.5
    ) -> None:
        """Listen, and make films.

        Args:
            at_once: so many films; 0 for none. below: while less than that of the machine is at work.

        Raises:
            LocalError: another recorder listens there already, or the folder cannot be used.
        """
        control, taps = self._folder / CONTROL, self._folder / TAPS
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(control))
            except OSError:
                pass
            else:
                raise LocalError(f"{control}: another recorder listens there")
        self.studio = make(lambda recording, reason: self._tell_from_thread(recording, reason))
        for path in (control, taps):
            path.unlink(missing_ok=True)
        self._taps = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._taps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._taps.bind(str(taps))
        taps.chmod(0o600)
        self.writing = WritingThread(self.studio)
        self._loop.add_reader(self._taps, self._read)
        self._server = await asyncio.start_unix_server(self._serve, str(control), limit=p.LINE_LIMIT_BYTES)
        control.chmod(0o600)
        if at_once:
            queue = RenderQueue(self.studio.films, self._in_thread, at_once, below)
            self._films = asyncio.create_task(queue.run(), name="films")
        self._start_grace()

    async def _in_thread(self, work: Callable[[], R]) -> R:
        """Have something done by the thread that writes. Raises what it does."""
        assert self.writing is not None
        done: asyncio.Future[R] = self._loop.create_future()

        def tell(result: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(lambda: None if done.done() else result())

        def carry_out() -> None:
            try:
                made = work()
            except Exception as fault:
                tell(partial(done.set_exception, fault))
            else:
                tell(partial(done.set_result, made))

        self.writing.do(carry_out)
        return await done

    def _read(self) -> None:
        assert self._taps is not None and self.writing is not None
        for _ in range(_READ_AT_A_TIME):
            try:
                datagram = self._taps.recv(_DATAGRAM_BYTES)
            except OSError:
                return
            self.writing.take(datagram)

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
        assert self.writing is not None and self.studio is not None
        studio, writing, loop = self.studio, self.writing, self._loop

        def work() -> None:
            fault = ""
            try:
                carry_out_ask(call.ask, studio)
            except RecordingRefused as refused:
                fault = str(refused)
            except OSError as error:
                fault = f"it cannot be written: {error.strerror or error}"
            except LocalError as error:
                fault = str(error)
            if not fault and isinstance(call.ask, p.AskHow):
                fault = studio.full
            answer = p.RecorderAnswer(
                call.id, fault, states=studio.states, lost=writing.lost, warnings=dict(self._warnings)
            )
            if call.id == 0:
                if fault:
                    log.error("what nobody waits for was not done", ask=type(call.ask).__name__, reason=fault)
                return
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_send, writer, answer)

        writing.do(work)

    def warn(self, what: str, fault: str) -> None:
        """Tell the gateway what is not done beside recordings, and why, from any thread; "": it is done again."""

        def tell() -> None:
            self._warnings = {name: why for name, why in {**self._warnings, what: fault}.items() if why}
            self._tell(p.RecorderAnswer(0, warnings=self._warnings, of_warnings=True))

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)

    def _tell_from_thread(self, recording: str, reason: str) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, p.RecorderAnswer(0, reason, recording))

    def _tell(self, answer: p.RecorderAnswer) -> None:
        for writer in self._writers:
            _send(writer, answer)

    async def close(self) -> None:
        """End the files, and the sockets."""
        if self._films is not None:
            self._films.cancel()
            await asyncio.gather(self._films, return_exceptions=True)
        if self._taps is not None:
            self._loop.remove_reader(self._taps)
            self._taps.close()
        if self.writing is not None:
            await asyncio.to_thread(self.writing.close)
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        for path in (self._folder / CONTROL, self._folder / TAPS):
            path.unlink(missing_ok=True)


def _send(writer: asyncio.StreamWriter, answer: p.RecorderAnswer) -> None:
    if not writer.is_closing():
        writer.write(p.write_line(answer))


def carry_out_ask(ask: p.RecorderAsk, studio: RecordingStudio) -> None:
    """Do what the gateway asks. Raises RecordingRefused, OSError."""
    match ask:
        case p.BeginRecording():
            studio.begin(ask.about, ask.paused)
        case p.ChangeRecording():
            studio.change(ask.about)
        case p.NoteInRecording():
            studio.note(ask.recording, ask.what, ask.more)
        case p.KeepStill():
            studio.keep(STILL, ask.recording, ask.number, ask.png)
        case p.KeepPhoto():
            studio.keep(PHOTO, ask.recording, ask.number, ask.jpeg)
        case p.MakeFilm():
            studio.make_film(ask.recording)
        case p.EndRecording():
            studio.end(ask.recording, ask.reason)
        case p.EnterInLedger():
            studio.enter(ask.kind, ask.about)
        case p.HoldRecording():
            studio.keeper.hold(ask.recording, ask.held, ask.by, ask.reason)
        case p.DeleteRecording():
            studio.keeper.delete(ask.recording, ask.by, ask.reason)
        case _:
            pass


async def _run(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    key, made = read_or_make(Path(arguments.key))
    if made:
        log.warning(
            "a key was made that signs recordings: keep a copy of its public half elsewhere", file=arguments.key
        )
    recorder = RecorderProcess(Path(arguments.sockets), arguments.grace)
    store, authority = open_store(store_place(arguments)), authority_at(arguments.timestamp_url)
    least, kept = int(arguments.least_free * 1e6), Retention(arguments.keep_days, read_routes(arguments.keep_days_for))
    beside, seals = ThreadPoolExecutor(1, "hashes"), await asyncio.to_thread(_seals, arguments)
    everything = arguments.render == Rendering.ALL
    films = FilmRules(everything, arguments.seal_key, arguments.seal_command, store_place(arguments))
    await recorder.start(
        lambda trouble: RecordingStudio(
            Path(arguments.folder), key, trouble, least, kept, beside=beside, seals=seals, films=films
        ),
        0 if arguments.render == Rendering.NONE else arguments.render_at_once,
        arguments.render_below / 100,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stopped.set)
    mover, stamper = _mover(recorder, arguments, store), _stamper(recorder, authority)
    log.info("recorder ready", folder=arguments.folder)
    await recorder.stopped.wait()
    for one in (mover, stamper):
        if one is not None:
            one.close()
    await recorder.close()
    beside.shutdown(wait=False, cancel_futures=True)


def _mover(
    recorder: RecorderProcess, arguments: argparse.Namespace, store: RecordingStore | None
) -> RecordingMover | None:
    """What moves recordings to their store, begun; None: they stay."""
    if store is None or recorder.writing is None or recorder.studio is None:
        return None
    notes = MoveNotesInTurn(InTurn(recorder.writing.do), recorder.studio.keeper, arguments.store)
    warn = partial(recorder.warn, "recordings are not moved to their store")
    mover = RecordingMover(Path(arguments.folder), store, notes, warn)
    mover.start()
    return mover


def _stamper(recorder: RecorderProcess, authority: Authority | None) -> LedgerStamper | None:
    """What has the ledger time-stamped, begun; None: nothing does."""
    if authority is None or recorder.writing is None or recorder.studio is None:
        return None
    warn = partial(recorder.warn, "the ledger of recordings is not time-stamped")
    stamper = LedgerStamper(recorder.studio.ledger, authority, InTurn(recorder.writing.do), warn)
    stamper.start()
    return stamper


def _seals(arguments: argparse.Namespace) -> Seals | None:
    """What seals all that is written; None: nothing does. Raises LocalError."""
    keys = SealKeys(arguments.seal_key, arguments.seal_command)
    if arguments.seal_key and not arguments.seal_command and ensure_key(Path(arguments.seal_key)):
        log.warning("a key was made that seals recordings: without it nobody opens them", file=arguments.seal_key)
    return Seals(keys) if keys else None


def main(words: list[str] | None = None) -> None:
    """Run a recorder to its end."""
    arguments = arguments_parser().parse_args(words)
    configure(TelemetrySettings(log_format=arguments.log_format, log_level=arguments.log_level))
    sys.setswitchinterval(0.0005)  # the thread that writes must not hold up the socket
    with suppress(OSError):
        os.nice(5)  # voice and picture come first
    try:
        asyncio.run(_run(arguments))
    except LocalError as error:
        log.error("the recorder cannot start", reason=str(error))
        sys.exit(1)
