"""Log lines that a flood cannot multiply."""

from __future__ import annotations

from splitter.transport.quiet import Quiet


class TestQuiet:
    def test_the_first_passes_the_rest_is_counted(self) -> None:
        quiet = Quiet(interval_s=10)
        assert quiet.permit("a", 0.0) == 0
        assert [quiet.permit("a", float(i)) for i in range(1, 10)] == [None] * 9
        assert quiet.permit("a", 10.0) == 9
        assert quiet.permit("a", 20.0) == 0

    def test_keys_do_not_silence_each_other(self) -> None:
        quiet = Quiet()
        assert quiet.permit("a", 0.0) == quiet.permit("b", 0.0) == 0

    def test_it_remembers_a_bounded_number_of_keys(self) -> None:
        quiet = Quiet(interval_s=10, keys=3)
        for key in "abcd":
            quiet.permit(key, 0.0)
        assert quiet.permit("d", 1.0) is None
        assert quiet.permit("a", 1.0) == 0

    def test_many_keys_share_a_bounded_number_of_lines(self) -> None:
        quiet = Quiet(interval_s=10, lines=5)
        assert sum(quiet.permit(str(i), 100.0) is not None for i in range(50)) == 5
        assert quiet.permit("another", 109.0) is None
        assert quiet.permit("another", 110.0) == 0
