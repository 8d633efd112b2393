"""NG's encoding: what is written is read, and whatever else comes is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.media.ng.bencode import MAX_BYTES, MAX_DEPTH, decode, encode

VALUES = st.recursive(
    st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc -"), inner, max_size=4),
    max_leaves=20,
)


class TestWhatWasWritten:
    @given(VALUES)
    def test_is_read(self, value: object) -> None:
        if _depth(value) <= MAX_DEPTH:
            assert decode(encode(value)) == value  # type: ignore[arg-type]

    def test_is_what_rtpengine_knows(self) -> None:
        assert encode({"command": "ping", "flags": ["a b", 5]}) == b"d7:command4:ping5:flagsl3:a bi5eee"

    def test_may_hold_any_bytes(self) -> None:
        value = decode(b"3:\xff\x00\xc3")
        assert isinstance(value, str) and encode(value) == b"3:\xff\x00\xc3"


class TestHostileInput:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"x",
            b"d",
            b"l",
            b"i",
            b"ie",
            b"i-e",
            b"i--1e",
            b"i1",
            b"i1.5e",
            b"i" + b"9" * 30 + b"e",
            b"5:abc",
            b"-1:a",
            b"99999999:a",
            b":a",
            b"di1ei2ee",  # a key that is no text
            b"d1:a",
            b"d1:ae",
            b"li1e",
            b"i1ei2e",
            b"4:abcde",
            "i²e".encode(),
        ],
    )
    def test_is_refused(self, data: bytes) -> None:
        with pytest.raises(PeerError):
            decode(data)

    def test_is_refused_where_it_is_too_deep(self) -> None:
        deep = MAX_DEPTH + 1
        assert decode(b"l" * deep + b"e" * deep)
        for opening in (b"l", b"d1:a"):
            with pytest.raises(PeerError):
                decode(opening * 10_000)

    def test_is_refused_where_it_is_too_long(self) -> None:
        with pytest.raises(PeerError, match="too many"):
            decode(b"l" + b"le" * MAX_BYTES + b"e")

    @given(st.binary(max_size=200) | st.text("dlie:0123456789-", max_size=200).map(str.encode))
    def test_gives_a_value_or_a_fault(self, data: bytes) -> None:
        try:
            value = decode(data)
        except PeerError as error:
            assert error.reason and len(error.reason) < 100
        else:
            assert decode(encode(value)) == value


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
