"""The machine of one connection, in virtual time (SMPP 3.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import LocalError, PeerError
from splitter.sms.smpp.pdu import (
    MOST_BYTES,
    Pdu,
    PduReader,
    SmppAddress,
    SmppCommand,
    deliver_sm,
    relative_time,
    submit_sm,
)
from splitter.sms.smpp.receipt import receipt_of, same_ids
from splitter.sms.smpp.session import (
    ReceiptHeard,
    Send,
    SessionBound,
    SessionOver,
    SmppLogin,
    SmppSession,
    SmppTiming,
    SubmitAnswered,
)

LOGIN = SmppLogin("gateway", "secret", "sms")


def session(**timing: float) -> SmppSession:
    return SmppSession(LOGIN, SmppTiming(**timing))  # type: ignore[arg-type]


def bound(**timing: float) -> SmppSession:
    one = session(**timing)
    one.begin(0.0)
    assert one.receive(response(SmppCommand.BIND_TRANSCEIVER_RESP, 1, b"test\0"), 0.0) == [SessionBound()]
    return one


def response(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return Pdu(command, status, sequence, body).encoded()


def heads(outputs: Sequence[object]) -> list[tuple[int, int, int]]:
    """SmppCommand, status and sequence of what is sent."""
    return [struct.unpack(">III", output.data[4:16]) for output in outputs if isinstance(output, Send)]


RECEIPT = b"id:0A7 sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:%s err:%s text:Open"


def delivery(message: bytes, options: bytes = b"", esm_class: int = 4) -> bytes:
    head = b"\0\1\x018613800138000\0\1\x0112345\0" + bytes((esm_class, 0, 0)) + b"\0\0" + bytes((0, 0, 0, 0))
    return head + bytes((len(message),)) + message + options


class TestBind:
    def test_says_who_we_are(self) -> None:
        [output] = session().begin(0.0)
        assert isinstance(output, Send)
        assert output.data[16:] == b"gateway\0secret\0sms\0\x34\0\0\0"

    def test_that_is_refused_ends_it(self) -> None:
        one = session()
        one.begin(0.0)
        [over] = one.receive(response(SmppCommand.BIND_TRANSCEIVER_RESP, 1, status=0x0E), 1.0)
        assert isinstance(over, SessionOver) and "password is wrong" in over.reason
        assert one.next_timeout() is None

    def test_that_gets_no_answer_ends_it(self) -> None:
        one = session(answer_s=10)
        one.begin(0.0)
        assert one.next_timeout() == 10.0
        assert one.on_timeout(9.9) == [] and isinstance(one.on_timeout(10.0)[0], SessionOver)

    def test_comes_before_any_message(self) -> None:
        one = session()
        one.begin(0.0)
        with pytest.raises(LocalError):
            one.submit(1, b"", 0.0)


class TestSubmit:
    def test_is_answered_by_sequence_in_any_order(self) -> None:
        one = bound()
        one.submit(41, b"", 0.0)
        one.submit(42, b"", 0.0)
        data = response(SmppCommand.SUBMIT_SM_RESP, 3, b"B8\0") + response(SmppCommand.SUBMIT_SM_RESP, 2, b"", 0x58)
        assert one.receive(data, 1.0) == [SubmitAnswered(42, 0, "B8"), SubmitAnswered(41, 0x58, "")]
        assert one.unanswered == []

    def test_fills_a_window(self) -> None:
        one = bound(window=2)
        one.submit(1, b"", 0.0)
        one.submit(2, b"", 0.0)
        assert one.room == 0
        with pytest.raises(LocalError):
            one.submit(3, b"", 0.0)
        one.receive(response(SmppCommand.SUBMIT_SM_RESP, 2, b"1\0"), 0.0)
        assert one.room == 1

    def test_without_an_answer_ends_the_connection_and_is_in_doubt(self) -> None:
        one = bound(answer_s=10, enquire_s=100)
        one.submit(1, b"", 5.0)
        [over] = one.on_timeout(15.0)
        assert isinstance(over, SessionOver) and "submit_sm" in over.reason and one.unanswered == [1]

    def test_says_what_the_service_needs(self) -> None:
        source, number = SmppAddress(5, 0, "Splitter"), SmppAddress(1, 1, "8613800138000")
        body = submit_sm(source, number, 8, b"", "视频".encode("utf-16-be"), relative_time(300))
        head = b"\0\5\0Splitter\0\1\x018613800138000\0\0\0\0\0"
        assert body == head + b"000000000500000R" + b"\0\1\0\x08\0\4\x89\xc6\x98\x91"

    def test_counts_sequences_on_past_the_last(self) -> None:
        one = bound()
        one._sequence = 0x7FFFFFFF
        assert heads([one.submit(1, b"", 0.0)]) == [(4, 0, 1)]


class TestLife:
    def test_is_asked_for_after_a_silence(self) -> None:
        one = bound(enquire_s=30, answer_s=10)
        assert one.next_timeout() == 30.0 and one.on_timeout(29.0) == []
        assert heads(one.on_timeout(30.0)) == [(SmppCommand.ENQUIRE_LINK, 0, 2)]
        one.receive(response(SmppCommand.ENQUIRE_LINK_RESP, 2), 31.0)
        assert one.next_timeout() == 61.0
        one.on_timeout(61.0)
        [over] = one.on_timeout(71.0)
        assert isinstance(over, SessionOver) and "enquire_link" in over.reason

    def test_is_told_when_asked_for(self) -> None:
        assert heads(bound().receive(response(SmppCommand.ENQUIRE_LINK, 77), 0.0)) == [
            (SmppCommand.ENQUIRE_LINK_RESP, 0, 77)
        ]

    def test_ends_when_the_service_leaves(self) -> None:
        outputs = bound().receive(response(SmppCommand.UNBIND, 9), 0.0)
        assert heads(outputs) == [(SmppCommand.UNBIND_RESP, 0, 9)] and isinstance(outputs[-1], SessionOver)

    def test_ends_when_we_leave(self) -> None:
        one = bound()
        assert heads(one.leave(0.0)) == [(SmppCommand.UNBIND, 0, 2)] and one.room == 0
        assert one.receive(response(SmppCommand.UNBIND_RESP, 2), 0.0) == [SessionOver("we have left")]

    def test_goes_on_after_what_it_does_not_know(self) -> None:
        assert heads(bound().receive(response(0x103, 5), 0.0)) == [(SmppCommand.GENERIC_NACK, 3, 5)]


class TestReceipts:
    @pytest.mark.parametrize(
        ("stat", "err", "state", "reason"),
        [
            (b"DELIVRD", b"000", "delivered", ""),
            (b"UNDELIV", b"011", "failed", "it cannot be delivered (error 011)"),
            (b"EXPIRED", b"000", "failed", "the phone could not be reached in time"),
            (b"ACCEPTD", b"000", "sent", ""),
        ],
    )
    def test_are_answered_and_told(self, stat: bytes, err: bytes, state: str, reason: str) -> None:
        outputs = bound().receive(response(SmppCommand.DELIVER_SM, 8, delivery(RECEIPT % (stat, err))), 0.0)
        assert heads(outputs) == [(SmppCommand.DELIVER_SM_RESP, 0, 8)]
        [heard] = [output for output in outputs if isinstance(output, ReceiptHeard)]
        assert (heard.receipt.id, heard.receipt.state, heard.receipt.reason) == ("0A7", state, reason)

    def test_are_read_from_optional_parameters_first(self) -> None:
        options = struct.pack(">HH", 0x001E, 3) + b"B8\0" + struct.pack(">HHB", 0x0427, 1, 5)
        receipt = receipt_of(deliver_sm(delivery(b"", options)))
        assert receipt is not None and (receipt.id, receipt.state) == ("B8", "failed")

    @pytest.mark.parametrize(
        "body",
        [delivery(b"Hello", esm_class=0), delivery(b"id:1 stat:NEVER"), delivery(b"stat:DELIVRD"), b"", b"\0\1\1x"],
    )
    def test_that_say_nothing_are_taken_all_the_same(self, body: bytes) -> None:
        """A service sends again for ever what is not taken."""
        outputs = bound().receive(response(SmppCommand.DELIVER_SM, 8, body), 0.0)
        assert heads(outputs) == [(SmppCommand.DELIVER_SM_RESP, 0, 8)] and len(outputs) == 1

    def test_name_ids_in_two_notations(self) -> None:
        assert set(same_ids("0A7")) >= {"0a7", "a7", "167"} and "a7" in same_ids("167")


class TestStrangers:
    @pytest.mark.parametrize("length", [0, 15, MOST_BYTES + 1, 0xFFFFFFFF])
    def test_cannot_make_us_keep_much(self, length: int) -> None:
        [over] = bound().receive(struct.pack(">IIII", length, 5, 0, 1), 0.0)
        assert isinstance(over, SessionOver) and "is announced" in over.reason

    def test_may_send_byte_by_byte(self) -> None:
        data, reader = response(SmppCommand.ENQUIRE_LINK, 3) + response(SmppCommand.DELIVER_SM, 4, b"abc"), PduReader()
        found = [pdu for at in range(len(data)) for pdu in reader.feed(data[at : at + 1])]
        assert [(pdu.command, pdu.sequence, pdu.body) for pdu in found] == [(0x15, 3, b""), (5, 4, b"abc")]

    @given(st.binary(max_size=200))
    def test_break_nothing_with_any_body(self, body: bytes) -> None:
        try:
            receipt_of(deliver_sm(body))
        except PeerError:
            pass

    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_break_nothing_with_any_bytes(self, pieces: list[bytes]) -> None:
        one = bound()
        for piece in pieces:
            one.receive(piece, 0.0)
