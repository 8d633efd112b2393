"""What is kept for those who come back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from splitter.web.events.ring import Ring


def filled(count: int, most: int = 100, age_s: float = 600.0) -> Ring[int]:
    ring: Ring[int] = Ring(most, age_s)
    for _ in range(count):
        ring.append(ring.next_seq(), 0.0)
    return ring


class TestSince:
    def test_what_came_after(self) -> None:
        assert filled(5).since(2, 0.0) == [3, 4, 5]

    def test_nothing_missed(self) -> None:
        assert filled(5).since(5, 0.0) == []
        assert filled(0).since(0, 0.0) == []

    def test_more_than_is_kept(self) -> None:
        ring = filled(10, most=3)
        assert ring.since(7, 0.0) == [8, 9, 10]
        assert ring.since(6, 0.0) is None

    def test_longer_ago_than_is_kept(self) -> None:
        ring = filled(2, age_s=10.0)
        ring.append(3, 8.0)
        assert ring.since(1, 11.0) is None
        assert ring.since(2, 11.0) == [3]
        assert ring.since(2, 19.0) is None
        assert ring.since(3, 19.0) == []

    def test_numbers_that_were_never_given(self) -> None:
        assert filled(5).since(6, 0.0) is None
        assert filled(5).since(-1, 0.0) is None

    def test_what_was_skipped_is_a_gap(self) -> None:
        ring = filled(5)
        ring.skip()
        ring.append(ring.next_seq(), 0.0)
        assert ring.since(5, 0.0) is None
        assert ring.since(6, 0.0) == [7]

    def test_is_bounded(self) -> None:
        assert len(filled(1000, most=10)) == 10

    @given(st.lists(st.sampled_from(["append", "skip", "wait"])), st.integers(0, 60))
    def test_is_without_gaps_or_not_at_all(self, steps: list[str], after: int) -> None:
        ring: Ring[int] = Ring(7, 10.0)
        now = 0.0
        for step in steps:
            match step:
                case "append":
                    ring.append(ring.next_seq(), now)
                case "skip":
                    ring.skip()
                case "wait":
                    now += 4.0
        found = ring.since(after, now)
        assert found is None or found == list(range(after + 1, ring.seq + 1))
