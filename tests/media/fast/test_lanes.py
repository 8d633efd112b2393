"""A relayed voice in both forms, on real sockets: the same packets leave, in the same order, and are counted the same."""

from __future__ import annotations

import asyncio
import random
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from splitter.core.net import Address
from splitter.media.fast.native import NativeForm
from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import RelayReport
from splitter.media.relay.quality import SAMPLE
from splitter.media.relay.relay import Relay
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.loop import PacketHost, RoomLoop
from splitter.rtp.telephone_event import Digit

HOST = "127.0.0.1"
LIMIT_S = 20.0
VOICE = bytes([0x80, 8]) + b"\0\1\0\0\0\xa0\0\0\xca\x11" + b"\xd5" * 160


class TimelessLoop(RoomLoop):
    """A slow machine must not make a digit stale in one form alone."""

    def now(self) -> float:
        return 1000.0


class Ends:
    """A relay in a form, and its two peers."""

    def __init__(self, form: Form, first_port: int) -> None:
        self.loop = asyncio.new_event_loop()
        ports = PortPairs(first_port, first_port + 39, 0.0, random.Random(1))
        self.host = PacketHost(self.loop, ports, False, form)
        self.faults: list[Exception] = []
        room = TimelessLoop(self.host, self.faults.append)
        rules = LatchRules()
        sides = (("caller", HOST), ("centre", HOST))
        self.relay = Relay("call", "relay", sides, room, rules, lambda _: None, form=form)
        self.peers = [self.bound() for _ in range(2)]
        self.point(0)
        self.point(1)

    @staticmethod
    def bound() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        return sock

    def point(self, side: int) -> None:
        port = self.peers[side].getsockname()[1]
        self.relay.set_remote(side, RemoteEnd(Address(HOST, port), Address(HOST, port + 1)))

    def say(self, side: int, packet: bytes) -> bytes | None:
        """A peer sends. Returns: what the other one gets."""
        lane = self.relay.sides[side].rtp
        left = lane.packets - lane.dropped
        self.send(side, packet)
        if lane.packets - lane.dropped == left:
            return None
        assert select.select([self.peers[1 - side]], [], [], LIMIT_S)[0]
        return self.peers[1 - side].recv(4096)

    def send(self, side: int, packet: bytes) -> None:
        """A peer sends, and the relay has seen it."""
        lane = self.relay.sides[side].rtp
        before = lane.packets + lane.rejected
        self.peers[side].sendto(packet, (HOST, self.relay.sides[side].ports[0]))
        for _ in range(int(LIMIT_S / 0.001)):
            self.turn()
            if lane.packets + lane.rejected != before:
                return
            select.select([], [], [], 0.001)
        raise AssertionError("the relay has not seen a packet")

    def turn(self) -> None:
        """Let the relay see what came, and what it has put off."""
        for _ in range(3):
            self.loop.call_later(0.0, self.loop.stop)
            self.loop.run_forever()
            self.host.poller.turn(4)

    @property
    def taken(self) -> int:
        """Packets that Python has not seen."""
        cuts: Any = self.host.poller.short_cuts
        return int(cuts.told.taken) if cuts is not None else 0

    def close(self) -> RelayReport:
        report = self.relay.close()
        self.host.close()
        self.loop.close()
        for peer in self.peers:
            peer.close()
        return report


