"""What refusals of the centre mean to the caller."""

from __future__ import annotations

import pytest

from splitter.calls.peers.causes import outcome, status_for_asker, status_for_caller, tries_next_route


class TestNextRoute:
    @pytest.mark.parametrize("status", [408, 430, 500, 502, 503, 504, 599])
    def test_where_this_centre_is_out_of_order(self, status: int) -> None:
        assert tries_next_route(status)

    @pytest.mark.parametrize("status", [302, 404, 480, 486, 487, 488, 600, 603])
    def test_not_where_the_person_or_the_number_is_meant(self, status: int) -> None:
        assert not tries_next_route(status)


class TestStatusForCaller:
    @pytest.mark.parametrize("status", range(300, 700))
    def test_never_makes_the_sbc_give_up_the_gateway(self, status: int) -> None:
        told = status_for_caller(status)
        assert 400 <= told <= 699 and not 500 <= told <= 599
        assert told not in (401, 407, 408, 481, 488)

    @pytest.mark.parametrize("status", [404, 480, 484, 486, 600, 603])
    def test_what_concerns_the_caller_is_passed_on(self, status: int) -> None:
        assert status_for_caller(status) == status


class TestStatusForAsker:
    @pytest.mark.parametrize("status", range(300, 700))
    def test_never_ends_the_askers_leg(self, status: int) -> None:
        assert status_for_asker(status) not in (401, 404, 405, 407, 408, 410, 481, 482, 483, 487, 503)
        assert status_for_asker(status) >= 400

    @pytest.mark.parametrize(
        ("status", "told"), [(488, 488), (491, 491), (603, 603), (606, 488), (302, 500), (408, 500)]
    )
    def test_a_refusal_stays_one(self, status: int, told: int) -> None:
        assert status_for_asker(status) == told


class TestOutcome:
    @pytest.mark.parametrize(
        ("status", "label"),
        [(487, "cancelled"), (486, "busy"), (600, "busy"), (480, "no-answer"), (403, "refused"), (503, "failed")],
    )
    def test_label(self, status: int, label: str) -> None:
        assert outcome(status) == label
