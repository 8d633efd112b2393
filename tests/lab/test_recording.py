"""A recorded call through the real gateway: what was said and seen is in the file, and the file proves itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from splitter.lab.handset import HandsetSettings
from splitter.lab.party import Dialect
from splitter.lab.picture import read
from splitter.lab.seat import SeatSettings
from splitter.lab.stage import CALLED, Stage, call_id_in
from splitter.lab.video import VideoSettings
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.verify import examine
from tests.media.record.kit import Seen, tracks
from tests.patience import eventually, until

pytestmark = pytest.mark.interop

CALLER, SEAT, CALLER_HZ, AGENT_HZ, RATE = 1, 7, 1000.0, 660.0, 8000


def strength(samples: np.ndarray, hz: float) -> float:
    """The share of a tone in some samples."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples)))) ** 2
    at = round(hz * len(samples) / RATE)
    return float(spectrum[at - 8 : at + 9].sum() / spectrum.sum())


def counters(path: Path, name: str) -> list[tuple[int, int]]:
    """Sender and counter of each frame of a video track that can be read."""
    found = []
    with av.open(str(path)) as file:
        stream = next(one for one in file.streams.video if one.metadata.get("title") == name)
        for frame in file.decode(stream):
            luma = frame.to_ndarray()[: frame.height, : frame.width]
            if (reading := read(np.ascontiguousarray(luma))) is not None:
                found.append((reading.sender, reading.counter))
    return found


async def test_both_sides_are_in_the_file_over_a_restart_of_the_gateway() -> None:
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        place = Path(folder) / "recordings"
        tables = f'\n[recording]\nfolder = "{place}"\nall = true\nleast_free_mb = 0\n'
        async with Stage(queue_s=0.3, tables=tables) as stage:
            handset = await stage.handset(HandsetSettings(video=VideoSettings(CALLER), tone_hz=CALLER_HZ))
            seat = await stage.seat(SeatSettings(dialect=Dialect(seat=True, mode=1)))
            assert (await handset.dial(CALLED, stage.gateway.access).answered()).accepted
            call_id = call_id_in(await stage.centre.wait_for("invite"))
            call = await stage.gateway.get(f"/v1/calls/{call_id}")
            assert (await seat.join(call["call_id"], stage.gateway.desk).answered()).accepted
            for sight, sender in ((handset.video.sight, SEAT), (seat.video.sight, CALLER)):
                await until(lambda sight=sight, sender=sender: sight.rising(sender) > 40)  # type: ignore[misc]
            await stage.gateway.kill()
            await stage.gateway.start()
            at = handset.video.sight.rising(SEAT)
            await until(lambda: handset.video.sight.rising(SEAT) > at + 20)
            await eventually(lambda: is_recorded(stage, call["call_id"]))
            await handset.hang_up()
            await until(lambda: len(list(place.glob("ledger/*.jsonl"))) and _ended(place))
        (path,) = place.glob("*/*.mkv")
        seen = tracks(path)
        pictures = {one.name for one in seen if one.codec == "h264"}
        assert pictures == {"caller", "seat-1", "shown to the caller"}
        _check_voices({one.name: one for one in seen if one.codec != "h264"})
        _check_pictures(path)
        found = examine(place, read_public(public_of(Path(folder) / "recordings.key")))
        assert (found.wrong, found.unended) == ([], [])


async def is_recorded(stage: Stage, call_id: str) -> bool:
    return bool((await stage.gateway.get(f"/v1/calls/{call_id}"))["recording"]["state"] == "recording")


def _ended(place: Path) -> bool:
    return any(b'"kind":"ended"' in path.read_bytes() for path in place.glob("ledger/*.jsonl"))


def _check_voices(seen: dict[str, Seen]) -> None:
    for name, hz in (("caller", CALLER_HZ), ("centre", AGENT_HZ)):
        samples = seen[name].samples[-3 * RATE :]
        assert len(samples) > 2 * RATE
        assert strength(samples, hz) > 0.8, name


def _check_pictures(path: Path) -> None:
    for name, sender in (("caller", CALLER), ("seat-1", SEAT)):
        told = counters(path, name)
        assert len(told) > 40 and {who for who, _ in told} == {sender}
        numbers = [number for _, number in told]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"{name}: every frame, once, in order"
    shown = counters(path, "shown to the caller")
    assert len(shown) > 30 and {who for who, _ in shown} == {SEAT}
