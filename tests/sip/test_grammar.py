"""Pieces of grammar: what parsers remember."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.grammar import remembered


class TestRemembered:
    def test_a_text_is_read_once(self) -> None:
        read = []
        parse = remembered(lambda text: read.append(text) or len(text))
        assert [parse("one"), parse("three"), parse("one")] == [3, 5, 3]
        assert read == ["one", "three"]

    def test_a_peer_cannot_fill_our_memory(self) -> None:
        """Many texts: the oldest go. Long ones: none is kept."""
        read = []
        parse = remembered(lambda text: read.append(text) or len(text))
        for number in range(10_000):
            parse(str(number))
        assert len(parse.__self__) <= 4096  # type: ignore[attr-defined]
        read.clear()
        assert parse("9999") == 4
        assert parse("x" * 200) == parse("x" * 200) == 200
        assert read == ["x" * 200] * 2

    def test_what_cannot_be_read_is_an_error_each_time(self) -> None:
        def parse(text: str) -> int:
            raise PeerError(text)

        kept = remembered(parse)
        for _ in range(2):
            with pytest.raises(PeerError, match="nonsense"):
                kept("nonsense")
