"""A fixed set of seeds; `make sim` plays many more, and `python -m tests.sim` plays any again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim.run import Run, Setting

pytestmark = pytest.mark.slow

MIXED = [
    Setting(seed, 40, loss) for seed, loss in enumerate((0.0, 0.0, 0.02, 0.05, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3), 9000)
]


class TestManyCalls:
    @pytest.mark.parametrize("setting", MIXED, ids=lambda setting: f"seed {setting.seed} loss {setting.loss:g}")
    def test_every_call_is_in_order(self, setting: Setting) -> None:
        result = Run(setting).play()
        assert not result.faults, "\n".join([f"again: {setting.command}", *result.faults[:3]])
        assert result.outcomes[200] > setting.calls / 3

    def test_calls_are_set_up_through_heavy_loss(self) -> None:
        """`make sim` asks for 99.9 % of 10,000; this is a glance at it."""
        result = Run(Setting(9100, 300, 0.2, plain=True)).play()
        assert not result.faults, "\n".join(result.faults[:3])
        assert result.connected >= result.wanted - 2

    def test_a_seed_plays_the_same_run_again(self) -> None:
        first, second = (Run(Setting(9200, 20, 0.1)).play() for _ in range(2))
        assert (first.datagrams, first.lost, first.virtual_s) == (second.datagrams, second.lost, second.virtual_s)
        assert first.outcomes == second.outcomes

    def test_nobody_notices_that_calls_go_on_with_what_was_written_down_of_them(self) -> None:
        setting = Setting(9300, 40, 0.05)
        forgetful, other = Run(setting).play(), Run(replace(setting, amnesia=False)).play()
        assert not forgetful.faults, "\n".join(forgetful.faults[:3])
        assert forgetful.forgotten > 100 and other.forgotten == 0
        assert forgetful.digest == other.digest

    @pytest.mark.parametrize(("loss", "deaths"), [(0.0, 0), (0.1, 0), (0.02, 4)])
    def test_phones_come_and_go_hold_leave_and_die(self, loss: float, deaths: int) -> None:
        result = Run(Setting(9500 + deaths, 40, loss, deaths=deaths, phones=True)).play()
        allowed = ("illegal: ", "transactions of", "still thinks it is in the call (early)") if deaths else ()
        faults = [fault for fault in result.faults if not any(words in fault for words in allowed)]
        assert not faults, "\n".join(faults[:3])

    @pytest.mark.parametrize(("loss", "phones"), [(0.1, False), (0.02, True)])
    def test_callers_are_handed_on_by_refer(self, loss: float, phones: bool) -> None:
        result = Run(Setting(9600, 40, loss, phones=phones, transfers=True)).play()
        assert not result.faults, "\n".join(result.faults[:3])

    @pytest.mark.parametrize(("loss", "deaths", "phones"), [(0.1, 0, False), (0.02, 0, True), (0.02, 4, False)])
    def test_both_ends_of_each_voice_have_the_same_keys(self, loss: float, deaths: int, phones: bool) -> None:
        result = Run(Setting(9700 + deaths, 40, loss, deaths=deaths, phones=phones, srtp=True)).play()
        assert not result.faults, "\n".join(result.faults[:3])

    @pytest.mark.parametrize("seed", [9400, 9401, 9402])
    def test_no_answered_call_is_lost_whenever_the_gateway_is_killed(self, seed: int) -> None:
        result = Run(Setting(seed, 40, 0.02, deaths=5)).play()
        assert not result.faults, "\n".join(result.faults[:3])
        assert result.taken_up > 5
