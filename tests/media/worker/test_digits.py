"""Digits of a relay, end to end: an engine, a worker process, packets on loopback."""

from __future__ import annotations

import struct

import pytest

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp.telephone_event import QUEUE_LIMIT, Digit
from tests.media.worker.stand import Talk, receive, rtp, talk

pytestmark = pytest.mark.slow

SEVEN = Digit(7, 60, 101, 8000)


async def through(call: Talk, numbers: range) -> list[bytes]:
    """What the centre gets of these packets of the caller."""
    got = []
    for number in numbers:
        call.caller.rtp.sendto(rtp(number), ("127.0.0.1", call.relay.local[0].rtp_port))
        got.append((await receive(call.centre.rtp))[0])
    return got


class TestDigits:
    async def test_are_heard_by_the_side_that_was_named_and_the_voice_goes_on(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            await through(call, range(1, 3))
            await shared.send_digit(call.relay, 1, SEVEN)
            got = await through(call, range(3, 20))
            events = [packet for packet in got if packet[1] & 0x7F == 101]
            assert got[len(events) :] == [rtp(number) for number in range(3 + len(events), 20)]
            assert [struct.unpack("!BBH", packet[12:]) for packet in events] == [
                (7, 10, 160),
                (7, 10, 320),
                *[(7, 0x8A, 480)] * 3,
            ]
            numbers = [struct.unpack_from("!H", packet, 2)[0] for packet in got]
            assert numbers == list(range(3, 20)), "nothing is renumbered"
            await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp)  # the other way is voice

    async def test_are_refused_where_they_make_no_sense(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            for side, digit in ((2, SEVEN), (0, Digit(16, 60, 101, 8000)), (0, Digit(1, 60, 128, 8000))):
                with pytest.raises((LocalError, MediaUnavailable)):
                    await shared.send_digit(call.relay, side, digit)
            for _ in range(QUEUE_LIMIT):
                await shared.send_digit(call.relay, 0, SEVEN)
            with pytest.raises((LocalError, MediaUnavailable), match="too many"):
                await shared.send_digit(call.relay, 0, SEVEN)
            await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp)

    async def test_of_a_relay_that_is_gone(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            await shared.close(call.relay)
            with pytest.raises(MediaUnavailable):
                await shared.send_digit(call.relay, 0, SEVEN)
