"""EngineChooser: whose relay is on which engine."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from splitter.core.errors import LocalError, MediaError, MediaTimeout, MediaUnavailable
from splitter.core.net import Address
from splitter.media.chooser import EngineChooser
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import EnginePassedOver
from splitter.media.ports.voice import Capability, CarriedRelay, Hears, SideSpec
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat
from tests.media.worker.stand import NETWORKS, Events, sides
from tests.world.loop import VirtualLoop
from tests.world.media import FakeEngine

REMOTE = RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


@pytest.fixture
def preferred() -> Iterator[FakeEngine]:
    """The engine for callers from "access"; it has no digits, and no relay in the end."""
    made = FakeEngine(NETWORKS)
    made.can -= {Capability.DIGITS}
    yield made
    assert made.relays == {}


@pytest.fixture
def other() -> Iterator[FakeEngine]:
    """The engine for the others."""
    made = FakeEngine(NETWORKS)
    made.ids = itertools.count(1000)  # as they are where they are random
    yield made
    assert made.relays == {}


@pytest.fixture
def chooser(preferred: FakeEngine, other: FakeEngine) -> EngineChooser:
    return EngineChooser(preferred, ["access"], other)


class TestARelay:
    async def test_is_on_the_engine_of_the_callers_network(
        self, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        one = await chooser.open("call-1", sides("access", "core"), print)
        two = await chooser.open("call-2", sides("core", "access"), print)
        assert ([*preferred.relays], [*other.relays]) == ([one.relay_id], [two.relay_id])
        for relay in (one, two):
            await chooser.point(relay, 0, REMOTE)
            assert await chooser.report(relay) is not None
            assert await chooser.close(relay) is not None
            assert await chooser.close(relay) is None and await chooser.report(relay) is None
            with pytest.raises(MediaUnavailable, match="gone"):
                await chooser.point(relay, 0, REMOTE)

    async def test_that_needs_what_the_one_cannot_is_on_the_other(
        self, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        preferred.can -= {Capability.MIX}
        events = Events()
        relay = await chooser.open("call-1", sides("access", "core"), events, frozenset({Capability.MIX}))
        assert [*other.relays] == [relay.relay_id] and events.seen == []
        expert = await chooser.add_side(relay, SideSpec("expert", "core"))
        await chooser.set_hearing(relay, (Hears(0, frozenset({1})),))
        assert await chooser.remove_side(relay, expert.number) is not None
        await chooser.close(relay)
        assert await chooser.remove_side(relay, 1) is None
        with pytest.raises(MediaUnavailable, match="gone"):
            await chooser.add_side(relay, SideSpec("expert", "core"))

    async def test_that_cannot_mix_says_so(self, chooser: EngineChooser, preferred: FakeEngine) -> None:
        preferred.can -= {Capability.MIX}
        relay = await chooser.open("call-1", sides("access", "core"), print)
        assert Capability.MIX in chooser.can and Capability.MIX not in chooser.can_on(relay)
        assert chooser.can_mix(VoiceFormat("PCMA", 8)) and not chooser.can_mix(VoiceFormat("X-STRANGE", 97))
        with pytest.raises(MediaUnavailable, match="mixes no voices"):
            await chooser.add_side(relay, SideSpec("expert", "core"))
        await chooser.close(relay)

    async def test_can_what_its_engine_can(self, chooser: EngineChooser, other: FakeEngine) -> None:
        one = await chooser.open("call-1", sides("access", "core"), print)
        two = await chooser.open("call-2", sides("core", "core"), print)
        assert Capability.DIGITS in chooser.can
        assert Capability.DIGITS not in chooser.can_on(one)
        assert Capability.DIGITS in chooser.can_on(two)
        await chooser.send_digit(two, 0, Digit(5, 100, 101, 8000))
        assert len(other.digits) == 1
        await chooser.close(one)
        await chooser.close(two)


class TestARelayOfAnotherLife:
    async def test_is_taken_up_from_the_engine_that_has_it(
        self, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        relays = [await chooser.open("call-1", sides(network, "core"), print) for network in ("access", "core")]
        for engine in (preferred, other):
            engine.abandon()
        after = EngineChooser(preferred, [], other)
        other.fault = lambda operation, call_id: MediaTimeout("no answer")
        with pytest.raises(MediaTimeout):
            await after.adopt(relays[1], print)
        other.fault = lambda operation, call_id: None
        for relay in relays:
            assert (await after.adopt(relay, print)).handle == relay
            assert await after.close(relay) is not None
            with pytest.raises(MediaUnavailable, match="gone"):
                await after.adopt(relay, print)


class TestARelayWhoseWorkerIsGone:
    async def test_is_opened_again_by_the_engine_that_can(
        self, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        relay = await chooser.open("call-1", sides("core", "core"), print)
        other.kill(0), other.kill(1)
        await asyncio.sleep(1)
        preferred.can -= {Capability.RESTORE}
        after = EngineChooser(preferred, [], other)
        await after.restore(CarriedRelay(relay, (None, None)), sides("core", "core"), print)
        assert [*other.relays] == [relay.relay_id] and preferred.relays == {}
        assert await after.close(relay) is not None
        other.can -= {Capability.RESTORE}
        with pytest.raises(MediaUnavailable):
            await after.restore(CarriedRelay(relay, (None, None)), sides("core", "core"), print)


class TestAnEngineThatCannot:
    @pytest.mark.parametrize("error", [MediaUnavailable("full"), MediaTimeout("no answer")])
    async def test_is_passed_over_and_the_call_is_told_why(
        self, error: MediaError, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        preferred.fault = lambda operation, call_id: error
        events = Events()
        relay = await chooser.open("call-1", sides("access", "core"), events)
        assert [*other.relays] == [relay.relay_id]
        assert events.seen == [EnginePassedOver("call-1", str(error))]
        await chooser.close(relay)

    async def test_is_no_way_round_where_the_other_cannot_either(
        self, chooser: EngineChooser, preferred: FakeEngine, other: FakeEngine
    ) -> None:
        preferred.fault = lambda operation, call_id: MediaUnavailable("full")
        other.fault = lambda operation, call_id: MediaUnavailable("no media worker is ready")
        with pytest.raises(MediaUnavailable, match="no media worker"):
            await chooser.open("call-1", sides("access", "core"), print)

    async def test_is_not_passed_over_for_a_mistake_of_ours(self, chooser: EngineChooser) -> None:
        with pytest.raises(LocalError):
            await chooser.open("call-1", sides("access", "nowhere"), print)
