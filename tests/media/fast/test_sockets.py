"""The native form on real sockets: what takes the short way there, what is handed out, and what becomes of either."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
from typing import Any

import pytest

from splitter.media.fast.native import NativeForm
from splitter.rtp import packet
from splitter.rtp.feedback import Nack
from tests.media.room.kit import Camera
from tests.media.wire.stand import HOST, Browser, Stand, both_show, seated
from tests.patience import until

pytestmark = pytest.mark.usefixtures("native")


def told(s: Stand) -> Any:
    """Counters of the native form."""
    assert s.host.poller.short_cuts is not None
    return s.host.poller.short_cuts.told


async def settled(s: Stand, browser: Browser) -> None:
    """Until packets take the short way both ways, and all that were sent have arrived."""
    await both_show(s, browser)
    back: list[bytes] = []
    before = told(s).taken
    while told(s).taken == before:
        s.phone.show(1100)
        await asyncio.sleep(0.02)
    await until(lambda: last(browser.rtp) == packet.parse(s.phone.sent[-1]).payload)
    before = told(s).taken
    while told(s).taken == before:
        back = await browser.show()
    await until(lambda: last(s.phone.rtp) == packet.parse(back[-1]).payload)


def last(packets: list[bytes]) -> bytes:
    """The payload of the packet that came last."""
    return packet.parse(packets[-1]).payload


class TestTheShortWay:
    async def test_is_taken_by_nearly_all_and_every_byte_arrives(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            taken = told(s).taken
            sent = [packet.parse(data).payload for _ in range(20) for data in s.phone.show(1100)]
            back = [packet.parse(data).payload for data in await browser.show(20)]
            await until(lambda: last(browser.rtp) == sent[-1] and last(s.phone.rtp) == back[-1])
            assert [packet.parse(data).payload for data in browser.rtp[-len(sent) :]] == sent
            assert [packet.parse(data).payload for data in s.phone.rtp[-len(back) :]] == back
            assert told(s).taken - taken > 0.9 * (len(sent) + len(back))

    async def test_leads_to_all_who_watch(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            other = Browser()
            await s.seat(other, name="seat-2")
            s.phone.camera.key_frame()
            while not other.rtp or s.room.participant("seat-2").view.shown != "caller":
                s.phone.show(1100)
                await asyncio.sleep(0.02)
            before = told(s).taken
            while told(s).taken == before:
                s.phone.show(1100)
                await asyncio.sleep(0.02)
            taken = told(s).taken
            sent = [packet.parse(data).payload for _ in range(5) for data in s.phone.show(1100)]
            await until(lambda: last(browser.rtp) == last(other.rtp) == sent[-1])
            for one in (browser, other):
                assert [packet.parse(data).payload for data in one.rtp[-len(sent) :]] == sent
            assert told(s).taken - taken > 0.9 * len(sent)
            await other.close()

    async def test_counts_for_reports_and_keeps_copies(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            before = s.room.report().participants[0].stream.packets_in
            got = len(browser.rtp)
            sent = s.phone.show(1100)
            await until(lambda: len(browser.rtp) >= got + len(sent))
            assert s.room.report().participants[0].stream.packets_in == before + len(sent)
            asked = packet.parse(browser.rtp[-1])
            await browser.report(Nack(browser.ssrc, asked.ssrc, (asked.sequence,)))
            await until(lambda: s.room.participant("seat-1").view.out.resent)

    async def test_a_picture_in_one_piece_is_taken_apart_and_leaves_in_one_piece(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            before, taken, got = told(s).segments, told(s).taken, len(browser.rtp)
            packets = []
            for index in range(4):
                payload = b"\x41\x9a" + bytes([index]) * 600
                packets.append(
                    packet.build(packet.Packet(index == 3, 99, s.phone.sequence, s.phone.timestamp, 0xCA11, payload))
                )
                s.phone.sequence += 1
            s.phone.timestamp += 6000
            try:
                one_piece = [(socket.SOL_UDP, 103, struct.pack("H", len(packets[0])))]
                s.phone.socks[0].sendmsg(packets, one_piece, 0, (HOST, s.phone.to[0]))
            except OSError as error:
                pytest.skip(f"the kernel divides nothing: {error}")
            await until(lambda: len(browser.rtp) >= got + 4)
            assert [packet.parse(one).payload for one in browser.rtp[got:]] == [
                packet.parse(one).payload for one in packets
            ]
            assert told(s).taken - taken == 4
            assert told(s).segments - before == 4


class TestWhatIsHandedOut:
    async def test_packets_that_are_not_the_expected_ones_in_the_order_they_came(self) -> None:
        """A key frame, a loss, the packet that was overtaken: Python decides, and what follows it waits."""
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            got = len(browser.rtp)
            wanted = []
            for kind in (b"\x41\x9a", b"\x41\x9a", b"\x06\x05", b"\x41\x9a", b"\x41\x9a"):
                data = packet.Packet(
                    True, 99, s.phone.sequence, s.phone.timestamp, 0xCA11, kind + s.phone.sequence.to_bytes(2) * 50
                )
                wanted.append(data)
                s.phone.sequence += 1
                s.phone.timestamp += 6000
            for index in (0, 1, 2, 4, 3):
                s.phone.socks[0].sendto(packet.build(wanted[index]), (HOST, s.phone.to[0]))
            await until(lambda: len(browser.rtp) >= got + 5)
            seen = [packet.parse(one) for one in browser.rtp[got:]]
            assert [one.payload for one in seen] == [wanted[index].payload for index in (0, 1, 2, 4, 3)]
            first = seen[0].sequence
            assert [one.sequence - first & 0xFFFF for one in seen] == [0, 1, 2, 4, 3]

    async def test_nothing_is_sent_for_one_who_was_paused_meanwhile(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            s.room.set_participant("caller", None)
            before = s.room.report().participants[0].stream.packets_in
            handed = told(s).raw
            sent = s.phone.show(1100)
            await until(lambda: told(s).raw >= handed + len(sent))
            assert s.room.report().participants[0].stream.packets_in == before

    async def test_forged_packets_are_counted_and_go_nowhere(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await settled(s, browser)
            counts = s.wire().cipher.counts
            before, heard = counts.unauthentic, len(s.phone.rtp)
            participant = s.room.participant("seat-1")
            number = participant.stream.coming.highest + 1 & 0xFFFF
            forged = packet.Packet(
                False, browser_type(s), number, 0, participant.stream.coming.ssrc, b"\x41\x9a" + bytes(100)
            )
            with socket.socket(fileno=os.dup(browser.ice.socket.fileno())) as theirs:
                theirs.sendto(packet.build(forged), (HOST, s.wire().ports[0]))
            await until(lambda: counts.unauthentic == before + 1)
            back = await browser.show(2)
            await until(lambda: len(s.phone.rtp) >= heard + len(back))


def browser_type(s: Stand) -> int:
    """The payload type that the browser sends."""
    return s.room.participant("seat-1").stream.coming.payload_type


def test_a_turn_without_sockets_is_over(native: NativeForm) -> None:
    with select.epoll() as epoll:
        engine = native.engine(epoll.fileno())
        assert engine.begin(3) == engine.next() == 0
        assert engine.drain(7) == engine.next() == 0
        engine.close()
