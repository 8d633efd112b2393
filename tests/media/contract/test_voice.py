"""What an engine promises of relays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import Capability, RelayHandle, SideSpec
from splitter.rtp.telephone_event import Digit
from tests.media.contract.given import BOTH, CALL, Given
from tests.media.worker.stand import Events, sides

REMOTE = RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001))
DIGIT = Digit(5, 100, 101, 8000)


class TestOpening:
    async def test_gives_a_pair_of_ports_on_each_network(self, given: Given) -> None:
        relay = await given.relay()
        one, other = relay.local
        assert (one.host, other.host) == ("192.0.2.1", "127.0.0.2")  # as advertised, or as bound
        assert len({(end.host, port) for end in relay.local for port in (end.rtp_port, end.rtcp_port)}) == 4
        assert one.rtp_port % 2 == other.rtp_port % 2 == 0  # RFC 3550 §11
        assert (one.rtcp_port, other.rtcp_port) == (one.rtp_port + 1, other.rtp_port + 1)
        await given.engine.close(relay)

    async def test_names_its_call(self, given: Given) -> None:
        relay = await given.relay()
        assert relay.call_id == CALL
        await given.engine.close(relay)

    async def test_gives_each_relay_ports_and_a_name_of_its_own(self, given: Given) -> None:
        one, other = await asyncio.gather(given.relay(), given.relay())
        assert one.relay_id != other.relay_id
        assert len({*one.local, *other.local}) == 4
        await given.engine.close(one)
        assert await given.engine.report(other) is not None
        await given.engine.close(other)

    @pytest.mark.parametrize("count", [0, 1, 3])
    async def test_of_another_number_of_sides_needs_an_engine_that_mixes(self, given: Given, count: int) -> None:
        wanted = tuple(SideSpec(f"side {number}", "core") for number in range(count))
        if Capability.MIX in given.engine.can and count > 2:
            relay = await given.engine.open(CALL, wanted, print)
            assert len(relay.local) == count
            await given.engine.close(relay)
        else:
            with pytest.raises(MediaUnavailable, match=f"two sides, not {count}"):
                await given.engine.open(CALL, wanted, print)

    async def test_in_an_unknown_network_is_a_mistake_of_ours(self, given: Given) -> None:
        with pytest.raises(LocalError, match="no network 'nowhere'"):
            await given.engine.open(CALL, sides("access", "nowhere"), print)

    async def test_that_is_given_up_leaves_nothing(self, given: Given) -> None:
        opening = asyncio.ensure_future(given.relay())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


class TestPointing:
    @pytest.mark.parametrize("side", [0, 1])
    async def test_may_be_said_again_changed_and_taken_back(self, given: Given, side: int) -> None:
        relay = await given.relay()
        for remote in (REMOTE, REMOTE, replace(REMOTE, sources=("127.0.0.8/31",)), None, None, REMOTE):
            await given.engine.point(relay, side, remote)
        await given.engine.close(relay)

    @pytest.mark.parametrize("side", [2, -1])
    async def test_a_side_that_there_is_not_is_refused(self, given: Given, side: int) -> None:
        relay = await given.relay()
        with pytest.raises(MediaUnavailable, match="no side"):
            await given.engine.point(relay, side, REMOTE)
        await given.engine.close(relay)

    @pytest.mark.parametrize(
        "rtp", [("no address", 1), ("host.example.org", 5000), ("::1", 5000), ("127.0.0.1", 0), ("127.0.0.1", 70_000)]
    )
    async def test_where_nothing_can_be_sent_is_refused(self, given: Given, rtp: tuple[str, int]) -> None:
        relay = await given.relay()
        with pytest.raises(MediaUnavailable):
            await given.engine.point(relay, 0, RemoteEnd(Address(*rtp), Address("127.0.0.1", 5001)))
        with pytest.raises(MediaUnavailable):
            await given.engine.point(relay, 0, RemoteEnd(Address("127.0.0.1", 5000), Address(*rtp)))
        await given.engine.point(relay, 0, REMOTE)  # and no harm was done
        await given.engine.close(relay)


class TestDigits:
    @pytest.fixture(autouse=True)
    def able(self, given: Given) -> None:
        if Capability.DIGITS not in given.engine.can:
            pytest.skip("this engine has no digits")

    async def test_are_taken_for_either_side(self, given: Given) -> None:
        relay = await given.relay()
        await given.engine.send_digit(relay, 0, DIGIT)
        await given.engine.send_digit(relay, 1, DIGIT)
        await given.engine.close(relay)

    @pytest.mark.parametrize("digit", [Digit(16, 100, 101, 8000), Digit(1, 100, 128, 8000), Digit(1, 100, 101, 0)])
    async def test_that_are_none_are_refused(self, given: Given, digit: Digit) -> None:
        relay = await given.relay()
        with pytest.raises(MediaUnavailable):
            await given.engine.send_digit(relay, 0, digit)
        await given.engine.close(relay)

    async def test_for_a_side_that_there_is_not_are_refused(self, given: Given) -> None:
        relay = await given.relay()
        with pytest.raises(MediaUnavailable, match="no side 2"):
            await given.engine.send_digit(relay, 2, DIGIT)
        await given.engine.close(relay)

    async def test_that_come_too_many_at_once_are_refused(self, given: Given) -> None:
        relay = await given.relay()
        pushed = [given.engine.send_digit(relay, 0, DIGIT) for _ in range(100)]
        outcomes = await asyncio.gather(*pushed, return_exceptions=True)
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert 1 <= len(refused) <= 84, "a number that is typed ahead fits, and not everything does"
        assert all(isinstance(outcome, MediaUnavailable) for outcome in refused)
        await given.engine.send_digit(relay, 1, DIGIT)  # the other side has a queue of its own
        await given.engine.close(relay)


class TestReports:
    async def test_begin_with_nothing(self, given: Given) -> None:
        relay = await given.relay()
        report = await given.engine.report(relay)
        assert report is not None and report.relay_id == relay.relay_id
        assert [(side.packets_in, side.packets_out, side.rejected) for side in report.sides] == [(0, 0, 0)] * 2
        await given.engine.close(relay)

    @pytest.mark.parametrize("side", [0, 1])
    async def test_count_who_is_heard(self, given: Given, side: int) -> None:
        relay = await given.relay()
        await given.engine.point(relay, side, REMOTE)
        await given.speak(relay, side)
        report = await given.engine.report(relay)
        assert report is not None
        assert report.sides[side].packets_in > 0 and report.sides[1 - side].packets_in == 0
        last = await given.engine.close(relay)
        assert last is not None and last.sides[side].packets_in >= report.sides[side].packets_in


class TestClosing:
    async def test_gives_the_last_report_once(self, given: Given) -> None:
        relay = await given.relay()
        last = await given.engine.close(relay)
        assert last is not None and last.relay_id == relay.relay_id
        assert await given.engine.close(relay) is None

    async def test_twice_at_once_gives_one_report(self, given: Given) -> None:
        relay = await given.relay()
        ends = await asyncio.gather(given.engine.close(relay), given.engine.close(relay))
        assert sorted(end is None for end in ends) == [False, True]

    async def test_takes_effect_for_whatever_comes_after_it(self, given: Given) -> None:
        relay = await given.relay()
        closing = asyncio.ensure_future(given.engine.close(relay))
        await asyncio.sleep(0)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.point(relay, 0, REMOTE)
        assert await closing is not None

    async def test_ends_all_but_closing_and_reporting(self, given: Given) -> None:
        relay = await given.relay()
        await given.engine.close(relay)
        await assert_gone(given, relay)

    async def test_ends_its_events(self, given: Given) -> None:
        events = Events()
        relay = await given.relay(events)
        await given.engine.close(relay)
        await given.kill()
        assert events.seen == []


class TestARelayThatNeverWas:
    async def test_is_gone(self, given: Given) -> None:
        relay = await given.relay()
        await given.engine.close(relay)
        await assert_gone(given, replace(relay, relay_id="relay-of-another-life"))

    async def test_is_not_the_one_of_another_engine(self, given: Given) -> None:
        one = await given.relay()
        await given.kill()
        other = await given.engine.open("call-2", BOTH, print)
        await assert_gone(given, one)
        await given.engine.close(other)


async def assert_gone(given: Given, relay: RelayHandle) -> None:
    """Closing and reporting say None, everything else is refused."""
    assert await given.engine.close(relay) is None
    assert await given.engine.report(relay) is None
    for request in (
        given.engine.point(relay, 0, REMOTE),
        given.engine.point(relay, 1, None),
        given.engine.send_digit(relay, 0, DIGIT),
    ):
        with pytest.raises(MediaUnavailable, match="gone"):
            await request
