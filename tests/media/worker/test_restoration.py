"""A host dies with its gateway and its workers, and the media go on at the same ports, in workers of another gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.events import MediaStarted, SourceShown
from splitter.media.ports.rooms import CarriedParticipant, CarriedRoom, ParticipantMedia
from splitter.media.ports.voice import CarriedRelay, RelayHandle
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp import packet
from splitter.telemetry import metrics
from tests.counted import value
from tests.media.worker.adopted import Owned, owned
from tests.media.worker.owner import H264
from tests.media.worker.stand import (
    FIRST_PORT,
    NETWORKS,
    Events,
    Network,
    Peer,
    engine,
    gateway,
    receive,
    rtp,
    runs,
    sides,
    waiting,
    worker_pid,
)
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.slow

BOTH = sides()
IN_ROOM = {"caller": "access", "seat-1": "core"}


@pytest.fixture
def folders() -> Iterator[tuple[str, str]]:
    """Of two hosts."""
    with tempfile.TemporaryDirectory(prefix="media-") as one, tempfile.TemporaryDirectory(prefix="media-") as other:
        yield one, other


async def die(call: Owned) -> None:
    """The gateway, and all that is on its host."""
    children = Path(f"/proc/{call.process.pid}/task/{call.process.pid}/children").read_text().split()
    for pid in map(int, children):
        os.kill(pid, signal.SIGKILL)
    await call.kill()
    await until(lambda: not any(runs(int(pid)) for pid in children))


async def restored(made: WorkerEngine, call: Owned, events: Events) -> None:
    written, (caller, centre, phone, seat) = call.written, [peer.remote for peer in call.peers]
    await made.restore(CarriedRelay(written.relay, (caller, centre)), BOTH, events)
    people = (
        CarriedParticipant(written.caller, ParticipantMedia(phone, H264, H264)),
        CarriedParticipant(written.seat, ParticipantMedia(seat, H264, H264)),
    )
    room = CarriedRoom(written.room, people)
    assert await made.restore_room(room, IN_ROOM, events) == room


def at(port: int, host: str) -> RelayHandle:
    """A relay of another host, the centre's side of it on this address."""
    local = LocalEnd("192.0.2.1", port, port + 1), LocalEnd(host, port + 2, port + 3)
    return RelayHandle("relay-1", "call-1", local)


class TestADeadHost:
    async def test_leaves_voice_and_video_that_go_on_at_the_same_ports(self, folders: tuple[str, str]) -> None:
        here, there = folders
        async with owned(here) as call:
            for stream in call.streams:
                if stream.video:
                    stream.send_key_frame()
            async with asyncio.timeout(PATIENCE_S):
                await call.flow(lambda: all(len(stream.got) > 5 for stream in call.streams))
            await die(call)
            sent = [stream.sent for stream in call.streams]
            made, events = gateway(there), Events()  # with nothing but what was written down
            flowing = asyncio.ensure_future(call.flow())
            await made.start()
            await restored(made, call, events)
            there_by = [stream.sent for stream in call.streams]
            for stream in call.streams:
                if stream.video:
                    stream.send_key_frame()  # as it is asked to
            await until(lambda: all(one.got[-1] > number for one, number in zip(call.streams, there_by, strict=True)))
            flowing.cancel()
            await call.all_arrived()
            for stream, last, number in zip(call.streams, sent, there_by, strict=True):
                again = [one for one in stream.got if one > last]
                assert again == list(range(again[0], stream.sent + 1)), "what comes after the gap is whole"
                assert stream.video or again[0] <= number + 1, "and begins once the ports are there"
            await until(lambda: {event.end for event in events.of(MediaStarted)} == {"caller", "centre", "seat-1"})
            await until(lambda: {event.source for event in events.of(SourceShown)} >= {"caller", "seat-1"})
            await made.close(call.written.relay)
            await made.close_room(call.written.room)
            await made.stop()

    async def test_leaves_pictures_that_go_on_as_another_stream(self, folders: tuple[str, str]) -> None:
        """RFC 3550 §8.2: a sender that has forgotten its numbers takes another SSRC; a decoder then begins anew."""
        here, there = folders
        async with owned(here) as call:
            first = packet.parse((await receive(call.peers[3].rtp))[0])
            await die(call)
            waiting(call.peers[3].rtp)
            made = gateway(there)
            await made.start()
            await restored(made, call, Events())
            data, source = await receive(call.peers[3].rtp)
            again = packet.parse(data)
            assert source[1] == call.written.seat.local.rtp_port
            assert again.ssrc != first.ssrc and again.payload_type == first.payload_type
            await made.stop()


