"""The voice centre on each of its stacks, alone with a handset: an independent stack hears and is heard."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from splitter.core.net import Address
from splitter.lab.centre.stacks import Stack
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.process import LabProcess, LabProcessEnded
from tests.lab.centres import STACKS, must_be_there
from tests.patience import PATIENCE_S, until

HOST = "127.0.0.1"

pytestmark = pytest.mark.interop


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Each stack in turn."""
    return must_be_there(request.param)


@asynccontextmanager
async def called(stack: Stack, plan: dict[str, object]) -> AsyncIterator[tuple[Handset, LabProcess, Address]]:
    """A centre that runs and a handset for voice calls."""
    centre = LabProcess("splitter.lab.centre", "--stack", stack, "--listen", f"{HOST}:0", "--plan", json.dumps(plan))
    handset = Handset(HandsetSettings(dialect=Dialect(picture=VideoLine.NONE)), HOST)
    await centre.start()
    try:
        ready = await centre.wait_for("ready")
        await handset.start()
        yield handset, centre, Address(HOST, ready["port"])
    finally:
        await handset.stop()
        status = await centre.stop()
    assert status == 0


async def heard_there(centre: LabProcess) -> None:
    """Wait until the centre has heard the caller for a while."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            [told] = (await centre.ask("report", do="report"))["calls"]
            if told["heard"].get("1000", 0.0) > 0.3:
                return
            await asyncio.sleep(0.05)


class TestCentre:
    async def test_queue_then_agent_and_it_hears_the_caller(self, stack: Stack) -> None:
        async with called(stack, {"queue_s": 0.6, "extension": "2002"}) as (handset, centre, where):
            call = handset.dial("500", where)
            outcome = await call.answered()
            assert outcome.accepted
            assert call.responses == [(180, False), (183, True), (200, True)]
            assert outcome.response is not None
            assert "sip:2002@" in outcome.response.headers.get("p-asserted-identity", "")  # type: ignore[operator]
            hearing = handset.audio.hearing
            await until(lambda: hearing.seconds(660) > 0.3)
            await heard_there(centre)
            assert hearing.order == (440.0, 660.0)
            invite = centre.find("invite")
            assert invite is not None
            assert (invite["video"], len(invite["media"])) == (False, 1)
            assert invite["raw"].startswith("INVITE sip:500@")
            assert await handset.hang_up() is not None
            ended = await centre.wait_for("ended")
            assert ended["heard"]["1000"] > 0.3
            assert (await centre.ask("report", do="report"))["calls"] == []

    async def test_it_holds_resumes_and_hangs_up(self, stack: Stack) -> None:
        async with called(stack, {"queue_s": 0}) as (handset, centre, where):
            call = handset.dial("500", where)
            await call.answered()
            await centre.wait_for("state", lambda event: event["state"] == "CONFIRMED")
            centre.send(do="hold", call=0)
            await until(lambda: len(call.offers_in) == 1)
            remote = handset.party.remote
            assert remote is not None
            assert remote.direction_of(0) in ("sendonly", "inactive")
            await until(lambda: handset.audio.remote is None)
            async with asyncio.timeout(PATIENCE_S):
                while len(call.offers_in) == 1:  # it refuses until the 200 to its hold is there
                    centre.send(do="resume", call=0)
                    await asyncio.sleep(0.2)
            assert handset.audio.remote is not None
            centre.send(do="hangup", call=0)
            assert await call.ended() == "the peer sent BYE"

    async def test_it_reports_what_is_offered_to_it_later(self, stack: Stack) -> None:
        async with called(stack, {"queue_s": 0}) as (handset, centre, where):
            await handset.dial("500", where).answered()
            assert (await handset.hold()).accepted
            event = await centre.wait_for("reinvite")
            assert event["video"] is False
            await handset.hang_up()

    @pytest.mark.parametrize("status", [486, 603])
    async def test_it_refuses(self, stack: Stack, status: int) -> None:
        async with called(stack, {"queue_s": 0, "status": status}) as (handset, _, where):
            assert (await handset.dial("500", where).answered()).status == status

    async def test_video_that_slips_through_is_noticed(self, stack: Stack) -> None:
        async with called(stack, {"queue_s": 0}) as (handset, centre, where):
            handset.party.dialect = Dialect()  # as if the gateway had passed the line on
            handset.party.with_video = True
            handset.dial("500", where)
            assert (await centre.wait_for("invite"))["video"] is True

    async def test_commands_that_cannot_be_carried_out_are_answered(self, stack: Stack) -> None:
        async with called(stack, {}) as (_, centre, _where):
            event = await centre.ask("error", do="hangup", call=3)
            assert event["text"] == "hangup: no call 3"


class TestProcess:
    async def test_an_early_end_is_told_with_its_last_words(self, stack: Stack) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((HOST, 0))
            centre = LabProcess("splitter.lab.centre", "--stack", stack, "--listen", f"{HOST}:{taken.getsockname()[1]}")
            await centre.start()
            with pytest.raises(LabProcessEnded, match="centre"):
                await centre.wait_for("ready")
            assert await centre.stop() != 0
