"""Non-INVITE client transaction: RFC 3261 §17.1.2."""

from __future__ import annotations

import pytest

from tests.sip.stand import TCP, Stand, outgoing, timeline, what


@pytest.fixture
def stand() -> Stand:
    return Stand()


class TestRetransmissionSection17_1_2_2:
    def test_udp_doubles_up_to_t2_until_timer_f(self, stand: Stand) -> None:
        stand.request(outgoing("OPTIONS"))
        assert timeline(stand.run(60)) == [
            *((at, "> OPTIONS") for at in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
            (32.0, "RequestFailed 408"),
            (32.0, "TransactionEnded"),
        ]
        assert len(stand.endpoint) == 0

    def test_after_a_provisional_response_the_gap_is_t2(self, stand: Stand) -> None:
        stand.request(outgoing("BYE"))
        assert what(stand.receive(stand.reply(stand.last_sent(), 100))) == ["ResponseArrived 100"]
        assert [at for at, name in timeline(stand.run(60)) if name == "> BYE"][:4] == [0.5, 4.5, 8.5, 12.5]

    def test_a_provisional_response_does_not_stop_timer_f(self, stand: Stand) -> None:
        stand.request(outgoing("BYE"))
        stand.run(10)
        stand.receive(stand.reply(stand.last_sent(), 100))
        assert timeline(stand.run(60))[-2:] == [(22.0, "RequestFailed 408"), (22.0, "TransactionEnded")]

    def test_tcp_sends_once(self, stand: Stand) -> None:
        stand.request(outgoing("OPTIONS"), TCP)
        assert timeline(stand.run(60)) == [(32.0, "RequestFailed 408"), (32.0, "TransactionEnded")]

    def test_answer_limit_replaces_timer_f(self, stand: Stand) -> None:
        stand.request(outgoing("OPTIONS"), answer_limit_s=2.0)
        assert timeline(stand.run(60)) == [
            (0.5, "> OPTIONS"),
            (1.5, "> OPTIONS"),
            (2.0, "RequestFailed 408"),
            (2.0, "TransactionEnded"),
        ]


class TestFigure6:
    CASES = (
        ([200], ["ResponseArrived 200"]),
        ([100, 200], ["ResponseArrived 100", "ResponseArrived 200"]),
        ([481], ["ResponseArrived 481"]),
        ([100, 100, 603], ["ResponseArrived 100", "ResponseArrived 100", "ResponseArrived 603"]),
        ([200, 200], ["ResponseArrived 200"]),
        ([200, 100], ["ResponseArrived 200"]),
        ([200, 500], ["ResponseArrived 200"]),
    )

    @pytest.mark.parametrize(("statuses", "expected"), CASES)
    def test_responses(self, stand: Stand, statuses: list[int], expected: list[str]) -> None:
        stand.request(outgoing("BYE"))
        sent = stand.last_sent()
        got = [name for status in statuses for name in what(stand.receive(stand.reply(sent, status)))]
        assert got == expected

    def test_it_absorbs_for_t4_over_udp(self, stand: Stand) -> None:
        stand.request(outgoing("BYE"))
        stand.receive(stand.reply(stand.last_sent(), 200))
        assert timeline(stand.run(60)) == [(5.0, "TransactionEnded")]
        assert len(stand.endpoint) == 0

    def test_over_tcp_it_ends_at_once(self, stand: Stand) -> None:
        stand.request(outgoing("BYE"), TCP)
        assert what(stand.receive(stand.reply(stand.last_sent(), 200), TCP)) == [
            "ResponseArrived 200",
            "TransactionEnded",
        ]

    @pytest.mark.parametrize("provisional", [False, True])
    def test_a_transport_failure_is_told(self, stand: Stand, provisional: bool) -> None:
        txn = stand.request(outgoing("BYE"))
        if provisional:
            stand.receive(stand.reply(stand.last_sent(), 100))
        assert what(stand.endpoint.transport_failed(txn, 0.0, "x")) == ["RequestFailed 503", "TransactionEnded"]

    def test_cancel_does_not_apply(self, stand: Stand) -> None:
        txn = stand.request(outgoing("BYE"))
        stand.receive(stand.reply(stand.last_sent(), 100))
        assert stand.cancel(txn) == []
