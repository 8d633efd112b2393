"""Lips and voice in a recording that was made in real time, through the whole gateway. Does I/O.

A handset speaks a tone that comes and goes each second, and shows pictures that have a counter and its clock in them;
an agent answers by voice and by video. Then the file is read as a player does: by how much is a picture away from the
voice that was said with it? Are all pictures there, once and in order?

`python -m bench.lipsync 60` takes a minute instead of five.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from bench.report import Report, judge
from splitter.core.clock import Clock
from splitter.lab.audio import AudioStream
from splitter.lab.handset import HandsetSettings
from splitter.lab.party import Dialect
from splitter.lab.picture import Reading, read
from splitter.lab.seat import SeatSettings
from splitter.lab.stage import CALLED, Stage, call_id_in
from splitter.lab.tone import FRAME_S, FRAME_SAMPLES, Samples, Tone, is_loud, silence
from splitter.lab.video import VideoSettings
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.verify import examine

SECONDS = 300
BUDGET_MS = 40.0
CALLER, SEAT, CALLER_HZ = 1, 7, 1000.0
_BLINK = 50  # frames: a second


class BlinkingTone(Tone):
    """A tone that comes and goes each second of the voice's own time.

    Attributes:
        began: the clock's time of its first frame, as if none had been late.
        starts: when the tone came, in seconds since then; later than on the second where the sender stood still.
    """

    def __init__(self, stream: AudioStream, clock: Clock) -> None:
        super().__init__(CALLER_HZ)
        self._stream, self._clock = stream, clock
        self._first: int | None = None
        self.began = float("inf")
        self.starts: list[float] = []
        self._sounds = False

    def frame(self, samples: int = FRAME_SAMPLES) -> Samples:
        """The next samples."""
        if self._first is None:
            self._first = self._stream.timestamp
        number = ((self._stream.timestamp - self._first) & 0xFFFFFFFF) // FRAME_SAMPLES
        self.began = min(self.began, self._clock.wall() - number * FRAME_S)
        said = super().frame(samples)
        before, self._sounds = self._sounds, number // _BLINK % 2 == 0
        if self._sounds and not before:
            self.starts.append(number * FRAME_S)
        return said if self._sounds else silence(samples)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Contents of a file: the begins of tones, and each picture that can be read, with their times in it."""

    onsets: list[float]
    pictures: list[tuple[float, Reading]]
    unread: int


async def play(folder: Path, seconds: float) -> BlinkingTone:
    """Make the recording. Returns: the voice that is in it."""
    tables = f'\n[recording]\nfolder = "{folder / "recordings"}"\nall = true\nleast_free_mb = 0\n'
    async with Stage(queue_s=0.3, tables=tables) as stage:
        handset = await stage.handset(HandsetSettings(video=VideoSettings(CALLER), tone_hz=CALLER_HZ))
        tone = handset.audio.tone = BlinkingTone(handset.audio, handset.clock)
        seat = await stage.seat(SeatSettings(dialect=Dialect(seat=True, mode=1)))
        await handset.dial(CALLED, stage.gateway.access).answered()
        call_id = call_id_in(await stage.centre.wait_for("invite"))
        call = await stage.gateway.get(f"/v1/calls/{call_id}")
        await seat.join(call["call_id"], stage.gateway.desk).answered()
        await asyncio.sleep(seconds)
        await handset.hang_up()
        for _ in range(200):
            if _has_ended(folder):
                break
            await asyncio.sleep(0.1)
    return tone


def _has_ended(folder: Path) -> bool:
    return any(b'"kind":"ended"' in path.read_bytes() for path in folder.glob("recordings/ledger/*.jsonl"))


def watched(path: Path) -> Recorded:
    """Read the caller's voice and picture of a file."""
    return Recorded(list(_onsets(path)), *_pictures(path))


def _onsets(path: Path) -> Iterator[float]:
    loud = True  # the first one may be cut
    with av.open(str(path)) as file:
        stream = next(one for one in file.streams.audio if one.metadata.get("title") == "caller")
        for packet in file.demux(stream):
            for frame in packet.decode():
                before, loud = loud, bool(is_loud(frame.to_ndarray().reshape(-1).astype(np.int16)))
                if loud and not before and packet.pts is not None and packet.time_base is not None:
                    yield float(packet.pts * packet.time_base)


def _pictures(path: Path) -> tuple[list[tuple[float, Reading]], int]:
    found, unread = [], 0
    with av.open(str(path)) as file:
        stream = next(one for one in file.streams.video if one.metadata.get("title") == "caller")
        for frame in file.decode(stream):
            luma = frame.to_ndarray()[: frame.height, : frame.width]
            reading = read(np.ascontiguousarray(luma))
            if reading is None or frame.time is None:
                unread += 1
            else:
                found.append((float(frame.time), reading))
    return found, unread


def skews_ms(seen: Recorded, tone: BlinkingTone) -> list[float]:
    """By how much pictures come later than the voice that was said with them, at each begin of a tone.

    The picture's clock is known modulo 2^32 ms, the voice's by its begin; both are of one machine.
    """
    found, base = [], int(tone.began * 1000) & ~0xFFFFFFFF
    times = [at for at, _ in seen.pictures]
    late = [at - (base + reading.clock_ms) / 1000 for at, reading in seen.pictures]
    for onset in seen.onsets:
        near = late[bisect_left(times, onset - 1) : bisect_left(times, onset + 1)]
        if len(near) < 5:
            continue
        picture = statistics.median(near)
        said = min((tone.began + start for start in tone.starts), key=lambda at: abs(onset - picture - at))
        found.append(1000 * (picture - (onset - said)))
    return found


def main() -> int:
    """Measure, and say so; 1 where the budget is missed or something is not there."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="lipsync-") as name:
        tone = asyncio.run(play(Path(name), seconds))
        (file,) = Path(name).glob("recordings/*/*.mkv")
        seen, size = watched(file), file.stat().st_size
        wrong = examine(Path(name) / "recordings", read_public(public_of(Path(name) / "recordings.key"))).wrong
    skews = skews_ms(seen, tone)
    counters = [reading.counter for _, reading in seen.pictures]
    missing = counters[-1] - counters[0] + 1 - len(counters)
    worst = max(map(abs, skews))
    rows = [
        ["picture later than voice, median", f"{statistics.median(skews):+.1f} ms"],
        ["furthest apart", f"{worst:.1f} ms"],
        ["begins of tones compared", f"{len(skews)} in {seconds:g} s"],
        ["pictures in the file", f"{len(counters)}; {missing} missing, {seen.unread} not to be read"],
        ["bytes", f"{size / 1e6:.1f} MB"],
        ["verify", "; ".join(wrong) or "as it was made"],
    ]
    whole = not missing and not wrong and counters == sorted(counters) and len(skews) > seconds / 2 * 0.8
    report = Report("lipsync", "Lips and voice of a recording in real time", ["what", "how much"], rows)
    report.budget, report.verdict = f"{BUDGET_MS:g} ms", judge(worst, BUDGET_MS)
    report.notes = [
        "The whole gateway, its recorder, a handset, an agent by voice and a SIP seat by video on one machine."
    ]
    report.values = {"skews_ms": [round(one, 2) for one in skews]}
    report.publish()
    return 0 if whole and worst <= BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
