from __future__ import annotations

import pytest

from splitter.rtp.mos import mos


class TestMos:
    def test_of_a_good_line_is_that_of_the_defaults(self) -> None:
        """ITU-T G.107: with the default values R = 93.2, which is a MOS of 4.41."""
        assert mos("PCMA", 0.0, 0.0) == pytest.approx(4.41, abs=0.005)

    @pytest.mark.parametrize(("lost", "told"), [(0.01, 4.32), (0.05, 3.95), (0.2, 2.63)])
    def test_falls_with_loss(self, lost: float, told: float) -> None:
        """Ie,eff = 95 * Ppl / (Ppl + 25.1): 3.6, 15.8, 42.1."""
        assert mos("PCMU", lost, 0.0) == pytest.approx(told, abs=0.05)

    def test_of_a_codec_that_impairs_is_lower(self) -> None:
        assert mos("G729", 0, 0) == pytest.approx(4.1, abs=0.05)
        assert 4.2 < mos("AMR", 0, 0) < mos("AMR-WB", 0, 0) == mos("PCMA", 0, 0)

    def test_a_long_delay_is_felt_and_a_short_one_is_not(self) -> None:
        assert mos("PCMA", 0, 5, 100) == mos("PCMA", 0, 0, 0)
        assert mos("PCMA", 0, 0, 600) == pytest.approx(3.6, abs=0.3)
        assert mos("PCMA", 0, 150) < mos("PCMA", 0, 10)

    @pytest.mark.parametrize("lost", [-0.1, 0.0, 0.5, 1.0, 7.0])
    def test_is_never_out_of_its_range(self, lost: float) -> None:
        assert 1.0 <= mos("PCMA", lost, 1e6, 1e6) <= mos("PCMA", lost, -1) <= 4.42

    def test_what_is_unknown_counts_as_none(self) -> None:
        assert mos("PCMA", 0.02, -1, -1) == mos("PCMA", 0.02, 0, 0)
