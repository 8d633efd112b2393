"""The world itself: one call through it, by hand."""

from __future__ import annotations

import pytest

from splitter.core.errors import MediaUnavailable
from tests.calls.kit import arrived, picked_up, ringing
from tests.world import Weather, World


class TestOneCall:
    def test_from_invite_to_bye(self) -> None:
        with World(seed=1) as world:
            call, inside = ringing(world)
            inside.answer()
            answer = call.expect("200").session
            inside.expect("ACK")
            assert answer is not None and [media.port > 0 for media in answer.media] == [True, True]
            assert world.voice_faults(call) == []
            call.bye()
            inside.expect("BYE")
            call.expect("200 BYE")
            world.settle()

    def test_survives_bad_weather(self) -> None:
        weather = Weather(loss=0.3, duplication=0.2, jitter_s=0.1, late=0.05)
        with World(seed=7, weather=weather) as world:
            call = world.sbc.invite()
            inside = world.pbx.take(40)
            inside.answer()
            call.expect("200", 40)
            inside.expect("ACK", 40)
            assert world.voice_faults(call) == []
            inside.bye()
            call.expect("BYE", 40)
            world.settle(200)

    def test_a_run_repeats_itself(self) -> None:
        def lines() -> list[str]:
            with World(seed=3, weather=Weather(loss=0.2, jitter_s=0.1)) as world:
                world.sbc.invite()
                world.pbx.take(40).answer()
                world.run(60)
                return world.ladder().splitlines()

        assert lines() == lines()


class TestWhatItFinds:
    """A judge that never finds anything is none."""

    def test_voice_that_is_not_connected(self) -> None:
        with World() as world:
            world.engine.fault = lambda what, call: MediaUnavailable("no") if what == "point" else None
            call = world.sbc.invite()
            world.pbx.take().answer()
            call.expect("200")
            assert len(world.voice_faults(call)) == 2

    def test_what_is_left_behind(self) -> None:
        with World() as world:
            call = world.sbc.invite()
            world.pbx.take().answer()
            call.expect("200")
            with pytest.raises(AssertionError, match=r"1 relays(.|\n)*INVITE"):
                world.settle(40)

    def test_what_was_not_expected(self) -> None:
        with World() as world:
            call = world.sbc.invite()
            world.pbx.take().refuse(486)
            with pytest.raises(AssertionError, match=r"waits for 200, and 486 came(.|\n)*486 INVITE"):
                call.expect("200")
            world.settle()


class TestWhatPeersCan:
    def test_reliable_provisionals_on_both_sides(self) -> None:
        with World() as world:
            call, inside = arrived(world, reliable="supported")
            inside.ring(183, media=True, reliable=True)
            inside.ring(180, reliable=True)
            inside.answer()
            inside.expect("PRACK")
            inside.expect("PRACK")
            call.expect("183")
            call.expect("180")
            answered = call.expect("200")
            assert answered.session is None
            inside.expect("ACK")
            assert world.voice_faults(call) == []
            call.bye()
            inside.expect("BYE")
            world.settle()

    def test_update_holds_the_call(self) -> None:
        with World() as world:
            call, inside = arrived(world)
            picked_up(call, inside)
            world.run(1)
            call.update(audio="sendonly")
            held = inside.expect("INVITE").session
            assert held is not None and held.direction_of(0) == "sendonly"
            call.expect("200 UPDATE")
            assert world.voice_faults(call) == []
            call.bye()
            inside.expect("BYE")
            world.settle()

    def test_an_invite_without_an_offer(self) -> None:
        with World() as world:
            call, inside = arrived(world, offer=b"")
            inside.answer()
            offer = call.expect("200").session
            assert offer is not None
            inside.expect("ACK")
            world.run(1)
            assert world.voice_faults(call) == []
            call.bye()
            inside.expect("BYE")
            world.settle()

    def test_a_session_is_refreshed_by_whose_duty_it_is(self) -> None:
        with World() as world:
            call, inside = arrived(world, timer_s=90)
            picked_up(call, inside)
            for _ in range(3):
                call.expect("200 UPDATE", 50)
            call.bye()
            inside.expect("BYE")
            world.settle()
