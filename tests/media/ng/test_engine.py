"""NgEngine in virtual time: who gets a relay, what is asked, and what becomes of relays when an rtpengine dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from splitter.core.errors import MediaTimeout, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ng.instance import InstanceState
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import RelayLost
from splitter.media.ports.voice import Capability, CarriedRelay, RelayHandle
from tests.conftest import Runner
from tests.media.ng.daemon import Farm, farm
from tests.media.worker.stand import Events, sides
from tests.world.loop import VirtualLoop

REMOTE = RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001))
NAT = RemoteEnd(Address("10.0.0.1", 40_000), Address("10.0.0.2", 40_005), ("0.0.0.0/0",))


@pytest.fixture
def runner() -> Iterator[Runner]:
    """Virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop) and loop.faults == []


@asynccontextmanager
async def playing(made: Farm) -> AsyncIterator[Farm]:
    """A started engine; nothing is left of its sockets."""
    await made.engine.start()
    try:
        yield made
    finally:
        await made.engine.stop()
    assert made.network.open_ports == 0


async def opened(made: Farm, count: int = 1, events: Events | None = None) -> list[RelayHandle]:
    """Relays, one after the other."""
    return [await made.engine.open("call-1", sides(), events or Events()) for _ in range(count)]


def again(made: Farm) -> Farm:
    """Another gateway with the same rtpengines."""
    after = farm(*made.daemons)
    after.network.daemons = made.network.daemons
    return after


def held(made: Farm) -> list[int]:
    return [one.relays for one in made.engine.status()]


def states(made: Farm) -> list[str]:
    return [one.state for one in made.engine.status()]


class TestARelay:
    async def test_has_the_ports_that_rtpengine_names(self) -> None:
        async with playing(farm("one")) as made:
            [relay] = await opened(made)
            assert relay.local == (LocalEnd("192.0.2.1", 30_002, 30_003), LocalEnd("127.0.0.2", 30_004, 30_005))
            assert list(made.daemons["one"].calls) == [relay.relay_id]

    async def test_may_have_a_side_of_each_family(self) -> None:
        async with playing(farm("one")) as made:
            relay = await made.engine.open("call-1", sides("access", "six"), print)
            assert [end.host for end in relay.local] == ["192.0.2.1", "::1"]
            await made.engine.point(relay, 1, RemoteEnd(Address("::9", 5000), Address("::9", 5001)))
            [(one, other)] = [call.values() for call in made.daemons["one"].calls.values()]
            assert (one.address, other.address) == ("0.0.0.0", "::9")
            with pytest.raises(MediaUnavailable, match="nothing can be sent to"):
                await made.engine.point(relay, 1, REMOTE)

    async def test_points_where_it_is_told(self) -> None:
        async with playing(farm("one")) as made:
            [relay] = await opened(made)
            side = made.daemons["one"].calls[relay.relay_id]["side-0"]
            assert (side.address, side.remote, side.learning) == ("0.0.0.0", 9, "off")
            await made.engine.point(relay, 0, REMOTE)
            assert (side.address, side.remote, side.rtcp, side.learning) == ("127.0.0.9", 40_000, 40_001, "off")
            await made.engine.point(relay, 0, NAT)
            assert (side.address, side.rtcp, side.learning) == ("10.0.0.1", 40_005, "heuristic")
            await made.engine.point(relay, 0, None)
            assert (side.address, side.learning) == ("0.0.0.0", "off")
            assert made.daemons["one"].asked.count("offer") == 1  # nothing binds ports but the beginning

    async def test_is_counted_by_what_was_taken(self) -> None:
        async with playing(farm("one")) as made:
            [relay] = await opened(made)
            one, other = made.daemons["one"].calls[relay.relay_id].values()
            one.packets, one.errors, other.packets = 100, 30, 50
            wanted = (StreamCount(packets_in=70, packets_out=50, rejected=30), StreamCount(50, packets_out=70))
            report, last = await made.engine.report(relay), await made.engine.close(relay)
            assert report is not None and last is not None
            assert report.sides == last.sides == wanted
            assert made.daemons["one"].calls == {}


