"""The cost of a film: how many seconds of a call one processor renders in a second. Does I/O.

Calls of two sides, each with a picture that moves and has noise as cameras have it, and a voice, are recorded in
virtual time, and rendered by the process that renders films. What counts is the CPU of that process: it has the
machine's idle time alone, so what passes by the clock says how idle the machine was.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.report import Report, judge
from splitter.lab.codec import Encoder, VideoShape
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.render_queue import rendered_apart
from tests.media.record.kit import ABOUT, BLOCK, RATE, Speaker, Stage
from tests.rtp.payloads import packetise

SECONDS, ROUNDS = 20, 3
SHAPES = (
    VideoShape(640, 480, 25, 1000, 0, 4.0),
    VideoShape(320, 240, 15, 250, 0, 4.0),
)
BUDGET = 4.0
TONES_HZ = (440.0, 300.0)


class Scenery:
    """Pictures of a camera that is moved: soft shapes, and the noise of its sensor."""

    def __init__(self, shape: VideoShape, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        coarse = self._random.integers(30, 220, (shape.height // 16, shape.width // 8))
        self._wide = np.kron(coarse, np.ones((16, 16))).astype(np.int16)
        self._shape, self._at = shape, 0

    def next(self) -> np.ndarray:
        """The next picture, as yuv420p."""
        width, height = self._shape.width, self._shape.height
        self._at = (self._at + 2) % (self._wide.shape[1] - width)
        noise = self._random.integers(-3, 4, (height, width))
        luma = np.clip(self._wide[:height, self._at : self._at + width] + noise, 16, 235).astype(np.uint8)
        return np.concatenate((luma, np.full((height // 2, width), 128, np.uint8)))


class Side:
    """One side of the call: its picture and its voice."""

    def __init__(self, stage: Stage, name: str, voice: str, shape: VideoShape, number: int) -> None:
        self.stage, self.shape = stage, shape
        self.coder, self.scenery = Encoder(shape), Scenery(shape, number)
        self.feed = stage.line.open(Described("call-1", name, "picture", 90_000))
        self.voice: Speaker = stage.voice(voice)
        self.voice.tone_hz, self.voice.ssrc = TONES_HZ[number], 7 + number
        self.sequence = 0
        self.shown = 0

    def show(self) -> None:
        """Send one picture."""
        timestamp = self.shown * 90_000 // self.shape.frames_per_s
        key = self.shown % round(self.shape.frames_per_s * self.shape.key_interval_s) == 0
        payloads = packetise(self.coder.encode(self.scenery.next(), timestamp, key), 1, 1200)
        for index, payload in enumerate(payloads):
            one = PicturePacket(self.sequence, timestamp, 1, index == len(payloads) - 1, None, b"")
            self.feed.put(Kind.PICTURE, self.stage.host.time, batch.picture_head(one), payload)
            self.sequence += 1
        self.shown += 1


def record(stage: Stage, shape: VideoShape) -> None:
    """Record a call of two such sides."""
    stage.studio.begin(ABOUT)
    sides = [Side(stage, "caller", "caller", shape, 0), Side(stage, "desk-1", "centre", shape, 1)]
    step_s, began = BLOCK / RATE, stage.host.time
    for at in range(round(SECONDS / step_s)):
        for side in sides:
            if at * step_s * shape.frames_per_s >= side.shown:
                side.show()
            side.voice.say(side.voice.packet(None), stage.host.time)
        stage.pass_time(began + (at + 1) * step_s - stage.host.time)
    stage.studio.end("call-1")


@dataclass(frozen=True, slots=True)
class Cost:
    """One film: CPU and time of the process, in seconds, and its bytes beside the recording's."""

    cpu_s: float
    took_s: float
    film_bytes: int
    recorded_bytes: int


def render(shape: VideoShape) -> Cost:
    """Record, and have the film made."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        stage = Stage(Path(name) / "recordings")
        record(stage, shape)
        stage.studio.make_film("call-1")
        job = stage.studio.films.next_job()
        assert job is not None
        before, began = _children_s(), time.monotonic()
        end = asyncio.run(rendered_apart(job))
        cpu_s, took_s = _children_s() - before, time.monotonic() - began
        assert not end.fault and abs(end.seconds - SECONDS) < 1, end
        return Cost(cpu_s, took_s, end.size, sum(part.size for part in stage.row().parts))


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(costs: dict[VideoShape, list[Cost]]) -> Report:
    """A table of what was measured."""
    rows, times = [], {}
    for shape, runs in costs.items():
        name = f"two of {shape.width}×{shape.height}, {shape.frames_per_s}/s, {shape.bitrate_kbps} kbit/s"
        cpu_s = statistics.median(one.cpu_s for one in runs)
        took_s = statistics.median(one.took_s for one in runs)
        times[name] = SECONDS / cpu_s
        sizes = [f"{statistics.median(one) / SECONDS / 1000:.0f}" for one in _sizes(runs)]
        rows.append([name, f"{times[name]:.1f}", f"{100 * cpu_s / SECONDS:.0f}", f"{SECONDS / took_s:.1f}", *sizes])
    worst = min(times.values())
    return Report(
        name="films",
        title="A film of a recording",
        columns=["pictures", "× real time", "% of a core", "× by the clock", "film kB/s", "recording kB/s"],
        rows=rows,
        budget=f"at least {BUDGET:g} × real time on one core",
        verdict=judge(BUDGET / worst, 1.0),
        notes=[
            f"{SECONDS} s of two moving pictures with noise and two voices of G.711, medians of {ROUNDS} turns",
            "× real time: seconds of the call for each second of CPU of the process that renders, its start with it; by"
            " the clock: what the machine had left for it, at the lowest priority (SCHED_IDLE)",
            "decoded, put side by side with names and time, H.264 (x264 superfast) and AAC; hashed afterwards",
        ],
        values={"times_real": times},
    )


def _sizes(runs: list[Cost]) -> tuple[list[int], list[int]]:
    return [one.film_bytes for one in runs], [one.recorded_bytes for one in runs]


def main() -> int:
    """Measure, print and write."""
    costs: dict[VideoShape, list[Cost]] = {}
    for _ in range(ROUNDS):
        for shape in SHAPES:
            costs.setdefault(shape, []).append(render(shape))
    report(costs).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
