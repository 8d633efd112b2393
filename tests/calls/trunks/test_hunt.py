"""A call looks for a centre: over servers, over trunks, past full and dead ones. In virtual time."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.routing import Routing
from splitter.calls.settings import Choice, MonitorSettings, OverloadSettings, Route, Trunk
from splitter.calls.trunks.admission import Admission, LoadLevel
from splitter.calls.trunks.link import Alive, Faulty, HeldOff, TrunkState
from splitter.calls.trunks.trunks import Trunks
from splitter.sip.events import ResponseArrived, SipEvent
from splitter.sip.message import Headers, Request, Response
from splitter.telemetry import metrics
from splitter.transport.targets import HostName, Located, LocatedServer, Target
from tests.calls.kit import connected, ended, line, picked_up, sdp
from tests.counted import value
from tests.world import PeerCall, World
from tests.world.world import PBX, PBX2

RULES = MonitorSettings(failures_down=2, successes_up=1)
FIRST, SECOND = Target("udp", PBX), Target("udp", PBX2)


class Scene:
    """The world's gateway with trunks that are watched (by nobody: the test tells the news).

    Args:
        changes: fields of trunks, by name.
    """

    def __init__(self, world: World, choice: Choice = Choice.ORDER, **changes: dict[str, Any]) -> None:
        self.world = world
        made = {name: replace(trunk, **changes.get(name, {})) for name, trunk in world.trunks.items()}
        self.made: dict[str, Trunk] = made
        self.trunks = Trunks(made.values(), RULES, world.clock.now())
        self.admission = Admission(OverloadSettings(retry_after_s=5))
        routes = [
            Route(re.compile("110"), ("pbx", "pbx2"), choice=choice),
            Route(re.compile("12345"), ("pbx",), choice=choice),
        ]
        services = world.calls.services
        world.calls.attach(
            replace(services, routing=Routing(made, routes), trunks=self.trunks, admission=self.admission)
        )

    def tell(self, name: str, target: Target, *news: Alive | Faulty | HeldOff) -> None:
        for item in news:
            self.trunks.hear_news(self.made[name], target, item, self.world.clock.now())

    def state(self, name: str) -> TrunkState:
        return self.trunks.state(self.made[name], self.world.clock.now())[0]

    def load(self, lag_s: float) -> None:
        for step in range(5):
            self.admission.overload.observe(lag_s, 0.1, self.world.clock.now() + step * 0.2)


NO = Faulty("no answer")
ONE_NAME: dict[str, Any] = {"pbx": {"address": HostName("pbx.example.com"), "transport": "auto", "answer_limit_s": 2.0}}


def located(*targets: Target) -> Located:
    return Located(tuple(LocatedServer((0, rank), 0, (target,)) for rank, target in enumerate(targets)))


def refused(caller: PeerCall, status: int) -> str | None:
    """The Retry-After of the final response that the caller gets."""
    response = caller.expect(str(status), 40.0).message
    assert response is not None
    return response.headers.get("retry-after")


def options(world: World) -> tuple[int, str | None]:
    """Status and Retry-After of the gateway's answer to the SBC's OPTIONS."""
    heard: list[Response] = []
    headers = Headers(
        [("From", "<sip:sbc@10.1.0.5>;tag=x"), ("To", "<sip:10.1.0.1>"), ("Call-ID", "o@sbc"), ("CSeq", "1 OPTIONS")]
    )

    def listen(event: SipEvent) -> None:
        if isinstance(event, ResponseArrived):
            heard.append(event.response)

    world.sbc.driver.request(Request("OPTIONS", "sip:10.1.0.1", headers), world.sbc.gateway, listen)
    world.run(1.0)
    return heard[0].status, heard[0].headers.get("retry-after")


class TestServersOfATrunk:
    def test_a_silent_server_gives_way_to_the_next_before_the_next_trunk(self, world: World) -> None:
        scene = Scene(world, **ONE_NAME)
        scene.trunks.located("pbx", located(FIRST, SECOND), 0.0)
        world.pbx.vanish()
        caller = world.sbc.invite("12345")  # this route has no other trunk
        centre = world.pbx2.take()
        assert world.now == pytest.approx(2.0, abs=0.5)
        assert centre.invite.uri == "sip:12345@pbx.example.com"
        picked_up(caller, centre)
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [503, 430])
    def test_one_that_is_full_gives_way_too(self, status: int, world: World) -> None:
        scene = Scene(world, **ONE_NAME)
        scene.trunks.located("pbx", located(FIRST, SECOND), 0.0)
        caller = world.sbc.invite("12345")
        world.pbx.take().refuse(status)
        centre = world.pbx2.take()
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_fault_of_the_trunk_as_a_whole_does_not(self, world: World) -> None:
        scene = Scene(world, **ONE_NAME)
        scene.trunks.located("pbx", located(FIRST, SECOND), 0.0)
        caller = world.sbc.invite("12345")
        world.pbx.take().refuse(500)
        refused(caller, 480)
        world.settle()
        assert not world.pbx2.calls

    def test_a_name_that_leads_nowhere_costs_the_call_no_time(self, world: World) -> None:
        Scene(world, **ONE_NAME)
        caller = world.sbc.invite("110")
        centre = world.pbx2.take()
        assert world.now < 0.5
        assert "pbx is down: its name is not resolved yet; it is tried last" in world.ladder(caller)
        picked_up(caller, centre)
        ended(world, caller, centre)


class TestTrunksThatAreDown:
    def test_are_skipped_before_any_timeout(self, world: World) -> None:
        scene = Scene(world)
        scene.tell("pbx", FIRST, NO, NO)
        world.sbc.invite("110")
        centre = world.pbx2.take()
        assert world.now < 0.5
        centre.refuse(486)
        world.settle()
        assert not world.pbx.calls

    def test_are_the_last_resort(self, world: World) -> None:
        scene = Scene(world)
        scene.tell("pbx", FIRST, NO, NO)
        scene.tell("pbx2", SECOND, NO, NO)
        caller, centre = connected(world)
        assert scene.state("pbx") is TrunkState.UP  # it answered a call: that is a sign of life too
        ended(world, caller, centre)

    def test_invites_without_an_answer_take_one_down(self, world: World) -> None:
        scene = Scene(world)
        world.pbx.vanish()
        for _ in range(2):
            caller = world.sbc.invite("110")
            centre = world.pbx2.take()
            centre.refuse(486)
            caller.expect("486")
        assert scene.state("pbx") is TrunkState.DOWN
        world.settle()

    def test_retry_after_of_an_invite_is_kept_to(self, world: World) -> None:
        Scene(world)
        world.sbc.invite("110")
        world.pbx.take().refuse(503, [("Retry-After", "30")])
        world.pbx2.take().refuse(486)
        world.run(1.0)
        world.sbc.invite("110")
        world.pbx2.take().refuse(486)
        world.run(1.0)
        assert refused(world.sbc.invite("12345"), 480) == "28"
        assert not world.pbx.arrived
        world.run(29.0)
        caller, centre = connected(world)
        ended(world, caller, centre)

    def test_503_without_retry_after_is_held_against_nobody(self, world: World) -> None:
        scene = Scene(world)
        for _ in range(3):
            world.sbc.invite("12345")
            world.pbx.take().refuse(503)
            world.run(1.0)
        assert scene.state("pbx") is TrunkState.UP
        world.settle()

    def test_nobody_who_rings_and_is_not_answered_is_taken_for_dead(self, world: World) -> None:
        scene = Scene(world, pbx={"ring_limit_s": 5.0})
        for _ in range(3):
            caller = world.sbc.invite("12345")
            world.pbx.take().ring(180)
            caller.expect("180")
            caller.expect("480", 20.0)
        assert scene.state("pbx") is TrunkState.UP
        world.settle()


class TestWeightedChoice:
    def test_the_quicker_trunk_gets_more_calls(self, world: World) -> None:
        scene = Scene(world, Choice.WEIGHTED)
        scene.tell("pbx", FIRST, Alive(0.03))
        scene.tell("pbx2", SECOND, Alive(0.01))
        for peer in (world.pbx, world.pbx2):
            peer.on_call = lambda call: call.refuse(486)
        for _ in range(80):
            world.sbc.invite("110").expect("486")
        world.settle()
        taken = Counter({"pbx": len(world.pbx.calls), "pbx2": len(world.pbx2.calls)})
        assert taken["pbx"] + taken["pbx2"] == 80
        assert 50 <= taken["pbx2"] <= 70  # three quarters of them


class TestLimits:
    def test_a_full_centre_is_passed_over_and_free_again_when_a_call_ends(self, world: World) -> None:
        scene = Scene(world, pbx={"max_calls": 1})
        first, centre = connected(world)
        second = world.sbc.invite("110")
        other = world.pbx2.take()
        assert "pbx is passed over: pbx has 1 calls, which is its limit" in world.ladder(second)
        other.refuse(486)
        second.expect("486")
        assert refused(world.sbc.invite("12345"), 480) == "5"
        assert scene.admission.limits.calls("pbx") == 1
        ended(world, first, centre)
        assert scene.admission.limits.calls("pbx") == 0
        ended(world, *connected(world))

    def test_the_rate_of_a_centre(self, world: World) -> None:
        Scene(world, pbx={"calls_per_s": 1.0})
        world.pbx.on_call = lambda call: call.refuse(486)
        world.sbc.invite("12345").expect("486")
        assert refused(world.sbc.invite("12345"), 480) == "1"
        world.run(1.0)
        world.sbc.invite("12345").expect("486")
        world.settle()
        assert len(world.pbx.calls) == 2

    def test_the_sbc_gets_503_and_is_told_when_to_come_back(self, world: World) -> None:
        scene = Scene(world, sbc={"max_calls": 1})
        before = value(metrics.calls.REJECTED, "trunk-calls")
        caller, centre = connected(world)
        assert refused(world.sbc.invite("110"), 503) == "5"
        assert value(metrics.calls.REJECTED, "trunk-calls") == before + 1
        ended(world, caller, centre)
        assert scene.admission.limits.calls("sbc") == 0

    def test_the_rate_of_the_sbc(self, world: World) -> None:
        Scene(world, sbc={"calls_per_s": 2.0})
        world.pbx.on_call = lambda call: call.refuse(486)
        for _ in range(2):
            world.sbc.invite("12345").expect("486")
        assert refused(world.sbc.invite("12345"), 503) == "1"
        world.settle()

    def test_no_place_is_lost_whatever_becomes_of_the_calls(self) -> None:
        with World(seed=11) as world:
            scene = Scene(world, pbx={"max_calls": 5}, pbx2={"max_calls": 5}, sbc={"max_calls": 9})
            rng = random.Random(4)
            ends = [
                lambda call: call.answer(),
                lambda call: call.refuse(486),
                lambda call: call.refuse(503),
                lambda call: call.ring(180),
                lambda call: call.vanish(),
            ]
            for peer in (world.pbx, world.pbx2):
                peer.on_call = lambda call: rng.choice(ends)(call)
            callers = []
            for _ in range(40):
                callers.append(world.sbc.invite(rng.choice(("110", "12345"))))
                world.run(rng.random())
                caller = rng.choice(callers)
                (caller.bye if caller.state == "confirmed" else caller.cancel)()
            world.run(10.0)
            for caller in callers:
                (caller.bye if caller.state == "confirmed" else caller.cancel)()
            world.run(300.0)
            assert [scene.admission.limits.calls(name) for name in ("sbc", "pbx", "pbx2")] == [0, 0, 0]


class TestOverload:
    def test_a_call_that_offers_video_is_answered_with_port_0(self, world: World) -> None:
        scene = Scene(world)
        scene.load(0.15)
        before = value(metrics.calls.VIDEO_REFUSED)
        caller = world.sbc.invite("110")
        centre = world.pbx.take()
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert line(answer, "video").port == 0
        assert line(answer, "audio").port != 0
        centre.expect("ACK")
        assert not world.engine.rooms
        assert "video is refused under load: the event loop is 150 ms late" in world.ladder(caller)
        assert value(metrics.calls.VIDEO_REFUSED) == before + 1
        ended(world, caller, centre)

    def test_then_new_calls_are_refused_and_those_that_live_are_not_touched(self, world: World) -> None:
        scene = Scene(world)
        caller, centre = connected(world)
        scene.load(0.5)
        assert scene.admission.overload.level is LoadLevel.REFUSE
        assert refused(world.sbc.invite("110"), 503) == "5"
        ended(world, caller, centre)


class TestDraining:
    def test_new_calls_and_options_get_503_with_retry_after_and_live_ones_go_on(self, world: World) -> None:
        Scene(world)
        caller, centre = connected(world)
        draining = world.loop.create_task(world.calls.drain(60.0))
        world.run(0.1)
        assert refused(world.sbc.invite("110"), 503) == "10"
        assert options(world) == (503, "10")
        world.run(5.0)
        ended(world, caller, centre)
        world.run(1.0)
        assert draining.done()
