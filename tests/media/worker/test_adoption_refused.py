"""Workers that are not taken over, and gateways that are not obeyed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.ports.events import RelayLost, RoomLost
from splitter.media.worker.client import RefusedByWorker, WorkerClient
from splitter.media.worker.main import CALLERS_LIMIT
from splitter.media.worker.place import socket_of
from splitter.media.worker.supervisor import SupervisorTimers
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Ping, Shutdown
from tests.media.worker.adopted import ended, nothing_left
from tests.media.worker.stand import FIRST_PORT, LIMIT_S, NETWORKS, Events, Peer, gateway, rtp, runs, sides, worker_pid
from tests.media.worker.stand import waiting as arrived
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.slow

HELLO = Hello(PROTOCOL, (FIRST_PORT, FIRST_PORT + 199), 30.0, [], "slate", "", 5.0)


class TestASecondGateway:
    async def test_is_refused_while_the_first_one_lives(self, folder: str) -> None:
        first, second = gateway(folder), gateway(folder)
        await first.start()
        relay = await first.open("call-1", sides(), print)
        with pytest.raises(LocalError, match=f"another gateway, process {os.getpid()}"):
            await second.start()
        await second.stop()
        assert await first.close(relay) is not None
        await first.stop()
        await second.start()
        await second.stop()

    async def test_is_refused_by_the_worker_too(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        other = await connect(folder)
        with pytest.raises(RefusedByWorker, match="another gateway"):
            await other.ask(HELLO, LIMIT_S)
        for verb in (Ping(), Shutdown()):
            with pytest.raises(MediaUnavailable, match="Hello comes first"):
                await other.ask(verb, LIMIT_S)  # type: ignore[misc]
        other.close()
        assert await made.close(relay) is not None
        await made.stop()


class TestWhoeverElseConnects:
    async def test_neither_takes_the_worker_over_nor_prolongs_its_life(self, folder: str) -> None:
        made = gateway(folder, timers=SupervisorTimers(grace_s=1.0))
        await made.start()
        await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        many = [await connect_when_taken(folder) for _ in range(CALLERS_LIMIT + 4)]
        await until(lambda: sum(one.lost.is_set() for one in many) == 4)
        await made.abandon()
        await until(lambda: ended(pid))
        for one in many:
            one.close()

    async def test_is_of_this_user(self, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made = gateway(folder)
        await made.start()
        await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        await made.abandon()
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        other = gateway(folder, timers=SupervisorTimers(start_limit_s=0.3, video_limit_s=0.3))
        with capture_logs() as logs:
            await other.start()
        assert "belongs to user" in str([line.get("reason") for line in logs])
        await other.stop()
        assert runs(pid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: ended(pid))


class TestAWorkerOfAnotherVersion:
    async def test_keeps_its_calls_for_its_grace_beside_the_one_in_its_place(
        self, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = gateway(folder)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        one, other = Peer(), Peer("127.0.0.2")
        await made.point(relay, 0, one.remote)
        await made.point(relay, 1, other.remote)
        pid = worker_pid(made)
        await made.abandon()
        monkeypatch.setattr("splitter.media.worker.pool.PROTOCOL", PROTOCOL + 1)
        monkeypatch.setenv("PYTHONPATH", f"{_another_version(folder)}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        made = gateway(folder)
        with capture_logs() as logs:
            await made.start()
        assert f"speaks protocol {PROTOCOL}, not {PROTOCOL + 1}" in str([line.get("reason") for line in logs])
        assert worker_pid(made) != pid and runs(pid)
        with pytest.raises(MediaUnavailable, match="gone"):
            await made.adopt(relay, print)
        one.rtp.sendto(rtp(1), (NETWORKS["access"].media_address, relay.local[0].rtp_port))
        await until(lambda: arrived(other.rtp) == [rtp(1)])
        os.kill(pid, signal.SIGTERM)
        await until(lambda: ended(pid))
        assert socket_of(Path(folder), 0).exists()  # it took none but its own away
        await made.close(await made.open("call-2", sides(), print))
        await made.stop()
        one.close()
        other.close()


class TestWhatIsNoWorker:
    async def test_is_replaced_where_it_answers_garbage(self, folder: str) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(os.urandom(64))
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(answer, str(socket_of(Path(folder), 0)))
        made = gateway(folder)
        await made.start()
        await made.close(await made.open("call-1", sides(), print))
        await made.stop()
        server.close()
        await server.wait_closed()

    async def test_is_replaced_where_nobody_listens(self, folder: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(str(socket_of(Path(folder), 0)))
        made = gateway(folder)
        await made.start()
        await made.close(await made.open("call-1", sides(), print))
        await made.stop()
        assert nothing_left(folder)


class TestAWorkerThatHangs:
    async def test_while_it_is_found_is_killed_and_replaced(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        await made.abandon()
        os.kill(pid, signal.SIGSTOP)
        made = gateway(folder)
        await made.start()
        assert worker_pid(made) != pid and ended(pid)
        with pytest.raises(MediaUnavailable, match="gone"):
            await made.adopt(relay, print)
        await made.stop()

    async def test_once_it_was_taken_up_is_lost_like_any_other(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        relay, room = await made.open("call-1", sides(), print), await made.open_room("call-1", print)
        await made.abandon()
        made, events = gateway(folder), Events()
        await made.start()
        await made.adopt(relay, events)
        await made.adopt_room(room, events)
        pid = worker_pid(made)
        os.kill(pid, signal.SIGSTOP)
        assert "stood still" in (await events.next(RelayLost)).reason
        await events.next(RoomLost)
        await until(lambda: made.status()[0].state == "ready")
        assert ended(pid)
        await made.stop()


class TestOtherSettings:
    async def test_come_into_force_once_the_worker_is_empty(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        relay = await made.open("call-1", sides(), print)
        pid = worker_pid(made)
        await made.abandon()
        made = gateway(folder, slate_text="Another text")
        await made.start()
        await made.adopt(relay, print)
        assert worker_pid(made) == pid
        await made.close(relay)
        await until(lambda: made.status()[0].pid not in (None, pid) and made.status()[0].state == "ready")
        assert made.status()[0].restarts == 0
        await made.stop()
        assert nothing_left(folder)

    async def test_of_fewer_workers_keep_the_calls_of_those_that_go(self, folder: str) -> None:
        made = gateway(folder, workers=2)
        await made.start()
        relays = [await made.open(f"call-{n}", sides(), print) for n in range(2)]
        pids = [worker_pid(made, index) for index in (0, 1)]
        await made.abandon()
        made = gateway(folder, workers=1)
        await made.start()
        for relay in relays:
            await made.adopt(relay, print)
        assert [status.pid for status in made.status()] == pids
        for relay in relays:
            await made.close(relay)
        await until(lambda: ended(pids[1]) and len(made.status()) == 1)
        # The other one had other ports, and is replaced as well; it may not have begun to be.
        await until(lambda: ended(pids[0]) and [status.state for status in made.status()] == ["ready"])
        await made.stop()
        assert nothing_left(folder)


async def connect_when_taken(folder: str) -> WorkerClient:
    """A connection, where more may come than the system queues at a time."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await connect(folder)
            except BlockingIOError:
                await asyncio.sleep(0.01)


async def connect(folder: str) -> WorkerClient:
    return await WorkerClient.connect(socket_of(Path(folder), 0), lambda owner, event: None)


def _another_version(folder: str) -> str:
    """Where a process finds what makes its workers speak the next protocol."""
    place = Path(folder) / "next"
    place.mkdir()
    (place / "sitecustomize.py").write_text(
        "import splitter.media.worker.verbs.process as process\nprocess.PROTOCOL += 1\n"
    )
    return str(place)
