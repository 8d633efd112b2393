"""Reliable provisional responses: RFC 3262, the numbers of both sides and the server transaction between them."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.events import CancelArrived, PrackTimedOut, RequestArrived, Transmit
from splitter.sip.message import Request, Response
from splitter.sip.reliable import ReliableReceiver, ReliableSender, rack, requires, supports
from tests.sip.stand import TCP, UDP, Stand, incoming, timeline, what

REPEATED = [(0.5, "> 183"), (1.5, "> 183"), (3.5, "> 183"), (7.5, "> 183"), (15.5, "> 183"), (31.5, "> 183")]


def prack(value: str | None) -> Request:
    return incoming("PRACK", to_tag="ours", cseq=2, headers=[] if value is None else [("RAck", value)])


def provisional(rseq: str | None, cseq: int = 7) -> Response:
    headers = [("Require", "100rel")] + ([] if rseq is None else [("RSeq", rseq)])
    return incoming(cseq=cseq).respond(183, to_tag="theirs", headers=headers)


class TestSection3_WhoTakesThem:
    @pytest.mark.parametrize(
        ("headers", "able", "insists"),
        [
            ([], False, False),
            ([("Supported", "timer, 100rel")], True, False),
            ([("k", "100REL")], True, False),
            ([("Require", "precondition"), ("Require", "100rel")], True, True),
            ([("Supported", "100relay, norel")], False, False),
        ],
    )
    def test_supported_and_require(self, headers: list[tuple[str, str]], able: bool, insists: bool) -> None:
        request = incoming(headers=headers)
        assert (supports(request), requires(request)) == (able, insists)


class TestSection3_Sender:
    def test_numbers_rise_by_one_from_the_first(self) -> None:
        sender = ReliableSender(4711, cseq=1)
        assert sender.headers() == [("Require", "100rel"), ("RSeq", "4711")]
        sender.confirm(prack("4711 1 INVITE"))
        assert sender.headers() == [("Require", "100rel"), ("RSeq", "4712")]

    def test_the_first_is_never_zero(self) -> None:
        assert ("RSeq", "1") in ReliableSender(0, cseq=1).headers()

    def test_it_waits_between_response_and_prack(self) -> None:
        sender = ReliableSender(1, cseq=1)
        assert not sender.waiting
        sender.headers()
        assert sender.waiting
        sender.confirm(prack("1 1 INVITE"))
        assert not sender.waiting

    @pytest.mark.parametrize("value", ["2 1 INVITE", "0 1 INVITE", "1 2 INVITE", "1 1 UPDATE", "1 1 invite"])
    def test_a_prack_for_something_else_gets_481_and_confirms_nothing(self, value: str) -> None:
        sender = ReliableSender(1, cseq=1)
        sender.headers()
        with pytest.raises(PeerError) as caught:
            sender.confirm(prack(value))
        assert caught.value.status == 481
        assert sender.waiting

    def test_a_second_prack_gets_481(self) -> None:
        sender = ReliableSender(1, cseq=1)
        sender.headers()
        sender.confirm(prack("1 1 INVITE"))
        with pytest.raises(PeerError) as caught:
            sender.confirm(prack("1 1 INVITE"))
        assert caught.value.status == 481

    def test_a_prack_before_any_response_gets_481(self) -> None:
        with pytest.raises(PeerError) as caught:
            ReliableSender(1, cseq=1).confirm(prack("1 1 INVITE"))
        assert caught.value.status == 481

    def test_nothing_is_confirmed_after_giving_up(self) -> None:
        sender = ReliableSender(1, cseq=1)
        sender.headers()
        sender.give_up()
        assert not sender.waiting
        with pytest.raises(PeerError):
            sender.confirm(prack("1 1 INVITE"))


class TestSection7_2_RAck:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "1",
            "1 1",
            "1 1 INVITE x",
            "x 1 INVITE",
            "1 x INVITE",
            "-1 1 INVITE",
            "٣ 1 INVITE",
            f"{'9' * 5000} 1 INVITE",
        ],
    )
    def test_one_that_cannot_be_read_gets_400(self, value: str | None) -> None:
        sender = ReliableSender(1, cseq=1)
        sender.headers()
        with pytest.raises(PeerError) as caught:
            sender.confirm(prack(value))
        assert caught.value.status == 400
        assert sender.waiting

    def test_white_space_between_its_parts(self) -> None:
        sender = ReliableSender(1, cseq=1)
        sender.headers()
        sender.confirm(prack("1   1\t INVITE"))
        assert not sender.waiting

    def test_ours_names_the_response_and_its_request(self) -> None:
        assert rack(provisional(" 776656 ", cseq=7)) == "776656 7 INVITE"


class TestSection4_Receiver:
    def test_the_first_number_may_be_any(self) -> None:
        assert ReliableReceiver().take(provisional("988789"))

    def test_a_repetition_is_not_taken_twice(self) -> None:
        receiver = ReliableReceiver()
        assert receiver.take(provisional("5"))
        assert not receiver.take(provisional("5"))

    def test_one_that_is_ahead_waits_for_its_turn(self) -> None:
        receiver = ReliableReceiver()
        receiver.take(provisional("5"))
        assert not receiver.take(provisional("7"))
        assert receiver.take(provisional("6"))
        assert receiver.take(provisional("7"))

    def test_an_older_one_is_not_taken(self) -> None:
        receiver = ReliableReceiver()
        receiver.take(provisional("5"))
        assert not receiver.take(provisional("4"))

    def test_numbers_reach_up_to_2_to_the_32(self) -> None:
        """Only the first has to be below 2**31 (§3); the header itself goes to 2**32 - 1 (§7.1)."""
        receiver = ReliableReceiver()
        assert receiver.take(provisional(str(2**31 - 1)))
        assert receiver.take(provisional(str(2**31)))
        assert ReliableReceiver().take(provisional(str(2**32 - 1)))

    def test_who_begins_at_0_is_confirmed(self) -> None:
        """RFC 3262 §7.1 begins at 1; without our PRACK such a peer would give its call up."""
        receiver, first = ReliableReceiver(), provisional("0")
        assert receiver.take(first) and rack(first).startswith("0 ")
        assert receiver.take(provisional("1"))

    @pytest.mark.parametrize("rseq", [None, "", "x", "-1", "1.0", "٣", str(2**32), "9" * 5000])
    def test_one_that_cannot_be_read(self, rseq: str | None) -> None:
        receiver = ReliableReceiver()
        with pytest.raises(PeerError):
            receiver.take(provisional(rseq))
        assert receiver.take(provisional("1"))  # and it changed nothing


class TestBothSides:
    def test_a_row_of_responses_is_confirmed_one_by_one(self) -> None:
        sender, receiver = ReliableSender(2**31 - 1, cseq=1), ReliableReceiver()
        for _ in range(5):
            response = incoming().respond(183, to_tag="ours", headers=sender.headers())
            assert requires(response)
            assert receiver.take(response)
            assert not receiver.take(response)
            sender.confirm(prack(rack(response)))


def reliably(stand: Stand, txn: str, request: Request, rseq: int = 1, status: int = 183) -> list[object]:
    headers = [("Require", "100rel"), ("RSeq", str(rseq))]
    response = request.respond(status, to_tag="ours", headers=headers)
    return list(stand.take(stand.endpoint.respond(txn, response, stand.now)))


def confirm(stand: Stand, txn: str) -> None:
    assert stand.take(stand.endpoint.confirm_provisional(txn, stand.now)) == []


@pytest.fixture
def stand() -> Stand:
    return Stand()


def arrive(stand: Stand, tcp: bool = False) -> tuple[str, Request]:
    arrived = stand.receive(incoming(), TCP if tcp else UDP)[-1]
    assert isinstance(arrived, RequestArrived)
    return arrived.txn, arrived.request


class TestSection3_ServerTransaction:
    @pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
    def test_it_is_repeated_with_doubling_gaps_until_64_t1_over_every_transport(self, stand: Stand, tcp: bool) -> None:
        txn, request = arrive(stand, tcp)
        assert what(reliably(stand, txn, request)) == ["> 183"]  # type: ignore[arg-type]
        assert timeline(stand.run(60)) == [*REPEATED, (32.0, "PrackTimedOut")]

    def test_who_missed_the_prack_refuses_the_invite(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        assert (stand.run(60)[-1])[1] == PrackTimedOut(txn)
        assert what(stand.respond(txn, request, 504)) == ["> 504"]
        stand.receive(incoming("ACK", to_tag="ours"))
        stand.run(60)
        assert len(stand.endpoint) == 0

    def test_the_prack_ends_the_repetition(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        stand.run(2)
        confirm(stand, txn)
        assert stand.run(3600) == []

    def test_a_repeated_invite_gets_the_same_response(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        sent = reliably(stand, txn, request)
        assert stand.receive(incoming()) == sent
        confirm(stand, txn)
        assert stand.receive(incoming()) == sent

    def test_the_next_one_goes_after_the_prack(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request, 1)
        assert reliably(stand, txn, request, 2) == []  # §3: not before
        confirm(stand, txn)
        assert what(reliably(stand, txn, request, 2, 180)) == ["> 180"]  # type: ignore[arg-type]
        assert timeline(stand.run(1)) == [(0.5, "> 180")]

    def test_an_unreliable_one_goes_beside_it_once(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        sent = reliably(stand, txn, request)
        assert what(stand.respond(txn, request, 180)) == ["> 180"]
        assert timeline(stand.run(1)) == [(0.5, "> 183")]
        assert stand.receive(incoming()) == sent

    def test_confirming_twice_or_what_never_was_does_no_harm(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        confirm(stand, txn)
        reliably(stand, txn, request)
        confirm(stand, txn)
        confirm(stand, txn)
        confirm(stand, "no such transaction")
        assert stand.run(60) == []

    @pytest.mark.parametrize("status", [200, 486])
    def test_a_final_response_ends_the_repetition_too(self, stand: Stand, status: int) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        assert what(stand.respond(txn, request, status)) == [f"> {status}"]
        assert {name for _, name in timeline(stand.run(60))} <= {f"> {status}", "AckTimedOut", "TransactionEnded"}
        assert len(stand.endpoint) == 0

    def test_the_prack_that_crosses_our_200_changes_nothing(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        stand.respond(txn, request, 200)
        confirm(stand, txn)
        assert timeline(stand.run(0.5)) == [(0.5, "> 200")]

    def test_a_prack_after_the_limit_changes_nothing(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        stand.run(40)
        confirm(stand, txn)
        assert what(reliably(stand, txn, request, 2)) == ["> 183"]  # type: ignore[arg-type]

    def test_cancel_while_it_waits(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        cancel = incoming("CANCEL")
        outputs = stand.receive(cancel)
        assert what(outputs) == ["> 200", "CancelArrived"]
        assert outputs[1] == CancelArrived(txn, cancel)
        assert stand.last_sent().message.to_tag == "ours"
        assert what(stand.respond(txn, request, 487)) == ["> 487"]
        stand.receive(incoming("ACK", to_tag="ours"))
        stand.run(60)
        assert len(stand.endpoint) == 0
        assert stand.endpoint.next_timeout() is None

    def test_the_prack_is_a_transaction_of_its_own(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        reliably(stand, txn, request)
        outputs = stand.receive(
            incoming("PRACK", branch="z9hG4bKprack", to_tag="ours", cseq=2, headers=[("RAck", "1 1 INVITE")])
        )
        arrived = outputs[-1]
        assert isinstance(arrived, RequestArrived)
        confirm(stand, txn)
        assert what(stand.respond(arrived.txn, arrived.request, 200)) == ["> 200"]
        assert timeline(stand.run(60)) == [(32.0, "TransactionEnded")]  # of the PRACK; nothing of the INVITE

    def test_a_response_without_rseq_is_not_reliable(self, stand: Stand) -> None:
        txn, request = arrive(stand)
        (sent,) = stand.respond(txn, request, 183)
        assert isinstance(sent, Transmit)
        assert stand.run(3600) == []
