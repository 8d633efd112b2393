"""The recorder's process: it takes what taps send, and what the gateway asks, and one thread writes it. Does I/O.

It outlives the gateway as the media workers do: without one it goes on for its grace time, and then ends its files.
A slow disk holds up the thread, and not the socket: what waits is bounded, and what comes past that is dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
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
from splitter.media.record.beside import PDF, PHOTO, STILL
from splitter.media.record.films import FilmRules
from splitter.media.record.keeper import RecordingRefused, Retention
from splitter.media.record.keys import read_or_make
from splitter.media.record.mover import MoveNotesInTurn, RecordingMover
from splitter.media.record.place import CONTROL, TAPS
from splitter.media.record.render_queue import RenderQueue
from splitter.media.record.seal_keys import SealKeys, Seals, ensure_key
from splitter.media.record.settings import Rendering, read_routes
from splitter.media.record.sockets import CopySockets
from splitter.media.record.space import SpaceLimits, SpaceUsed
from splitter.media.record.stamper import LedgerStamper
from splitter.media.record.stamps import Authority, authority_at
from splitter.media.record.store import RecordingStore, open_store
from splitter.media.record.studio import RecordingStudio
from splitter.media.record.turns import InTurn
from splitter.media.record.writing import WritingThread
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

R = TypeVar("R")

log = structlog.get_logger(__name__)


class RecorderProcess:
    """The process.

    Args:
        folder: of its sockets. grace_s: how long it goes on without a gateway.
    """

    def __init__(self, folder: Path, grace_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._warnings: dict[str, str] = {}
        self._kept = 0
        self.writing: WritingThread | None = None
        self.studio: RecordingStudio | None = None
        self._sockets = CopySockets("recorder", folder / CONTROL, folder / TAPS, grace_s, self._take, self._ask)
        self._films: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> asyncio.Event:
        """Set when it is to end."""
        return self._sockets.stopped

    async def start(
        self, make: Callable[[Callable[[str, str], None]], RecordingStudio], at_once: int = 0, below: float = 0.5
    ) -> None:
        """Listen, and make films.

        Args:
            at_once: so many films; 0 for none. below: while less than that of the machine is at work.

        Raises:
            LocalError: another recorder listens there already, or the folder cannot be used.
        """
        self._sockets.claim()
        self.studio = make(lambda recording, reason: self._tell_from_thread(p.RecorderAnswer(0, reason, recording)))
        self.writing = WritingThread(self.studio)
        await self._sockets.listen()
        if at_once:
            queue = RenderQueue(self.studio.films, self._in_thread, at_once, below)
            self._films = asyncio.create_task(queue.run(), name="films")

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

    # ---- the gateway -----------------------------------------------------------------------------------------------

    def _take(self, datagram: bytes) -> None:
        assert self.writing is not None
        self.writing.take(datagram)

    def _ask(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        call = p.read_call(line)
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
                call.id,
                fault,
                states=studio.states,
                lost=writing.lost,
                warnings=dict(self._warnings),
                kept_bytes=self._kept,
            )
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._sockets.answer, writer, call, answer)

        writing.do(work)

    def warn(self, what: str, fault: str) -> None:
        """Tell the gateway what is not done beside recordings, and why, from any thread; "": it is done again."""

        def tell() -> None:
            self._warnings = {name: why for name, why in {**self._warnings, what: fault}.items() if why}
            self._sockets.tell(p.RecorderAnswer(0, warnings=self._warnings, of_warnings=True, kept_bytes=self._kept))

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)

    def use(self, used: SpaceUsed) -> None:
        """Tell the gateway what recordings take, from any thread."""
        self._kept = used.kept_bytes
        self.warn("recordings have nearly used up their quota", used.warning)

    def _tell_from_thread(self, answer: p.RecorderAnswer) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._sockets.tell, answer)

    async def close(self) -> None:
        """End the files, and give back what it has."""
        if self._films is not None:
            self._films.cancel()
            await asyncio.gather(self._films, return_exceptions=True)
        self._sockets.close_taps()
        if self.writing is not None:
            await asyncio.to_thread(self.writing.close)
        self._sockets.close()


def carry_out_ask(ask: p.RecorderAsk, studio: RecordingStudio) -> None:
    """Do what the gateway asks. Raises RecordingRefused, OSError."""
    match ask:
        case p.BeginRecording():
            studio.begin(ask.about, ask.paused, ask.reason)
        case p.ChangeRecording():
            studio.change(ask.about)
        case p.NoteInRecording():
            studio.note(ask.recording, ask.what, ask.more)
        case p.KeepStill():
            studio.keep(STILL, ask.recording, ask.number, ask.png)
        case p.KeepPhoto():
            studio.keep(PHOTO, ask.recording, ask.number, ask.jpeg)
        case p.KeepPdf():
            studio.keep(PDF, ask.recording, ask.number, ask.pdf)
        case p.MakeFilm():
            studio.make_film(ask.recording)
        case p.EndRecording():
            studio.end(ask.recording, ask.reason)
        case p.EnterInLedger():
            studio.enter(ask.kind, ask.about)
        case p.HoldRecording():
            studio.keeper.hold(ask.recording, ask.held, ask.by, ask.reason)
        case p.ConcludeCall():
            studio.conclude(ask.call_id, ask.outcome)
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
    kept = Retention(arguments.keep_days, read_routes(arguments.keep_days_for))
    limits = SpaceLimits(int(arguments.least_free * 1e6), int(arguments.quota * 1e9))
    beside, counting = ThreadPoolExecutor(1, "hashes"), ThreadPoolExecutor(1, "count")
    seals = await asyncio.to_thread(_seals, arguments)
    everything = arguments.render == Rendering.ALL
    films = FilmRules(everything, arguments.seal_key, arguments.seal_command, store_place(arguments))
    await recorder.start(
        lambda trouble: RecordingStudio(
            Path(arguments.folder),
            key,
            trouble,
            limits,
            kept,
            beside=beside,
            seals=seals,
            films=films,
            used=recorder.use,
            counting=counting,
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
    for pool in (beside, counting):
        pool.shutdown(wait=False, cancel_futures=True)


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
