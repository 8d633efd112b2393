"""A/V calls per core of media workers: a video room with a phone and a browser, and the relay of the voice. Does I/O.

Calls are added to one worker, which has a core to itself as far as others let it, until its CPU is used up. What a core
carries is told from the CPU time of a call, and then as many are played, for the delay that comes with it. The packets'
far ends have the machine's other core, and are no burst when they are late (`generator.c`).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.ends import TO_DESK, TO_PHONE, VOICE, EndsProcess, Order, Played, Shape, Targets
from bench.relay import Network, cpu_s
from bench.report import Report, judge
from bench.systems import MEASURED_CORE, PLAYING_CORE, pinned
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.ports.voice import SideSpec
from splitter.media.settings import MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.telemetry.settings import TelemetrySettings
from tests.media.wire.stand import BROWSER, CALLER

SHAPES = (Shape("720p, 1 Mbit/s", 720, 1280, 25, 1000), Shape("480×640, 400 kbit/s", 480, 640, 15, 400))
FIRST_CALLS, MOST_CALLS, JOINING = 48, 520, 8
FULL, MODERATE = 0.8, 0.4  # of a core
NEAR = 0.68  # of a core: what is full can be told from there
DELAY_LIMIT_MS = 5.0
LATE = 0.05  # of the time: if the ends were later in all, they are what cannot keep up
OTHERS = 0.05  # of the time: if the worker waited so long for its core, a delay is not its own
LOST = 0.005  # of the packets; with more of them lost, CPU per call says too little
ATTEMPTS = 2  # at a step or a load that others disturb
QUIET = 0.05  # of a core: a worker with nothing to do, once its slate is made
WARM_UP_S, SECONDS = 2.0, 1.5
SLATE_AFTER_S, WAITING_S = 4.0, 3.0  # when a picture that has stopped is given up (RoomTimes), and how long then
SIDES = SideSpec("caller", "lo"), SideSpec("centre", "lo")


@dataclass
class Bed:
    """One worker, the calls that it carries, and their ends."""

    engine: WorkerEngine
    ends: EndsProcess
    shape: Shape
    calls: int = 0
    connected: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        pid = self.engine.status()[0].pid
        assert pid is not None
        return pid

    def on_event(self, event: MediaEvent) -> None:
        if isinstance(event, TransportChanged):
            if event.state == "connected":
                self.connected.add(event.call_id)
            elif event.state == "failed":
                self.failed.append(f"{event.call_id}: {event.reason}")

    async def settle(self) -> None:
        """Until the worker has made its slate, for which it takes a while in the background."""
        await self.engine.close_room(await self.engine.open_room("warm-up", self.on_event))
        before = float("-inf")
        while cpu_s(self.pid) - before > QUIET * 0.5:
            before = cpu_s(self.pid)
            await asyncio.sleep(0.5)

    async def grow(self, calls: int) -> None:
        """Until so many stand."""
        while self.calls < calls:
            more = min(JOINING, calls - self.calls)
            offers = await self.ends.gather(more)
            made = [await self._call(self.calls + index, offer) for index, offer in enumerate(offers)]
            self.calls += more
            await self.ends.connect(made)
            async with asyncio.timeout(10):
                while len(self.connected) < self.calls:  # noqa: ASYNC110 - another process sets no events
                    await asyncio.sleep(0.01)

    async def _call(self, number: int, offer: object) -> Targets:
        engine, ends, name = self.engine, self.ends, f"bench-{number}"
        relay = await engine.open(name, SIDES, self.on_event)
        for side, voice in enumerate(ends.voices):
            await engine.point(relay, side, _remote(voice))
        room = await engine.open_room(name, self.on_event)
        caller = await engine.join(room, "caller", "lo")
        await engine.set_participant(caller, ParticipantMedia(_remote(ends.phone), CALLER, CALLER))
        seat = await engine.join_secure(room, "seat-1", "lo")
        await engine.set_participant(seat, ParticipantMedia(None, BROWSER, BROWSER, secure=offer))  # type: ignore[arg-type]
        assert seat.secure is not None
        return Targets(caller.local.rtp_port, (relay.local[0].rtp_port, relay.local[1].rtp_port), seat.secure)

    async def play(self, calls: int, *, video: bool = True, seconds: float = SECONDS) -> Played:
        """Let so many calls flow for a while."""
        await self.grow(calls)
        played = await self.ends.play(Order(self.pid, self.shape, calls, video, WARM_UP_S, seconds))
        if self.failed:
            raise RuntimeError("; ".join(self.failed))
        print(f"  {self.shape.name}: {in_words(played)}", file=sys.stderr, flush=True)
        return played

    async def wait(self) -> float:
        """Let nobody send: both sides of each call are shown a still. Returns: ms of CPU of a call and second."""
        await asyncio.sleep(SLATE_AFTER_S)
        before, begun = cpu_s(self.pid), time.monotonic()
        await asyncio.sleep(WAITING_S)
        return 1000 * (cpu_s(self.pid) - before) / (time.monotonic() - begun) / self.calls


def _remote(rtp: Address) -> RemoteEnd:
    return RemoteEnd(rtp, Address(rtp.host, rtp.port + 1))


@asynccontextmanager
async def bed(shape: Shape) -> AsyncIterator[Bed]:
    """A worker on its core, with the short way of pictures in C, and nothing in it."""
    ends = EndsProcess(PLAYING_CORE)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(workers=1, first_port=42_000, last_port=49_999, socket_dir=folder)
        engine = WorkerEngine(settings, {"lo": Network()}, logs=TelemetrySettings(log_level="error"))
        try:
            with pinned(MEASURED_CORE):
                await engine.start()
            os.sched_setaffinity(0, {PLAYING_CORE} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
            assert engine.status()[0].form == "native", engine.status()
            made = Bed(engine, ends, shape)
            await made.settle()
            yield made
        finally:
            await engine.stop()
            ends.close()


# ---- what a play says --------------------------------------------------------------------------------------------


def share(played: Played) -> float:
    """Of a core, what the worker needs for all that was sent, at its CPU time per packet that was delivered."""
    return played.cpu_s / max(1, sum(played.delivered.values())) * sum(played.sent.values()) / played.seconds


def others(played: Played) -> float:
    """Of the time, how much the worker waited while others had its core."""
    return played.waited_s / played.seconds


def call_ms(played: Played) -> float:
    """CPU of one call and second, ms."""
    return 1000 * share(played) / played.calls


def delay_ms(played: Played, quantile: int, *kinds: str) -> float:
    """That percentile of the added delay."""
    delays = [delay for kind in kinds or (TO_DESK, TO_PHONE, VOICE) for delay in played.delays_s[kind]]
    return 1000 * statistics.quantiles(delays, n=100)[quantile - 1] if len(delays) > 1 else 0.0


def lost(played: Played) -> float:
    """The share of packets that did not arrive."""
    sent = sum(played.sent.values())
    return max(0.0, 1 - sum(played.delivered.values()) / sent)


def in_words(played: Played) -> str:
    return (
        f"{played.calls} calls, {100 * share(played):.0f} % of a core, {call_ms(played):.2f} ms/s per call, delay p50"
        f" {delay_ms(played, 50):.2f} p99 {delay_ms(played, 99):.2f} ms, lost {100 * lost(played):.2f} %, waited"
        f" {100 * others(played):.0f} %, ends late {1000 * played.late_s:.0f} ms"
    )


def reason_to_stop(played: Played) -> str:
    """Why no more calls are added; "" while there is none."""
    if share(played) > NEAR:
        return "CPU"
    if played.late_s > LATE * played.seconds or lost(played) > LOST:
        return "the ends"
    return ""


# ---- measuring ---------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """One shape: the steps, why they ended, a full and a moderate load, and the voice alone.

    Attributes:
        full: as many calls as are 80 % of a core, or as could be played.
        waiting_ms: of CPU of a call and second, while nobody sends and both sides are shown a still.
    """

    shape: Shape
    steps: list[Played]
    limit: str
    full: Played
    moderate: Played
    voice: Played
    waiting_ms: float

    @property
    def per_core(self) -> float:
        return 1000 * FULL / call_ms(self.full)


async def measure(shape: Shape) -> Measured:
    """Add calls until the core is full, and look at that load, at the voice alone, and at calls that wait."""
    async with bed(shape) as made:
        steps: list[Played] = []
        calls, limit = FIRST_CALLS, ""
        while not limit and calls <= MOST_CALLS:
            for _ in range(ATTEMPTS):
                played = await made.play(calls)
                if reason_to_stop(played) != "the ends":
                    break  # else once more: it may have been somebody else's moment
            steps.append(played)
            limit = reason_to_stop(played)
            fits = 1000 * 1.05 * FULL / call_ms(played)
            calls = min(3 * calls, max(calls + 1, round(fits)))
        call_s = call_ms(sound(steps)) / 1000
        await made.grow(min(MOST_CALLS, round(FULL / call_s)))
        full = await least_disturbed(made, round(FULL / call_s))
        moderate = min(steps, key=lambda step: abs(share(step) - MODERATE))  # later others would wait, which costs too
        voice = await made.play(made.calls, video=False, seconds=1.0)
        return Measured(shape, steps, limit, full, moderate, voice, await made.wait())


def sound(steps: list[Played]) -> Played:
    """The step with most calls of which nothing was lost, else the last."""
    kept = [step for step in steps if lost(step) <= LOST]
    return kept[-1] if kept else steps[-1]


async def least_disturbed(made: Bed, calls: int) -> Played:
    """The play of so many calls, or as many as there are, in which others had the worker's core for the least time."""
    plays = [await made.play(max(1, min(calls, made.calls))) for _ in range(ATTEMPTS)]
    return min(plays, key=others)


