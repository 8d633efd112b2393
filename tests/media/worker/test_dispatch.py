"""One worker's relays and rooms, in this process: what is broken is closed and reported, the rest goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent, RelayLost, RoomLost
from splitter.media.ports.rooms import RoomReport, Snapshot
from splitter.media.ports.voice import RelayReport
from splitter.media.wire.host import Host
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.dispatch import Dispatcher
from splitter.media.worker.loop import PacketHost
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.close_room import CloseRoom
from splitter.media.worker.verbs.join import Joined, JoinRoom
from splitter.media.worker.verbs.leave import Leave, ParticipantCounts
from splitter.media.worker.verbs.open_relay import OpenRelay, RelayOpened
from splitter.media.worker.verbs.open_room import OpenRoom
from splitter.media.worker.verbs.report_relay import RelayCounts, ReportRelay
from splitter.media.worker.verbs.report_room import ReportRoom, RoomCounts
from splitter.media.worker.verbs.request_key_frame import RequestKeyFrame
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.show import ShowSource
from splitter.media.worker.verbs.take_snapshot import SnapshotTaken, TakeRoomSnapshot
from splitter.media.worker.verbs.verb import Done, Failed
from tests.media.worker.stand import FIRST_PORT, Peer, receive, rtp
from tests.patience import until

LOOP = PacketLoop

HOST = "127.0.0.1"
BOTH = ("caller", HOST), ("centre", HOST)


class BrokenRoom:
    """Joins one participant; breaks at its packets, at its timer, or when commanded."""

    def __init__(
        self, call_id: str, room_id: str, loop: Host, slate: object, emit: Callable[[MediaEvent], None], form: object
    ) -> None:
        self.call_id, self.room_id = call_id, room_id
        self._loop = loop

    def join(self, name: str, host: str) -> tuple[int, int]:
        pair = self._loop.open_pair(host, self._break, self._break)
        if name == "late":
            self._loop.call_later(0.01, self._break)
        return pair.rtp_port, pair.rtcp_port

    def show(self, viewer: str, source: str) -> None:
        self._break()

    def _break(self, *packet: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    def close(self) -> RoomReport:
        raise RuntimeError("cannot even close")


@dataclass
class Worker:
    dispatcher: Dispatcher
    host: PacketHost
    events: list[tuple[str, MediaEvent]]


@asynccontextmanager
async def worker() -> AsyncIterator[Worker]:
    events: list[tuple[str, MediaEvent]] = []
    host = PacketHost(asyncio.get_running_loop(), PortPairs(FIRST_PORT + 200, FIRST_PORT + 219, 30, random.Random(1)))
    dispatcher = Dispatcher(host, LatchRules(), lambda owner, event: events.append((owner, event)))
    yield Worker(dispatcher, host, events)
    dispatcher.close()
    assert len(host.poller) == 0
    host.poller.close()


@pytest.fixture
def broken_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    import splitter.media.room.room

    monkeypatch.setattr(splitter.media.room.room, "Room", BrokenRoom)


@pytest.mark.usefixtures("broken_rooms")
class TestABrokenRoom:
    @pytest.mark.parametrize("how", ["packet", "timer", "verb"])
    async def test_is_closed_and_reported_while_voice_goes_on(self, how: str) -> None:
        async with worker() as w:
            w.dispatcher.slate = object()  # type: ignore[assignment]
            relay = w.dispatcher.handle(OpenRelay("call", "relay", BOTH))
            assert isinstance(relay, RelayOpened)
            assert w.dispatcher.handle(OpenRoom("room", "call")) == Done()
            joined = w.dispatcher.handle(JoinRoom("room", "late" if how == "timer" else "caller", HOST))
            assert isinstance(joined, Joined)
            assert len(w.host.poller) == 6
            peer, centre = Peer(), Peer()
            if how == "packet":
                peer.rtp.sendto(rtp(1), (HOST, joined.ports[0]))
            elif how == "verb":
                failed = w.dispatcher.handle(ShowSource("room", "caller", "slate"))
                assert isinstance(failed, Failed)
                assert failed.kind == "fault"
            await until(lambda: w.events)
            (owner, lost) = w.events[0]
            assert owner == "room"
            assert isinstance(lost, RoomLost)
            assert (lost.call_id, lost.room_id) == ("call", "room")
            assert "broken on purpose" in lost.reason
            assert len(w.host.poller) == 4
            assert w.dispatcher.handle(ReportRoom("room")) == RoomCounts(None)
            w.dispatcher.handle(SetRemote("relay", 0, peer.remote))
            w.dispatcher.handle(SetRemote("relay", 1, centre.remote))
            peer.rtp.sendto(rtp(2), (HOST, relay.ports[0][0]))
            assert (await receive(centre.rtp))[0] == rtp(2)
            peer.close()
            centre.close()

    async def test_that_cannot_close_leaves_no_socket(self) -> None:
        async with worker() as w:
            w.dispatcher.slate = object()  # type: ignore[assignment]
            w.dispatcher.handle(OpenRoom("room", "call"))
            w.dispatcher.handle(JoinRoom("room", "caller", HOST))
            assert isinstance(w.dispatcher.handle(CloseRoom("room")), Failed)
            assert len(w.host.poller) == 0


class TestABrokenRelay:
    async def test_is_closed_and_reported_while_others_go_on(self) -> None:
        async with worker() as w:
            opened = w.dispatcher.handle(OpenRelay("call", "relay-0", BOTH))
            assert isinstance(opened, RelayOpened)
            assert isinstance(w.dispatcher.handle(OpenRelay("call", "relay-1", BOTH)), RelayOpened)
            victim: Any = w.dispatcher.relays["relay-0"].sides[0].rtp
            victim.latch = SimpleNamespace(speakers=frozenset())  # any bug will do
            peer = Peer()
            peer.rtp.sendto(rtp(1), (HOST, opened.ports[0][0]))
            await until(lambda: w.events)
            owner, lost = w.events[0]
            assert owner == "relay-0"
            assert isinstance(lost, RelayLost)
            assert w.dispatcher.handle(ReportRelay("relay-0")) == RelayCounts(None)
            other = w.dispatcher.handle(ReportRelay("relay-1"))
            assert isinstance(other, RelayCounts)
            assert isinstance(other.report, RelayReport)
            peer.close()


class TestUnknownIds:
    async def test_are_gone_or_nothing_to_report(self) -> None:
        async with worker() as w:
            remote = RemoteEnd(Address(HOST, 5000), Address(HOST, 5001))
            for verb in (
                SetRemote("none", 0, remote),
                JoinRoom("none", "caller", HOST),
                ShowSource("none", "a", "b"),
                RequestKeyFrame("none", "a"),
            ):
                failed = w.dispatcher.handle(verb)
                assert isinstance(failed, Failed)
                assert failed.kind == "gone"
            assert w.dispatcher.handle(CloseRelay("none")) == RelayCounts(None)
            assert w.dispatcher.handle(CloseRoom("none")) == RoomCounts(None)
            assert w.dispatcher.handle(Leave("none", "a")) == ParticipantCounts(None)

    async def test_an_id_that_is_taken_is_refused(self) -> None:
        async with worker() as w:
            first = w.dispatcher.handle(OpenRelay("call", "relay", BOTH))
            assert isinstance(first, RelayOpened)
            assert isinstance(w.dispatcher.handle(OpenRelay("call", "relay", BOTH)), Failed)
            assert len(w.host.poller) == 4


class TestWithoutASlate:
    async def test_there_is_no_room_but_voice(self) -> None:
        async with worker() as w:
            failed = w.dispatcher.handle(OpenRoom("room", "call"))
            assert isinstance(failed, Failed)
            assert failed.kind == "unavailable"
            assert isinstance(w.dispatcher.handle(OpenRelay("call", "relay", BOTH)), RelayOpened)


class SlowRoom(BrokenRoom):
    """Answers when told; breaks late where it is asked for "broken"."""

    waiting: ClassVar[list[Callable[[Snapshot | Exception], None]]] = []

    def snapshot(self, name: str, taken: Callable[[Snapshot | Exception], None]) -> None:
        if name == "nobody":
            raise MediaUnavailable("nobody sends no picture")
        self.waiting.append(taken)

    def report(self) -> RoomReport:
        return RoomReport(self.room_id, ())

    def close(self) -> RoomReport:
        return self.report()


STILL = Snapshot(b"png", 2, 1, 5.0)


class TestAnswersThatTakeTheirTime:
    """A promise is kept later; commands behind it do not wait."""

    @asynccontextmanager
    async def _room(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
        import splitter.media.room.room

        monkeypatch.setattr(splitter.media.room.room, "Room", SlowRoom)
        SlowRoom.waiting.clear()
        async with worker() as w:
            w.dispatcher.slate = object()  # type: ignore[assignment]
            w.dispatcher.handle(OpenRoom("room", "call"))
            yield w

    async def test_the_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with self._room(monkeypatch) as w:
            promised = w.dispatcher.handle(TakeRoomSnapshot("room", "caller"))
            assert isinstance(promised, asyncio.Future)
            assert isinstance(w.dispatcher.handle(ReportRoom("room")), RoomCounts)
            SlowRoom.waiting[0](STILL)
            assert await promised == SnapshotTaken(STILL)

    async def test_told_twice_counts_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with self._room(monkeypatch) as w:
            promised = w.dispatcher.handle(TakeRoomSnapshot("room", "caller"))
            assert isinstance(promised, asyncio.Future)
            SlowRoom.waiting[0](STILL)
            SlowRoom.waiting[0](MediaUnavailable("too late"))
            assert await promised == SnapshotTaken(STILL)

    async def test_a_refusal_at_once_or_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with self._room(monkeypatch) as w:
            at_once = w.dispatcher.handle(TakeRoomSnapshot("room", "nobody"))
            assert at_once == Failed("unavailable", "nobody sends no picture", 5)
            later = w.dispatcher.handle(TakeRoomSnapshot("room", "caller"))
            assert isinstance(later, asyncio.Future)
            SlowRoom.waiting[0](MediaUnavailable("no key frame", 3))
            assert await later == Failed("unavailable", "no key frame", 3)
            assert not w.events

    async def test_a_fault_in_a_thread_is_answered_and_does_not_cost_the_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with self._room(monkeypatch) as w:
            later = w.dispatcher.handle(TakeRoomSnapshot("room", "caller"))
            assert isinstance(later, asyncio.Future)
            SlowRoom.waiting[0](ZeroDivisionError("broken on purpose"))
            failed = await later
            assert isinstance(failed, Failed) and failed.kind == "fault"
            assert not w.events

    async def test_nobody_waits_when_the_worker_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with self._room(monkeypatch) as w:
            promised = w.dispatcher.handle(TakeRoomSnapshot("room", "caller"))
            assert isinstance(promised, asyncio.Future)
            w.dispatcher.close()
            with pytest.raises(asyncio.CancelledError):
                await promised
