"""Who waits for the lease: whoever counts up, as long as it does."""

from splitter.cluster.standbys import Standbys


class TestStandbys:
    def test_one_that_counts_up_is_there_and_one_that_stopped_is_not(self) -> None:
        found = Standbys(3.0)
        found.heard([("B", 1), ("left over", 7)], 10.0)
        assert found.living(10.0) == ()
        found.heard([("B", 2), ("left over", 7)], 10.5)
        assert found.living(10.5) == ("B",) and found.missing_s(10.5) == 0.0
        found.heard([("B", 2), ("left over", 7)], 14.0)
        assert found.living(14.0) == () and found.missing_s(14.0) == 3.5

    def test_nobody_is_missed_before_anything_was_heard(self) -> None:
        found = Standbys(3.0)
        assert found.missing_s(1000.0) == 0.0
        found.heard([], 1000.0)
        assert found.missing_s(1020.0) == 20.0
