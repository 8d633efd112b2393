"""CPU of a mosaic of two and of four, beside what its encoder takes alone, and the delay that it adds; loopback only.

Does I/O. Cameras of CAMERA send test pictures with a clock in them to a mosaic's process, and the same packets to a
viewer of their own. How old pictures are when they were decoded is read from the pictures; what lies between the
mosaic's and the viewer's is what the mosaic adds. Then its encoder alone gets the pictures that came of it, in the same
run.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import av
import numpy as np
from av._core import library_meta

from bench.relay import cpu_s
from bench.report import Report
from splitter.lab.codec import Encoder, VideoShape
from splitter.lab.picture import Plane, draw, read
from splitter.media.mosaic.encoder import MosaicEncoder
from splitter.media.mosaic.grid import cells, within
from splitter.media.mosaic.incoming import DecodedStream
from splitter.media.mosaic.protocol import ORIENTATION_ID
from splitter.media.mosaic.size import size_of
from splitter.media.mosaic.studio import Studio
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.mosaics import MosaicPlan, Pictured
from splitter.rtp import h264, packet, rtcp
from splitter.sdp.video import VideoFormat
from splitter.telemetry.settings import TelemetrySettings
from tests.media.mosaic.stand import Pair

CAMERA = VideoShape(640, 480, 30, 800)
SECONDS, ROUNDS, WARM_UP_S = 6.0, 3, 2.0
COUNTS = (2, 4)
_PHONE = VideoFormat(99, 1, "42e01f", 31, 3600, 108_000, bitrate_kbps=960)
_GRAIN = np.random.default_rng(1).integers(0, 12, (8, CAMERA.height, CAMERA.width), dtype=np.uint8)  # as cameras have
_KEPT = 60  # pictures that are encoded once more


@dataclass(frozen=True, slots=True)
class Seen:
    """Results of one run: ages in ms of pictures in the mosaic, and of the same cameras' without one."""

    through_ms: list[float]
    direct_ms: list[float]
    pictures: int
    kept: list[Plane]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: CPU in % of a core of the process, and of its encoder alone."""

    cpu: float
    encoder: float
    seen: Seen


class _Camera:
    """A camera: encodes as it goes, and makes a key frame when it is asked for one."""

    def __init__(self, number: int) -> None:
        self.pair = Pair()
        self._sender, self._encoder = number + 1, Encoder(CAMERA)
        self._sequence = self._count = 0

    def film(self, targets: list[int]) -> None:
        key = any(isinstance(one, rtcp.feedback.Pli) for data in self.pair.heard(1) for one in rtcp.parse(data))  # type: ignore[attr-defined]
        luma = draw(self._sender, self._count, int(time.time() * 1000), CAMERA.width, CAMERA.height)
        luma[: CAMERA.height] += _GRAIN[self._count % len(_GRAIN)]
        units = [
            one
            for unit in self._encoder.encode(luma, self._count * 3000, key or self._count == 0)
            for one in h264.within(unit, 1200)
        ]
        for at, unit in enumerate(units):
            self._sequence = (self._sequence + 1) & 0xFFFF
            one = packet.Packet(at == len(units) - 1, 97, self._sequence, self._count * 3000, self._sender, bytes(unit))
            for port in targets:
                self.pair.sockets[0].sendto(packet.build(one), ("127.0.0.1", port))
        self._count += 1


class _Viewer:
    """Decodes what comes, and reads how old it is."""

    def __init__(self) -> None:
        self.pair = Pair()
        self.luma: list[Plane] = []
        self._stream = DecodedStream(ORIENTATION_ID)

    def look(self) -> Plane | None:
        """A picture that has come since the last look."""
        for data in self.pair.heard(0):
            self._stream.push(data, time.monotonic())
        if not self._stream.fresh or self._stream.picture is None:
            return None
        self._stream.fresh = False
        return np.asarray(self._stream.picture.to_ndarray(format="yuv420p"), dtype=np.uint8)


def _age_ms(luma: Plane) -> float | None:
    reading = read(luma)
    return None if reading is None else (int(time.time() * 1000) - reading.clock_ms) % (1 << 32)


def _play(cameras: list[_Camera], watcher: _Viewer, beside: _Viewer, targets: list[int], seconds: float) -> Seen:
    """Film for so many seconds, and look."""
    through: list[float] = []
    direct: list[float] = []
    kept: list[Plane] = []
    pictures = 0
    begin, turns = time.monotonic(), int(seconds * CAMERA.frames_per_s)
    direct_port = beside.pair.local.rtp_port
    for turn in range(turns):
        for number, (camera, target) in enumerate(zip(cameras, targets, strict=True)):
            camera.film([target, direct_port] if number == 0 else [target])
        while True:
            wait_s = begin + (turn + 1) / CAMERA.frames_per_s - time.monotonic()
            if (picture := beside.look()) is not None and (age := _age_ms(picture[: CAMERA.height])) is not None:
                direct.append(age)
            if (picture := watcher.look()) is not None:
                pictures += 1
                height, width = picture.shape[0] * 2 // 3, picture.shape[1]
                at = within(cells(len(cameras), width, height)[0], 4, 3)
                age = _age_ms(picture[at.y : at.y + at.height, at.x : at.x + at.width])
                through += [age] if age is not None else []
                kept = [*kept, picture][-_KEPT:]
            if wait_s <= 0:
                break
            time.sleep(min(wait_s, 0.002))
    return Seen(through, direct, pictures, kept)


def _traffic(cameras: list[_Camera], watcher: _Viewer, beside: _Viewer, orders: Connection) -> None:
    """The process of cameras and viewers: plays what it is ordered until None."""
    while (order := orders.recv()) is not None:
        orders.send(_play(cameras, watcher, beside, *order))


async def _one(count: int, seconds: float) -> Sample:
    """One mosaic of so many."""
    cameras, watcher, beside = [_Camera(number) for number in range(count)], _Viewer(), _Viewer()
    orders, theirs = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_traffic, args=(cameras, watcher, beside, theirs), daemon=True)
    process.start()
    studio = Studio(1, 960, TelemetrySettings(log_level="warning"))
    try:
        mosaic = await studio.open_mosaic("bench", lambda event: print(event, file=sys.stderr))
        names = [f"party-{number}" for number in range(count)]
        plan = MosaicPlan(tuple(Pictured(name, name) for name in names), (_PHONE,))
        ways: dict[str, tuple[int, LocalEnd]] = {
            name: (at, camera.pair.local) for at, (name, camera) in enumerate(zip(names, cameras, strict=True))
        }
        studio.arrange_mosaic(mosaic, plan, watcher.pair.local, ways)
        targets = [media.remote.rtp.port for media in mosaic.inputs if media.remote][:count]
        (pid,) = studio.mosaics().pids

        async def play(wanted_s: float) -> Seen:
            orders.send((targets, wanted_s))
            seen: Seen = await asyncio.to_thread(orders.recv)
            return seen

        await play(WARM_UP_S)
        before = cpu_s(pid)
        seen = await play(seconds)
        used = cpu_s(pid) - before
        return Sample(100 * used / seconds, _encoder_share(plan, seen), seen)
    finally:
        orders.send(None)
        process.join(5)
        await studio.stop()
        for pair in (*(one.pair for one in cameras), watcher.pair, beside.pair):
            pair.close()


def _encoder_share(plan: MosaicPlan, seen: Seen) -> float:
    """The CPU in % of a core that the mosaic's encoder takes alone for the pictures that came of it."""
    size = size_of(plan)
    encoder = MosaicEncoder(size.width, size.height, size.frame_rate, size.bitrate_kbps)
    pictures = [av.VideoFrame.from_ndarray(one, format="yuv420p") for one in seen.kept]
    encoder.encode(pictures[0], True)
    before = time.process_time()
    for picture in pictures:
        encoder.encode(picture, False)
    return 100 * (time.process_time() - before) / len(pictures) * size.frame_rate


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[int, list[Sample]]:
    """Mosaics of two and of four in turns."""
    samples: dict[int, list[Sample]] = {}
    for _ in range(rounds):
        for count in COUNTS:
            samples.setdefault(count, []).append(await _one(count, seconds))
    return samples


