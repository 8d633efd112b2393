"""INVITE client transaction: RFC 3261 §17.1.1, RFC 6026 §7.2, and CANCEL of §9.1."""

from __future__ import annotations

import pytest

from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.sip.events import RequestFailed, ResponseArrived, Transmit
from splitter.sip.message import Request
from splitter.sip.timers import Timers
from splitter.sip.transactions.matching import branch_of
from tests.sip.stand import TCP, UDP, US, Stand, ack_of, outgoing, timeline, what


@pytest.fixture
def stand() -> Stand:
    return Stand()


class TestRequestRfc3261Section8:
    def test_our_via_is_on_top_with_branch_and_rport(self, stand: Stand) -> None:
        stand.request(outgoing())
        via = stand.last_sent().message.via
        assert (via.transport, via.host, via.port) == ("UDP", "10.0.0.1", 5060)
        assert via.wants_rport
        assert via.branch is not None
        assert via.branch.startswith("z9hG4bK")

    def test_max_forwards_is_added_where_it_is_missing(self, stand: Stand) -> None:
        stand.request(outgoing())
        assert stand.last_sent().message.headers.get("Max-Forwards") == "70"

    def test_max_forwards_of_the_user_is_kept(self, stand: Stand) -> None:
        stand.request(outgoing(headers=[("Max-Forwards", "12")]))
        assert stand.last_sent().message.headers.get_all("Max-Forwards") == ["12"]

    def test_the_request_handed_in_is_not_modified_and_can_be_sent_again(self, stand: Stand) -> None:
        request = outgoing()
        first = stand.request(request)
        second = stand.request(request)
        assert first != second
        assert "Via" not in request.headers
        assert len(stand.last_sent().message.vias) == 1

    def test_ipv6_is_bracketed_in_via(self, stand: Stand) -> None:
        flow = UDP._replace(remote=Address("2001:db8::9", 5060))
        _, outputs = stand.endpoint.request(outgoing(), flow, Address("2001:db8::1", 5070), 0.0)
        assert isinstance(outputs[0], Transmit)
        assert b"Via: SIP/2.0/UDP [2001:db8::1]:5070;rport;branch=" in outputs[0].data

    @pytest.mark.parametrize("method", ["ACK", "CANCEL"])
    def test_ack_and_cancel_are_no_requests_of_their_own(self, stand: Stand, method: str) -> None:
        with pytest.raises(LocalError):
            stand.request(outgoing(method))


class TestRetransmissionSection17_1_1_2:
    def test_udp_doubles_from_t1_until_timer_b(self, stand: Stand) -> None:
        stand.request(outgoing())
        assert timeline(stand.run(60)) == [
            *((at, "> INVITE") for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)),
            (32.0, "RequestFailed 408"),
            (32.0, "TransactionEnded"),
        ]
        assert len(stand.endpoint) == 0

    def test_a_retransmission_is_the_same_bytes(self, stand: Stand) -> None:
        stand.request(outgoing(body=b"v=0\r\n"))
        first = stand.last_sent()
        stand.run(0.5)
        assert stand.last_sent() is first

    def test_tcp_sends_once(self, stand: Stand) -> None:
        stand.request(outgoing(), TCP)
        assert timeline(stand.run(60)) == [(32.0, "RequestFailed 408"), (32.0, "TransactionEnded")]

    def test_answer_limit_replaces_timer_b(self, stand: Stand) -> None:
        stand.request(outgoing(), answer_limit_s=4.0)
        assert timeline(stand.run(60)) == [
            *((at, "> INVITE") for at in (0.5, 1.5, 3.5)),
            (4.0, "RequestFailed 408"),
            *((at, "> INVITE") for at in (7.5, 15.5, 31.5)),
            (36.0, "TransactionEnded"),
        ]

    def test_what_rings_after_the_answer_limit_is_cancelled(self, stand: Stand) -> None:
        stand.request(outgoing(), answer_limit_s=4.0)
        invite = stand.record[0][1]
        assert isinstance(invite, Transmit)
        stand.run(10)
        assert what(stand.receive(stand.reply(invite, 180))) == ["> CANCEL"]
        assert stand.receive(stand.reply(invite, 183)) == []
        assert what(stand.receive(stand.reply(invite, 487))) == ["> ACK"]
        assert what(stand.receive(stand.reply(invite, 487))) == ["> ACK"]
        stand.run(60)
        assert len(stand.endpoint) == 0

    def test_what_answers_after_the_answer_limit_is_told(self, stand: Stand) -> None:
        txn = stand.request(outgoing(), answer_limit_s=4.0)
        invite = stand.record[0][1]
        assert isinstance(invite, Transmit)
        stand.run(10)
        ok = stand.reply(invite, 200)
        assert what(stand.receive(ok)) == ["ResponseArrived 200"]
        assert what(stand.acknowledge(txn, ok)) == ["> ACK"]
        stand.run(60)
        assert len(stand.endpoint) == 0

    def test_any_response_ends_the_answer_limit(self, stand: Stand) -> None:
        stand.request(outgoing(), answer_limit_s=4.0)
        stand.receive(stand.reply(stand.last_sent(), 100))
        assert stand.run(600) == []

    def test_timing_values_are_those_of_the_instance(self) -> None:
        stand = Stand(Timers(t1_s=0.1))
        stand.request(outgoing())
        assert timeline(stand.run(60))[:2] == [(0.1, "> INVITE"), (0.3, "> INVITE")]
        assert timeline(stand.record)[-1] == (pytest.approx(6.4), "TransactionEnded")

    def test_a_late_timer_does_not_fire_twice(self, stand: Stand) -> None:
        stand.request(outgoing())
        assert what(stand.endpoint.on_timeout(3.0)) == ["> INVITE"]
        assert stand.endpoint.next_timeout() == 4.0


