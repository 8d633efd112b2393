"""Identifiers: of the right length, from the whole alphabet, never the same twice, repeatable from a seed."""

from __future__ import annotations

import random
from collections import Counter

from splitter.core.ids import IdSource, PooledRandom


class TestPooledRandom:
    def test_bits_are_within_bounds_and_all_used(self) -> None:
        rng = PooledRandom()
        for bits in (1, 5, 8, 31, 50, 80, 100, 40_000):
            seen = [rng.getrandbits(bits) for _ in range(200)]
            assert max(seen) < 2**bits
            assert any(value >> (bits - 1) for value in seen)  # the top bit is set now and then
            assert any(value & 1 for value in seen)

    def test_numbers_are_even(self) -> None:
        counts = Counter(IdSource().number(10) for _ in range(20_000))
        assert set(counts) == set(range(10))
        assert all(1_700 < count < 2_300 for count in counts.values())  # six standard deviations

    def test_floats_lie_between_0_and_1(self) -> None:
        rng = PooledRandom()
        assert all(0 <= rng.random() < 1 for _ in range(1000))


class TestIdentifiers:
    def test_are_unlike(self) -> None:
        ids = IdSource()
        made = [ids.branch() for _ in range(20_000)]
        assert len(set(made)) == len(made)
        assert all(branch.startswith("z9hG4bK") and len(branch) == 23 for branch in made)

    def test_use_the_whole_alphabet(self) -> None:
        ids = IdSource()
        letters = Counter("".join(ids.call() for _ in range(5_000)))
        assert set(letters) == set("0123456789abcdefghjkmnpqrstvwxyz")

    def test_a_seed_repeats_them(self) -> None:
        one, other = (IdSource(random.Random(7)) for _ in range(2))
        assert [one.tag(), one.call(), one.number(99)] == [other.tag(), other.call(), other.number(99)]