class TestAChoice:
    async def test_is_by_weight(self) -> None:
        async with playing(farm("one", "three", "none", three=3, none=0)) as made:
            await opened(made, 8)
            assert held(made) == [2, 6, 0]

    async def test_is_by_a_changed_weight_from_then_on(self) -> None:
        async with playing(farm("one", "other")) as made:
            await opened(made, 2)
            made.engine.renew([RtpengineSettings("one", Address("192.0.2.100", 2223), weight=0)])
            await opened(made, 4)
            assert held(made) == [1, 5]

    async def test_passes_over_who_refuses_and_leaves_nothing_there(self) -> None:
        made = farm("full", "other")
        made.daemons["full"].refusal = {"result": "load limit", "message": "Parallel session limit reached"}
        async with playing(made):
            await opened(made, 2)
            assert held(made) == [0, 2]

    async def test_says_why_there_is_none(self) -> None:
        made = farm("only")
        made.daemons["only"].refusal = {"result": "error", "error-reason": "Ran out of ports"}
        async with playing(made):
            with pytest.raises(MediaUnavailable, match="rtpengine only: Ran out of ports"):
                await opened(made)

    async def test_takes_no_longer_than_the_limit_though_one_hangs(self) -> None:
        async with playing(farm("hung", "other")) as made:
            clock = asyncio.get_running_loop().time
            made.daemons["hung"].hung = True
            begun = clock()
            await opened(made)
            assert clock() - begun < 1.1 and held(made) == [0, 1]
            made.daemons["other"].hung = True
            begun = clock()
            with pytest.raises((MediaTimeout, MediaUnavailable)):
                await opened(made)
            assert clock() - begun <= 2.001


class TestAnRtpengineThatDies:
    @pytest.mark.parametrize(("refusing", "limit_s"), [(True, 0.75), (False, 2.0)])
    async def test_is_found_and_its_relays_are_lost(self, refusing: bool, limit_s: float) -> None:
        async with playing(farm("one", "two")) as made:
            events = Events()
            relays = await opened(made, 4, events)
            await asyncio.sleep(3.3)
            made.daemons["one"].alive, made.daemons["one"].refusing = False, refusing
            await asyncio.sleep(limit_s)
            lost = events.of(RelayLost)
            assert [event.relay_id for event in lost] == [relays[0].relay_id, relays[2].relay_id]
            assert {event.reason for event in lost} == {"rtpengine one does not answer"}
            assert states(made) == ["down", "up"] and held(made) == [0, 2]
            assert made.engine.alarms() == ["rtpengine one at 192.0.2.100:2223 does not answer"]
            with pytest.raises(MediaUnavailable, match="gone"):
                await made.engine.point(relays[0], 0, REMOTE)
            await opened(made, 2)
            assert held(made) == [0, 4]

    async def test_gets_calls_again_once_it_is_back(self) -> None:
        async with playing(farm("one")) as made:
            made.daemons["one"].alive = False
            await asyncio.sleep(2)
            with pytest.raises(MediaUnavailable, match="no rtpengine takes relays"):
                await opened(made)
            made.daemons["one"].restart()
            await asyncio.sleep(0.6)
            assert states(made) == ["up"] and made.engine.alarms() == []
            await opened(made)

    async def test_may_be_dead_at_the_start(self) -> None:
        made = farm("one", "two")
        made.daemons["one"].alive = made.daemons["one"].refusing = False
        async with playing(made):
            assert states(made) == ["down", "up"]

    async def test_may_be_out_of_reach(self) -> None:
        made = farm("one")
        made.network.unreachable = True
        async with playing(made):
            assert states(made) == ["down"]
            made.network.unreachable = False
            await asyncio.sleep(0.6)
            assert states(made) == ["up"]

    async def test_ends_what_is_under_way(self) -> None:
        async with playing(farm("one")) as made:
            [relay] = await opened(made)
            made.daemons["one"].alive = False
            clock = asyncio.get_running_loop().time
            begun = clock()
            with pytest.raises(MediaUnavailable, match="does not answer"):
                await made.engine.point(relay, 0, REMOTE)
            assert clock() - begun < 0.5
            assert await made.engine.close(relay) is None

    async def test_harms_no_other_listener_where_one_fails(self) -> None:
        def broken(event: object) -> None:
            raise RuntimeError("a bug of the call")

        async with playing(farm("one")) as made:
            await made.engine.open("call-1", sides(), broken)
            events = Events()
            await opened(made, 1, events)
            made.daemons["one"].alive = False
            with capture_logs() as logs:
                await asyncio.sleep(2)
            assert len(events.of(RelayLost)) == 1
            assert "media listener failed" in [line["event"] for line in logs]


