"""The queue in virtual time: what is tried when, what it is from then on, and that nothing is sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.sms.message import HandedOn, InDoubt, Sms, SmsReceipt, SmsState, Taken, TryAgain, TurnedDown
from splitter.sms.queue import KEPT_S, SmsQueue, SmsRules
from tests.sms.kit import WALL, sms

DELIVERED, FAILED = SmsState.DELIVERED, SmsState.FAILED


def queue(repeats: bool = False, **rules: float) -> SmsQueue:
    return SmsQueue(SmsRules(**rules), repeats)  # type: ignore[arg-type]


def sent(box: SmsQueue, *ids: str, **more: Any) -> Sms:
    box.add(sms(**more), WALL)
    begun = box.begin(WALL)
    assert begun is not None
    return box.end(begun.id, Taken(ids), WALL, 0.0)


class TestTheWay:
    def test_from_the_queue_to_the_phone(self) -> None:
        box = queue()
        assert box.add(sms(), WALL).state == "queued" and len(box) == 1
        begun = box.begin(WALL)
        assert begun is not None and (begun.state, begun.attempts) == ("sending", 1)
        assert box.begin(WALL) is None, "it is under way"
        after = box.end("m1", Taken(("a7",)), WALL + 1, 0.0)
        assert (after.state, after.taken, after.text, after.link, len(box)) == ("sent", ("a7",), "", "", 0)
        heard = box.receive(SmsReceipt("a7", DELIVERED), WALL + 2)
        assert heard is not None and (heard.state, heard.changed_at) == ("delivered", WALL + 2)
        opened = box.note("m1", SmsState.OPENED, "", WALL + 3)
        assert opened is not None and opened.state == "opened"

    def test_is_in_the_order_of_coming(self) -> None:
        box = queue()
        for key in ("a", "b", "c"):
            box.add(sms(key), WALL)
        assert [box.begin(WALL).id for _ in range(3)] == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (TurnedDown("no such number"), "failed"),
            (InDoubt("no answer"), "unknown"),
            (HandedOn("a file"), "handed-on"),
        ],
    )
    def test_ends_as_the_carrier_says(self, outcome: TurnedDown | InDoubt | HandedOn, state: str) -> None:
        box = queue()
        box.add(sms(), WALL)
        box.begin(WALL)
        assert box.end("m1", outcome, WALL, 0.0).state == state
        assert box.begin(WALL + 100) is None, "it is never sent again"

    def test_more_than_are_allowed_to_wait_are_refused_at_once(self) -> None:
        box = queue(most=2)
        assert [box.add(sms(key), WALL).state for key in "abc"] == ["queued", "queued", "failed"]

    def test_the_same_id_is_the_same_message(self) -> None:
        box = queue()
        sent(box, "a7")
        assert box.add(sms(), WALL).state == "sent" and box.begin(WALL) is None


class TestAnotherAttempt:
    def test_comes_after_pauses_that_double(self) -> None:
        box, wall, pauses = queue(attempts=5), WALL, []
        box.add(sms(), WALL)
        for _ in range(4):
            box.begin(wall)
            after = box.end("m1", TryAgain("503"), wall, 0.0)
            pauses.append(after.due_at - wall)
            assert box.begin(after.due_at - 0.01) is None
            wall = after.due_at
        assert pauses == [1.0, 2.0, 4.0, 8.0]
        box.begin(wall)
        assert box.end("m1", TryAgain("503"), wall, 0.0).reason == "5 attempts: 503"

    def test_of_all_waits_where_the_service_gets_too_much(self) -> None:
        box = queue()
        box.add(sms("a"), WALL)
        box.add(sms("b"), WALL)
        box.begin(WALL)
        box.end("a", TryAgain("throttled", wait_s=4.0, all=True), WALL, 0.0)
        assert box.begin(WALL + 3.9) is None and box.next_at() == WALL + 4.0
        assert box.begin(WALL + 4.0) is not None
        box.end("a", TryAgain("throttled", wait_s=4.0, all=True), WALL + 4.0, 0.0)
        assert box.next_at() == WALL + 12.0, "twice as long after each more"
        box.begin(WALL + 12.0)
        assert box.begin(WALL + 12.0) is not None, "and both are tried then"

    def test_goes_on_behind_the_parts_that_the_service_has(self) -> None:
        box = queue()
        box.add(sms(), WALL)
        box.begin(WALL)
        box.end("m1", TryAgain("throttled", all=True, ids=("p1",)), WALL, 0.0)
        assert box.begin(WALL + 60).taken == ("p1",)

    def test_never_comes_after_the_deadline(self) -> None:
        box = queue()
        box.add(sms(deadline=WALL + 10), WALL)
        box.begin(WALL)
        box.end("m1", TryAgain("503"), WALL, 0.0)
        assert box.expire(WALL + 9.9) == []
        assert [(one.state, one.reason) for one in box.expire(WALL + 10)] == [("failed", "not sent in time: 503")]
        assert box.begin(WALL + 10) is None and box.next_at() is None

    def test_that_would_come_too_late_is_not_waited_for(self) -> None:
        box = queue()
        box.add(sms(deadline=WALL + 10), WALL)
        box.begin(WALL)
        assert box.end("m1", TryAgain("busy", wait_s=20.0), WALL, 0.0).reason == "not sent in time: busy"

    def test_of_what_got_no_answer_needs_a_service_that_knows_it_again(self) -> None:
        box = queue(repeats=True)
        box.add(sms(), WALL)
        box.begin(WALL)
        assert box.end("m1", InDoubt("no answer"), WALL, 0.0).state == "queued"


class TestARestart:
    def test_takes_up_what_waited(self) -> None:
        box = queue()
        assert box.restore(sms(attempts=2, due_at=WALL + 5), WALL).state == "queued"
        assert box.begin(WALL + 4) is None and box.begin(WALL + 5).attempts == 3

    def test_never_sends_what_was_under_way_again(self) -> None:
        box = queue()
        after = box.restore(sms(state=SmsState.SENDING), WALL)
        assert after.state == "unknown" and "may have arrived" in after.reason
        assert box.begin(WALL + 100) is None

    def test_sends_it_again_where_the_service_knows_it_by_its_id(self) -> None:
        box = queue(repeats=True)
        box.restore(sms(state=SmsState.SENDING), WALL)
        assert box.begin(WALL).id == "m1"

    def test_matches_receipts_to_what_was_sent_before(self) -> None:
        box = queue()
        box.restore(sms(state=SmsState.SENT, taken=("a7",)), WALL)
        assert box.receive(SmsReceipt("a7", DELIVERED), WALL).state == "delivered"


class TestReceipts:
    def test_that_come_twice_or_late_change_nothing(self) -> None:
        box = queue()
        sent(box, "a7")
        assert box.receive(SmsReceipt("a7", DELIVERED), WALL) is not None
        for late in (DELIVERED, FAILED, SmsState.SENT):
            assert box.receive(SmsReceipt("a7", late, "late"), WALL) is None
        assert box.get("m1").state == "delivered"

    def test_of_arrival_count_more_than_of_failure(self) -> None:
        box = queue()
        sent(box, "a7")
        box.receive(SmsReceipt("a7", FAILED, "the phone is off"), WALL)
        assert box.receive(SmsReceipt("a7", DELIVERED), WALL + 60).state == "delivered"

    def test_of_unknown_messages_are_told_apart(self) -> None:
        box = queue()
        sent(box, "a7")
        assert box.receive(SmsReceipt("zz", DELIVERED), WALL) is None and box.get("m1").state == "sent"

    @pytest.mark.parametrize(("given", "told"), [("A7F", "a7f"), ("000123", "123"), ("ff", "255"), ("255", "FF")])
    def test_may_write_the_id_in_other_digits(self, given: str, told: str) -> None:
        box = queue()
        sent(box, given)
        assert box.receive(SmsReceipt(told, DELIVERED), WALL) is not None

    def test_may_name_our_own_id(self) -> None:
        box = queue()
        sent(box)
        assert box.receive(SmsReceipt("m1", DELIVERED), WALL).state == "delivered"

    def test_of_all_parts_make_it_delivered(self) -> None:
        box = queue()
        sent(box, "p1", "p2")
        assert box.receive(SmsReceipt("p1", DELIVERED), WALL).state == "sent"
        assert box.receive(SmsReceipt("p1", DELIVERED), WALL) is None
        assert box.receive(SmsReceipt("p2", DELIVERED), WALL).state == "delivered"

    def test_may_come_before_the_answer(self) -> None:
        box = queue()
        box.add(sms(), WALL)
        box.begin(WALL)
        assert box.receive(SmsReceipt("a7", DELIVERED), WALL) is None
        assert box.end("m1", Taken(("a7",)), WALL, 0.0).state == "delivered"

    def test_by_our_id_before_a_failed_attempt_are_not_forgotten(self) -> None:
        box = queue()
        box.add(sms(), WALL)
        box.begin(WALL)
        box.receive(SmsReceipt("m1", DELIVERED), WALL)
        assert box.end("m1", TryAgain("503"), WALL, 0.0).state == "delivered"
        assert box.begin(WALL + 100) is None, "it has arrived"

    def test_say_what_became_of_one_in_doubt(self) -> None:
        box = queue()
        box.restore(sms(state=SmsState.SENDING), WALL)
        assert box.receive(SmsReceipt("m1", DELIVERED), WALL).state == "delivered"


class TestTheEnd:
    def test_a_link_that_was_used_needs_no_message(self) -> None:
        box = queue()
        box.add(sms(), WALL)
        box.note("m1", SmsState.OPENED, "", WALL)
        assert box.begin(WALL) is None and len(box) == 0

    def test_what_waits_is_cancelled_and_what_is_under_way_is_not(self) -> None:
        box = queue()
        box.add(sms("a"), WALL)
        box.add(sms("b"), WALL)
        box.begin(WALL)
        assert box.cancel("a", "the call is over", WALL) is None
        assert box.end("a", TryAgain("503"), WALL, 0.0).state == "failed", "that attempt was the last one"
        assert box.cancel("b", "the call is over", WALL).reason == "the call is over"

    def test_what_is_over_is_forgotten_in_time(self) -> None:
        box = queue()
        sent(box, "a7")
        box.add(sms("waits", deadline=WALL + 10 * KEPT_S), WALL)
        assert box.forget(WALL + KEPT_S) == [] and box.forget(WALL + 300 + KEPT_S) == ["m1"]
        assert box.receive(SmsReceipt("a7", DELIVERED), WALL) is None and box.get("waits") is not None
