"""A media worker's process: its control socket, its life and its end. Does I/O.

A worker outlives the gateway that started it: voice must go on when signalling is restarted. So no parent-death
signal is asked for. Instead, a worker without a gateway keeps its relays and rooms for the grace time and then exits;
one that carries nothing exits as soon as its gateway is gone, one that no gateway ever greeted after the grace time. A
worker that is a unit of its own (`--stay`) waits for the next gateway as long as it carries nothing.

One gateway commands it at a time: whoever came first with the right Hello, of the same user. It is not displaced while
its connection lasts; the kernel closes that of a gateway that dies.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from msgspec.structs import replace

from splitter.core.errors import LocalError
from splitter.core.garbage import Collector, FullLook
from splitter.media.fast.form import choose_form
from splitter.media.offload.kernel import open_offload
from splitter.media.ports.events import MediaEvent
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.control import Control
from splitter.media.worker.dispatch import Answer, Dispatcher
from splitter.media.worker.entrance import EntranceSettings, TcpEntrance
from splitter.media.worker.loop import PacketHost
from splitter.media.worker.place import WorkerPlace
from splitter.media.worker.protocol import VerbCall
from splitter.media.worker.verbs.process import PROTOCOL, DrawSlate, Hello, Renew, Shutdown
from splitter.media.worker.verbs.verb import Done, Failed, Message, Need, Verb
from splitter.telemetry.log import configure, set_level
from splitter.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from splitter.media.slate.slate import Slate

CALLERS_LIMIT = 128  # connections that have not said Hello; asyncio accepts a hundred before it reads any
HELLO_LIMIT_S = 10.0  # and how long each may take

FLOWS_AT_LEAST = 64  # that the kernel has room for; else one per port, twice as many as the relays here can have

_YOUNG = 700  # new objects for the garbage collector to look at: packets wait for it meanwhile
SWITCH_INTERVAL_S = 0.0005  # how long a thread that works on a picture may hold up packets, at most
log = structlog.get_logger(__name__)


class Worker:
    """One worker: waits for Hello, then serves until Shutdown, SIGTERM, or the grace time without a gateway.

    Args:
        stay: without a gateway, and with nothing to carry, it stays.
        folder: where it finds the other ones.
    """

    def __init__(self, grace_s: float, stay: bool = False, folder: Path | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._grace_s = grace_s
        self._stay = stay
        self._folder = folder
        self._control: Control | None = None
        self._callers: dict[Control, asyncio.TimerHandle] = {}  # who has not said Hello
        self._hello: Hello | None = None
        self._host: PacketHost | None = None
        self.dispatcher: Dispatcher | None = None
        self._slate: asyncio.Future[Slate] | None = None
        self._warm: asyncio.Future[None] | None = None  # done: a room costs no more than any later one
        self._ready: tuple[DrawSlate, Slate] | None = None  # another slate, before it is taken
        self._end: asyncio.TimerHandle | None = None
        self.stopped = asyncio.Event()
        if not stay:
            self._start_grace()

    # ---- the control connection ----------------------------------------------------------------------------------

    def connected(self, control: Control) -> None:
        """Somebody is here, who may be a gateway."""
        if control.uid != os.geteuid():
            log.error("control connection refused", uid=control.uid, pid=control.pid)
            control.close()
        elif len(self._callers) >= CALLERS_LIMIT:
            log.error("control connection refused", reason="too many do not say who they are", pid=control.pid)
            control.close()
        else:
            self._callers[control] = self._loop.call_later(HELLO_LIMIT_S, control.close)

    def disconnected(self, control: Control) -> None:
        self._drop_caller(control)
        if control is not self._control:
            return
        self._control = None
        if self.dispatcher is not None and not self.dispatcher:
            if not self._stay:
                self.stopped.set()
        else:
            log.warning("the gateway is gone; media goes on", grace_s=self._grace_s)
            self._start_grace()

    def _drop_caller(self, control: Control) -> None:
        """It has said who it is, or is gone."""
        timer = self._callers.pop(control, None)
        if timer is not None:
            timer.cancel()

    def _start_grace(self) -> None:
        self._end = self._loop.call_later(self._grace_s, self.stopped.set)

    def carries(self) -> int:
        """The number of relays, rooms and adapters."""
        return len(self.dispatcher or ())

    def _emit(self, owner: str, event: MediaEvent) -> None:
        if self._control is not None:
            self._control.notify(owner, event)

    # ---- verbs ---------------------------------------------------------------------------------------------------

    def execute(self, call: VerbCall, verb: Verb[Any], control: Control) -> None:
        """Carry out a verb; rooms wait until the slate is there, in the order of their verbs.

        Whoever asks for video to be there waits longer: until nothing competes with the first rooms any more.
        """
        if isinstance(verb, Hello):
            control.reply(call, self._greet(verb, control))
        elif self.dispatcher is None or control is not self._control:
            control.reply(call, Failed("fault", "Hello comes first"))
        elif isinstance(verb, Shutdown):
            self.stopped.set()
        elif isinstance(verb, DrawSlate):
            drawing = self._loop.run_in_executor(None, _redraw, verb.text, verb.picture)
            drawing.add_done_callback(lambda drawn: control.reply(call, self._drawn(verb, drawn)))
        elif isinstance(verb, Renew):
            control.reply(call, self._renew(verb))
        elif awaited := self._awaited(verb.needs):
            dispatcher = self.dispatcher
            awaited.add_done_callback(lambda _: self._answer(call, dispatcher.handle(verb), control))
        else:
            self._answer(call, self.dispatcher.handle(verb), control)

    def _awaited(self, need: Need) -> asyncio.Future[Any] | None:
        """What still has to be waited for."""
        if need is Need.NOTHING:
            return None
        awaited: asyncio.Future[Any] | None = self._warm if need is Need.ALL_STILLS else self._slate
        return None if awaited is None or awaited.done() else awaited

    def _answer(self, call: VerbCall, answer: Answer, control: Control) -> None:
        """Reply now, or when what was promised is there."""
        if not isinstance(answer, asyncio.Future):
            control.reply(call, answer)
            return

        def kept(promised: asyncio.Future[Message]) -> None:
            if not promised.cancelled():
                control.reply(call, promised.result())

        answer.add_done_callback(kept)

    def _greet(self, hello: Hello, control: Control) -> Message:
        """Obey this gateway from now on, or say why not."""
        if hello.protocol != PROTOCOL:
            log.error("gateway of another version refused", pid=control.pid, protocol=hello.protocol)
            return Failed("version", f"this worker speaks protocol {PROTOCOL}, not {hello.protocol}")
        if self._control not in (None, control):
            log.error("second gateway refused", pid=control.pid)
            return Failed("busy", "another gateway commands this worker")
        self._drop_caller(control)
        self._control = control
        if self._end is not None:
            self._end.cancel()
            self._end = None
        settings = replace(hello, resting=[])
        if self.dispatcher is None:
            self._hello, self.dispatcher = settings, self._prepare(hello)
        else:
            self._reserve(hello.reserved)
            if len(self.dispatcher):
                log.info("taken over by another gateway", pid=control.pid, carried=len(self.dispatcher))
        return replace(self.dispatcher.status(), outdated=settings != self._hello)

    def _drawn(self, verb: DrawSlate, drawn: asyncio.Future[Slate]) -> Message:
        """Keep a slate ready, or say why there is none."""
        if drawn.cancelled() or (fault := drawn.exception()) is not None:
            return Failed("fault", "the worker ends" if drawn.cancelled() else str(fault))
        self._ready = verb, drawn.result()
        return Done()

    def _renew(self, verb: Renew) -> Message:
        """Go by other settings: a gateway that comes later and has the same finds them here."""
        set_level(verb.log_level)
        if self._ready is not None and self._ready[0] == DrawSlate(verb.slate_text, verb.slate_picture):
            assert self.dispatcher is not None and self._hello is not None
            self.dispatcher.slate = self._ready[1]
            self._hello = replace(self._hello, slate_text=verb.slate_text, slate_picture=verb.slate_picture)
        self._ready = None
        if verb.reserved >= 0:
            self._reserve(verb.reserved)
        return Done()

    def _reserve(self, pairs: int) -> None:
        """Have pictures leave so many pairs to voice; those that they have stay theirs."""
        assert self.dispatcher is not None and self._hello is not None
        self.dispatcher.reserve(pairs)
        self._hello = replace(self._hello, reserved=pairs)

    def _prepare(self, hello: Hello) -> Dispatcher:
        ports = PortPairs(*hello.ports, hello.quarantine_s, reserved=hello.reserved)
        ports.withhold(hello.resting, time.monotonic())
        form = choose_form(hello.native)
        log.info("the short way of pictures", form=form.name, reason=form.reason)
        self._host = PacketHost(self._loop, ports, hello.freebind, form)
        if hello.tcp[0] and self._folder is not None:
            entrance = EntranceSettings(hello.index, self._folder, *hello.tcp, hello.freebind)
            self._host.entrance = TcpEntrance(self._loop, entrance)
        offload = open_offload(max(FLOWS_AT_LEAST, hello.ports[1] - hello.ports[0])) if hello.offload else None
        dispatcher = Dispatcher(self._host, LatchRules(hello.latch_window_s), self._emit, offload)
        # Loading the codec and encoding take a good part of a second: in a thread, so that voice does not wait for it.
        self._slate = self._loop.run_in_executor(None, _prepare_video, hello.slate_text, hello.slate_picture)
        self._loop.run_in_executor(None, _prepare_mixes).add_done_callback(self._mixes_known)
        self._warm = self._loop.create_future()
        self._slate.add_done_callback(self._slate_rendered)
        return dispatcher

    def _mixes_known(self, known: asyncio.Future[tuple[str, ...]]) -> None:
        if known.cancelled() or self.dispatcher is None:
            return
        fault = known.exception()
        if fault is not None:
            log.error("this worker mixes G.711 alone", exc_info=fault)
        else:
            self.dispatcher.mixes = known.result()

    def _slate_rendered(self, slate: asyncio.Future[Slate]) -> None:
        if slate.cancelled() or self.dispatcher is None or self.stopped.is_set():
            return
        fault = slate.exception()
        if fault is not None:
            log.error("no waiting picture: this worker has no video", exc_info=fault)
            self._warmed()
        else:
            self.dispatcher.slate = slate.result()
            completing = self._loop.run_in_executor(None, _warm_up, slate.result())
            completing.add_done_callback(self._warmed)

    def _warmed(self, completing: asyncio.Future[None] | None = None) -> None:
        if completing is not None and not completing.cancelled() and (fault := completing.exception()) is not None:
            log.error("not every form of the waiting picture could be made", exc_info=fault)
        if self._warm is not None and not self._warm.done():
            self._warm.set_result(None)

    def close(self) -> None:
        """Close every socket."""
        if self.dispatcher is not None:
            self.dispatcher.close()
        if self._host is not None:
            self._host.close()
        for control in (self._control, *self._callers):
            if control is not None:
                control.close()


def _prepare_video(text: str, picture: str) -> Slate:
    """Load what rooms need and encode the slate."""
    import splitter.media.room.room  # noqa: F401
    from splitter.media.slate.slate import Slate

    return Slate.render(text, picture)


def _prepare_mixes() -> tuple[str, ...]:
    """Load what mixes need. Returns: what can be mixed."""
    import splitter.media.relay.mix  # noqa: F401
    from splitter.media.voice.codecs import encodings

    return encodings()


def _redraw(text: str, picture: str) -> Slate:
    """Draw another slate in every form, while rooms may be open: whoever opens one later must not wait."""
    from splitter.media.slate.draw import load
    from splitter.media.slate.slate import Slate

    load.cache_clear()  # the file may be another one under the same name
    slate = Slate.render(text, picture)
    slate.complete()
    return slate


def _warm_up(slate: Slate) -> None:
    """Do what the first calls would otherwise wait for."""
    from splitter.media.wire.dtls import certificate

    certificate()
    slate.complete()


async def serve(path: Path, grace_s: float, stay: bool = False) -> None:
    """Run a worker on the control socket `path` until it ends. Raises LocalError where another one listens there."""
    place = WorkerPlace(path)
    worker = Worker(grace_s, stay, path.parent)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stopped.set)
    server = await loop.create_unix_server(lambda: Control(worker), sock=place.listener)
    try:
        gc.collect()
        Collector(_YOUNG, FullLook(few=0), worker.carries).start()
        await worker.stopped.wait()
    finally:
        place.leave()
        server.close()
        worker.close()


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m splitter.media.worker`."""
    parser = argparse.ArgumentParser(prog="splitter.media.worker", description="A media worker of splitter.")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen for the gateway")
    parser.add_argument("--name", default="media", help="for the log")
    parser.add_argument("--grace", type=float, default=60.0, help="seconds that media goes on without a gateway")
    parser.add_argument("--stay", action="store_true", help="wait for the next gateway as long as nothing is carried")
    parser.add_argument("--log-format", default="console")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(arguments)
    configure(TelemetrySettings(log_format=options.log_format, log_level=options.log_level))
    structlog.contextvars.bind_contextvars(worker=options.name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's affair; it says Shutdown
    with asyncio.Runner(loop_factory=PacketLoop) as runner:
        try:
            runner.run(serve(options.socket, options.grace, options.stay))
        except LocalError as error:
            log.error("media worker not started", reason=str(error))
            sys.exit(1)
