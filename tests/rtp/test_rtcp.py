"""Reports, SDES, BYE, feedback, compound packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.rtp import rtcp
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Remb, Tmmbn, Tmmbr
from splitter.rtp.rtcp import Bye, ReceiverReport, ReportBlock, SenderReport, SourceDescription

word = st.integers(0, 0xFFFF_FFFF)
blocks = st.lists(
    st.builds(ReportBlock, word, st.integers(0, 255), st.integers(-0x80_0000, 0x7F_FFFF), word, word, word, word),
    max_size=3,
).map(tuple)
rates = st.builds(lambda mantissa, exponent: mantissa << exponent, st.integers(0, 0x1_FFFF), st.integers(0, 14))
limits = st.lists(st.builds(BitrateLimit, word, rates, st.integers(0, 511)), max_size=3).map(tuple)
messages = st.one_of(
    st.builds(SenderReport, word, st.integers(0, 2**64 - 1), word, word, word, blocks),
    st.builds(ReceiverReport, word, blocks),
    st.builds(SourceDescription, word, st.text(max_size=60)),
    st.builds(Bye, st.lists(word, max_size=3).map(tuple), st.text(max_size=40)),
    st.builds(Pli, word, word),
    st.builds(Fir, word, st.lists(st.tuples(word, st.integers(0, 255)), min_size=1, max_size=3).map(tuple)),
    st.builds(Tmmbr, word, limits),
    st.builds(Tmmbn, word, limits),
    st.builds(Remb, word, rates, st.lists(word, max_size=3).map(tuple)),
)


class TestCompound:
    """RFC 3550 §6.1, RFC 5506."""

    @given(st.lists(messages, max_size=5))
    def test_what_is_built_is_parsed(self, sent: list[rtcp.RtcpPacket]) -> None:
        data = rtcp.build(sent)
        assert len(data) % 4 == 0
        assert rtcp.parse(data) == sent

    def test_kinds_nobody_knows_are_skipped(self) -> None:
        xr = bytes.fromhex("80cf0002 00000001 00000000")
        app = bytes.fromhex("80cc0002 00000001 41424344")
        assert rtcp.parse(xr + app + rtcp.build([Pli(1, 2)])) == [Pli(1, 2)]

    def test_padding_of_the_last_packet(self) -> None:
        data = bytearray(rtcp.build([ReceiverReport(7)]) + bytes(3) + b"\x04")
        data[0] |= 0x20
        data[3] += 1
        assert rtcp.parse(data) == [ReceiverReport(7)]

    @pytest.mark.parametrize(
        ("before", "behind"),
        [
            ("", "0000"),  # bytes that are no packet
            ("", "00000000"),
            ("", "81ce0014 00000001"),  # longer than the datagram
            ("80c90001 00000001 81ca0002 00000001 01ff6100", ""),  # SDES item longer than its chunk
            ("80c90001 00000001 83ca0002 00000001 01016100", ""),  # more chunks announced than are there
            ("83c90001 00000001", ""),  # blocks announced, none there
            ("a0c90002 00000001 00000000", ""),  # padding of no bytes
            ("a0c90001 00000009", ""),  # padding longer than its packet
        ],
    )
    def test_a_request_beside_what_cannot_be_read_is_heard(self, before: str, behind: str) -> None:
        data = bytes.fromhex(before) + rtcp.build([Pli(1, 2)]) + bytes.fromhex(behind)
        assert Pli(1, 2) in rtcp.parse(data)

    @pytest.mark.parametrize(
        "raw",
        [
            "80c00001 00000002",  # FIR of RFC 2032 §5.2.1
            "84ce0002 00000001 00000002",  # FIR without an entry
            "82ce0003 00000001 00000002 00010001",  # SLI, RFC 4585 §6.3.2
        ],
    )
    def test_other_ways_to_ask_for_a_key_frame(self, raw: str) -> None:
        (message,) = rtcp.parse(bytes.fromhex(raw))
        assert isinstance(message, Pli) and message.media == 2

    @pytest.mark.parametrize(
        "raw",
        [
            "81c90001 00000001",  # a block announced, none there
            "80c90002 00000001",  # longer than the datagram
            "40c90001 00000001",  # version 1
            "80c8",
            "80c80001 00000001",  # SR without its sender part
            "81ca0002 00000001 01ff6100",  # SDES item longer than its chunk
            "81ce0001 00000001",  # PLI without a media SSRC
            "8fce0003 00000001 00000000 52454d42",  # REMB without its count
            "a0c90001 00000009",  # padding longer than its packet
        ],
    )
    def test_contradictions_are_errors(self, raw: str) -> None:
        with pytest.raises(PeerError):
            rtcp.parse(bytes.fromhex(raw))

    @given(st.binary(max_size=120))
    def test_any_bytes_give_messages_or_a_peer_error(self, raw: bytes) -> None:
        try:
            rtcp.parse(raw)
        except PeerError:
            pass

    @given(st.integers(0, 31), st.integers(192, 223), st.binary(max_size=60))
    def test_any_body_gives_messages_or_a_peer_error(self, count: int, kind: int, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        try:
            rtcp.parse(bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2) + body)
        except PeerError:
            pass


class TestNack:
    """RFC 4585 §6.2.1."""

    @given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 300), min_size=1, max_size=40))
    def test_losses_survive_in_order_around_the_wrap(self, start: int, steps: set[int]) -> None:
        lost = tuple((start + step) & 0xFFFF for step in sorted(steps))
        assert rtcp.parse(rtcp.build([Nack(1, 2, lost)])) == [Nack(1, 2, lost)]

    def test_packed_as_the_standard_has_it(self) -> None:
        data = rtcp.build([Nack(1, 2, (100, 101, 116, 117))])
        assert data.hex() == "81cd0004" + "00000001" + "00000002" + "00648001" + "00750000"


class TestNegativeLoss:
    def test_duplicates_make_the_loss_negative(self) -> None:
        report = ReceiverReport(1, (ReportBlock(2, lost=-5),))
        assert rtcp.parse(rtcp.build([report])) == [report]


class TestTime:
    def test_ntp(self) -> None:
        assert rtcp.ntp_time(0) == 2_208_988_800 << 32
        assert rtcp.ntp_time(0.5) & 0xFFFF_FFFF == 1 << 31
