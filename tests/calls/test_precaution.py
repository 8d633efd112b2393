"""calls/persistence/precaution.py: which messages are kept for the next process."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.calls.persistence.precaution import MOST_REFUSALS, Precaution
from splitter.core.net import Address, Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message
from tests.world.loop import VirtualClock, VirtualLoop

FLOW = Flow("access", "udp", Address("10.1.0.1", 5060), Address("10.1.0.5", 5060))
INVITE = b"""INVITE sip:nobody@10.1.0.1 SIP/2.0\r
Via: SIP/2.0/UDP 10.1.0.5;branch=z9hG4bK1\r
From: <sip:a@h>;tag=1\r
To: <sip:nobody@10.1.0.1>\r
Call-ID: one\r
CSeq: 1 INVITE\r
Content-Length: 0\r
\r
"""


class Kept:
    """Stands for `Records` and `Recorder`."""

    def __init__(self, call_id: str = "") -> None:
        self.call_id = call_id
        self.names: list[str] = []

    def place_of(self, message: object) -> tuple[str, str]:
        return self.call_id, "caller" if self.call_id else ""

    def note_outstanding(self, key: str, one: Any) -> None:
        self.names.append(one.txn)

    def note_confirmed(self, txn: str) -> None:
        self.names.remove(txn)


def answer(status: int, txn: str) -> Transmit:
    request = parse_message(INVITE)
    assert isinstance(request, Request)
    response: Response = request.respond(status)
    return Transmit(FLOW, response.serialize(), response, txn)


def precaution(kept: Any) -> Precaution:
    return Precaution(kept, kept, VirtualClock(VirtualLoop()))


@pytest.mark.parametrize(("status", "expected"), [(100, []), (180, []), (200, ["<a"]), (404, ["<a"])])
def test_a_final_answer_is_kept(status: int, expected: list[str]) -> None:
    kept = Kept("call")
    precaution(kept).note(answer(status, "<a"))
    assert kept.names == expected


@pytest.mark.parametrize("txn", ["", "<caf\udce9", "<" + "x" * 600])
def test_what_has_no_name_that_can_be_written_is_not(txn: str) -> None:
    kept = Kept("call")
    precaution(kept).note(answer(404, txn))
    assert kept.names == []


def test_strangers_cannot_fill_the_store() -> None:
    kept = Kept()
    one = precaution(kept)
    for number in range(2 * MOST_REFUSALS):
        one.note(answer(404, f"<{number}"))
    assert len(kept.names) == MOST_REFUSALS
    one.confirmed("<0")
    one.note(answer(404, "<more"))
    assert len(kept.names) == MOST_REFUSALS