def play(form: Form, first_port: int, seed: int) -> tuple[list[tuple[str, bytes | None]], RelayReport, int]:
    """A fate of a call, packet by packet. Returns: what happened, what was counted, and what Python has not seen."""
    chance, said = random.Random(seed), []
    ends = Ends(form, first_port)
    for number in range(600):
        side, what = chance.randrange(2), chance.random() * 4
        packet = (
            bytes([0x80, 8])
            + number.to_bytes(2)
            + (160 * number).to_bytes(4)
            + VOICE[8 : chance.choice((172, 172, 172, 40, 12, 11))]
        )
        if what < 0.03:
            packet = bytes([0x80, 200]) + packet[2:]  # RTCP where RTP is due
        elif what < 0.06:
            packet = chance.randbytes(chance.randrange(60))
        elif what < 0.08:
            ends.peers[side].close()
            ends.peers[side] = ends.bound()  # it has moved, and says so
            ends.point(side)
            ends.turn()
        elif what < 0.10:
            ends.peers[side].close()  # nobody is there any more: ICMP comes back
            ends.send(1 - side, packet)
            ends.peers[side] = ends.bound()
            ends.point(side)
        elif what < 0.12:
            ends.relay.set_remote(side, None)
            said.append(("nowhere", ends.say(1 - side, packet)))
            ends.point(side)
        elif what < 0.14:
            ends.relay.send_digit(side, Digit(5, 40, 101, 8000))
        said.append((str(side), ends.say(side, packet)))
    taken = ends.taken
    assert ends.faults == []
    return said, ends.close(), taken


class TestBothForms:
    @pytest.mark.parametrize("seed", range(4))
    def test_let_the_same_packets_leave_and_count_the_same(self, native: NativeForm, seed: int) -> None:
        with_c, counted, taken = play(native, 46_200, seed)
        without, counted_too, _ = play(PlainForm(), 46_240, seed)
        assert [one for one in zip(with_c, without, strict=True) if one[0] != one[1]] == []
        assert counts(counted) == counts(counted_too)
        assert taken > 200


def counts(report: RelayReport) -> list[tuple[int, ...]]:
    sides = report.sides
    return [(one.packets_in, one.bytes_in, one.packets_out, one.bytes_out, one.lost, one.rejected) for one in sides]


class TestWhatIsHandedOut:
    @pytest.fixture
    def ends(self, native: NativeForm) -> Iterator[Ends]:
        ends = Ends(native, 46_280)
        for _ in range(4):
            for side in (0, 1):
                ends.say(side, VOICE)
        try:
            yield ends
        finally:
            ends.close()

    def test_is_the_packet_after_32_whose_headers_were_kept(self, ends: Ends) -> None:
        lane = ends.relay.sides[0].rtp
        while lane.packets % SAMPLE:
            ends.say(0, VOICE)
        assert lane.quality.lost == 0, "all that were kept are taken"
        before = ends.taken
        for _ in range(33 * SAMPLE):
            assert ends.say(0, VOICE) == VOICE
        assert ends.taken - before == 33 * SAMPLE - 1

    def test_is_no_packet_as_long_as_somebody_asks_for_the_quality(self, ends: Ends) -> None:
        before = ends.taken
        for number in range(1, 80 * SAMPLE):
            lost = 5 if number > 40 * SAMPLE else 0
            voice = VOICE[:2] + (100 + number + lost).to_bytes(2) + (160 * number).to_bytes(4) + VOICE[8:]
            assert ends.say(0, voice) == voice
            if not number % (16 * SAMPLE):
                ends.relay.report()
        assert ends.taken - before == 80 * SAMPLE - 1
        assert ends.relay.report().sides[0].lost == 5

    @pytest.mark.parametrize("change", ["digit", "moved", "nobody", "removed"])
    def test_is_the_packet_after_a_change(self, ends: Ends, change: str) -> None:
        while ends.relay.sides[0].rtp.packets % SAMPLE:
            ends.say(0, VOICE)
        before, got = ends.taken, ends.say(0, VOICE)
        assert ends.taken == before + 1 and got == VOICE
        match change:
            case "digit":
                ends.relay.send_digit(1, Digit(5, 40, 101, 8000))
            case "moved":
                ends.point(1)
            case "nobody":
                ends.relay.set_remote(1, None)
            case _:
                ends.relay.remove_side(1)
        before = ends.taken
        ends.say(0, VOICE)
        assert ends.taken == before
