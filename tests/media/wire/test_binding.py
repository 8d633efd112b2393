"""Sealed bytes of Binding messages are what aioice makes of the same message, and nothing else passes."""

from __future__ import annotations

import random

import pytest
from aioice import stun

from splitter.core.net import Address
from splitter.media.wire.binding import RepeatedCheck, answers, is_sealed, seal

KEY = b"k" * 24
RNG = random.Random(7)
SOURCES = [Address("127.0.0.1", 50_000), Address("203.0.113.255", 1), Address("2001:db8::ff:1", 65_535)]


def message(kind: stun.Class = stun.Class.REQUEST, **attributes: object) -> stun.Message:
    made = stun.Message(stun.Method.BINDING, kind, RNG.randbytes(12))
    made.attributes.update(attributes)
    return made


def check(nominates: bool = False, priority: int = 100) -> bytes:
    made = message(USERNAME="us:them", PRIORITY=priority)
    made.attributes["ICE-CONTROLLING"] = 1
    if nominates:
        made.attributes["USE-CANDIDATE"] = None
    made.add_message_integrity(KEY)
    return bytes(made)


class TestSeals:
    """RFC 8489 §14.5, §14.7."""

    @pytest.mark.parametrize("name", ["", "a", "ab", "abc", "a longer name that says more"])
    def test_are_those_of_aioice(self, name: str) -> None:
        made = message(SOFTWARE=name)
        bare = bytes(made)
        made.add_message_integrity(KEY)
        assert seal(bare, KEY) == bytes(made)
        assert is_sealed(bytes(made), KEY) and not is_sealed(bytes(made), b"another")

    def test_no_bit_may_differ(self) -> None:
        whole = check()
        for bit in range(8 * len(whole)):
            dented = bytearray(whole)
            dented[bit // 8] ^= 1 << bit % 8
            if bit // 8 not in (2, 3):  # the length is looked at by whoever asks, and written anew
                assert not is_sealed(bytes(dented), KEY), bit

    @pytest.mark.parametrize("size", [0, 19, 20, 51])
    def test_what_is_too_short_has_none(self, size: int) -> None:
        assert not is_sealed(check()[:size], KEY)


class TestACheckThatIsRepeated:
    """RFC 8445 §7.3, RFC 7675 §5.1."""

    @pytest.mark.parametrize("source", SOURCES, ids=str)
    @pytest.mark.parametrize("nominates", [False, True])
    def test_is_answered_as_aioice_does(self, source: Address, nominates: bool) -> None:
        repeated = RepeatedCheck(check(nominates), source, KEY)
        for _ in range(50):
            again = check(nominates)
            told = message(stun.Class.RESPONSE)
            told.transaction_id = again[8:20]
            told.attributes["XOR-MAPPED-ADDRESS"] = (source.host, source.port)
            told.add_message_integrity(KEY)
            assert repeated.answer(again) == bytes(told)

    @pytest.mark.parametrize(
        "other",
        [
            check(nominates=True),
            check(priority=99),
            bytes(message(stun.Class.INDICATION)),
            b"",
            check()[:-1],
            check() + b"\0",
        ],
    )
    def test_another_one_is_not(self, other: bytes) -> None:
        assert RepeatedCheck(check(), SOURCES[0], KEY).answer(other) is None

    def test_nor_is_one_with_a_broken_seal(self) -> None:
        repeated, again = RepeatedCheck(check(), SOURCES[0], KEY), check()
        for at in range(len(again)):
            assert repeated.answer(again[:at] + bytes((again[at] ^ 0x10,)) + again[at + 1 :]) is None, at


class TestAnAnswer:
    def test_is_known_by_its_transaction_and_class(self) -> None:
        told, refused = message(stun.Class.RESPONSE), message(stun.Class.ERROR)
        assert answers(bytes(told), told.transaction_id) and not answers(bytes(told), refused.transaction_id)
        assert not answers(bytes(refused), refused.transaction_id)