def report_of(samples: dict[int, list[Sample]]) -> Report:
    """The table."""
    rows, values = [], {}
    for count, runs in samples.items():
        cpu, encoder = (statistics.median(getattr(run, what) for run in runs) for what in ("cpu", "encoder"))
        through = sorted(age for run in runs for age in run.seen.through_ms)
        direct = sorted(age for run in runs for age in run.seen.direct_ms)
        median, base = statistics.median(through), statistics.median(direct)
        p99 = statistics.quantiles(through, n=100)[-1]
        rate = statistics.mean(run.seen.pictures for run in runs) / SECONDS
        numbers = (f"{cpu:.1f}", f"{encoder:.1f}", f"{cpu / encoder:.1f}", f"{median - base:.0f}", f"{p99 - base:.0f}")
        rows.append([f"mosaic of {count}", *numbers, f"{rate:.1f}"])
        values[str(count)] = {"cpu": cpu, "encoder": encoder, "median_ms": median - base, "p99_ms": p99 - base}
    flags = av.codec.codec.Codec("libx264", "w").long_name
    built = library_meta["libavcodec"]
    return Report(
        name="mosaics",
        title=f"Mosaics of cameras of {CAMERA.width}x{CAMERA.height}, {CAMERA.frames_per_s} pictures in a second",
        columns=["what", "% of a core", "its encoder alone", "ratio", "delay ms", "p99", "pictures in a second"],
        rows=rows,
        notes=[
            f"{ROUNDS} rounds of {SECONDS:g} s in turns; the mosaic is of {_describe()}",
            "the encoder alone: the same libx264 with the same settings and pictures, and nothing else",
            "pictures have the grain of a camera in poor light; faces that move cost more, a quiet room less",
            "delay: what the mosaic adds to the age of a picture when it is decoded; up to 67 ms of it are its clock",
            f"load at the end {os.getloadavg()[0]:.1f}; PyAV {av.__version__}, {flags}, libavcodec {built['version']}:"
            f" {_flags(str(built['configuration']))}",
        ],
        values={"mosaics": values},
    )


def _describe() -> str:
    size = size_of(MosaicPlan((), (_PHONE,)))
    return f"{size.width}x{size.height}, {size.frame_rate} pictures in a second, {size.bitrate_kbps} kbit/s at most"


def _flags(configuration: str) -> str:
    """Flags of FFmpeg's build that say how fast it is."""
    found = [
        one for one in configuration.split() if any(word in one for word in ("asm", "optim", "march", "x264", "-O"))
    ]
    return " ".join(found) or "default flags, with assembly"


def main() -> int:
    report_of(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
