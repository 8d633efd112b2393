"""Workers that outlive their gateway, and the next one that takes them up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from splitter.config.reference import reference
from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.ports.events import MediaStarted, RelayLost, RoomLost, SourceShown
from splitter.media.ports.rooms import CarriedRoom
from splitter.media.ports.survivors import Inventory
from splitter.media.ports.voice import CarriedRelay
from splitter.media.worker.client import RefusedByWorker, WorkerClient
from splitter.media.worker.main import CALLERS_LIMIT
from splitter.media.worker.place import socket_of
from splitter.media.worker.supervisor import SupervisorTimers
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Ping, Shutdown
from splitter.rtp import packet
from tests.cli.kit import SPLITTER
from tests.media.room.kit import Camera
from tests.media.worker.owner import Written
from tests.media.worker.stand import FIRST_PORT, LIMIT_S, NETWORKS, Events, Peer, gateway, rtp, runs, sides, worker_pid
from tests.media.worker.stand import waiting as arrived
from tests.patience import PATIENCE_S, until
from tests.rtp.payloads import packetise

pytestmark = pytest.mark.slow

HELLO = Hello(PROTOCOL, (FIRST_PORT, FIRST_PORT + 199), 30.0, [], "slate", "", 5.0)
_NUMBER = struct.Struct("!I")
_LATER_PICTURE = b"\x41\x9a"  # a slice of no key frame (H.264 §7.3.1)


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="media-") as path:
        yield path


@dataclass
class Stream:
    """Packets on their way from one peer to another, by our port; each has a number in its payload."""

    source: socket.socket
    to: tuple[str, int]
    target: socket.socket
    video: bool
    sent: int = 0
    got: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of RTP, as they came

    def send(self) -> None:
        self.sent += 1
        mark = _NUMBER.pack(self.sent)
        payload = _LATER_PICTURE + mark if self.video else mark * 40
        self._send(payload, self.sent)

    def send_key_frame(self) -> None:
        for payload in packetise(Camera(150).picture(), 1, 1200):
            self.sent += 1
            self._send(payload, self.sent)

    def _send(self, payload: bytes, number: int) -> None:
        data = packet.Packet(self.video, 96 if self.video else 8, number & 0xFFFF, number * 160, 0x77, payload, ())
        self.source.sendto(packet.build(data), self.to)

    def receive(self) -> None:
        for data in arrived(self.target):
            came = packet.parse(data)
            if not self.video or came.payload[:2] == _LATER_PICTURE:
                self.got.append(_NUMBER.unpack(came.payload[-4:])[0])
                self.numbers.append(came.sequence)

    def assert_whole(self) -> None:
        """Every packet arrived once and in order."""
        assert self.got == list(range(self.got[0], self.sent + 1))
        assert [(later - one) & 0xFFFF for one, later in zip(self.numbers, self.numbers[1:], strict=False)] == [1] * (
            len(self.numbers) - 1
        )


@dataclass
class Owned:
    """A gateway in a process of its own, and the streams of its call."""

    process: asyncio.subprocess.Process
    written: Written
    streams: list[Stream]
    peers: list[Peer]

    async def flow(self, over: Callable[[], object] = lambda: False) -> None:
        """50 packets a second on each, until this is so."""
        while not over():
            for stream in self.streams:
                stream.send()
                stream.receive()
            await asyncio.sleep(0.02)

    async def all_arrived(self) -> None:
        def last() -> bool:
            for stream in self.streams:
                stream.receive()
            return all(stream.got and stream.got[-1] == stream.sent for stream in self.streams)

        await until(last)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def owned(folder: str) -> AsyncIterator[Owned]:
    peers = [Peer(host) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2")]
    named = [f"{peer.host}:{peer.remote.rtp.port}:{peer.remote.rtcp.port}" for peer in peers]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.media.worker.owner", folder, *named, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            line = b""
            while not line.startswith(b'{"relay"'):
                line = await process.stderr.readline()
                assert line, "the gateway ended"
        written = msgspec.json.decode(line, type=Written)
        ours = [*written.relay.local, written.caller.local, written.seat.local]
        hosts = ("127.0.0.1", "127.0.0.2") * 2
        to = [(host, end.rtp_port) for host, end in zip(hosts, ours, strict=True)]
        pairs = ((0, 1), (1, 0), (2, 3), (3, 2))
        yield Owned(process, written, [Stream(peers[a].rtp, to[a], peers[b].rtp, video=a > 1) for a, b in pairs], peers)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for peer in peers:
            peer.close()


def nothing_left(folder: str) -> bool:
    return not list(Path(folder).glob("*.sock"))


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
        await until(lambda: _ended(pid) and nothing_left(folder))

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
        await until(lambda: _ended(pid))
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
        await until(lambda: _ended(pid))


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
        await until(lambda: _ended(pid))
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
        assert worker_pid(made) != pid and _ended(pid)
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
        assert _ended(pid)
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
        await until(lambda: _ended(pids[1]) and len(made.status()) == 1)
        # The other one had other ports, and is replaced as well; it may not have begun to be.
        await until(lambda: _ended(pids[0]) and [status.state for status in made.status()] == ["ready"])
        await made.stop()
        assert nothing_left(folder)


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
        assert _ended(process.pid)
        process.wait()

    async def test_is_no_second_one_of_its_index(self, folder: str) -> None:
        made = gateway(folder)
        await made.start()
        process = self.start(folder)
        await until(lambda: process.poll() is not None)
        assert process.returncode == 1
        await made.close(await made.open("call-1", sides(), print))
        await made.stop()


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


def _ended(pid: int) -> bool:
    """Whether a process is gone; a child of ours may be left as a zombie."""
    return not runs(pid)


def _another_version(folder: str) -> str:
    """Where a process finds what makes its workers speak the next protocol."""
    place = Path(folder) / "next"
    place.mkdir()
    (place / "sitecustomize.py").write_text(
        "import splitter.media.worker.verbs.process as process\nprocess.PROTOCOL += 1\n"
    )
    return str(place)
