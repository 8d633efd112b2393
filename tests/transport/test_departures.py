"""What waits until it is written down, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from splitter.core.net import Address, Flow
from splitter.sip.events import TransactionId, Transmit
from splitter.sip.headers import Headers
from splitter.sip.message import Response
from splitter.transport.departures import Departures
from tests.patience import until

FLOW = Flow("access", "udp", Address("10.0.0.1", 5060), Address("10.0.0.2", 5060))


class Book:
    """Who writes down."""

    def __init__(self) -> None:
        self.wrote: list[int] = []

    def note(self, transmit: Transmit) -> None:
        """Nothing."""

    def write(self, leaving: Sequence[Transmit]) -> None:
        self.wrote.append(len(leaving))

    def give_up(self, invite: Transmit) -> None:
        """Nothing."""

    def confirmed(self, txn: TransactionId) -> None:
        """Nothing."""


def answer(cseq: str, status: int = 400) -> Transmit:
    response = Response(status, "Bad", Headers([("CSeq", cseq)]))
    return Transmit(FLOW, response.serialize(), response, TransactionId(""))


@pytest.mark.parametrize("cseq", ["seven OPTIONS", "7", "", "99999999999 INVITE", "7 OPTIONS"])
async def test_an_answer_that_binds_nobody_leaves_at_once(cseq: str) -> None:
    book, sent = Book(), list[Transmit]()
    Departures(sent.append, book).hand_in(answer(cseq))
    assert len(sent) == 1 and not book.wrote


async def test_any_answer_to_an_invite_is_written_down_before() -> None:
    book, sent = Book(), list[Transmit]()
    departures = Departures(sent.append, book)
    departures.hand_in(answer("7 INVITE", 100))
    departures.hand_in(answer("seven OPTIONS"))
    assert not sent, "and what follows stays behind it"
    await until(lambda: len(sent) == 2)
    assert book.wrote == [2]