def report(found: list[Measured]) -> Report:
    """The tables' rows: each shape."""
    return Report(
        name="rooms",
        title="A/V calls per core of a media worker",
        columns=[
            "pictures, both ways",
            "ms CPU per call and second",
            "the voice, while pictures turn to stills",
            "while both wait, each shown a still",
            f"calls at {100 * FULL:.0f} % of a core",
            "played then",
            "delay of all p50/p99 ms",
            "steps ended by",
            f"the step next to {100 * MODERATE:.0f} %: video p50/p99 ms",
            "voice p50/p99 ms",
        ],
        rows=[_row(one) for one in found],
        budget=f"added delay p99 ≤ {DELAY_LIMIT_MS:g} ms at about {100 * FULL:.0f} % of a core",
        verdict=_verdict(found),
        notes=[
            "a call: a phone (RTP) and a browser (DTLS-SRTP, AES-GCM, copies for NACK) in a room, pictures both ways,"
            " and a relay of the voice, 50 packets per second both ways",
            "calls per core: from the worker's CPU time per call with as many calls; it falls with their number, since"
            " more packets are then taken at a wake-up",
            "the worker has one core, the ends of all calls the other; ends that are late send the rest later, and no"
            " burst",
            f"the load at {100 * FULL:.0f} % is the less disturbed of {ATTEMPTS} plays",
            "a call that waits: nobody sends, both are shown 5 pictures a second; reports and consent are in it",
            "delays: from before the sender's system call to the kernel's time of arrival at the receiver; of packets"
            " whose system call took less than 0.1 ms, since of others it is not known when they left",
            *(f"{one.shape.name}: {in_words(step)}" for one in found for step in [*one.steps, one.full, one.moderate]),
        ],
        values={one.shape.name: _values(one) for one in found},
    )


