"""Voice through a real worker and a real kernel: nothing is lost, doubled or changed when it goes to and fro."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import VoiceOffloaded
from splitter.media.ports.voice import RelayHandle
from splitter.media.settings import KernelUse
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp.telephone_event import Digit
from tests.media.offload.lab import (
    CALLER,
    CALLER_6,
    CENTRE,
    CENTRE_6,
    GATEWAY_ACCESS,
    GATEWAY_ACCESS_6,
    GATEWAY_CORE,
    GATEWAY_CORE_6,
    Lab,
)
from tests.media.offload.others import take_programs_off
from tests.media.worker.stand import Events, Network, engine, gateway, receive, rtcp, rtp, sides, talk
from tests.patience import until

pytestmark = pytest.mark.slow

NETWORKS = {"access": Network(GATEWAY_ACCESS), "core": Network(GATEWAY_CORE)}
NETWORKS_6 = {"access": Network(GATEWAY_ACCESS_6), "core": Network(GATEWAY_CORE_6)}


@dataclass
class Phone:
    """Speaks every 20 ms, and keeps what it hears."""

    sock: socket.socket
    target: tuple[str, int]
    sent: int = 0
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sock.setblocking(False)

    def step(self) -> None:
        self.sock.sendto(rtp(self.sent), self.target)
        self.sent += 1

    def listen(self) -> None:
        try:
            while True:
                self.heard.append(self.sock.recv(2000))
        except BlockingIOError:
            pass

    @property
    def remote(self) -> RemoteEnd:
        host, port = self.sock.getsockname()[:2]
        return RemoteEnd(Address(host, port), Address(host, port + 1))

    @property
    def numbers(self) -> list[int]:
        return [struct.unpack_from("!H", packet, 2)[0] for packet in self.heard]


class Conversation:
    """A relay between two phones that talk all the time."""

    def __init__(self, engine: WorkerEngine, relay: RelayHandle, phones: tuple[Phone, Phone], events: Events) -> None:
        self.engine, self.relay, self.phones, self.events = engine, relay, phones, events
        self._task = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        while True:
            for phone in self.phones:
                phone.step()
            await asyncio.sleep(0.02)
            for phone in self.phones:
                phone.listen()

    def carried(self) -> list[bool]:
        return [event.in_kernel for event in self.events.of(VoiceOffloaded)]

    async def until_carried(self, *carried: bool) -> VoiceOffloaded:
        await until(lambda: self.carried() == list(carried))
        return self.events.of(VoiceOffloaded)[-1]

    async def some(self, packets: int = 40) -> None:
        """Let so many packets pass."""
        goal = self.phones[0].sent + packets
        await until(lambda: self.phones[0].sent >= goal)

    async def are_heard(self, packets: int) -> None:
        """Wait until each of them has heard so many more."""
        goals = [(phone, len(phone.heard) + packets) for phone in self.phones]
        await until(lambda: all(len(phone.heard) >= goal for phone, goal in goals))

    def stop(self) -> None:
        self._task.cancel()
        for phone in self.phones:
            phone.sock.close()

    async def hang_up(self) -> tuple[Phone, Phone]:
        self._task.cancel()
        for phone, other in (self.phones, self.phones[::-1]):
            await until(lambda: phone.listen() or len(phone.heard) >= other.sent)  # noqa: B023
        return self.phones


@asynccontextmanager
async def conversation(lab: Lab, six: bool = False) -> AsyncIterator[Conversation]:
    """Two phones over a relay of a worker of their own."""
    async with (
        engine(networks=NETWORKS_6 if six else NETWORKS, offload=KernelUse.AUTO) as made,
        talking(lab, made, six) as call,
    ):
        yield call


@asynccontextmanager
async def talking(lab: Lab, made: WorkerEngine, six: bool = False) -> AsyncIterator[Conversation]:
    """Two phones over a relay of this engine."""
    events = Events()
    relay = await made.open("call-1", sides(), events)
    caller = Phone(lab.caller.socket(CALLER_6 if six else CALLER, 4000), (relay.local[0].host, relay.local[0].rtp_port))
    centre = Phone(lab.centre.socket(CENTRE_6 if six else CENTRE, 5000), (relay.local[1].host, relay.local[1].rtp_port))
    await made.point(relay, 0, caller.remote)
    await made.point(relay, 1, centre.remote)
    call = Conversation(made, relay, (caller, centre), events)
    try:
        yield call
    finally:
        call.stop()


def of_the_link(lab: Lab) -> Iterator[None]:
    """A cable is pulled, and put in again."""
    lab.gateway.run("ip link set access down")
    yield
    lab.gateway.run("ip link set access up")


def of_the_address(lab: Lab) -> Iterator[None]:
    """Our address is taken away, and given back."""
    lab.gateway.run(f"ip addr del {GATEWAY_CORE}/24 dev core")
    yield
    lab.gateway.run(f"ip addr add {GATEWAY_CORE}/24 dev core")


def of_the_program(lab: Lab) -> Iterator[None]:
    """Somebody takes programs off an interface."""
    take_programs_off("access")
    yield


def in_kernel(made: WorkerEngine) -> int:
    return sum(worker.in_kernel for worker in made.status())


class TestVoice:
    @pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
    async def test_passes_whole_through_engaging_a_digit_and_the_end(self, lab: Lab, six: bool) -> None:
        async with conversation(lab, six) as call:
            await call.until_carried(True)
            await until(lambda: in_kernel(call.engine) == 2)
            await call.some()
            sent = call.phones[0].sent
            report = await call.engine.report(call.relay)
            assert report is not None
            assert report.sides[0].packets_in >= sent, "it is up to date"
            await call.engine.send_digit(call.relay, 1, Digit(5, 100, 101, 8000))
            await call.until_carried(True, False, True)
            await call.some()
            caller, centre = await call.hang_up()
            assert sorted(caller.numbers) == list(range(centre.sent))
            assert sorted(centre.numbers) == list(range(caller.sent))
            assert caller.heard == [rtp(number) for number in caller.numbers]
            events = [packet for packet in centre.heard if packet[1] & 0x7F == 101]
            assert {packet[12] for packet in events} == {5}
            assert len(events) >= 5
            assert set(centre.heard) - set(events) < {rtp(number) for number in range(caller.sent)}
            last = await call.engine.close(call.relay)
            assert last is not None
            assert [(side.packets_in, side.packets_out, side.lost) for side in last.sides] == [
                (caller.sent, centre.sent, 0),
                (centre.sent, caller.sent, 0),
            ]
            assert last.sides[0].bytes_in == 172 * caller.sent

    async def test_follows_a_peer_to_another_address(self, lab: Lab) -> None:
        async with conversation(lab) as call:
            await call.until_carried(True)
            caller = call.phones[0]
            await call.some(10)
            moved = Phone(lab.caller.socket(CALLER, 4444), caller.target)
            await call.engine.point(call.relay, 0, moved.remote)
            moved.sent = caller.sent
            call.phones = (moved, call.phones[1])
            await call.until_carried(True, False, True)
            await call.some()
            caller.listen()
            caller.sock.close()
            before = len(caller.heard)
            moved.heard[:0] = caller.heard
            moved, centre = await call.hang_up()
            assert sorted(centre.numbers) == list(range(moved.sent))
            assert sorted(moved.numbers) == list(range(centre.sent))
            assert 0 < before < len(moved.heard)
            moved.sock.close()

    async def test_goes_on_while_signalling_is_restarted(self, lab: Lab, tmp_path: Path) -> None:
        first, second = (gateway(str(tmp_path), networks=NETWORKS, offload=KernelUse.AUTO) for _ in range(2))
        await first.start()
        async with talking(lab, first) as call:
            await call.until_carried(True)
            await first.abandon()
            await second.start()
            try:
                await second.adopt(call.relay, (events := Events()))
                assert (await events.next(VoiceOffloaded)).in_kernel
                await call.some()
                await until(lambda: in_kernel(second) == 2)
                caller, centre = await call.hang_up()
                assert sorted(centre.numbers) == list(range(caller.sent))
                report = await second.close(call.relay)
                assert report is not None
                assert [side.packets_in for side in report.sides] == [caller.sent, centre.sent]
            finally:
                await second.stop()

    @pytest.mark.parametrize("hurt", [of_the_link, of_the_address, of_the_program])
    async def test_comes_back_after_a_fault(self, lab: Lab, hurt: Callable[[Lab], Iterator[None]]) -> None:
        async with conversation(lab) as call:
            await call.until_carried(True)
            await call.some(10)
            with contextmanager(hurt)(lab):
                event = await call.until_carried(True, False)
            assert event.fault
            assert event.reason
            await call.are_heard(10)
            if hurt is of_the_program:
                caller, centre = await call.hang_up()
                assert sorted(centre.numbers) == list(range(caller.sent)), "none is lost"
                assert sorted(caller.numbers) == list(range(centre.sent)), "none is lost"

    async def test_leaves_rtcp_to_the_worker(self, lab: Lab) -> None:
        async with conversation(lab) as call:
            await call.until_carried(True)
            ends = lab.caller.socket(CALLER, 4001), lab.centre.socket(CENTRE, 5001)
            with ends[0] as caller, ends[1] as centre:
                for sock in ends:
                    sock.setblocking(False)
                caller.sendto(rtcp(), (GATEWAY_ACCESS, call.relay.local[0].rtcp_port))
                assert await receive(centre) == (rtcp(), (GATEWAY_CORE, call.relay.local[1].rtcp_port))
                call.phones[0].sock.sendto(rtcp(2), call.phones[0].target)  # on the port of RTP (RFC 5761)
                await until(lambda: rtcp(2) in call.phones[1].heard)
            await call.some()
            assert call.carried() == [True]

    async def test_stays_in_the_worker_where_it_never_leaves_the_machine(self) -> None:
        async with engine(offload=KernelUse.AUTO) as made, talk(made) as call:
            for number in range(100):
                await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp, number)
                await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp, number)
                if call.events.of(VoiceOffloaded):
                    break
                await asyncio.sleep(0.02)
            told = await call.events.next(VoiceOffloaded)
            assert (told.in_kernel, told.fault) == (False, False)
            assert "loopback" in told.reason or "not allowed" in told.reason
            assert in_kernel(made) == 0
