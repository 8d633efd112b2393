"""What an engine promises of relays that get more than two sides."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import (
    SIDES_LIMIT,
    Capability,
    CarriedRelay,
    Hears,
    RelayHandle,
    SideHandle,
    SideSpec,
)
from splitter.sdp.voice import VoiceFormat
from tests.media.contract.given import BOTH, CALL, Given
from tests.media.contract.test_survivors import reread
from tests.media.contract.test_voice import DIGIT
from tests.media.worker.stand import sides

ALAW, ULAW = VoiceFormat("PCMA", 8), VoiceFormat("PCMU", 0)
STRANGE = VoiceFormat("X-STRANGE", 97)
EXPERT, COLLEAGUE = SideSpec("expert", "access"), SideSpec("colleague", "core")


def remote(number: int, voice: VoiceFormat | None = ALAW) -> RemoteEnd:
    """Where a side is pointed."""
    port = 40_000 + 10 * number
    return RemoteEnd(Address("127.0.0.9", port), Address("127.0.0.9", port + 1), (), voice)


@pytest.fixture(autouse=True)
def able(given: Given) -> None:
    if Capability.MIX not in given.engine.can:
        pytest.skip("this engine does not mix")


async def three(given: Given) -> tuple[RelayHandle, SideHandle]:
    """A relay with an expert in it, and everybody is pointed."""
    relay = await given.relay()
    expert = await given.engine.add_side(relay, EXPERT)
    for number in range(3):
        await given.engine.point(relay, number, remote(number))
    return relay, expert


async def mixed(given: Given, relay: RelayHandle) -> bool:
    """Whether the relay mixes now."""
    report = await given.engine.report(relay)
    assert report is not None and len(report.mixed) in (0, len(report.sides))
    return bool(report.mixed)


class TestASideMore:
    async def test_has_ports_and_a_number_of_its_own(self, given: Given) -> None:
        relay = await given.relay()
        expert = await given.engine.add_side(relay, EXPERT)
        colleague = await given.engine.add_side(relay, COLLEAGUE)
        assert (expert.number, colleague.number) == (2, 3)
        assert (expert.spec, colleague.spec) == (EXPERT, COLLEAGUE)
        assert (expert.local.host, colleague.local.host) == ("192.0.2.1", "127.0.0.2")
        assert len({*relay.local, expert.local, colleague.local}) == 4
        await given.engine.close(relay)

    async def test_leaves_the_relay_a_relay_until_it_is_pointed(self, given: Given) -> None:
        relay = await given.relay()
        expert = await given.engine.add_side(relay, EXPERT)
        for number in (0, 1):
            await given.engine.point(relay, number, remote(number, None))
            assert not await mixed(given, relay)
        with pytest.raises(MediaUnavailable, match=r"side 0 .*nobody said"):
            await given.engine.point(relay, expert.number, remote(2))
        assert not await mixed(given, relay), "nothing was changed"
        for number in (0, 1, 2):
            await given.engine.point(relay, number, remote(number))
        assert await mixed(given, relay)
        await given.engine.close(relay)

    async def test_that_speaks_what_cannot_be_mixed_is_not_pointed(self, given: Given) -> None:
        relay, expert = await three(given)
        assert given.engine.can_mix(ALAW) and given.engine.can_mix(ULAW) and not given.engine.can_mix(STRANGE)
        for number in (1, expert.number):
            with pytest.raises(MediaUnavailable, match=rf"side {number} .*X-STRANGE"):
                await given.engine.point(relay, number, remote(number, STRANGE))
        await given.engine.point(relay, expert.number, remote(2, ULAW))
        await given.engine.close(relay)

    async def test_needs_a_name_of_its_own(self, given: Given) -> None:
        relay, _ = await three(given)
        for name in ("caller", "centre", "expert"):
            with pytest.raises(MediaUnavailable, match=name):
                await given.engine.add_side(relay, SideSpec(name, "core"))
        await given.engine.close(relay)

    async def test_in_an_unknown_network_is_a_mistake_of_ours(self, given: Given) -> None:
        relay = await given.relay()
        with pytest.raises(LocalError, match="no network 'nowhere'"):
            await given.engine.add_side(relay, SideSpec("expert", "nowhere"))
        await given.engine.close(relay)

    async def test_is_refused_where_too_many_are_there(self, given: Given) -> None:
        relay = await given.relay()
        added = [await given.engine.add_side(relay, SideSpec(f"side-{n}", "core")) for n in range(2, SIDES_LIMIT)]
        with pytest.raises(MediaUnavailable, match=f"{SIDES_LIMIT} sides"):
            await given.engine.add_side(relay, EXPERT)
        await given.engine.remove_side(relay, added[5].number)
        assert (await given.engine.add_side(relay, EXPERT)).number == SIDES_LIMIT
        await given.engine.close(relay)

    async def test_hears_digits(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.engine.send_digit(relay, expert.number, DIGIT)
        await given.engine.close(relay)

    async def test_is_counted_for_itself(self, given: Given) -> None:
        relay, expert = await three(given)
        report = await given.engine.report(relay)
        assert report is not None and len(report.sides) == len(report.mixed) == 3
        assert report.sides[expert.number].packets_out >= 0
        await given.engine.close(relay)


class TestASideLess:
    async def test_is_gone_and_its_number_too(self, given: Given) -> None:
        relay, expert = await three(given)
        assert await given.engine.remove_side(relay, expert.number) is not None
        assert await given.engine.remove_side(relay, expert.number) is None
        for request in (
            given.engine.point(relay, expert.number, remote(2)),
            given.engine.send_digit(relay, expert.number, DIGIT),
        ):
            with pytest.raises(MediaUnavailable, match="no side 2"):
                await request
        again = await given.engine.add_side(relay, EXPERT)
        assert again.number == 3
        await given.engine.close(relay)

    async def test_leaves_a_relay_of_two(self, given: Given) -> None:
        relay, expert = await three(given)
        assert await mixed(given, relay)
        await given.engine.remove_side(relay, expert.number)
        assert not await mixed(given, relay)
        await given.engine.close(relay)

    @pytest.mark.parametrize("gone", [0, 1])
    async def test_may_be_one_of_the_first(self, given: Given, gone: int) -> None:
        relay, expert = await three(given)
        assert await given.engine.remove_side(relay, gone) is not None
        assert not await mixed(given, relay)
        with pytest.raises(MediaUnavailable, match=f"no side {gone}"):
            await given.engine.point(relay, gone, remote(gone))
        await given.engine.point(relay, 1 - gone, remote(7))
        await given.engine.point(relay, expert.number, remote(8))
        report = await given.engine.report(relay)
        assert report is not None and len(report.sides) == 3
        await given.engine.close(relay)

    async def test_leaves_a_mix_where_two_speak_different_formats(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.engine.point(relay, expert.number, remote(2, ULAW))
        await given.engine.remove_side(relay, 1)
        assert await mixed(given, relay)
        await given.engine.point(relay, expert.number, remote(2))
        assert not await mixed(given, relay)
        await given.engine.close(relay)

    async def test_may_be_the_last_one(self, given: Given) -> None:
        relay, _ = await three(given)
        for number in (1, 2, 0):
            assert await given.engine.remove_side(relay, number) is not None
        assert await given.engine.close(relay) is not None

    async def test_is_nothing_where_the_relay_is_gone(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.engine.close(relay)
        assert await given.engine.remove_side(relay, expert.number) is None
        for request in (given.engine.add_side(relay, COLLEAGUE), given.engine.set_hearing(relay, ())):
            with pytest.raises(MediaUnavailable, match="gone"):
                await request


class TestWhoHearsWhom:
    MUTED = (Hears(1, frozenset({2})), Hears(2, frozenset({1})))

    async def test_may_be_said_and_taken_back(self, given: Given) -> None:
        relay, _ = await three(given)
        for hearing in (self.MUTED, self.MUTED, (), (Hears(0, frozenset(), frozenset({1})),), ()):
            await given.engine.set_hearing(relay, hearing)
        await given.engine.close(relay)

    async def test_makes_a_mix_of_two_of_whom_one_is_muted(self, given: Given) -> None:
        relay = await given.relay()
        for number in (0, 1):
            await given.engine.point(relay, number, remote(number))
        await given.engine.set_hearing(relay, (Hears(1, frozenset()),))
        assert await mixed(given, relay)
        await given.engine.set_hearing(relay, (Hears(1, frozenset({0})),))
        assert not await mixed(given, relay)
        await given.engine.close(relay)

    async def test_is_refused_where_it_cannot_be_mixed(self, given: Given) -> None:
        relay = await given.relay()
        for number in (0, 1):
            await given.engine.point(relay, number, remote(number, STRANGE))
        with pytest.raises(MediaUnavailable, match="X-STRANGE"):
            await given.engine.set_hearing(relay, (Hears(1, frozenset()),))
        assert not await mixed(given, relay)
        await given.engine.close(relay)

    async def test_passes_over_those_who_are_not_there(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.engine.set_hearing(
            relay, (Hears(9, frozenset({0})), Hears(2, frozenset({0, 2, 9})), Hears(0, frozenset({1, 2})))
        )
        await given.restart()
        carried = await given.engine.adopt(relay, print)
        assert carried.hearing == (Hears(0, frozenset({1, 2})), Hears(2, frozenset({0})))
        await given.engine.remove_side(relay, expert.number)
        await given.restart()
        carried = await given.engine.adopt(relay, print)
        assert carried.hearing == (Hears(0, frozenset({1})),)
        await given.engine.close(relay)


class TestOpening:
    async def test_asks_for_what_it_needs(self, given: Given) -> None:
        relay = await given.engine.open(CALL, BOTH, print, frozenset({Capability.MIX}))
        assert Capability.MIX in given.engine.can_on(relay)
        await given.engine.close(relay)

    async def test_of_too_many_sides_is_refused(self, given: Given) -> None:
        wanted = tuple(SideSpec(f"side-{number}", "core") for number in range(SIDES_LIMIT + 1))
        with pytest.raises(MediaUnavailable, match="sides"):
            await given.engine.open(CALL, wanted, print)

    async def test_of_three_makes_a_mix_of_them(self, given: Given) -> None:
        relay = await given.engine.open(CALL, (*sides(), EXPERT), print)
        for number in range(3):
            await given.engine.point(relay, number, remote(number))
        assert await mixed(given, relay)
        assert (await given.engine.add_side(relay, COLLEAGUE)).number == 3
        await given.engine.close(relay)

    async def test_of_a_side_that_is_given_up_leaves_nothing(self, given: Given) -> None:
        relay = await given.relay()
        adding = asyncio.ensure_future(given.engine.add_side(relay, EXPERT))
        await asyncio.sleep(0)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        again = await given.engine.add_side(relay, EXPERT)  # its name is free, whatever has become of it
        adding = asyncio.ensure_future(given.engine.add_side(relay, EXPERT))
        await asyncio.sleep(0)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        await given.engine.point(relay, again.number, remote(2))  # and who has it now is not taken for the other one
        await given.engine.remove_side(relay, again.number)
        await given.engine.close(relay)


HEARING = (Hears(0, frozenset({1}), frozenset()), Hears(3, frozenset({0, 1})))


class TestAfterARestart:
    async def everything(self, given: Given) -> CarriedRelay:
        relay, expert = await three(given)
        colleague = await given.engine.add_side(relay, COLLEAGUE)
        await given.engine.point(relay, colleague.number, remote(3, ULAW))
        await given.engine.set_hearing(relay, HEARING)
        await given.engine.remove_side(relay, expert.number)
        remotes = (remote(0), remote(1), None, remote(3, ULAW))
        return CarriedRelay(relay, remotes, (colleague,), frozenset({2}), HEARING)

    async def test_a_mix_is_taken_up_as_it_was(self, given: Given) -> None:
        wanted = await self.everything(given)
        await given.restart()
        assert given.engine.inventory().relays == (wanted,)
        assert await given.engine.adopt(reread(wanted.handle), print) == wanted
        assert await mixed(given, wanted.handle)
        assert (await given.engine.add_side(wanted.handle, EXPERT)).number == 4
        await given.engine.close(wanted.handle)

    async def test_a_mix_whose_worker_is_gone_is_opened_again(self, given: Given) -> None:
        wanted = await self.everything(given)
        await given.restart()
        await given.kill()
        await given.engine.restore(wanted, BOTH, print)
        assert await mixed(given, wanted.handle)
        with pytest.raises(MediaUnavailable, match="no side 2"):
            await given.engine.point(wanted.handle, 2, remote(2))
        await given.restart()
        assert await given.engine.adopt(wanted.handle, print) == wanted
        assert (await given.engine.add_side(wanted.handle, EXPERT)).number == 4
        await given.engine.close(wanted.handle)

    async def test_one_of_whom_the_first_has_left_is_opened_again(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.engine.remove_side(relay, 0)
        await given.kill()
        wanted = CarriedRelay(relay, (None, remote(1), remote(2)), (expert,), frozenset({0}))
        await given.engine.restore(wanted, BOTH, print)
        other = await given.relay()  # the port that was given back is free for others, and no other one is
        assert not {expert.local, relay.local[1]} & set(other.local)
        await given.engine.close(other)
        await given.engine.close(relay)

    async def test_its_sides_are_where_they_were_or_it_is_not_opened(self, given: Given) -> None:
        relay, expert = await three(given)
        await given.kill()
        strange = replace(expert, spec=SideSpec("expert", "of-another-configuration"))
        with pytest.raises(MediaUnavailable, match="network"):
            await given.engine.restore(CarriedRelay(relay, (None,) * 3, (strange,)), BOTH, print)