def _row(one: Measured) -> list[str]:
    full, moderate = one.full, one.moderate
    video = (TO_DESK, TO_PHONE)
    return [
        one.shape.name,
        f"{call_ms(full):.2f}",
        f"{call_ms(one.voice):.2f}",
        f"{one.waiting_ms:.2f}",
        f"{one.per_core:.0f}",
        f"{full.calls}, {100 * share(full):.0f} %",
        f"{delay_ms(full, 50):.2f} / {delay_ms(full, 99):.2f}",
        one.limit or "none",
        f"{delay_ms(moderate, 50, *video):.2f} / {delay_ms(moderate, 99, *video):.2f}",
        f"{delay_ms(moderate, 50, VOICE):.2f} / {delay_ms(moderate, 99, VOICE):.2f}",
    ]


def _verdict(found: list[Measured]) -> str:
    """Judged where the load was there, and nobody else's."""
    worst = max(delay_ms(one.full, 99) for one in found)
    disturbed, least = max(others(one.full) for one in found), min(share(one.full) for one in found)
    if worst > DELAY_LIMIT_MS and disturbed > OTHERS:
        return f"not judged: for {100 * disturbed:.0f} % of the time others had the worker's core"
    if worst <= DELAY_LIMIT_MS and least < FULL - OTHERS:
        return f"not judged: no more than {100 * least:.0f} % of a core could be asked of the worker"
    return judge(worst, DELAY_LIMIT_MS)


def _values(one: Measured) -> dict[str, object]:
    return {
        "calls_per_core": one.per_core,
        "ms_per_call_second": {step.calls: call_ms(step) for step in one.steps},
        "voice_ms_per_call_second": call_ms(one.voice),
        "waiting_ms_per_call_second": one.waiting_ms,
        **{name: _load_values(played) for name, played in (("full", one.full), ("moderate", one.moderate))},
    }


def _load_values(played: Played) -> dict[str, object]:
    delays = {kind: [delay_ms(played, quantile, kind) for quantile in (50, 99)] for kind in (TO_DESK, TO_PHONE, VOICE)}
    return {"calls": played.calls, "share": share(played), "others": others(played), **delays}


async def _measure_all() -> list[Measured]:
    return [await measure(shape) for shape in SHAPES]


def main() -> int:
    """Measure, print and write."""
    report(asyncio.run(_measure_all())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
