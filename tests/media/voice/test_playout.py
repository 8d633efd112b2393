"""One incoming stream as an even flow: clocks that differ for long, time that jumps, and anything else."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.media.voice import BLOCK
from splitter.media.voice.g711 import Samples
from splitter.media.voice.playout import LEAD_LIMIT, Playout


def read(playout: Playout) -> Samples:
    block = np.zeros(BLOCK, np.float32)
    playout.read(block)
    return block


def tone(at: int, count: int = BLOCK, hertz: float = 400.0) -> Samples:
    return (8000 * np.sin(2 * math.pi * hertz * np.arange(at, at + count) / 8000)).astype(np.float32)


class TestClocksThatDiffer:
    @pytest.mark.parametrize("drift", [200e-6, -200e-6])
    def test_cost_no_delay_in_ten_minutes(self, drift: float) -> None:
        playout, random = Playout(), Random(1)
        sent, leads = 0, []
        for block in range(30_000):
            now = block * 0.02
            while sent * 0.02 / (1 + drift) + random.random() * 0.004 <= now:
                playout.write(sent * BLOCK, tone(sent * BLOCK))
                sent += 1
            leads.append(playout.lead)
            read(playout)
        assert playout.made_up < 10 * BLOCK and playout.late < 10 * BLOCK
        assert max(leads[500:]) < 480, "never more than 60 ms"
        assert abs(np.mean(leads[500:3000]) - np.mean(leads[-2500:])) < 60, "and no more at the end"


class TestLostPackets:
    def test_are_made_up_for_with_what_was_heard(self) -> None:
        playout = Playout()
        heard = []
        for number in range(50):
            if number not in (20, 30, 31, 32, 33, 34, 35):
                playout.write(number * BLOCK, tone(number * BLOCK))
            heard.append(read(playout))
        wave = np.concatenate(heard)
        assert np.abs(np.diff(wave)).max() < 1.4 * 8000 * 2 * math.pi * 400 / 8000
        assert np.abs(wave[20 * BLOCK : 21 * BLOCK]).max() > 6000, "as loud as before"
        assert np.abs(wave[34 * BLOCK : 35 * BLOCK]).max() < 1000, "and soft after 60 ms"
        assert playout.made_up == 7 * BLOCK

    def test_that_come_twice_or_out_of_order_are_played_once(self) -> None:
        playout = Playout()
        for number in (0, 1, 3, 2, 2, 4, 3):
            playout.write(number * BLOCK, tone(number * BLOCK))
        assert np.array_equal(playout.rest(), tone(0, 5 * BLOCK))


class TestTimeThatJumps:
    @pytest.mark.parametrize("jump", [100_000, -100_000, 1 << 31, 5000])
    def test_is_another_time(self, jump: int) -> None:
        playout = Playout()
        for number in range(10):
            playout.write(number * BLOCK, tone(number * BLOCK))
            read(playout)
        for number in range(10, 20):
            playout.write(jump + number * BLOCK, tone(number * BLOCK))
            block = read(playout)
            assert np.abs(block).max() > 7000
        assert playout.lead <= BLOCK


class TestAnything:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.integers(-20_000, 20_000), st.integers(0, 2048)),
                st.tuples(st.integers(-400, 1600), st.sampled_from([80, 160, 240, 480])),
                st.none(),
            ),
            max_size=120,
        )
    )
    def test_that_comes_leaves_a_flow(self, writes: list[tuple[int, int] | None]) -> None:
        playout = Playout()
        at = 0
        for write in writes:
            if write is None:
                playout.pause(50.0)
            else:
                at += write[0]
                playout.write(at, np.full(write[1], 3000, np.float32))
            block = read(playout)
            assert np.isfinite(block).all() and np.abs(block).max() < 12_000
        for _ in range(30):
            read(playout)
        assert playout.lead <= LEAD_LIMIT
        assert len(playout.rest()) <= LEAD_LIMIT and playout.lead == 0