class TestFigure5:
    """Sequences of responses, and what they cause: to the peer (>) and to the user."""

    CASES = (
        ([180, 180], ["ResponseArrived 180", "ResponseArrived 180"]),
        ([100, 183, 200], ["ResponseArrived 100", "ResponseArrived 183", "ResponseArrived 200"]),
        ([200], ["ResponseArrived 200"]),
        ([200, 180], ["ResponseArrived 200"]),
        ([200, 486], ["ResponseArrived 200"]),
        ([486], ["> ACK", "ResponseArrived 486"]),
        ([180, 302], ["ResponseArrived 180", "> ACK", "ResponseArrived 302"]),
        ([486, 486], ["> ACK", "ResponseArrived 486", "> ACK"]),
        ([486, 200], ["> ACK", "ResponseArrived 486"]),
        ([486, 180], ["> ACK", "ResponseArrived 486"]),
    )

    @pytest.mark.parametrize(("statuses", "expected"), CASES)
    def test_responses(self, stand: Stand, statuses: list[int], expected: list[str]) -> None:
        stand.request(outgoing())
        invite = stand.last_sent()
        got = [name for status in statuses for name in what(stand.receive(stand.reply(invite, status)))]
        assert got == expected

    @pytest.mark.parametrize(("status", "lives_s"), [(200, 32.0), (486, 32.0)])
    def test_it_stays_for_m_or_d_over_udp(self, stand: Stand, status: int, lives_s: float) -> None:
        stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), status))
        assert timeline(stand.run(100)) == [(lives_s, "TransactionEnded")]
        assert len(stand.endpoint) == 0
        assert stand.endpoint.next_timeout() is None

    def test_over_tcp_a_refusal_ends_it_at_once(self, stand: Stand) -> None:
        stand.request(outgoing(), TCP)
        outputs = stand.receive(stand.reply(stand.last_sent(), 486), TCP)
        assert what(outputs) == ["> ACK", "ResponseArrived 486", "TransactionEnded"]

    def test_ringing_has_no_limit_of_its_own(self, stand: Stand) -> None:
        stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        assert stand.run(3600) == []
        assert stand.endpoint.next_timeout() is None


