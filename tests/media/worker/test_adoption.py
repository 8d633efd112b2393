"""Workers that outlive their gateway, and the next one that takes them up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from splitter.config.reference import reference
from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import MediaStarted, RelayLost, SourceShown
from splitter.media.ports.rooms import CarriedRoom
from splitter.media.ports.survivors import Inventory
from splitter.media.ports.voice import CarriedRelay
from splitter.media.worker.supervisor import SupervisorTimers
from tests.cli.kit import SPLITTER
from tests.media.worker.adopted import ended, nothing_left, owned
from tests.media.worker.stand import FIRST_PORT, Events, Peer, gateway, runs, sides, worker_pid
from tests.patience import until

pytestmark = pytest.mark.slow


def assert_free(*ports: int) -> None:
    """Nobody has these ports any more."""
    for port in ports:
        for host in ("127.0.0.1", "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((host, port))


class TestAKilledGateway:
    async def test_costs_no_packet_and_the_next_one_goes_on(self, folder: str) -> None:
        async with owned(folder) as call:
            written, events = call.written, Events()
            for stream in call.streams:
                if stream.video:
                    stream.send_key_frame()
            flowing = asyncio.ensure_future(call.flow())
            await until(lambda: all(len(stream.got) > 20 for stream in call.streams))
            await call.kill()
            made = gateway(folder)
            await made.start()
            pid = worker_pid(made)
            assert {one.handle for one in made.inventory().relays} == {written.relay}
            remotes = call.peers[0].remote, call.peers[1].remote
            assert await made.adopt(written.relay, events) == CarriedRelay(written.relay, remotes)
            room = await made.adopt_room(written.room, events)
            assert isinstance(room, CarriedRoom)
            assert [one.handle for one in room.participants] == [written.caller, written.seat]
            adopted = [stream.sent for stream in call.streams]
            await until(lambda: all(s.sent > one + 20 for s, one in zip(call.streams, adopted, strict=True)))
            flowing.cancel()
            await call.all_arrived()
            for stream in call.streams:
                stream.assert_whole()
            assert made.inventory() == Inventory() and await made.release_unclaimed() == 0
            await until(lambda: {event.end for event in events.of(MediaStarted)} == {"caller", "centre", "seat-1"})
            shown = {"caller": "seat-1", "seat-1": "caller"}
            await until(lambda: {event.viewer: event.source for event in events.of(SourceShown)} == shown)

            other = Peer("127.0.0.2")
            await made.point(written.relay, 1, other.remote)
            call.streams[0].target, before = other.rtp, len(call.streams[0].got)
            await call.flow(lambda: len(call.streams[0].got) > before)
            await call.all_arrived()
            await made.show(written.room, "seat-1", "slate")
            await until(lambda: (events.of(SourceShown)[-1].viewer, events.of(SourceShown)[-1].source)[1] == "slate")
            assert await made.close(written.relay) is not None
            assert await made.close_room(written.room) is not None
            await made.stop()
            other.close()
            assert not runs(pid) and nothing_left(folder)
            assert_free(*(end.rtp_port for end in (*written.relay.local, written.caller.local, written.seat.local)))

    async def test_leaves_workers_that_end_by_themselves_after_their_grace(self, folder: str) -> None:
        made = gateway(folder, timers=SupervisorTimers(grace_s=0.3))
        await made.start()
        await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        await made.abandon()
        await until(lambda: ended(pid) and nothing_left(folder))

    async def test_is_taken_up_again_and_again(self, folder: str) -> None:
        made = gateway(folder, workers=2)
        await made.start()
        relays = [await made.open(f"call-{n}", sides(), print) for n in range(48)]
        pids = {worker_pid(made, index) for index in (0, 1)}
        for _ in range(2):
            await made.abandon()
            made = gateway(folder, workers=2)
            await made.start()
            assert {worker_pid(made, index) for index in (0, 1)} == pids
            for relay in relays:
                await made.adopt(relay, print)
        assert made.sizes()["relays"] == 48
        await made.stop()


class TestPorts:
    async def test_of_what_was_taken_up_are_taken(self, folder: str) -> None:
        made = gateway(folder, last_port=FIRST_PORT + 7)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        await made.abandon()
        made = gateway(folder, last_port=FIRST_PORT + 7)
        await made.start()
        events = Events()
        await made.adopt(relay, events)
        other = await made.open("call-2", sides(), print)
        assert len({end.rtp_port for end in (*relay.local, *other.local)}) == 4
        with pytest.raises(MediaUnavailable, match="no free media ports"):
            await made.open("call-3", sides(), print)
        await made.close(other)
        os.kill(worker_pid(made), signal.SIGKILL)  # and its successor lets all of them rest
        await events.next(RelayLost)
        await until(lambda: made.status()[0].state == "ready")
        with pytest.raises(MediaUnavailable, match="no free media ports"):
            await made.open("call-4", sides(), print)
        await made.stop()

    async def test_of_a_worker_that_died_along_with_the_gateway_rest(self, folder: str) -> None:
        made = gateway(folder, last_port=FIRST_PORT + 7)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        await made.abandon()
        os.kill(pid, signal.SIGKILL)
        made = gateway(folder, last_port=FIRST_PORT + 7)
        await made.start()  # and its socket is stale
        with pytest.raises(MediaUnavailable, match="gone"):
            await made.adopt(relay, print)
        other = await made.open("call-2", sides(), print)
        assert len({end.rtp_port for end in (*relay.local, *other.local)}) == 4
        with pytest.raises(MediaUnavailable, match="no free media ports"):
            await made.open("call-3", sides(), print)
        await made.stop()


class TestAWorkerWithAUnitOfItsOwn:
    def start(self, folder: str) -> subprocess.Popen[bytes]:
        config = Path(folder) / "splitter.toml"
        config.write_text(reference().replace('#socket_dir = "/run/splitter"', f'socket_dir = "{folder}"'))
        return subprocess.Popen([*SPLITTER, "media", "-c", str(config), "--index", "0"])

    async def test_is_waited_for_and_stays_without_a_gateway(self, folder: str) -> None:
        made = gateway(folder, spawn=False)
        starting = asyncio.ensure_future(made.start())
        process = self.start(folder)
        await starting
        assert worker_pid(made) == process.pid
        await made.close(await made.open("call-1", sides(), print))
        await made.abandon()
        made = gateway(folder, spawn=False)
        await made.start()
        assert worker_pid(made) == process.pid
        await made.stop()
        assert ended(process.pid)
        process.wait()

    async def test_is_no_second_one_of_its_index(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        process = self.start(folder)
        await until(lambda: process.poll() is not None)
        assert process.returncode == 1
        await made.close(await made.open("call-1", sides(), print))
        await made.stop()
