"""How rates follow losses, and when a receiver's own estimate is believed."""

from __future__ import annotations

from splitter.rtp.allowance import Allowance, Capacity


class TestAllowance:
    def test_is_the_viewers_limit_while_little_is_lost(self) -> None:
        allowance = Allowance()
        assert allowance.kbps is None
        allowance.limit_kbps = 960
        for _ in range(10):
            allowance.report(0.05, 700)
        assert allowance.kbps == 960

    def test_goes_down_to_what_got_through_and_comes_back_by_steps(self) -> None:
        allowance = Allowance()
        allowance.limit_kbps = 960
        allowance.report(0.3, 600)
        assert allowance.kbps == 570
        allowance.report(0.05, 570)
        assert allowance.kbps == 570, "neither much nor little"
        rates = []
        for _ in range(12):
            allowance.report(0.0, 500)
            rates.append(allowance.kbps or 0)
        assert rates == sorted(rates) and rates[0] < 640 and rates[-1] == 960

    def test_never_goes_below_what_makes_a_picture(self) -> None:
        allowance = Allowance()
        for _ in range(20):
            allowance.report(0.9, 20)
        assert allowance.kbps == 64

    def test_a_lower_limit_of_the_viewer_holds(self) -> None:
        allowance = Allowance()
        allowance.limit_kbps = 960
        allowance.report(0.3, 600)
        allowance.limit_kbps = 300
        assert allowance.kbps == 300


class TestCapacity:
    def test_an_estimate_made_from_a_still_picture_means_nothing(self) -> None:
        capacity = Capacity()
        capacity.estimated(45, 20, 960)  # the slate
        capacity.estimated(48, 800, 960)  # the camera has begun; the estimate has not caught up
        assert capacity.kbps is None

    def test_an_estimate_that_kept_up_once_is_believed_when_it_falls(self) -> None:
        capacity = Capacity()
        capacity.estimated(900, 600, 960)
        assert capacity.kbps is None
        capacity.estimated(400, 800, 960)
        assert capacity.kbps == 400
        capacity.estimated(500, 390, 960)
        assert capacity.kbps == 500, "it recovers along with the estimate"
        capacity.estimated(1200, 480, 960)
        assert capacity.kbps is None

    def test_losses_count_whatever_the_estimate_says(self) -> None:
        capacity = Capacity()
        capacity.estimated(45, 20, 960)
        capacity.report(0.9, 800, 960)  # halved at most
        assert capacity.kbps == 380
        for _ in range(20):
            capacity.report(0.0, 300, 960)
        assert capacity.kbps is None

    def test_a_limit_that_the_peer_sets_stands_until_it_sets_another(self) -> None:
        capacity = Capacity()
        capacity.told(256)
        capacity.report(0.0, 200, 960)
        assert capacity.kbps == 256
        capacity.told(512)
        assert capacity.kbps == 512