class TestAckSection17_1_1_3:
    @pytest.fixture
    def ack(self, stand: Stand) -> Request:
        stand.request(
            outgoing(headers=[("Route", "<sip:p1;lr>"), ("Route", "<sip:p2;lr>"), ("Subject", "x")], body=b"v=0")
        )
        self.invite = stand.last_sent()
        stand.receive(stand.reply(self.invite, 486, to_tag="busy"))
        message = stand.last_sent().message
        assert isinstance(message, Request)
        return message

    def test_it_goes_where_the_invite_went(self, stand: Stand, ack: Request) -> None:
        assert ack.uri == "sip:12345@10.0.0.9"
        assert stand.last_sent().flow == UDP

    def test_it_has_the_single_via_of_the_invite(self, ack: Request) -> None:
        assert ack.headers.get_all("Via") == self.invite.message.headers.get_all("Via")

    def test_it_has_the_to_of_the_response_and_the_rest_of_the_invite(self, ack: Request) -> None:
        assert ack.to_tag == "busy"
        assert (ack.call_id, ack.from_tag, ack.cseq) == ("call1@gw", "ours", (7, "ACK"))
        assert ack.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]

    def test_it_has_no_body_and_nothing_else_of_the_invite(self, stand: Stand, ack: Request) -> None:
        assert ack.body == b""
        assert ack.headers.get("Content-Length") == "0"
        assert "Subject" not in ack.headers

    def test_a_repeated_refusal_gets_the_same_ack_and_is_not_told_again(self, stand: Stand, ack: Request) -> None:
        first = stand.last_sent()
        outputs = stand.receive(stand.reply(self.invite, 486, to_tag="busy"))
        assert outputs == [first]


