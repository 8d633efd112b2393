"""Calls through the real gateway between the lab's parties: what people hear and see while a call changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine, Voice
from splitter.lab.party import Dialect
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.sight import STILL
from splitter.lab.stage import CALLED, Stage, call_id_in
from splitter.lab.video import VideoSettings
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.interop

CALLER, SEAT, AGENT_HZ = 1, 7, 660.0
KINDS = {VideoLine.VILTE: "RTP/AVPF", VideoLine.BOTH_MODES: "RTP/AVPF", VideoLine.MODE_0: "RTP/AVP"}


@dataclass
class Scene:
    """An answered call that a seat is in."""

    stage: Stage
    handset: Handset
    seat: Seat
    invite: dict[str, Any]

    async def seen_again(self) -> None:
        """Both see fresh pictures of the other from now on."""
        at_caller, at_seat = self.handset.video.sight.rising(SEAT), self.seat.video.sight.rising(CALLER)
        await until(lambda: self.handset.video.sight.rising(SEAT) > at_caller + 4)
        await until(lambda: self.seat.video.sight.rising(CALLER) > at_seat + 4)

    async def heard_again(self) -> None:
        """The caller hears the agent from now on."""
        hearing = self.handset.audio.hearing
        heard = hearing.seconds(AGENT_HZ)
        await until(lambda: hearing.seconds(AGENT_HZ) > heard + 0.2)

    def centre(self, do: str) -> None:
        """Let the centre do something to this call."""
        self.stage.centre.send(do=do, call=self.invite["call"])

    async def changed(self, do: str, direction: str) -> None:
        """Have the centre hold or resume until the caller hears of it: it does nothing while its last offer is under way."""
        async with asyncio.timeout(PATIENCE_S):
            while self.directions()[0] != direction:
                self.centre(do)
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        await until(lambda: self.directions()[0] == direction)

    def lines(self) -> list[tuple[str, bool]]:
        """The kind of each line of the gateway's last description, and whether it is on."""
        remote = self.handset.party.remote
        assert remote is not None
        return [(media.kind, media.port > 0) for media in remote.media]

    def directions(self) -> list[str]:
        remote = self.handset.party.remote
        assert remote is not None
        return [remote.direction_of(index) for index in range(len(remote.media))]


@asynccontextmanager
async def conversation(dialect: Dialect | None = None, seat_mode: int = 1, by: str = "call_id") -> AsyncIterator[Scene]:
    """The centre has answered and the seat has joined; at the end nothing may be left in the gateway."""
    async with Stage(queue_s=0.3) as stage:
        video = VideoSettings(CALLER, orientation_id=7, request="fir" if seat_mode == 0 else "pli")
        handset = await stage.handset(HandsetSettings(dialect=dialect or Dialect(), video=video))
        seat = await stage.seat(SeatSettings(dialect=Dialect(seat=True, mode=seat_mode)))
        assert (await handset.dial(CALLED, stage.gateway.access).answered()).accepted
        invite = await stage.centre.wait_for("invite")
        call = await stage.gateway.get(f"/v1/calls/{call_id_in(invite)}")
        assert (await seat.join(call[by], stage.gateway.desk).answered()).accepted
        scene = Scene(stage, handset, seat, invite)
        await scene.seen_again()
        yield scene
        await handset.hang_up()
        assert await seat.call.ended() == "the peer sent BYE"
        assert not any(event["video"] for event in stage.centre.events if "video" in event)
        await _at_rest(stage)
    assert stage.gateway_status == 0


async def _at_rest(stage: Stage) -> None:
    """Wait until the gateway holds nothing; TimeoutError if something stays."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await stage.gateway.get("/v1/status")
            if not any(status[name] for name in ("calls", "dialogs", "relays", "rooms", "ports", "tasks")):
                return
            await asyncio.sleep(0.05)


class TestVariants:
    @pytest.mark.parametrize("picture", list(KINDS))
    @pytest.mark.parametrize(("seat_mode", "by"), [(1, "short_code"), (0, "caller")])
    async def test_every_handset_with_every_seat(self, picture: VideoLine, seat_mode: int, by: str) -> None:
        dialect = Dialect(Voice.G711_G729, picture, preconditions=True)
        async with conversation(dialect, seat_mode, by) as call:
            remote = call.handset.party.remote
            assert remote is not None
            assert remote.media[1].proto == KINDS[picture]
            for party in (call.handset, call.seat):
                assert (party.video.decoder.errors, party.video.counts.lost) == (0, 0)
            assert len(call.handset.video.counts.sources) == 1


class TestCallerChanges:
    async def test_hold_and_resume(self) -> None:
        async with conversation() as call:
            assert (await call.handset.hold()).accepted
            assert call.directions() == ["recvonly", "recvonly"]
            await call.stage.centre.wait_for("reinvite")
            assert (await call.handset.resume()).accepted
            assert call.directions() == ["sendrecv", "sendrecv"]
            await call.seen_again()
            await call.heard_again()

    async def test_video_is_dropped_and_comes_back(self) -> None:
        async with conversation() as call:
            assert (await call.handset.drop_video()).accepted
            assert call.lines() == [("audio", True), ("video", False)]
            await until(lambda: call.seat.video.sight.now_showing == STILL)
            await call.heard_again()
            assert (await call.handset.add_video()).accepted
            assert call.lines() == [("audio", True), ("video", True)]
            await call.seen_again()
            assert call.stage.centre.find("reinvite") is None  # the centre need not know


class TestCentreChanges:
    async def test_its_hold_leaves_the_picture_alone(self) -> None:
        async with conversation() as call:
            await call.changed("hold", "sendonly")
            assert call.directions() == ["sendonly", "sendrecv"]
            await call.seen_again()
            await call.changed("resume", "sendrecv")
            assert call.directions() == ["sendrecv", "sendrecv"]
            await call.heard_again()

    async def test_it_hangs_up(self) -> None:
        async with conversation() as call:
            call.centre("hangup")
            assert await call.handset.call.ended() == "the peer sent BYE"


class TestNoCall:
    async def test_cancel_busy_and_no_route(self) -> None:
        async with Stage() as stage:
            await stage.centre.ask("planned", do="plan", status=0)
            first = await stage.handset(HandsetSettings())
            call = first.dial(CALLED, stage.gateway.access)
            await until(lambda: call.state == "early")
            outcome = await first.hang_up()
            assert outcome is not None
            assert outcome.status == 487
            await stage.centre.wait_for("ended")
            await stage.centre.ask("planned", do="plan", status=486, ring_s=0, queue_s=0)
            second = await stage.handset(HandsetSettings())
            assert (await second.dial(CALLED, stage.gateway.access).answered()).status == 486
            third = await stage.handset(HandsetSettings())
            assert (await third.dial("999", stage.gateway.access).answered()).status == 404
            await _at_rest(stage)
