"""What every offload promises, the real one with real packets."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from splitter.core.net import Address
from splitter.media.offload.layout import SAMPLE
from splitter.media.offload.ports import FlowCount, Offload, OffloadFull, OffloadLost, OffloadRefused, Ticket, VoiceFlow
from tests.media.offload.fake import FakeOffload
from tests.media.offload.lab import CALLER, CENTRE, GATEWAY_ACCESS, GATEWAY_CORE, Lab, engage, kernel, missing
from tests.patience import patient

FLOW = VoiceFlow(
    Address(CALLER, 4000), Address(GATEWAY_ACCESS, 30_000), Address(GATEWAY_CORE, 30_002), Address(CENTRE, 5000)
)
OTHER = VoiceFlow(
    Address(CALLER, 4002), Address(GATEWAY_ACCESS, 30_000), Address(GATEWAY_CORE, 30_002), Address(CENTRE, 5000)
)
ROOM = 2


def rtp(sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, sequence * 160, 0xCA11) + bytes(sequence % 50)


@dataclass(frozen=True)
class Stand:
    """An offload with room for two flows; `send`: has it take a packet of FLOW; `hurt`: takes a network away."""

    offload: Offload
    send: Callable[[bytes], None]
    hurt: Callable[[], None]


def fake() -> Iterator[Stand]:
    made = FakeOffload(ROOM)

    def hurt() -> None:
        made.lost = "the network is gone"

    yield Stand(made, lambda packet: made.flows[FLOW].take(packet, time.monotonic()), hurt)


def real() -> Iterator[Stand]:
    if reason := missing():
        pytest.skip(reason)
    with Lab() as lab, kernel(ROOM) as made:
        caller, centre = lab.caller.socket(CALLER, 4000), lab.centre.socket(CENTRE, 5000)

        def send(packet: bytes) -> None:
            caller.sendto(packet, (GATEWAY_ACCESS, 30_000))
            assert centre.recvfrom(2000) == (packet, (GATEWAY_CORE, 30_002))

        yield Stand(made, send, lambda: lab.gateway.run("ip addr flush dev core"))
        caller.close()
        centre.close()


@pytest.fixture(params=[fake, real])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    yield from request.param()


def soon(ticket: Ticket) -> str:
    """Why it is lost; it may take a second."""
    end = time.monotonic() + patient(1.0)
    while True:
        try:
            ticket.check()
        except OffloadLost as lost:
            return str(lost)
        assert time.monotonic() < end, "it is believed to be well"
        time.sleep(0.02)


class TestOffload:
    def test_counts_what_it_takes_and_tells_each_packet_once(self, stand: Stand) -> None:
        ticket = engage(stand.offload, FLOW)
        assert ticket.read() == FlowCount()
        for number in range(5):
            stand.send(rtp(number))
        taken = ticket.read()
        assert (taken.packets, taken.size_bytes) == (5, sum(len(rtp(number)) for number in range(5)))
        assert 0 <= time.monotonic() - taken.last_at < 60
        stand.send(rtp(5))
        assert (ticket.read().packets, ticket.read().packets) == (1, 0)

    def test_keeps_a_header_now_and_then_with_its_place_and_time(self, stand: Stand) -> None:
        ticket = engage(stand.offload, FLOW)
        for number in range(SAMPLE - 2):
            stand.send(rtp(number))
        assert ticket.read().samples == ()
        before = time.monotonic()
        for number in range(SAMPLE - 2, 3 * SAMPLE):
            stand.send(rtp(number))
        first, second, third = ticket.read().samples
        assert [one.packets for one in (first, second, third)] == [2, SAMPLE + 2, 2 * SAMPLE + 2]
        assert [one.header for one in (first, second, third)] == [rtp(SAMPLE * n - 1)[:12] for n in (1, 2, 3)]
        assert before <= first.at <= second.at <= third.at <= time.monotonic()

    def test_gives_back_the_rest_of_the_count_once(self, stand: Stand) -> None:
        ticket = engage(stand.offload, FLOW)
        stand.send(rtp(1))
        assert ticket.give_back().packets == 1
        assert ticket.give_back() == FlowCount()
        with pytest.raises(OffloadLost):
            ticket.read()
        with pytest.raises(OffloadLost):
            ticket.check()

    def test_takes_a_flow_again_that_was_given_back_and_counts_from_naught(self, stand: Stand) -> None:
        first = engage(stand.offload, FLOW)
        stand.send(rtp(1))
        first.give_back()
        second = engage(stand.offload, FLOW)
        stand.send(rtp(2))
        assert second.read().packets == 1
        assert first.give_back() == FlowCount(), "an old ticket ends nothing"
        stand.send(rtp(3))
        assert second.give_back().packets == 1

    def test_refuses_a_flow_that_it_has(self, stand: Stand) -> None:
        engage(stand.offload, FLOW)
        with pytest.raises(OffloadRefused):
            engage(stand.offload, FLOW)

    def test_refuses_what_it_has_no_room_for(self, stand: Stand) -> None:
        one, _ = engage(stand.offload, FLOW), engage(stand.offload, OTHER)
        third = VoiceFlow(Address(CALLER, 4004), FLOW.local, FLOW.out, FLOW.destination)
        with pytest.raises(OffloadFull):
            engage(stand.offload, third)
        one.give_back()
        engage(stand.offload, third)

    def test_says_soon_that_a_flow_cannot_be_sent_on(self, stand: Stand) -> None:
        ticket = engage(stand.offload, FLOW)
        stand.send(rtp(1))
        stand.hurt()
        assert soon(ticket)
        ticket.give_back()
        with pytest.raises(OffloadRefused):
            engage(stand.offload, FLOW)