class TestAPeer:
    async def test_is_learned_anew_behind_its_nat_and_nobody_else_takes_its_place(self) -> None:
        caller, centre, thief = Peer("127.0.0.1"), Peer("127.0.0.2"), Peer("127.0.0.3")
        async with engine() as made:
            relay = await made.open("call-1", BOTH, print)
            os.kill(worker_pid(made), signal.SIGKILL)
            await until(lambda: made.status()[0].restarts and made.status()[0].state == "ready")
            await made.restore(CarriedRelay(relay, (caller.remote, centre.remote)), BOTH, print)
            ours, behind = ("127.0.0.1", relay.local[0].rtp_port), caller.extra()
            for number in range(5):
                thief.rtp.sendto(rtp(number, ssrc=0xBAD), ours)
            for number in range(3):
                behind.sendto(rtp(number), ours)
            assert (await receive(centre.rtp))[0] == rtp(2)
            centre.rtp.sendto(rtp(7), ("127.0.0.2", relay.local[1].rtp_port))
            assert (await receive(behind))[0] == rtp(7)
            report = await made.report(relay)
            assert report is not None and report.sides[0].rejected >= 5
            assert waiting(thief.rtp) == waiting(caller.rtp) == []
        for peer in (caller, centre, thief):
            peer.close()


class TestWhere:
    async def test_any_worker_that_can_have_the_ports(self) -> None:
        async with engine(2) as made:
            relays = [await made.open(f"call-{number}", BOTH, print) for number in range(4)]
            for index in (0, 1):
                os.kill(worker_pid(made, index), signal.SIGKILL)
            await until(lambda: all(one.restarts and one.state == "ready" for one in made.status()))
            count = value(metrics.media.RESTORED, "relay")
            for relay in relays:
                await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
                owner = made.worker_of(relay.relay_id)
                assert owner == (relay.local[0].rtp_port >= FIRST_PORT + 100), "the one that hands these ports out"
            assert value(metrics.media.RESTORED, "relay") == count + 4
            for relay in relays:
                await made.close(relay)

    async def test_not_where_a_foreign_program_sits(self) -> None:
        async with engine() as made:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
                relay = await made.open("call-1", BOTH, print)
                await made.close(relay)
                foreign.bind(("127.0.0.2", relay.local[1].rtcp_port))
                with pytest.raises(MediaUnavailable, match="cannot bind"):
                    await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
            await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
            await made.close(relay)
            assert made.sizes()["ports"] == 0

    async def test_ports_that_no_worker_of_this_host_hands_out(self) -> None:
        relay = at(FIRST_PORT + 300, "127.0.0.2")
        async with engine() as made:
            await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
            assert made.sizes()["ports"] == 4
            assert await made.close(relay) is not None

    @pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
    async def test_an_address_that_the_machine_is_still_to_get(self, host: str) -> None:
        relay, networks = at(FIRST_PORT, host), {**NETWORKS, "core": Network(host)}
        for freebind in (False, True):
            with tempfile.TemporaryDirectory(prefix="media-") as folder:
                made = gateway(folder, networks=networks, freebind=freebind)
                await made.start()
                if freebind:
                    await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
                else:
                    with pytest.raises(MediaUnavailable, match="cannot bind"):
                        await made.restore(CarriedRelay(relay, (None, None)), BOTH, print)
                await made.stop()
