"""Browsers by way of the engine and a real worker process."""

from __future__ import annotations

import asyncio
import time

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import TransportChanged
from splitter.media.ports.rooms import ParticipantHandle, ParticipantMedia
from splitter.media.worker.engine import WorkerEngine
from tests.media.wire.stand import BROWSER, Browser, Ice
from tests.media.worker.stand import Events, engine, open_files, warmed_up, worker_pid
from tests.patience import until


async def joined(made: WorkerEngine, events: Events, browser: Browser) -> ParticipantHandle:
    """A room with a browser that is connected."""
    room = await made.open_room("call-1", events)
    seat = await made.join_secure(room, "seat-1", "access")
    assert seat.secure is not None
    await browser.ice.gather()
    await made.set_participant(seat, ParticipantMedia(None, BROWSER, BROWSER, secure=browser.secure()))
    await browser.connect(seat.secure)
    await until(lambda: [one.state for one in events.of(TransportChanged)] == ["connecting", "connected"])
    return seat


@pytest.mark.slow
class TestEngine:
    async def test_a_browser_joins_restarts_and_leaves(self) -> None:
        async with engine() as made:
            await warmed_up(made)
            files = open_files(worker_pid(made))
            events, browser = Events(), Browser()
            seat = await joined(made, events, browser)
            assert seat.secure is not None
            port = seat.local.rtp_port
            assert seat.local.host == "192.0.2.1" and seat.local.rtcp_port == port and port % 2 == 0
            (candidate,) = seat.secure.candidates
            assert f"192.0.2.1 {port} typ host" in candidate, "the advertised address"
            await until(lambda: browser.rtp)  # the slate

            again = await made.restart_ice(seat)
            assert again.secure is not None and again.local.rtp_port != port
            assert again.secure.fingerprint == seat.secure.fingerprint
            first, browser.ice = browser.ice, Ice()
            await browser.ice.gather()
            changed = ParticipantMedia(None, BROWSER, BROWSER, secure=browser.secure())
            await made.set_participant(again, changed)
            await browser.ice.meet(again.secure)
            await browser.ice.connect()
            pump = asyncio.ensure_future(_pump(browser))
            seen = len(browser.rtp)
            await until(lambda: len(browser.rtp) > seen)
            pump.cancel()

            report = await made.leave(again)
            assert report is not None and report.stream.packets_out > 0
            await made.close_room(seat.room)
            await until(lambda: open_files(worker_pid(made)) == files)
            assert made.sizes()["ports"] == 0
            await first.close()
            await browser.close()

    async def test_a_port_rests_after_use_also_for_the_workers_successor(self) -> None:
        async with engine() as made:
            room = await made.open_room("call-1", Events())
            seat = await made.join_secure(room, "seat-1", "core")
            again = await made.restart_ice(seat)
            await made.leave(again)
            resting = {port for port, _ in made._pool._supervisors[0].ledger.resting(time.monotonic())}
            assert resting == {seat.local.rtp_port, again.local.rtp_port}

    async def test_what_cannot_be_is_refused_with_the_reason(self) -> None:
        async with engine() as made:
            events = Events()
            room = await made.open_room("call-1", events)
            with pytest.raises(MediaUnavailable, match="cannot bind"):
                await made.join_secure(room, "seat-1", "elsewhere")
            caller = await made.join(room, "caller", "access")
            with pytest.raises(MediaUnavailable, match="no ICE"):
                await made.restart_ice(caller)
            assert await made.report_room(room) is not None


async def _pump(browser: Browser) -> None:
    while True:
        await browser.dtls._recv_next()
