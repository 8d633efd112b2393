"""The worker's end of a control connection."""

from __future__ import annotations

from typing import Any, cast

import pytest

from splitter.media.worker import control as subject
from splitter.media.worker.protocol import Framer, VerbCall, VerbReply, read_answer, read_message, write_call
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.verb import Done, Failed, Verb


class Wire:
    """A transport that remembers each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.aborted = False

    def get_extra_info(self, name: str) -> None: ...

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def abort(self) -> None:
        self.aborted = True


class Obedient:
    """A worker that does at once what it is told, but for relay "later"."""

    def __init__(self) -> None:
        self.later: list[tuple[VerbCall, subject.Control]] = []

    def connected(self, control: subject.Control) -> None: ...

    def disconnected(self, control: subject.Control) -> None: ...

    def execute(self, call: VerbCall, verb: Verb[Any], control: subject.Control) -> None:
        if verb == CloseRelay("later"):
            self.later.append((call, control))
        else:
            control.reply(call, Done())


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr(subject, "peer_of", lambda _: (1, 1))
    return Wire()


def answered(data: bytes) -> list[tuple[int, type]]:
    replies = [cast(VerbReply, read_message(body)) for body in Framer().feed(data)]
    return [(reply.id, type(read_answer(reply))) for reply in replies]


class TestWhatCameInOnePiece:
    def test_is_answered_in_one_piece_in_its_order(self, wire: Wire) -> None:
        control = subject.Control(Obedient())
        control.connection_made(cast(Any, wire))
        control.data_received(b"".join(write_call(number, CloseRelay("r")) for number in (1, 2, 3)))
        assert [answered(data) for data in wire.writes] == [[(1, Done), (2, Done), (3, Done)]]

    def test_waits_for_nothing_that_takes_longer(self, wire: Wire) -> None:
        worker = Obedient()
        control = subject.Control(worker)
        control.connection_made(cast(Any, wire))
        control.data_received(write_call(1, CloseRelay("later")) + write_call(2, CloseRelay("r")))
        for call, asking in worker.later:
            asking.reply(call, Done())
        assert [answered(data) for data in wire.writes] == [[(2, Done)], [(1, Done)]]

    def test_is_answered_as_far_as_it_was_understood(self, wire: Wire) -> None:
        control = subject.Control(Obedient())
        control.connection_made(cast(Any, wire))
        nonsense = b"\x82\xa2id\x05\xa4verb\xc0"  # a verb that is none
        control.data_received(write_call(4, CloseRelay("r")) + len(nonsense).to_bytes(4) + nonsense)
        assert [answered(data) for data in wire.writes] == [[(4, Done), (5, Failed)]]
