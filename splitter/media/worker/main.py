"""A media worker's process: its control socket, its life and its end. Does I/O.

A worker outlives the gateway that started it: voice must go on when signalling is restarted. So no parent-death
signal is asked for. Instead, a worker without a control connection keeps its relays for the grace time and then exits;
one that carries nothing exits as soon as its gateway is gone, one that nobody ever connected to after the grace time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import structlog
import uvloop

from splitter.media.ports.events import MediaEvent
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.dispatch import Answer, Dispatcher
from splitter.media.worker.loop import PacketHost
from splitter.media.worker.protocol import (
    FRAME_LIMIT_BYTES,
    Framer,
    ProtocolError,
    VerbCall,
    read_call,
    read_verb,
    write_event,
    write_reply,
)
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Shutdown
from splitter.media.worker.verbs.verb import Failed, Message, Need, Verb
from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from splitter.media.slate.slate import Slate

UNREAD_LIMIT_BYTES = 4 * FRAME_LIMIT_BYTES  # what comes past this is dropped: the gateway does not read

SWITCH_INTERVAL_S = 0.0005  # how long a thread that works on a picture may hold up packets, at most
log = structlog.get_logger(__name__)


class Control(asyncio.Protocol):
    """One control connection."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._worker.connected(self)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._framer.feed(data):
                self._call(body)
        except ProtocolError as error:
            log.error("control connection closed", reason=str(error))
            self.close()

    def _call(self, body: bytes) -> None:
        try:
            call = read_call(body)
        except ProtocolError as error:
            log.error("control message dropped", reason=str(error))
            return
        try:
            verb = read_verb(call)
        except ProtocolError as error:
            self.reply(call, Failed("fault", str(error)))
            return
        self._worker.execute(call, verb, self)

    def reply(self, call: VerbCall, answer: Message) -> None:
        self._write(write_reply(call.id, answer))

    def notify(self, owner: str, event: MediaEvent) -> None:
        self._write(write_event(owner, event))

    def _write(self, frame: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            log.error("control message dropped", reason="the gateway does not read")
            return
        transport.write(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._worker.disconnected(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Worker:
    """One worker: waits for Hello, then serves until Shutdown, SIGTERM, or the grace time without a gateway."""

    def __init__(self, grace_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._grace_s = grace_s
        self._control: Control | None = None
        self._host: PacketHost | None = None
        self._dispatcher: Dispatcher | None = None
        self._slate: asyncio.Future[Slate] | None = None
        self._warm: asyncio.Future[None] | None = None  # done: a room costs no more than any later one
        self._end: asyncio.TimerHandle | None = None
        self.stopped = asyncio.Event()
        self._start_grace()

    # ---- the control connection ----------------------------------------------------------------------------------

    def connected(self, control: Control) -> None:
        """A gateway is here; a newer connection takes the place of an older one."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._control is not None:
            self._control.close()
        self._control = control

    def disconnected(self, control: Control) -> None:
        if control is not self._control:
            return
        self._control = None
        if self._dispatcher is not None and not self._dispatcher:
            self.stopped.set()
        else:
            log.warning("the gateway is gone; media goes on", grace_s=self._grace_s)
            self._start_grace()

    def _start_grace(self) -> None:
        self._end = self._loop.call_later(self._grace_s, self.stopped.set)

    def _emit(self, owner: str, event: MediaEvent) -> None:
        if self._control is not None:
            self._control.notify(owner, event)

    # ---- verbs ---------------------------------------------------------------------------------------------------

    def execute(self, call: VerbCall, verb: Verb[Any], control: Control) -> None:
        """Carry out a verb; rooms wait until the slate is there, in the order of their verbs.

        Whoever asks for video to be there waits longer: until nothing competes with the first rooms any more.
        """
        if isinstance(verb, Shutdown):
            self.stopped.set()
        elif isinstance(verb, Hello):
            control.reply(call, self._hello(verb))
        elif self._dispatcher is None or self._slate is None:
            control.reply(call, Failed("fault", "Hello comes first"))
        elif awaited := self._awaited(verb.needs):
            dispatcher = self._dispatcher
            awaited.add_done_callback(lambda _: self._answer(call, dispatcher.handle(verb), control))
        else:
            self._answer(call, self._dispatcher.handle(verb), control)

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

    def _hello(self, hello: Hello) -> Message:
        if hello.protocol != PROTOCOL:
            return Failed("fault", f"this worker speaks protocol {PROTOCOL}, not {hello.protocol}")
        if self._dispatcher is None:
            self._dispatcher = self._prepare(hello)
        return self._dispatcher.status()

    def _prepare(self, hello: Hello) -> Dispatcher:
        ports = PortPairs(*hello.ports, hello.quarantine_s)
        ports.withhold(hello.resting, time.monotonic())
        self._host = PacketHost(self._loop, ports)
        dispatcher = Dispatcher(self._host, LatchRules(hello.latch_window_s), self._emit)
        # Loading the codec and encoding take a good part of a second: in a thread, so that voice does not wait for it.
        self._slate = self._loop.run_in_executor(None, _prepare_video, hello.slate_text, hello.slate_picture)
        self._warm = self._loop.create_future()
        self._slate.add_done_callback(self._slate_rendered)
        return dispatcher

    def _slate_rendered(self, slate: asyncio.Future[Slate]) -> None:
        if slate.cancelled() or self._dispatcher is None or self.stopped.is_set():
            return
        fault = slate.exception()
        if fault is not None:
            log.error("no slate: this worker has no video", exc_info=fault)
            self._warmed()
        else:
            self._dispatcher.slate = slate.result()
            completing = self._loop.run_in_executor(None, _warm_up, slate.result())
            completing.add_done_callback(self._warmed)

    def _warmed(self, completing: asyncio.Future[None] | None = None) -> None:
        if completing is not None and not completing.cancelled() and (fault := completing.exception()) is not None:
            log.error("not every form of the slate could be made", exc_info=fault)
        if self._warm is not None and not self._warm.done():
            self._warm.set_result(None)

    def close(self) -> None:
        """Close every socket."""
        if self._dispatcher is not None:
            self._dispatcher.close()
        if self._host is not None:
            self._host.close()
        if self._control is not None:
            self._control.close()


def _prepare_video(text: str, picture: str) -> Slate:
    """Load what rooms need and encode the slate."""
    import splitter.media.room.room  # noqa: F401
    from splitter.media.slate.slate import Slate

    return Slate.render(text, picture)


def _warm_up(slate: Slate) -> None:
    """Do what the first calls would otherwise wait for."""
    from splitter.media.wire.dtls import certificate

    certificate()
    slate.complete()


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def serve(path: Path, grace_s: float) -> None:
    """Run a worker on the control socket `path` until it ends."""
    worker = Worker(grace_s)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stopped.set)
    server = await loop.create_unix_server(lambda: Control(worker), sock=_listener(path))
    try:
        gc.collect()
        gc.freeze()  # what is loaded now stays: later collections need not look at it
        await worker.stopped.wait()
    finally:
        server.close()
        worker.close()
        _remove(path)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m splitter.media.worker`."""
    parser = argparse.ArgumentParser(prog="splitter.media.worker", description="A media worker of splitter.")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen for the gateway")
    parser.add_argument("--name", default="media", help="for the log")
    parser.add_argument("--grace", type=float, default=60.0, help="seconds that media goes on without a gateway")
    parser.add_argument("--log-format", default="console")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(arguments)
    configure(TelemetrySettings(log_format=options.log_format, log_level=options.log_level))
    structlog.contextvars.bind_contextvars(worker=options.name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's affair; it says Shutdown
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.socket, options.grace))