class TestAcceptedRfc6026:
    def test_a_repeated_2xx_is_told_once_and_acknowledged_each_time(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        stand.receive(answer)
        acknowledged = stand.acknowledge(txn, answer)
        assert what(acknowledged) == ["> ACK"]
        for _ in range(3):
            stand.run(1)
            assert stand.receive(answer) == acknowledged

    def test_a_repeated_2xx_before_the_users_ack_is_absorbed(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        stand.receive(answer)
        assert stand.receive(answer) == []
        assert what(stand.acknowledge(txn, answer)) == ["> ACK"]

    def test_the_ack_has_a_branch_of_its_own(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        answer = stand.reply(invite, 200)
        stand.receive(answer)
        stand.acknowledge(txn, answer)
        assert stand.last_sent().message.via.branch != invite.message.via.branch

    def test_each_answer_of_a_fork_is_told_and_acknowledged_by_itself(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        one, two = stand.reply(invite, 200, to_tag="one"), stand.reply(invite, 200, to_tag="two")
        assert what(stand.receive(one)) == ["ResponseArrived 200"]
        assert what(stand.receive(two)) == ["ResponseArrived 200"]
        stand.acknowledge(txn, one)
        assert stand.receive(two) == []
        stand.acknowledge(txn, two)
        for answer, tag in ((one, "one"), (two, "two")):
            (again,) = stand.receive(answer)
            assert isinstance(again, Transmit)
            assert again.message.to_tag == tag

    def test_a_flood_of_tags_is_bounded(self, stand: Stand) -> None:
        stand.request(outgoing())
        invite = stand.last_sent()
        told = [stand.receive(stand.reply(invite, 200, to_tag=f"t{i}")) for i in range(200)]
        assert sum(map(len, told)) == 32

    def test_an_ack_after_the_transaction_still_goes_out(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        stand.receive(answer)
        stand.run(40)
        assert len(stand.endpoint) == 0
        outputs = stand.endpoint.acknowledge(txn, ack_of(answer), UDP, stand.now, US)
        assert what(outputs) == ["> ACK"]
        with pytest.raises(LocalError):
            stand.acknowledge(txn, answer)

    def test_a_2xx_after_timer_m_is_dropped(self, stand: Stand) -> None:
        stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        stand.receive(answer)
        stand.run(33)
        assert stand.receive(answer) == []

    def test_a_transport_failure_of_the_ack_leaves_it_for_the_next_2xx(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        stand.receive(answer)
        acknowledged = stand.acknowledge(txn, answer)
        assert stand.endpoint.transport_failed(txn, stand.now, "no route") == []
        assert stand.receive(answer) == acknowledged


class TestCancelSection9_1:
    def test_before_any_response_it_waits_for_one(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        assert stand.cancel(txn) == []
        assert what(stand.receive(stand.reply(invite, 100))) == ["ResponseArrived 100", "> CANCEL"]

    def test_after_a_provisional_response_it_goes_at_once(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        assert what(stand.cancel(txn)) == ["> CANCEL"]

    def test_it_has_the_identity_of_the_invite(self, stand: Stand) -> None:
        txn = stand.request(outgoing(headers=[("Route", "<sip:p1;lr>"), ("Require", "100rel")], body=b"v=0"))
        invite = stand.last_sent()
        stand.receive(stand.reply(invite, 180))
        stand.cancel(txn, 'SIP;cause=200;text="Call completed elsewhere"')
        cancel = stand.last_sent().message
        assert isinstance(cancel, Request)
        assert cancel.headers.get_all("Via") == invite.message.headers.get_all("Via")
        assert (cancel.uri, cancel.call_id, cancel.from_tag, cancel.to_tag) == (
            "sip:12345@10.0.0.9",
            "call1@gw",
            "ours",
            None,
        )
        assert cancel.cseq == (7, "CANCEL")
        assert cancel.headers.get("Route") == "<sip:p1;lr>"
        assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
        assert "Require" not in cancel.headers
        assert cancel.body == b""

    def test_the_487_ends_it_and_the_answer_to_the_cancel_is_not_told(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        stand.receive(stand.reply(invite, 180))
        stand.cancel(txn)
        cancel = stand.last_sent()
        assert stand.receive(stand.reply(cancel, 200)) == []
        assert what(stand.receive(stand.reply(invite, 487))) == ["> ACK", "ResponseArrived 487"]
        assert timeline(stand.run(100)) == [(32.0, "TransactionEnded")]

    def test_a_200_that_crosses_is_told(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        stand.receive(stand.reply(invite, 180))
        stand.cancel(txn)
        cancel = stand.last_sent()
        answer = stand.reply(invite, 200)
        assert what(stand.receive(answer)) == ["ResponseArrived 200"]
        assert stand.receive(stand.reply(cancel, 481)) == []
        assert what(stand.acknowledge(txn, answer)) == ["> ACK"]

    @pytest.mark.parametrize("status", [200, 486])
    def test_a_final_response_before_any_other_makes_the_remembered_one_moot(self, stand: Stand, status: int) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        stand.cancel(txn)
        stand.receive(stand.reply(invite, status))
        assert "> CANCEL" not in what(output for _, output in stand.record)
        assert stand.cancel(txn) == []

    def test_it_is_repeated_over_udp_like_any_request(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        stand.cancel(txn)
        assert [at for at, name in timeline(stand.run(10)) if name == "> CANCEL"] == [0.5, 1.5, 3.5, 7.5]

    def test_twice_is_once(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        stand.cancel(txn)
        assert stand.cancel(txn) == []

    def test_without_a_final_response_it_is_over_after_64_t1(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        stand.cancel(txn)
        stand.receive(stand.reply(stand.last_sent(), 200))
        assert timeline(stand.run(100)) == [(32.0, "RequestFailed 487"), (32.0, "TransactionEnded")]
        assert len(stand.endpoint) == 0

    def test_provisional_responses_do_not_prolong_that(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        stand.receive(stand.reply(invite, 180))
        stand.cancel(txn)
        stand.receive(stand.reply(stand.last_sent(), 200))
        stand.run(20)
        stand.receive(stand.reply(invite, 183))
        assert timeline(stand.run(100)) == [(12.0, "RequestFailed 487"), (12.0, "TransactionEnded")]

    def test_remembered_and_never_answered_is_a_plain_timeout(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.cancel(txn)
        assert timeline(stand.run(100))[-2:] == [(32.0, "RequestFailed 408"), (32.0, "TransactionEnded")]

    def test_of_an_unknown_or_finished_transaction_is_ignored(self, stand: Stand) -> None:
        assert stand.cancel("nothing") == []


class TestTransportErrorSection17_1_4:
    def test_the_user_hears_503_with_the_reason(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        outputs = stand.endpoint.transport_failed(txn, 0.0, "no route to host")
        assert outputs[0] == RequestFailed(txn, 503, "no route to host")
        assert what(outputs) == ["RequestFailed 503", "TransactionEnded"]
        assert stand.run(100) == []

    def test_after_a_response_it_changes_nothing(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        assert stand.endpoint.transport_failed(txn, 0.0, "connection lost") == []

    def test_of_a_cancel_the_user_hears_nothing_and_the_limit_still_ends_the_invite(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.receive(stand.reply(stand.last_sent(), 180))
        stand.cancel(txn)
        assert stand.endpoint.transport_failed(stand.last_sent().txn, 0.0, "no route") == []
        assert timeline(stand.run(100)) == [(32.0, "RequestFailed 487"), (32.0, "TransactionEnded")]


class TestRerouteSection18_1_1:
    def test_from_tcp_to_udp_it_keeps_its_id_and_gets_retransmissions(self, stand: Stand) -> None:
        txn = stand.request(outgoing(), TCP)
        branch = stand.last_sent().message.via.branch
        stand.now = 3.0
        stand.take(stand.endpoint.reroute(txn, UDP, Address("10.0.0.1", 5070), 3.0))
        sent = stand.last_sent()
        assert (sent.flow, sent.txn) == (UDP, txn)
        assert str(sent.message.via) == f"SIP/2.0/UDP 10.0.0.1:5070;rport;branch={branch}"
        assert timeline(stand.run(60))[:2] == [(0.5, "> INVITE"), (1.5, "> INVITE")]
        assert timeline(stand.record)[-1] == (35.0, "TransactionEnded")

    def test_from_udp_to_tcp_retransmissions_stop(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        stand.take(stand.endpoint.reroute(txn, TCP, US, 0.0))
        assert timeline(stand.run(60)) == [(32.0, "RequestFailed 408"), (32.0, "TransactionEnded")]

    def test_after_a_response_it_does_nothing(self, stand: Stand) -> None:
        txn = stand.request(outgoing(), TCP)
        stand.receive(stand.reply(stand.last_sent(), 100), TCP)
        assert stand.endpoint.reroute(txn, UDP, US, 0.0) == []


class TestMatchingSection17_1_3:
    def test_another_branch_is_not_ours(self, stand: Stand) -> None:
        stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        answer.headers.set_top("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKother")
        assert stand.receive(answer) == []

    def test_the_method_of_cseq_tells_invite_from_cancel(self, stand: Stand) -> None:
        stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        answer.headers.set("CSeq", "7 CANCEL")
        assert stand.receive(answer) == []

    def test_more_than_one_via_is_misrouted(self, stand: Stand) -> None:
        stand.request(outgoing())
        for name, value in (("Via", "SIP/2.0/UDP a"), ("v", "SIP/2.0/UDP a;branch=x, SIP/2.0/UDP b")):
            answer = stand.reply(stand.last_sent(), 200)
            answer.headers.add(name, value)
            assert stand.receive(answer) == []

    def test_responses_may_come_from_elsewhere(self, stand: Stand) -> None:
        stand.request(outgoing())
        flow = UDP._replace(remote=Address("10.0.0.77", 1234))
        (event,) = stand.receive(stand.reply(stand.last_sent(), 180), flow)
        assert isinstance(event, ResponseArrived)
        assert event.flow == flow


class TestResumeOfAFormerProcess:
    """What a process sent, the next one can cancel: to the peer it is the same transaction (§9.1, §17.1.3)."""

    @pytest.fixture
    def sent(self, stand: Stand) -> Transmit:
        self.txn = stand.request(outgoing())
        self.sent = stand.last_sent()  # type: ignore[assignment]
        return self.sent  # type: ignore[return-value]

    @pytest.fixture
    def after(self, sent: Transmit) -> Stand:
        after = Stand()
        again = after.endpoint.resume(outgoing(), UDP, US, branch_of(self.txn))
        assert (again, after.record, after.endpoint.next_timeout()) == (self.txn, [], None)
        return after

    def test_it_is_cancelled_as_the_same_transaction(self, after: Stand) -> None:
        after.cancel(self.txn, 'SIP;cause=503;text="restarted"')
        cancel = after.last_sent().message
        assert isinstance(cancel, Request) and cancel.method == "CANCEL"
        assert cancel.headers.get_all("Via") == self.sent.message.headers.get_all("Via")  # type: ignore[attr-defined]
        assert cancel.headers.get("Reason") == 'SIP;cause=503;text="restarted"'
        after.receive(after.reply(self.sent, 487))  # type: ignore[arg-type]
        assert [name for _, name in timeline(after.record)][-2:] == ["> ACK", "ResponseArrived 487"]

    def test_an_answer_that_crosses_is_told(self, after: Stand) -> None:
        after.cancel(self.txn)
        after.receive(after.reply(self.sent, 200))  # type: ignore[arg-type]
        assert timeline(after.record)[-1][1] == "ResponseArrived 200"

    def test_one_that_nobody_knows_any_longer_is_given_up(self, after: Stand) -> None:
        after.cancel(self.txn)
        failed = [output for _, output in after.run(100) if isinstance(output, RequestFailed)]
        assert [one.status for one in failed] == [487] and after.endpoint.next_timeout() is None
