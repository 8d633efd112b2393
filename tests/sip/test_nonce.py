"""sip/nonce.py: nonces that tell their own age, and replays that are caught with bounded memory."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.sip.nonce import WINDOW, Nonces


@pytest.fixture
def nonces() -> Nonces:
    return Nonces(b"s" * 32, lifetime_s=300)


class TestFreshness:
    def test_lasts_for_the_lifetime(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, now=1000.0)
        assert nonces.fresh(nonce, "here", 1000.0)
        assert nonces.fresh(nonce, "here", 1300.0)
        assert not nonces.fresh(nonce, "here", 1300.1)

    def test_is_for_one_binding(self, nonces: Nonces) -> None:
        assert not nonces.fresh(nonces.make("here", 7, 1000.0), "there", 1000.0)

    def test_is_for_one_secret(self, nonces: Nonces) -> None:
        assert not nonces.fresh(Nonces(b"t" * 32).make("here", 7, 1000.0), "here", 1000.0)

    def test_a_younger_age_cannot_be_forged(self, nonces: Nonces) -> None:
        raw = urlsafe_b64decode(nonces.make("here", 7, 1000.0) + "=")
        forged = urlsafe_b64encode((2_000_000).to_bytes(8, "big") + raw[8:]).decode().rstrip("=")
        assert not nonces.fresh(forged, "here", 2000.0)

    def test_another_spelling_of_the_same_bytes_is_another_nonce(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, 1000.0)
        last = chr(ord(nonce[-1]) + 1)  # 32 bytes leave bits of the 43rd digit unused
        assert urlsafe_b64decode(nonce[:-1] + last + "=") == urlsafe_b64decode(nonce + "=")
        assert not nonces.fresh(nonce[:-1] + last, "here", 1000.0)
        assert not nonces.fresh(nonce + "=", "here", 1000.0)

    def test_differs_by_its_salt(self, nonces: Nonces) -> None:
        assert nonces.make("here", 7, 1000.0) != nonces.make("here", 8, 1000.0)

    @given(st.text())
    def test_no_text_is_a_nonce_by_chance(self, text: str) -> None:
        assert not Nonces(b"s" * 32).fresh(text, "here", 0.0)


class TestCounts:
    def test_each_count_once(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, 1000.0)
        assert nonces.take(nonce, 1)
        assert not nonces.take(nonce, 1)
        assert nonces.take(nonce, 2)
        assert not nonces.take(nonce, 1)

    def test_in_any_order_within_the_window(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, 1000.0)
        assert [nonces.take(nonce, count) for count in (1, 5, 3, 3, 4, 5, 2, 1)] == [
            *(True, True, True, False),
            *(True, False, True, False),
        ]

    def test_below_the_window_nothing_is_believed(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, 1000.0)
        assert nonces.take(nonce, WINDOW + 10)
        assert not nonces.take(nonce, 10)
        assert nonces.take(nonce, 11)

    def test_a_leap_forgets_what_lies_far_behind(self, nonces: Nonces) -> None:
        nonce = nonces.make("here", 7, 1000.0)
        assert nonces.take(nonce, 1)
        assert nonces.take(nonce, 2**32 - 1)
        assert not nonces.take(nonce, 1)
        assert nonces.take(nonce, 2**32 - 2)

    @given(st.lists(st.integers(0, 200)))
    def test_no_count_is_ever_taken_twice(self, counts: list[int]) -> None:
        nonces = Nonces(b"s" * 32)
        nonce = nonces.make("here", 7, 1000.0)
        taken = [count for count in counts if nonces.take(nonce, count)]
        assert len(taken) == len(set(taken))
        assert max(counts, default=0) in (taken or [0])


class TestBoundedMemory:
    def test_what_must_be_forgotten_is_called_stale(self) -> None:
        nonces = Nonces(b"s" * 32, capacity=2)
        made = [nonces.make("here", salt, 1000.0 + salt) for salt in range(4)]
        assert all(nonces.take(nonce, 1) for nonce in made[:3])
        assert len(nonces) == 2
        # The first was forgotten: it must not be good for a replay now.
        assert not nonces.fresh(made[0], "here", 1003.0)
        assert not nonces.take(made[0], 1)
        assert nonces.fresh(made[1], "here", 1003.0)
        assert not nonces.take(made[1], 1)
        assert nonces.take(made[3], 1)

    def test_the_unused_are_not_remembered(self, nonces: Nonces) -> None:
        for salt in range(1000):
            nonces.fresh(nonces.make("here", salt, 1000.0), "here", 1000.0)
        assert len(nonces) == 0
