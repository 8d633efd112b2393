"""A mosaic in a real room: a worker takes the pictures to it and shows it to the phone; at its death the phone sees one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from splitter.calls.mosaic import CallMosaic
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.room import RoomState
from splitter.calls.video import Video
from splitter.core.net import Address
from splitter.media.mosaic.studio import Studio
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaStarted, MosaicLost
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.worker.engine import WorkerEngine
from splitter.sdp.video import VideoFormat
from tests.media.mosaic.stand import Filmed, Watcher, plan
from tests.media.mosaic.test_process import seen
from tests.media.worker.stand import Events, engine
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

_FORMAT = VideoFormat(97, 1, "42e01e", 30, 1620, 40_500, bitrate_kbps=400, feedback=frozenset(("nack pli",)))


@dataclass
class Scene:
    """A call's room with two desks that send, and a phone."""

    engine: WorkerEngine
    video: Video
    mosaic: CallMosaic
    studio: Studio
    events: Events
    desks: list[Filmed]
    phone: Watcher

    async def place(self, name: str, one: Filmed | Watcher) -> int:
        """Give somebody its place in the room, and say which port that is."""
        assert await self.video.add(name, "access") is None
        handle, local = self.video.state.members[name].handle, one.pair.local
        remote = RemoteEnd(Address("127.0.0.1", local.rtp_port), Address("127.0.0.1", local.rtcp_port))
        films = isinstance(one, Filmed)
        media = ParticipantMedia(remote, _FORMAT, _FORMAT, sending=not films, receiving=films)
        await self.engine.set_participant(handle, media)
        return handle.local.rtp_port

    async def film_until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                for one in self.desks:
                    one.film()
                await asyncio.sleep(1 / 15)

    def phone_sees(self, *lumas: int) -> bool:
        luma = self.phone.luma()
        return bool(luma.size) and all(
            abs(one - two) < 12 for one, two in zip(seen(luma, len(lumas)), lumas, strict=True)
        )


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    events, studio = Events(), Studio(1, 960)
    async with engine() as made:
        video = Video(made, studio, "call-1", RoomState(), Pending(), cast(Any, events), lambda leg, text: None)
        mosaic = video.mosaic
        stage = Scene(made, video, mosaic, studio, events, [Filmed(80, 9), Filmed(150, 9)], Watcher())
        try:
            for number, desk in enumerate(stage.desks, 1):
                desk.point(await stage.place(f"desk-{number}", desk))
            await stage.place("caller", stage.phone)
            yield stage
        finally:
            await mosaic.close()
            await video.close()
            await studio.stop()
            for pair in (stage.phone.pair, *(desk.pair for desk in stage.desks)):
                pair.close()


async def test_the_phone_sees_both_and_then_one_at_its_death() -> None:
    async with scene() as stage:
        room = stage.video.state.room
        assert room is not None
        await stage.film_until(lambda: {one.end for one in stage.events.of(MediaStarted)} >= {"desk-1", "desk-2"})
        await stage.mosaic.set(plan(("desk-1", "8001"), ("desk-2", "8002"), phone=_FORMAT))
        await stage.film_until(lambda: "mosaic" in {one.end for one in stage.events.of(MediaStarted)})
        await stage.engine.show(room, "caller", "mosaic")
        await stage.film_until(lambda: stage.phone_sees(80, 150))

        (pid,) = stage.studio.mosaics().pids
        os.kill(pid, signal.SIGKILL)
        await stage.film_until(lambda: stage.events.of(MosaicLost))
        await stage.engine.show(room, "caller", "desk-2")
        at = time.monotonic()
        await stage.film_until(lambda: stage.phone_sees(150))
        print(f"after {time.monotonic() - at:.2f} s")
        await stage.mosaic.close()
        report = await stage.engine.report_room(room)
        assert report is not None
        assert {one.name for one in report.participants} == {"caller", "desk-1", "desk-2"}