class TestAnRtpengineThatForgets:
    async def test_is_found_though_it_is_back_at_once(self) -> None:
        async with playing(farm("one")) as made:
            events = Events()
            relays = await opened(made, 50, events)
            await asyncio.sleep(1)
            made.daemons["one"].restart()
            await asyncio.sleep(0.6 + 50 * 0.005)
            assert {event.relay_id for event in events.of(RelayLost)} == {relay.relay_id for relay in relays}
            assert states(made) == ["up"] and held(made) == [0]

    async def test_is_found_by_whoever_asks_first(self) -> None:
        async with playing(farm("one")) as made:
            events = Events()
            [relay] = await opened(made, 1, events)
            made.daemons["one"].restart()
            with pytest.raises(MediaUnavailable, match="Unknown call-id"):
                await made.engine.point(relay, 0, REMOTE)
            assert [event.relay_id for event in events.of(RelayLost)] == [relay.relay_id]
            assert made.daemons["one"].calls == {}

    async def test_loses_one_that_it_closed_by_itself_and_keeps_the_others(self) -> None:
        async with playing(farm("one")) as made:
            events = Events()
            relays = await opened(made, 100, events)
            del made.daemons["one"].calls[relays[77].relay_id]
            await asyncio.sleep(20)
            [lost] = events.of(RelayLost)
            assert lost.relay_id == relays[77].relay_id and lost.reason == "rtpengine one no longer has it"
            assert held(made) == [99]

    async def test_is_not_believed_where_its_ports_have_moved(self) -> None:
        async with playing(farm("one")) as made:
            events = Events()
            [relay] = await opened(made, 1, events)
            made.daemons["one"].calls[relay.relay_id]["side-1"].port += 100
            with pytest.raises(MediaUnavailable, match="gone"):
                await made.engine.point(relay, 0, REMOTE)
            assert len(events.of(RelayLost)) == 1


class TestARelayOfAnotherLife:
    async def test_is_found_whoever_has_it(self) -> None:
        async with playing(farm("one", "two")) as made:
            relays = await opened(made, 2)
            await made.engine.point(relays[1], 1, REMOTE)
            await made.engine.stop()
            after = again(made)
            await after.engine.start()
            events = Events()
            one, two = [await after.engine.adopt(relay, events) for relay in relays]
            assert (one, two) == (CarriedRelay(relays[0], (None, None)), CarriedRelay(relays[1], (None, REMOTE)))
            assert held(after) == [1, 1]
            made.daemons["two"].alive = False
            await asyncio.sleep(2)
            assert [event.relay_id for event in events.of(RelayLost)] == [relays[1].relay_id]
            assert await after.engine.close(relays[0]) is not None
            await after.engine.stop()

    async def test_is_found_at_once_though_another_one_has_just_died(self) -> None:
        async with playing(farm("one", "two")) as made:
            relays = await opened(made, 2)
            await made.engine.stop()
            after = again(made)
            await after.engine.start()
            made.daemons["two"].hung = True  # nobody knows yet
            began = asyncio.get_running_loop().time()
            await after.engine.adopt(relays[0], print)
            assert asyncio.get_running_loop().time() - began < 0.1
            await after.engine.stop()

    async def test_is_taken_up_once(self) -> None:
        async with playing(farm("one", "two")) as made:
            [relay] = await opened(made)
            with pytest.raises(MediaUnavailable, match="taken up"):
                await made.engine.adopt(relay, print)
            await made.engine.stop()
            after = again(made)
            await after.engine.start()
            outcomes = await asyncio.gather(
                after.engine.adopt(relay, print), after.engine.adopt(relay, print), return_exceptions=True
            )
            assert {type(outcome) for outcome in outcomes} == {CarriedRelay, MediaUnavailable}
            await after.engine.stop()

    async def test_is_gone_where_nobody_has_it_or_has_another_one(self) -> None:
        async with playing(farm("one", "two")) as made:
            [relay] = await opened(made)
            await made.engine.stop()
            after = again(made)
            made.daemons["two"].hung = True  # who is asked in vain is waited for no longer than the limit
            await after.engine.start()
            for wrong in (
                replace(relay, relay_id="relay-of-another-life"),
                replace(relay, local=tuple(reversed(relay.local))),
            ):
                with pytest.raises(MediaUnavailable, match="gone"):
                    await after.engine.adopt(wrong, print)
            with pytest.raises(MediaUnavailable, match="of our choice"):
                await after.engine.restore(CarriedRelay(relay, (None, None)), sides(), print)
            assert Capability.RESTORE not in after.engine.can
            assert held(after) == [0, 0]
            await after.engine.stop()


