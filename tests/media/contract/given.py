"""An engine that is put to the test, and what a test may do to it that no port can."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import pytest
import uvloop
from PIL import Image

from splitter.core.net import Address
from splitter.media.ng.engine import NgEngine
from splitter.media.ng.instance import NgTimers
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.health import WorkerStatus
from splitter.media.ports.rooms import ParticipantHandle, ParticipantMedia, RoomEngine, RoomHandle
from splitter.media.ports.survivors import Survivors
from splitter.media.ports.voice import RelayHandle, VoiceEngine
from splitter.media.worker.engine import WorkerEngine
from splitter.media.worker.supervisor import SupervisorTimers
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureRemote
from tests.media.ng.rtpengine import rtpengines
from tests.media.worker.stand import FIRST_PORT, NETWORKS, Events, Peer, gateway, rtp, sides
from tests.patience import until
from tests.world.loop import VirtualLoop
from tests.world.media import FakeEngine

CALL, BOTH = "call-1", sides()
H264 = VideoFormat(payload_type=96)
PLAIN = ParticipantMedia(RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001)), H264, H264)
SECURE = ParticipantMedia(
    None, H264, H264, secure=SecureRemote("peer", "p" * 22, ("sha-256 " + ":".join(["CD"] * 32),), "active")
)
FIRM = SupervisorTimers(heartbeat_s=0.05, hang_limit_s=60, slow_limit_s=60)
VERBS = {name for port in (VoiceEngine, RoomEngine) for name in vars(port) if not name.startswith("_")}


def _image() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(made, "PNG")
    return made.getvalue()


IMAGE = _image()


class Engine(VoiceEngine, RoomEngine, Survivors, Protocol):
    """One that has all ports."""


async def _unable() -> None:
    raise NotImplementedError("its media do not outlive a gateway yet")


@dataclass
class Given:
    """An engine that is put to the test.

    Attributes:
        run: runs a scenario on the engine's loop.
        kill: ends what carries the relays and rooms, and comes back once the engine can be used again.
        hang: while it lasts, no request is answered.
        speak: lets a side of a relay be heard, until that is counted.
        sizes: how many relays, rooms and ports are held for us.
        rooms: whether it has the port of rooms, too.
        restart: the gateway dies, and another one begins with what is carried still: `engine` is its own.
    """

    engine: Engine
    run: Callable[[Coroutine[Any, Any, None]], None]
    kill: Callable[[], Awaitable[None]]
    hang: Callable[[], AbstractContextManager[None]]
    speak: Callable[[RelayHandle, int], Awaitable[None]]
    sizes: Callable[[], dict[str, int]]
    rooms: bool = True
    restart: Callable[[], Awaitable[None]] = _unable

    async def relay(self, on_event: Callable[[MediaEvent], None] = lambda event: None) -> RelayHandle:
        """An open relay."""
        return await self.engine.open(CALL, BOTH, on_event)

    async def room(self, on_event: Callable[[MediaEvent], None] = lambda event: None) -> RoomHandle:
        """An open room."""
        self.must_have_rooms()
        return await self.engine.open_room(CALL, on_event)

    def must_have_rooms(self) -> None:
        """Skip the test with an engine of voice alone."""
        if not self.rooms:
            pytest.skip("this engine has no rooms")

    async def watcher(self, events: Events) -> tuple[RoomHandle, ParticipantHandle]:
        """A room, and a caller in it who is to be shown something."""
        room = await self.room(events)
        caller = await self.engine.join(room, "caller", "access")
        await self.engine.set_participant(caller, PLAIN)
        return room, caller

    async def nothing_left(self) -> None:
        """Nothing is held for us; a worker says so a moment later."""
        await until(lambda: not any(self.sizes().values()))


def _scenarios(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, None]], None]:
    complaints: list[dict[str, Any]] = []
    runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        complaints.clear()
        runner.run(scenario)
        assert not complaints

    return run


async def _speak(engine: VoiceEngine, relay: RelayHandle, side: int) -> None:
    """Send real packets from a side."""
    peer = Peer("127.0.0.9")
    await engine.point(relay, side, peer.remote)
    address = NETWORKS[BOTH[side].network].media_address, relay.local[side].rtp_port
    report = None
    while report is None or not report.sides[side].packets_in:
        peer.rtp.sendto(rtp(1), address)
        report = await engine.report(relay)
    peer.close()


@contextmanager
def fake() -> Iterator[Given]:
    """FakeEngine in virtual time."""
    made = FakeEngine(NETWORKS)

    async def kill() -> None:
        for worker in range(made.workers):
            made.kill(worker)
        await asyncio.sleep(1)

    @contextmanager
    def hang() -> Iterator[None]:
        made.stuck = VERBS
        yield
        made.stuck = set()

    async def speak(relay: RelayHandle, side: int) -> None:
        await asyncio.sleep(1)  # whoever is pointed to is heard

    async def restart() -> None:
        made.abandon()

    def sizes() -> dict[str, int]:
        return {"relays": len(made.relays), "rooms": len(made.rooms), "ports": made.ports}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield Given(made, _scenarios(runner), kill, hang, speak, sizes, restart=restart)


@contextmanager
def workers(request_limit_s: float = 50.0) -> Iterator[Given]:
    """WorkerEngine with one worker, in real time."""
    ports: dict[str, Any] = {"first_port": FIRST_PORT + 220, "last_port": FIRST_PORT + 499, "quarantine_s": 5}
    with (
        tempfile.TemporaryDirectory(prefix="media-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):

        def made() -> WorkerEngine:
            begun = gateway(folder, request_limit_s=request_limit_s, timers=FIRM, **ports)
            engines.append(begun)
            return begun

        engines: list[WorkerEngine] = []
        runner.run(made().start())

        def worker() -> WorkerStatus:
            [status] = engines[-1].status()
            return status

        async def kill() -> None:
            pid, restarts = worker().pid, worker().restarts
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: worker().restarts > restarts and worker().state == "ready")

        @contextmanager
        def hang() -> Iterator[None]:
            pid = worker().pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)

        async def restart() -> None:
            await engines[-1].abandon()
            given.engine = made()
            await engines[-1].start()

        async def speak(relay: RelayHandle, side: int) -> None:
            await _speak(engines[-1], relay, side)

        def sizes() -> dict[str, int]:
            return engines[-1].sizes()

        given = Given(engines[-1], _scenarios(runner), kill, hang, speak, sizes, restart=restart)
        yield given
        runner.run(engines[-1].stop())


@contextmanager
def rtpengine(request_limit_s: float = 50.0) -> Iterator[Given]:
    """NgEngine with one rtpengine, Debian's, in real time. It has no rooms."""
    patience = NgTimers(answer_s=60) if request_limit_s < 50 else NgTimers()
    with (
        rtpengines("one", first_port=FIRST_PORT + 14_000) as [daemon],
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        made = NgEngine([daemon.settings], NETWORKS, request_limit_s=request_limit_s, timers=patience)
        runner.run(made.start())

        async def restart() -> None:
            nonlocal made
            await made.stop()
            made = NgEngine([daemon.settings], NETWORKS, request_limit_s=request_limit_s, timers=patience)
            await made.start()
            given.engine = cast(Engine, made)

        async def speak(relay: RelayHandle, side: int) -> None:
            await _speak(made, relay, side)

        async def kill() -> None:
            daemon.kill()
            await until(lambda: made.status()[0].state == "down")
            daemon.start()
            await until(lambda: made.status()[0].state == "up")

        @contextmanager
        def hang() -> Iterator[None]:
            daemon.kill(signal.SIGSTOP)
            try:
                yield
            finally:
                daemon.kill(signal.SIGCONT)

        def sizes() -> dict[str, int]:
            return {"relays": sum(one.relays for one in made.status()), "calls": len(daemon.calls())}

        scenarios = _scenarios(runner)
        given = Given(cast(Engine, made), scenarios, kill, hang, speak, sizes, rooms=False, restart=restart)
        yield given
        runner.run(made.stop())
