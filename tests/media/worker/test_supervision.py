"""Workers that die, hang, or are left alone."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from splitter.core.errors import LocalError, MediaTimeout, MediaUnavailable, NoPorts
from splitter.media.ports.events import RelayLost, RoomLost
from splitter.media.ports.health import port_alarm
from splitter.media.ports.voice import RelayHandle
from splitter.media.settings import MediaSettings
from splitter.media.worker.client import RefusedByWorker, WorkerClient
from splitter.media.worker.engine import WorkerEngine
from splitter.media.worker.status import slice_of
from splitter.media.worker.supervisor import SupervisorTimers
from splitter.media.worker.verbs.open_relay import OpenRelay
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Status
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings
from tests.counted import value
from tests.media.worker.stand import (
    BOTH,
    FIRST_PORT,
    LIMIT_S,
    NETWORKS,
    Events,
    Peer,
    engine,
    receive,
    rtp,
    runs,
    sides,
    talk,
    worker_pid,
)
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.slow

PATIENT = SupervisorTimers(heartbeat_s=0.05, hang_limit_s=60)


def carrier(made: WorkerEngine, relay: RelayHandle) -> int:
    """The index of the worker that holds a relay."""
    index = made.worker_of(relay.relay_id)
    assert index is not None
    return index


class TestAKilledWorker:
    async def test_is_reported_and_replaced_and_the_others_go_on(self) -> None:
        async with engine(workers=2) as made, talk(made) as one, talk(made) as other:
            assert {carrier(made, one.relay), carrier(made, other.relay)} == {0, 1}
            room_events = Events()
            room = await made.open_room("call-9", room_events)
            index = made.worker_of(room.room_id)
            assert index is not None
            victim = one if carrier(made, one.relay) == index else other
            survivor = other if victim is one else one
            first = worker_pid(made, index)

            os.kill(first, signal.SIGKILL)

            lost = await victim.events.next(RelayLost)
            assert (lost.call_id, lost.relay_id) == ("call-1", victim.relay.relay_id)
            assert "SIGKILL" in lost.reason
            assert (await room_events.next(RoomLost)).room_id == room.room_id
            assert await made.close(victim.relay) is None
            assert survivor.events.of(RelayLost) == []
            await survivor.flows(survivor.caller.rtp, survivor.relay.local[0], survivor.centre.rtp)
            await until(lambda: made.status()[index].state == "ready")
            assert worker_pid(made, index) != first
            assert made.status()[index].restarts == 1

    async def test_leaves_its_ports_in_quarantine_for_its_successor(self) -> None:
        async with engine(last_port=FIRST_PORT + 7) as made, talk(made) as call:
            os.kill(worker_pid(made), signal.SIGKILL)
            await call.events.next(RelayLost)
            await until(lambda: made.status()[0].state == "ready")
            async with talk(made) as next_call:
                ports = {end.rtp_port for end in (*call.relay.local, *next_call.relay.local)}
                assert len(ports) == 4
                with pytest.raises(MediaUnavailable, match="no free media ports"):
                    await made.open("call-3", sides(), print)

    async def test_fails_requests_under_way_at_once(self) -> None:
        async with engine(request_limit_s=60) as made, talk(made) as call:
            pid = worker_pid(made)
            os.kill(pid, signal.SIGSTOP)
            request = asyncio.ensure_future(made.report(call.relay))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(MediaUnavailable):
                async with asyncio.timeout(LIMIT_S):
                    await request


class TestAStuckWorker:
    async def test_costs_its_callers_no_more_than_the_limit_and_others_nothing(self) -> None:
        timers = SupervisorTimers(heartbeat_s=60, hang_limit_s=60)
        async with (
            engine(workers=2, request_limit_s=2.0, timers=timers) as made,
            talk(made) as one,
            talk(made) as other,
        ):
            stuck = carrier(made, one.relay)
            os.kill(worker_pid(made, stuck), signal.SIGSTOP)
            with pytest.raises(MediaTimeout):
                await made.point(one.relay, 0, one.caller.remote)
            assert made.status()[stuck].state == "stuck"
            for _ in range(4):  # though it is the least loaded, the stuck one is not chosen again
                relay = await made.open("call-2", sides(), print)
                assert carrier(made, relay) == carrier(made, other.relay)
            await other.flows(other.caller.rtp, other.relay.local[0], other.centre.rtp)
            os.kill(worker_pid(made, stuck), signal.SIGCONT)

    async def test_that_wakes_up_keeps_nothing_of_a_request_that_was_given_up(self) -> None:
        async with engine(request_limit_s=0.3, timers=PATIENT) as made:
            pid = worker_pid(made)
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(MediaTimeout):
                await made.open("call-1", sides(), print)
            os.kill(pid, signal.SIGCONT)
            await until(lambda: made.status()[0].state == "ready")
            # 100 pairs in all; the two of the abandoned relay rest.
            await until(lambda: (made.status()[0].relays, made.status()[0].free_ports) == (0, 98))

    async def test_that_does_not_wake_up_is_replaced(self) -> None:
        timers = SupervisorTimers(heartbeat_s=0.05, hang_limit_s=0.2)
        async with engine(timers=timers) as made, talk(made) as call:
            pid = worker_pid(made)
            os.kill(pid, signal.SIGSTOP)
            assert "did not answer" in (await call.events.next(RelayLost)).reason
            await until(lambda: made.status()[0].pid not in (None, pid) and made.status()[0].state == "ready")
            assert not runs(pid)

    async def test_is_given_up_before_anybody_has_hung_up(self) -> None:
        """Half a second where nothing else runs; long before it would be too late with an answer."""
        async with engine(workers=2) as made, talk(made) as call:
            stuck = carrier(made, call.relay)
            os.kill(worker_pid(made, stuck), signal.SIGSTOP)
            lost = await call.events.next(RelayLost)
            assert "stood still" in lost.reason
            moved = await made.open("call-1", sides(), print)
            assert carrier(made, moved) != stuck

    async def test_gives_back_what_was_asked_of_it(self) -> None:
        async with engine(workers=1, request_limit_s=60) as made, talk(made) as call:
            os.kill(worker_pid(made), signal.SIGSTOP)
            with pytest.raises(MediaUnavailable):
                async with asyncio.timeout(LIMIT_S):
                    await made.report(call.relay)


class TestABusyMachine:
    async def test_is_no_reason_to_give_a_worker_up(self) -> None:
        """The worker gets next to nothing of the processors: it answers late, and lives."""

        async with engine() as made, talk(made) as call:
            os.setpriority(os.PRIO_PROCESS, worker_pid(made), 19)
            others = [
                await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
                for _ in range(3 * (os.cpu_count() or 1))
            ]
            try:
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp)
            finally:
                for other in others:
                    other.kill()
                    await other.wait()
            assert not call.events.of(RelayLost)
            assert made.status()[0].restarts == 0


class TestASuccessor:
    async def test_gets_no_room_while_it_draws_and_another_worker_can(self) -> None:
        async with engine(workers=2) as made:
            for _ in range(3):  # the other one has more to carry
                relay = await made.open("call-1", sides(), print)
            first = carrier(made, relay)
            os.kill(worker_pid(made, first), signal.SIGKILL)
            await until(lambda: made.status()[first].restarts == 1 and made.status()[first].state == "ready")
            room = await made.open_room("call-1", print)
            drawing = not made._pool._supervisors[first].video  # so it did before
            assert made.worker_of(room.room_id) != first or not drawing


class TestTheOnlyWorker:
    async def test_is_waited_for_a_moment_by_those_whose_relay_it_took_along(self) -> None:
        async with engine() as made, talk(made) as call:
            os.kill(worker_pid(made), signal.SIGKILL)
            await call.events.next(RelayLost)
            async with asyncio.timeout(LIMIT_S):
                while True:
                    try:
                        await made.open("call-1", sides(), print)
                        break
                    except MediaUnavailable:  # a slow machine needs more than the moment
                        continue
            assert made.status()[0].restarts == 1


class TestNoWorkerAtAll:
    async def test_is_media_unavailable(self) -> None:
        timers = SupervisorTimers(backoff_first_s=60)
        async with engine(timers=timers) as made, talk(made) as call:
            os.kill(worker_pid(made), signal.SIGKILL)
            await call.events.next(RelayLost)
            with pytest.raises(MediaUnavailable, match="no media worker is ready"):
                await made.open("call-2", sides(), print)
            with pytest.raises(MediaUnavailable):
                await made.open_room("call-2", print)

    async def test_ports_of_one_are_exhausted_and_the_other_is_tried(self) -> None:
        async with engine(workers=2, last_port=FIRST_PORT + 7) as made:
            relays = [await made.open(f"call-{n}", sides(), print) for n in range(2)]
            assert {carrier(made, relay) for relay in relays} == {0, 1}
            room = await made.open_room("call-0", print)  # makes the other worker the less loaded one
            index = made.worker_of(room.room_id)
            await made.close(next(relay for relay in relays if carrier(made, relay) == index))
            refused = value(metrics.media.PORTS_REFUSED, "voice")
            assert carrier(made, await made.open("call-3", sides(), print)) == index
            assert value(metrics.media.PORTS_REFUSED, "voice") == refused
            with pytest.raises(NoPorts, match="no free media ports"):
                await made.open("call-4", sides(), print)
            assert value(metrics.media.PORTS_REFUSED, "voice") == refused + 1
            await until(lambda: sum(one.free_ports + one.resting for one in made.status()) == 0)

    async def test_pictures_leave_half_of_the_ports_to_voice(self) -> None:
        async with engine(last_port=FIRST_PORT + 7, voice_pairs=4) as made:
            room = await made.open_room("call-1", print)
            for name in ("caller", "desk-1"):
                await made.join(room, name, "access")
            refused = value(metrics.media.PORTS_REFUSED, "picture")
            with pytest.raises(NoPorts, match="kept for voice"):
                await made.join_secure(room, "desk-2", "access")
            assert value(metrics.media.PORTS_REFUSED, "picture") == refused + 1
            await made.open("call-1", sides(), print)
            await until(lambda: port_alarm(made.status()))

    async def test_and_no_longer_once_fewer_calls_may_come(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            ports: dict[str, Any] = {"socket_dir": folder, "first_port": FIRST_PORT, "last_port": FIRST_PORT + 7}
            made = WorkerEngine(MediaSettings(workers=1, voice_pairs=4, **ports), NETWORKS)
            await made.start()
            room = await made.open_room("call-1", print)
            for name in ("caller", "desk-1"):
                await made.join(room, name, "access")
            with pytest.raises(NoPorts, match="kept for voice"):
                await made.join_secure(room, "desk-2", "access")
            made.renew(MediaSettings(workers=1, **ports), TelemetrySettings())
            await made.join_secure(room, "desk-2", "access")
            await made.stop()


class TestStopping:
    async def test_ends_the_workers_and_leaves_nothing_behind(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            made = WorkerEngine(MediaSettings(workers=2, socket_dir=folder), NETWORKS)
            await made.start()
            pids = [worker_pid(made, index) for index in (0, 1)]
            assert all(runs(pid) for pid in pids)
            await made.stop()
            assert not any(runs(pid) for pid in pids)
            assert not [name for name in os.listdir(folder) if name.endswith(".sock")]  # noqa: PTH208

    async def test_a_stopped_worker_does_not_hold_it_up(self) -> None:
        async with engine(timers=SupervisorTimers(stop_limit_s=0.2)) as made:
            pid = worker_pid(made)
            os.kill(pid, signal.SIGSTOP)
            async with asyncio.timeout(LIMIT_S):
                await made.stop()
            assert not runs(pid)


class TestARestartOfTheGateway:
    """Callers of before go on sending for a while: who calls now must not hear them."""

    def settings(self, folder: str, pairs: int, quarantine_s: float = 300.0) -> MediaSettings:
        last_port = FIRST_PORT + 2 * pairs - 1
        return MediaSettings(
            workers=1, first_port=FIRST_PORT, last_port=last_port, quarantine_s=quarantine_s, socket_dir=folder
        )

    async def opened(self, made: WorkerEngine, call_id: str) -> set[int]:
        relay = await made.open(call_id, sides(), print)
        return {end.rtp_port for end in relay.local}

    async def test_lets_the_ports_rest_that_were_open_or_closed_of_late(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            settings = self.settings(folder, pairs=6)
            first = WorkerEngine(settings, NETWORKS)
            await first.start()
            held = await self.opened(first, "call-1")
            ended = await first.open("call-2", sides(), print)
            await first.close(ended)
            await first.stop()
            second = WorkerEngine(settings, NETWORKS)
            await second.start()
            fresh = await self.opened(second, "call-3")
            assert not fresh & (held | {end.rtp_port for end in ended.local})
            with pytest.raises(MediaUnavailable, match="no free media ports"):
                await second.open("call-4", sides(), print)
            await second.stop()

    async def test_without_a_place_for_the_record_goes_on(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            settings = self.settings(folder, pairs=4)
            (Path(folder) / f"ports-{settings.first_port}-{settings.last_port}").mkdir()
            made = WorkerEngine(settings, NETWORKS)
            await made.start()
            assert len(await self.opened(made, "call-1")) == 2
            await made.stop()


class TestSocketDirectory:
    async def test_too_long_a_path_is_said_at_the_start(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            made = WorkerEngine(MediaSettings(socket_dir=f"{folder}/{'x' * 100}"), NETWORKS)
            with pytest.raises(LocalError, match="too long"):
                await made.start()
            await made.stop()

    async def test_one_that_cannot_be_made_is_said_at_the_start(self) -> None:
        made = WorkerEngine(MediaSettings(socket_dir="/dev/null/media"), NETWORKS)
        with pytest.raises(LocalError, match="/dev/null/media"):
            await made.start()
        await made.stop()


class TestAWorkerWithoutAGateway:
    """The worker's own side of a restart of signalling: it is started here as the supervisor does."""

    async def start(self, folder: str, grace_s: float) -> tuple[asyncio.subprocess.Process, Path]:
        path = Path(folder) / "w.sock"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "splitter.media.worker", "--socket", str(path), "--grace", str(grace_s)
        )
        return process, path

    async def connect(self, path: Path) -> WorkerClient:
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    return await WorkerClient.connect(path, lambda owner, event: None)
                except OSError:
                    await asyncio.sleep(0.01)

    HELLO = Hello(PROTOCOL, (FIRST_PORT, FIRST_PORT + 99), 30.0, [], "slate", "", 5.0)

    async def test_keeps_voice_going_for_its_grace_and_then_exits(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, path = await self.start(folder, grace_s=2.0)
            client = await self.connect(path)
            await client.ask(self.HELLO, LIMIT_S)
            opened = await client.ask(OpenRelay("c", "r", BOTH), LIMIT_S)
            caller, centre = Peer(), Peer()
            await client.ask(SetRemote("r", 0, caller.remote), LIMIT_S)
            await client.ask(SetRemote("r", 1, centre.remote), LIMIT_S)
            gone_at = time.monotonic()
            client.close()
            caller.rtp.sendto(rtp(1), ("127.0.0.1", opened.ports[0][0]))
            assert (await receive(centre.rtp))[0] == rtp(1)
            assert await process.wait() == 0
            assert time.monotonic() - gone_at >= 2.0
            assert not path.exists()
            caller.close()
            centre.close()

    async def welcomed(self, client: WorkerClient) -> Status:
        """Greet until the worker has noticed that the gateway before is gone, as `arrival` does."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return await client.ask(self.HELLO, LIMIT_S)
                except RefusedByWorker as refused:
                    assert refused.kind == "busy"
                    await asyncio.sleep(0.01)

    async def test_is_there_for_the_next_gateway(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, path = await self.start(folder, grace_s=60)
            first = await self.connect(path)
            await first.ask(self.HELLO, LIMIT_S)
            await first.ask(OpenRelay("c", "r", BOTH), LIMIT_S)
            first.close()
            second = await self.connect(path)
            status = await self.welcomed(second)
            assert status.relays == 1
            process.terminate()
            assert await process.wait() == 0

    async def test_survives_whatever_is_written_to_its_socket(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, path = await self.start(folder, grace_s=60)
            client = await self.connect(path)
            await client.ask(self.HELLO, LIMIT_S)
            await client.ask(OpenRelay("c", "r", BOTH), LIMIT_S)
            client.close()
            random_bytes = random.Random(7)
            for _ in range(30):
                _, writer = await asyncio.open_unix_connection(str(path))
                garbage = random_bytes.randbytes(200)
                writer.write(len(garbage).to_bytes(4, "big") + garbage + random_bytes.randbytes(50))
                await writer.drain()
                writer.close()
            again = await self.connect(path)
            assert (await self.welcomed(again)).relays == 1
            process.terminate()
            assert await process.wait() == 0

    async def test_exits_at_once_if_it_carries_nothing(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, path = await self.start(folder, grace_s=600)
            client = await self.connect(path)
            await client.ask(self.HELLO, LIMIT_S)
            client.close()
            async with asyncio.timeout(LIMIT_S):
                assert await process.wait() == 0

    async def test_exits_if_nobody_ever_comes(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, _ = await self.start(folder, grace_s=0.1)
            async with asyncio.timeout(LIMIT_S):
                assert await process.wait() == 0

    async def test_refuses_a_gateway_of_another_version(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            process, path = await self.start(folder, grace_s=60)
            client = await self.connect(path)
            strange = Hello(PROTOCOL + 1, (FIRST_PORT, FIRST_PORT + 99), 30.0, [], "slate", "", 5.0)
            with pytest.raises(MediaUnavailable, match=f"speaks protocol {PROTOCOL}, not {PROTOCOL + 1}"):
                await client.ask(strange, LIMIT_S)
            with pytest.raises(MediaUnavailable, match="Hello comes first"):
                await client.ask(OpenRelay("c", "r", BOTH), LIMIT_S)
            client.close()
            process.terminate()
            assert await process.wait() == 0


class TestSlices:
    @pytest.mark.parametrize(
        ("first", "last"), [(30_000, 39_999), (30_001, 30_098), (30_000, 30_006), (30_000, 30_001)]
    )
    @pytest.mark.parametrize("count", [1, 2, 3, 8])
    def test_share_the_range_without_overlap(self, first: int, last: int, count: int) -> None:
        slices = [slice_of(first, last, index, count) for index in range(count)]
        ports = [port for begin, end in slices for port in range(begin, end + 1)]
        assert len(ports) == len(set(ports))
        assert all(first <= port <= last for port in ports)
        assert all(begin % 2 == 0 and (end - begin) % 2 == 1 for begin, end in slices)
        assert len(ports) == (last + 1 - first - first % 2) // 2 * 2


class TestReap:
    def test_children_that_nobody_waited_for_are_zombies_no_more(self) -> None:
        program = """
import os, time
from splitter.media.worker.process import reap
pid = os.posix_spawn("/bin/true", ["true"], {})
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it is a zombie by now
reap()
reap()
try:
    os.kill(pid, 0)
except ProcessLookupError:
    print("buried")
"""
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert said == "buried\n"
