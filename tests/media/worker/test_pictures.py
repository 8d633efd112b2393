"""Pictures and snapshots end to end: an engine, a worker process, H.264 on loopback, and the voice beside it."""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import SourceShown
from splitter.media.ports.rooms import PICTURE_LIMIT_BYTES, ParticipantHandle, ParticipantMedia, RoomHandle, Snapshot
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp import packet, rtcp
from splitter.rtp.feedback import Pli
from splitter.sdp.video import VideoFormat
from tests.media.room.kit import Camera, about
from tests.media.worker.stand import Events, Peer, Talk, engine, rtp, talk, waiting, warmed_up
from tests.patience import PATIENCE_S, until
from tests.rtp.payloads import packetise

pytestmark = pytest.mark.slow

H264 = VideoFormat(payload_type=96, orientation_id=7)


def photograph(side: int = 1280, form: str = "JPEG") -> bytes:
    """A picture that costs some effort, as photographs do."""
    grain = np.random.default_rng(7).integers(0, 255, (side // 10, side // 10, 3), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(grain).resize((side, side), Image.Resampling.BICUBIC).save(made, form)
    return made.getvalue()


@dataclass
class Handset:
    """The caller's camera and screen on real sockets."""

    peer: Peer
    handle: ParticipantHandle
    pictures: list[list[bytes]]  # a key frame and what follows
    task: asyncio.Task[None] | None = None
    got: list[bytes] = field(default_factory=list)
    keys: int = 0

    async def play(self) -> None:
        """Send pictures, with a key frame when one was asked for; keep what comes."""
        sequence, timestamp, at = 1, 1, 0
        while True:
            self.got += waiting(self.peer.rtp)
            for data in waiting(self.peer.rtcp):
                if any(isinstance(message, Pli) for message in rtcp.parse(data)):
                    at = 0
                    self.keys += 1
            payloads = packetise(self.pictures[at], 1, 1200)
            at = (at + 1) % len(self.pictures)
            for index, payload in enumerate(payloads):
                last = index == len(payloads) - 1
                data = packet.build(packet.Packet(last, 96, sequence & 0xFFFF, timestamp, 0x77, payload, ()))
                self.peer.rtp.sendto(data, ("127.0.0.1", self.handle.local.rtp_port))
                sequence += 1
            timestamp += 6000
            await asyncio.sleep(1 / 15)


@asynccontextmanager
async def call(made: WorkerEngine, luma: int = 150) -> AsyncIterator[tuple[RoomHandle, Handset, Events]]:
    """A room with a caller who sends and watches."""
    events = Events()
    room = await made.open_room("call-1", events)
    handle = await made.join(room, "caller", "access")
    camera = Camera(luma)
    handset = Handset(Peer(), handle, [camera.picture() for _ in range(30)])
    remote = handset.peer.remote
    await made.set_participant(handle, ParticipantMedia(remote, H264, H264))
    handset.task = asyncio.ensure_future(handset.play())
    try:
        yield room, handset, events
    finally:
        handset.task.cancel()
        await made.close_room(room)
        handset.peer.close()


class TestPictures:
    async def test_are_shown_and_taken_away(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, handset, events):
            await shared.put_picture(room, "form", photograph(900, "PNG"))
            await shared.show(room, "caller", "picture:form")
            await until(lambda: any(one.source == "picture:form" for one in events.of(SourceShown)))
            report = await shared.report_room(room)
            assert report is not None and report.participants[0].source == "picture:form"
            await until(lambda: len(handset.got) > 30)
            await shared.show(room, "caller", "")
            await until(lambda: [one.source for one in events.of(SourceShown)][-1] == "slate")

    async def test_that_cannot_be_decoded_are_refused_with_the_reason(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, _, _):
            with pytest.raises(MediaUnavailable, match="not a PNG or JPEG"):
                await shared.put_picture(room, "form", b"no picture")
            with pytest.raises(MediaUnavailable, match="too large"):
                await shared.put_picture(room, "form", bytes(PICTURE_LIMIT_BYTES + 1))
            await shared.put_picture(room, "form", photograph(200))

    async def test_the_largest_file_there_may_be_gets_through(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, _, _):
            small = photograph(200)
            padded = small + bytes(PICTURE_LIMIT_BYTES - len(small))
            await asyncio.gather(*(shared.put_picture(room, str(number), padded) for number in range(3)))

    async def test_of_a_room_that_is_gone(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, _, _):
            pass
        with pytest.raises(MediaUnavailable):
            await shared.put_picture(room, "form", photograph(200))
        with pytest.raises(MediaUnavailable):
            await shared.snapshot(room, "caller")


class TestSnapshots:
    async def test_of_a_caller_that_nobody_watches(self, shared: WorkerEngine) -> None:
        async with call(shared, luma=170) as (room, handset, _):
            await until(lambda: handset.got)
            [snapshot] = await _patiently(shared, room)
            image = Image.open(io.BytesIO(snapshot.png))
            assert (snapshot.width, snapshot.height) == image.size == (320, 240)
            assert about(int(np.median(np.asarray(image.convert("L")))), 180, 25)
            assert abs(snapshot.taken_at - time.time()) < PATIENCE_S
            assert handset.keys >= 1
            report = await shared.report_room(room)
            assert report is not None
            assert (report.participants[0].width, report.participants[0].height) == (320, 240)

    async def test_many_at_once(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, handset, _):
            await until(lambda: handset.got)
            await _patiently(shared, room)
            taken = await _patiently(shared, room, 20)
            assert len({snapshot.png for snapshot in taken}) < 10, "most of them share one"

    async def test_of_nobody(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, _, _):
            with pytest.raises(MediaUnavailable, match="seat-1 sends no picture"):
                await shared.snapshot(room, "seat-1")

    async def test_other_requests_do_not_wait_for_one(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, handset, _):
            await until(lambda: handset.got)
            await _patiently(shared, room)
            assert handset.task is not None
            handset.task.cancel()  # no key frame will come
            taking = asyncio.ensure_future(shared.snapshot(room, "caller"))
            began = time.monotonic()
            for _ in range(3):
                assert await shared.report_room(room)
            assert not taking.done()
            with pytest.raises(MediaUnavailable, match=r"no key frame|no packet"):
                await taking
            assert time.monotonic() - began > 2.5

    async def test_a_room_that_closes_meanwhile_tells_why(self, shared: WorkerEngine) -> None:
        async with call(shared) as (room, handset, _):
            await until(lambda: handset.got)
            await _patiently(shared, room)
            assert handset.task is not None
            handset.task.cancel()
            taking = asyncio.ensure_future(shared.snapshot(room, "caller"))
            await asyncio.sleep(0)
            await shared.close_room(room)
            with pytest.raises(MediaUnavailable, match="closed"):
                await taking


async def _patiently(made: WorkerEngine, room: RoomHandle, count: int = 1) -> list[Snapshot]:
    """So many snapshots at once, as soon as the caller's picture has begun, and a key frame comes in time."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.gather(*(made.snapshot(room, "caller") for _ in range(count)))
            except MediaUnavailable as error:
                assert "sends no picture" in str(error) or "no key frame" in str(error)
                await asyncio.sleep(0.02)


class TestTheVoiceInTheSameWorker:
    async def test_does_not_wait_for_pictures(self) -> None:
        """One worker, one relay with a packet every 10 ms, while pictures are decoded, encoded and taken."""

        async with engine(workers=1) as made:
            image = photograph()
            await warmed_up(made)
            async with talk(made) as voice, call(made) as (room, handset, _):
                await until(lambda: handset.got)
                await _patiently(made, room)
                quiet = await _delays(voice, 2.0)
                work = asyncio.ensure_future(_busy(made, room, image))
                busy = await _delays(voice, 4.0)
                rounds = await work
                assert rounds
                print(f"\nquiet {_said(quiet)}; while {rounds} pictures were put and stills taken {_said(busy)}")
                assert len(busy) == 400, "no packet is lost"
                # 1 ms where nothing else runs. An encoder in the packets' way would hold up half of them for a tenth
                # of a second and more.
                assert statistics.median(busy) < max(0.05, 10 * statistics.median(quiet))


async def _busy(made: WorkerEngine, room: RoomHandle, image: bytes) -> int:
    """Pictures and snapshots for some seconds; returns how many."""
    until_then, rounds = time.monotonic() + 3.5, 0
    while time.monotonic() < until_then:
        await made.put_picture(room, str(rounds), image)
        await made.show(room, "caller", f"picture:{rounds}")
        await _patiently(made, room, 3)
        rounds += 1
    return rounds


async def _delays(voice: Talk, seconds: float) -> list[float]:
    """How long packets of the voice need through the relay, in seconds."""
    sent: dict[int, float] = {}
    delays: dict[int, float] = {}
    loop = asyncio.get_running_loop()

    def arrived() -> None:
        for data in waiting(voice.centre.rtp):
            number = int.from_bytes(data[2:4])
            delays.setdefault(number, time.monotonic() - sent[number])

    loop.add_reader(voice.centre.rtp.fileno(), arrived)
    try:
        began = loop.time()
        for number in range(round(100 * seconds)):
            await asyncio.sleep(max(0.0, began + number / 100 - loop.time()))
            sent[number] = time.monotonic()
            voice.caller.rtp.sendto(rtp(number), ("127.0.0.1", voice.relay.local[0].rtp_port))
        await until(lambda: len(delays) == len(sent))
    finally:
        loop.remove_reader(voice.centre.rtp.fileno())
    return list(delays.values())


def _said(delays: list[float]) -> str:
    ordered = [1000 * delay for delay in sorted(delays)]
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"median {statistics.median(ordered):.2f} ms, p99 {p99:.2f} ms, max {ordered[-1]:.2f} ms"
