"""The world itself: one call through it, by hand."""

from __future__ import annotations

import pytest

from splitter.core.errors import MediaUnavailable
from tests.world import Weather, World


class TestOneCall:
    def test_from_invite_to_bye(self) -> None:
        with World(seed=1) as world:
            call = world.sbc.invite()
            inside = world.pbx.take()
            inside.ring(180)
            call.expect("180")
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
            world.engine.fault = lambda what, call: MediaUnavailable("no") if what == "set_remote" else None
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
