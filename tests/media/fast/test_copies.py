"""Copies for NACK, of either form."""

from __future__ import annotations

import pytest

from splitter.media.fast.form import choose_form
from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form
from splitter.rtp.packet import HEADER


class TestGenerations:
    """RFC 4585 §6.2.1: what is asked for again is of the last second or so."""

    @pytest.mark.parametrize("form", [PlainForm(), choose_form()], ids=["plain", "native"])
    @pytest.mark.parametrize("begin", [0, 0xFFFF_0000])
    def test_the_packets_own_clock_makes_them(self, form: Form, begin: int) -> None:
        sent = form.copies()
        for number in range(100):  # ten seconds, ten packets in each
            timestamp = begin + 9000 * number & 0xFFFF_FFFF
            sent.store(number, HEADER.pack(0x80, 96, number, timestamp, 1))
            kept = [one for one in range(number + 1) if sent.find(one) is not None]
            assert kept == list(range(kept[0], number + 1)) and len(kept) == len(sent)
            assert min(number + 1, 16) <= len(kept) <= 32

    @pytest.mark.parametrize("form", [PlainForm(), choose_form()], ids=["plain", "native"])
    def test_after_a_pause_nothing_is_left_of_what_was_before(self, form: Form) -> None:
        sent = form.copies()
        for number, timestamp in enumerate((0, 100_000, 271_000)):
            sent.store(number, HEADER.pack(0x80, 96, number, timestamp, 1))
        assert [number for number in range(3) if sent.find(number) is not None] == [2]

    @pytest.mark.parametrize("form", [PlainForm(), choose_form()], ids=["plain", "native"])
    def test_a_packet_from_before_or_without_a_clock_makes_none(self, form: Form) -> None:
        sent = form.copies()
        for number, packet in enumerate((HEADER.pack(0x80, 96, 1, 500_000, 1), b"short", b"", b"\x80" * 6)):
            sent.store(number, packet or b"-")
        sent.store(9, HEADER.pack(0x80, 96, 1, 500_000 - 200_000, 1))
        assert len(sent) == 5
