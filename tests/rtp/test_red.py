"""Redundant voice (RFC 2198)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.rtp import red
from splitter.rtp.red import LONGEST, OLDEST, RedBlock

_OLDER = st.builds(RedBlock, st.integers(0, 127), st.integers(1, OLDEST), st.binary(min_size=1, max_size=LONGEST))
_NEWEST = st.builds(RedBlock, st.integers(0, 127), st.just(0), st.binary(max_size=1300))


@given(st.lists(_OLDER, max_size=red.MOST_BLOCKS - 1), _NEWEST)
def test_what_is_written_is_read(older: list[RedBlock], newest: RedBlock) -> None:
    assert red.read(red.build([*older, newest])) == [*older, newest]


def test_a_packet_of_chromium() -> None:
    """One block before: F=1, type 111, 960 units behind, 3 bytes; then F=0 and type 111."""
    blocks = red.read(bytes.fromhex("ef0f0003 6f aabbcc dd"))
    assert blocks == [RedBlock(111, 960, b"\xaa\xbb\xcc"), RedBlock(111, 0, b"\xdd")]


@pytest.mark.parametrize(
    "payload", [b"", b"\xef", b"\xef\x0f\x00\x03", b"\xef\x0f\x00\x03\x6f\xaa", b"\xef\0\0\0" * 40]
)
def test_what_contradicts_itself_is_refused(payload: bytes) -> None:
    with pytest.raises(PeerError):
        red.read(payload)


def test_what_does_not_fit_into_a_header_is_left_out() -> None:
    blocks = [RedBlock(111, OLDEST + 1, b"x"), RedBlock(111, 960, b"y" * (LONGEST + 1)), RedBlock(111, 0, b"z")]
    assert red.read(red.build(blocks)) == blocks[-1:]
