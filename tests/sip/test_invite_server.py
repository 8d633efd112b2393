"""INVITE server transaction: RFC 3261 §17.2.1, RFC 6026 §7.1; 2xx until ACK (§13.3.1.4); CANCEL (§9.2)."""

from __future__ import annotations

import pytest

from splitter.core.net import Address, Flow
from splitter.sip.events import AckArrived, CancelArrived, RequestArrived, Transmit
from splitter.sip.message import Request
from tests.sip.stand import TCP, UDP, Stand, incoming, timeline, what


@pytest.fixture
def stand() -> Stand:
    return Stand()


def arrive(stand: Stand, request: Request | None = None, flow: Flow = UDP) -> tuple[str, Request]:
    outputs = stand.receive(request or incoming(), flow)
    arrived = outputs[-1]
    assert isinstance(arrived, RequestArrived)
    return arrived.txn, arrived.request


class TestProceeding:
    def test_100_goes_out_before_the_user_hears_of_it(self, stand: Stand) -> None:
        outputs = stand.receive(incoming())
        assert what(outputs) == ["> 100", "RequestArrived"]
        assert stand.last_sent().message.to_tag is None  # §8.2.6.2: no tag in a 100

    def test_a_repeated_invite_gets_the_latest_provisional_response(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        assert what(stand.receive(incoming())) == ["> 100"]
        ringing = stand.respond(txn, request, 180)
        assert stand.receive(incoming()) == ringing

    def test_it_waits_as_long_as_the_user_does(self, stand: Stand) -> None:
        arrive(stand)
        assert stand.run(3600) == []


class TestConnectedAnew:
    """§18.2.2 knows sent-by alone, where a client that connects does not listen."""

    NEW = TCP._replace(remote=Address(TCP.remote.host, 40_002))

    def test_who_repeats_its_invite_there_is_answered_there(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.respond(txn, request, 180)
        assert [out.flow for out in stand.receive(incoming(), self.NEW) if isinstance(out, Transmit)] == [self.NEW]
        stand.respond(txn, request, 486)
        assert stand.last_sent().flow == self.NEW

    def test_who_cancels_there_hears_of_both_there(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.receive(incoming("CANCEL"), self.NEW)
        assert stand.last_sent().flow == self.NEW
        stand.respond(txn, request, 487)
        assert stand.last_sent().flow == self.NEW

    def test_another_host_gets_nothing(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.receive(incoming(), TCP._replace(remote=Address("203.0.113.99", 40_002)))
        stand.respond(txn, request, 486)
        assert stand.last_sent().flow == TCP


class TestRefusedSection17_2_1:
    def test_udp_repeats_it_up_to_t2_until_timer_h(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        assert what(stand.respond(txn, request, 486)) == ["> 486"]
        assert timeline(stand.run(60)) == [
            *((at, "> 486") for at in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
            (32.0, "TransactionEnded"),
        ]

    def test_tcp_does_not_repeat_it(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.respond(txn, request, 486)
        assert timeline(stand.run(60)) == [(32.0, "TransactionEnded")]

    def test_a_repeated_invite_gets_it_again(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        refused = stand.respond(txn, request, 486)
        assert stand.receive(incoming()) == refused

    def test_the_ack_ends_the_repetition_and_is_not_told(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 486)
        assert stand.receive(incoming("ACK", to_tag="ours")) == []
        assert timeline(stand.run(60)) == [(5.0, "TransactionEnded")]

    def test_after_the_ack_repeated_invites_and_acks_are_absorbed(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 486)
        stand.receive(incoming("ACK", to_tag="ours"))
        assert stand.receive(incoming()) == []
        assert stand.receive(incoming("ACK", to_tag="ours")) == []

    def test_over_tcp_the_ack_ends_it_at_once(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.respond(txn, request, 486)
        assert what(stand.receive(incoming("ACK", to_tag="ours"), TCP)) == ["TransactionEnded"]

    def test_only_the_first_final_response_counts(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 486)
        for status in (180, 200, 500):
            assert stand.respond(txn, request, status) == []


class TestAnsweredSection13_3_1_4:
    @pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])
    def test_the_2xx_is_repeated_until_64_t1_over_every_transport(self, stand: Stand, flow: Flow) -> None:
        txn, request = arrive(stand, flow=flow)
        stand.respond(txn, request, 200)
        assert timeline(stand.run(60)) == [
            *((at, "> 200") for at in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
            (32.0, "AckTimedOut"),
            (32.0, "TransactionEnded"),
        ]
        assert len(stand.endpoint) == 0

    def test_the_ack_has_another_branch_and_is_found_by_its_dialog(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        ack = incoming("ACK", branch="z9hG4bKack", to_tag="ours")
        assert stand.receive(ack) == [AckArrived(txn, ack)]
        assert timeline(stand.run(60)) == [(32.0, "TransactionEnded")]

    def test_the_ack_comes_late(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        stand.run(10)
        assert what(stand.receive(incoming("ACK", branch="z9hG4bKack", to_tag="ours"))) == ["AckArrived"]
        assert timeline(stand.run(60)) == [(22.0, "TransactionEnded")]

    def test_repeated_acks_are_absorbed(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        ack = incoming("ACK", branch="z9hG4bKack", to_tag="ours")
        stand.receive(ack)
        assert stand.receive(ack) == []
        assert stand.receive(incoming("ACK", branch="z9hG4bKack2", to_tag="ours")) == []

    def test_a_repeated_invite_is_absorbed(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        assert stand.receive(incoming()) == []
        stand.receive(incoming("ACK", branch="z9hG4bKack", to_tag="ours"))
        assert stand.receive(incoming()) == []

    def test_an_ack_that_wrongly_keeps_the_branch_is_taken(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        assert what(stand.receive(incoming("ACK", to_tag="ours"))) == ["AckArrived"]

    @pytest.mark.parametrize("other", [{"to_tag": "another"}, {"cseq": 2}, {"call_id": "x"}, {"from_tag": "x"}])
    def test_the_ack_of_another_dialog_is_not_ours(self, stand: Stand, other: dict[str, object]) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 200)
        fields: dict[str, object] = {"to_tag": "ours"} | other
        assert stand.receive(incoming("ACK", branch="z9hG4bKack", **fields)) == []  # type: ignore[arg-type]
        assert timeline(stand.run(0.5)) == [(0.5, "> 200")]

    def test_an_ack_without_anything_is_dropped(self, stand: Stand) -> None:
        assert stand.receive(incoming("ACK", to_tag="ours")) == []
        assert len(stand.endpoint) == 0

    def test_a_lost_200_is_made_good_by_its_repetition(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        (first,) = stand.respond(txn, request, 200)
        ((_, second),) = stand.run(0.5)
        assert second is first

    def test_a_transport_failure_does_not_stop_the_repetition(self, stand: Stand) -> None:
        txn, request = arrive(stand, flow=TCP)
        stand.respond(txn, request, 200)
        assert stand.endpoint.transport_failed(txn, 0.0, "connection lost") == []
        assert timeline(stand.run(0.5)) == [(0.5, "> 200")]

    def test_answers_of_a_re_invite_are_told_apart_by_cseq(self, stand: Stand) -> None:
        first, request = arrive(stand)
        stand.respond(first, request, 200)
        again = incoming(branch="z9hG4bKpeer2", cseq=2, to_tag="ours")
        second, request = arrive(stand, again)
        stand.respond(second, request, 200)
        ack = incoming("ACK", branch="z9hG4bKack2", cseq=2, to_tag="ours")
        assert stand.receive(ack) == [AckArrived(second, ack)]
        ack = incoming("ACK", branch="z9hG4bKack1", cseq=1, to_tag="ours")
        assert stand.receive(ack) == [AckArrived(first, ack)]


class TestCancelSection9_2:
    def test_it_is_answered_and_told(self, stand: Stand) -> None:
        txn, _ = arrive(stand)
        cancel = incoming("CANCEL")
        outputs = stand.receive(cancel)
        assert what(outputs) == ["> 200", "CancelArrived"]
        assert outputs[1] == CancelArrived(txn, cancel)

    def test_the_users_487_has_the_tag_of_the_200(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        (answered, _) = stand.receive(incoming("CANCEL"))
        (refused,) = stand.respond(txn, request, 487, to_tag=None)
        assert isinstance(answered, Transmit)
        assert isinstance(refused, Transmit)
        assert answered.message.to_tag == refused.message.to_tag is not None

    def test_the_200_has_the_tag_of_an_earlier_180(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, 180, to_tag="ringing")
        stand.receive(incoming("CANCEL"))
        assert stand.last_sent().message.to_tag == "ringing"

    def test_a_repeated_one_is_answered_and_not_told_again(self, stand: Stand) -> None:
        arrive(stand)
        first = stand.receive(incoming("CANCEL"))
        assert stand.receive(incoming("CANCEL")) == first[:1]

    def test_over_tcp_a_repeated_one_is_not_told_again_either(self, stand: Stand) -> None:
        arrive(stand, flow=TCP)
        assert what(stand.receive(incoming("CANCEL"), TCP)) == ["> 200", "CancelArrived"]
        assert what(stand.receive(incoming("CANCEL"), TCP)) == ["> 200"]

    @pytest.mark.parametrize("status", [200, 486])
    def test_one_that_crosses_our_final_response_has_no_effect(self, stand: Stand, status: int) -> None:
        txn, request = arrive(stand)
        stand.respond(txn, request, status)
        assert what(stand.receive(incoming("CANCEL"))) == ["> 200"]
        assert timeline(stand.run(0.5)) == [(0.5, f"> {status}")]

    def test_one_for_nothing_gets_481(self, stand: Stand) -> None:
        assert what(stand.receive(incoming("CANCEL"))) == ["> 481"]
        assert stand.last_sent().message.to_tag is not None
        stand.run(60)
        assert len(stand.endpoint) == 0

    def test_one_with_another_branch_gets_481(self, stand: Stand) -> None:
        arrive(stand)
        assert what(stand.receive(incoming("CANCEL", branch="z9hG4bKother"))) == ["> 481"]

    def test_nothing_is_left_of_a_cancelled_call(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        stand.receive(incoming("CANCEL"))
        stand.respond(txn, request, 487)
        stand.receive(incoming("ACK", to_tag="ours"))
        stand.run(60)
        assert len(stand.endpoint) == 0
        assert stand.endpoint.next_timeout() is None