class TestNothingIsLeft:
    async def test_of_what_was_given_up(self) -> None:
        async with playing(farm("one")) as made:
            made.daemons["one"].hung = True
            with pytest.raises((MediaTimeout, MediaUnavailable)):
                await opened(made)
            opening = asyncio.ensure_future(opened(made))
            await asyncio.sleep(0)
            opening.cancel()
            made.daemons["one"].wake()
            await asyncio.sleep(2)
            assert made.daemons["one"].calls == {} and states(made) == ["up"]

    async def test_of_what_was_closed_while_it_hung(self) -> None:
        async with playing(farm("one")) as made:
            [relay] = await opened(made)
            made.daemons["one"].hung = True
            assert await made.engine.close(relay) is None
            made.daemons["one"].wake()
            await asyncio.sleep(2)
            assert made.daemons["one"].calls == {} and held(made) == [0]

    async def test_of_what_was_lost_while_it_could_not_be_reached(self) -> None:
        async with playing(farm("one")) as made:
            events = Events()
            await opened(made, 3, events)
            made.network.loss = 1.0
            await asyncio.sleep(3)
            assert len(events.of(RelayLost)) == 3 and len(made.daemons["one"].calls) == 3
            made.network.loss = 0.0
            await asyncio.sleep(2)
            assert made.daemons["one"].calls == {} and states(made) == ["up"]

    async def test_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.ng.instance.ORPHANS_LIMIT", 3)
        async with playing(farm("one")) as made:
            await opened(made, 5)
            made.network.loss = 1.0
            await asyncio.sleep(3)
            made.network.loss = 0.0
            await asyncio.sleep(2)
            assert len(made.daemons["one"].calls) == 2, "of five only three were kept in mind"


class TestTheWay:
    @pytest.mark.parametrize("seed", range(5))
    async def test_loses_and_doubles_and_nobody_notices(self, seed: int) -> None:
        made = farm("one")
        made.daemons["one"].garble = lambda data: [data, data]
        async with playing(made):
            made.network.rng.seed(seed)
            made.network.loss = 0.2
            relays = await asyncio.gather(*(made.engine.open("call-1", sides(), print) for _ in range(20)))
            for relay in relays:
                await made.engine.point(relay, 0, REMOTE)
            assert len({end for relay in relays for end in relay.local}) == 40
            assert made.daemons["one"].asked.count("offer") == 20  # repeated ones are known by their cookies
            made.network.loss = 0.0
            for relay in relays:
                assert await made.engine.close(relay) is not None

    async def test_brings_garbage_and_strangers_replies(self) -> None:
        def garbled(data: bytes) -> list[bytes]:
            _, _, body = data.partition(b" ")
            return [b"", b" ", b"x", body, b"guessed " + body, b"\xff" * 100, b"d" * 60_000, data]

        made = farm("one")
        made.daemons["one"].garble = garbled
        async with playing(made):
            [relay] = await opened(made)
            assert await made.engine.close(relay) is not None

    @pytest.mark.parametrize(
        "body", [b"", b"le", b"d", b"d6:result2:ok", b"d6:result2:okee", b"l" * 50_000, b"d6:result2:ok3:sdp3:v=0e"]
    )
    async def test_brings_replies_that_make_no_sense(self, body: bytes) -> None:
        async with playing(farm("one")) as made:
            made.daemons["one"].garble = lambda data: [data.partition(b" ")[0] + b" " + body]
            with capture_logs(), pytest.raises(MediaUnavailable):
                await opened(made)
            made.daemons["one"].garble = lambda data: [data]
            await asyncio.sleep(2)
            assert made.daemons["one"].calls == {}

    async def test_takes_so_many_requests_at_once_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.ng.client.WAITING_LIMIT", 50)
        async with playing(farm("one")) as made:
            made.daemons["one"].hung = True
            outcomes = await asyncio.gather(*(opened(made) for _ in range(60)), return_exceptions=True)
            assert sum("too many requests" in str(outcome) for outcome in outcomes) == 10


class TestTheStart:
    async def test_waits_until_something_is_known_of_each(self) -> None:
        async with playing(farm("one", "two", "three")) as made:
            assert InstanceState.STARTING not in states(made)
