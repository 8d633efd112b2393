"""Non-INVITE server transaction: RFC 3261 §17.2.2."""

from __future__ import annotations

import pytest

from splitter.core.net import Flow
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from tests.sip.stand import TCP, UDP, Stand, incoming, timeline, what


@pytest.fixture
def stand() -> Stand:
    return Stand()


def bye() -> Request:
    return incoming("BYE", to_tag="ours", cseq=2)


def arrive(stand: Stand, flow: Flow = UDP) -> tuple[str, Request]:
    (arrived,) = stand.receive(bye(), flow)
    assert isinstance(arrived, RequestArrived)
    return arrived.txn, arrived.request


class TestFigure8:
    def test_no_100_is_sent(self, stand: Stand) -> None:
        assert what(stand.receive(bye())) == ["RequestArrived"]

    def test_a_repeated_request_is_absorbed_until_there_is_an_answer(self, stand: Stand) -> None:
        arrive(stand)
        assert stand.receive(bye()) == []

    def test_a_repeated_request_gets_the_latest_answer(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        provisional = stand.respond(txn, request, 183)
        assert stand.receive(bye()) == provisional
        final = stand.respond(txn, request, 200)
        assert stand.receive(bye()) == final
        assert what(final) == ["> 200"]

    def test_answers_are_not_repeated_by_a_timer(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        assert timeline(stand.run(60)) == [(32.0, "TransactionEnded")]

    def test_only_the_first_final_answer_counts(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        assert stand.respond(txn, request, 500) == []
        assert stand.respond(txn, request, 100) == []

    def test_over_tcp_it_ends_with_its_answer(self, stand: Stand) -> None:
        txn, request = arrive(stand, TCP)
        assert what(stand.respond(txn, request, 200)) == ["> 200", "TransactionEnded"]
        assert len(stand.endpoint) == 0

    def test_after_its_end_a_repeated_request_is_a_new_one(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        stand.run(33)
        assert what(stand.receive(bye())) == ["RequestArrived"]

    def test_a_transport_failure_of_the_answer_ends_it(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        assert what(stand.endpoint.transport_failed(txn, 0.0, "x")) == ["TransactionEnded"]


class TestAbandonedRfc4320:
    @pytest.mark.parametrize("provisional", [False, True])
    def test_a_user_that_never_answers_leaves_nothing_behind(self, stand: Stand, provisional: bool) -> None:
        txn, request = arrive(stand)
        if provisional:
            stand.respond(txn, request, 183)
        assert timeline(stand.run(100)) == [(32.0, "TransactionEnded")]
        assert stand.respond(txn, request, 200) == []
        assert len(stand.endpoint) == 0
