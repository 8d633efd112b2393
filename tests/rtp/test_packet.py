"""RTP headers, header extensions, arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.rtp import packet
from splitter.rtp.packet import Packet

packets = st.builds(
    Packet,
    st.booleans(),
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.binary(max_size=80),
    st.one_of(
        st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=4),
        st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=4),
    ).map(tuple),
)


class TestWire:
    """RFC 3550 §5.1."""

    @given(packets)
    def test_what_is_built_is_parsed(self, one: Packet) -> None:
        assert packet.parse(packet.build(one)) == one

    def test_a_packet_as_sent(self) -> None:
        raw = bytes.fromhex("80e0 1234 00015f90 deadbeef 6588")
        assert packet.parse(raw) == Packet(True, 96, 0x1234, 90_000, 0xDEADBEEF, b"\x65\x88")

    def test_csrcs_and_padding_are_left_out(self) -> None:
        raw = bytes.fromhex("a2600001 00000000 00000001 00000002 00000003 6588 000003")
        assert packet.parse(raw).payload == b"\x65\x88"

    @pytest.mark.parametrize(
        "raw",
        [
            "",
            "8060000100000000000000",  # eleven bytes
            "006000010000000000000001",  # version 0
            "8f6000010000000000000001",  # fifteen CSRCs announced, none there
            "906000010000000000000001bede",  # extension cut off
            "906000010000000000000001bede0002 10000000",  # extension longer than the packet
            "a0600001000000000000000100",  # padding of zero bytes
            "a0600001000000000000000105",  # padding longer than the payload
        ],
    )
    def test_contradictions_are_errors(self, raw: str) -> None:
        data = bytes.fromhex(raw)
        assert packet.payload_bounds(data) is None
        with pytest.raises(PeerError):
            packet.parse(data)

    @given(st.binary(max_size=100))
    def test_any_bytes_give_a_packet_or_a_peer_error(self, raw: bytes) -> None:
        try:
            one = packet.parse(raw)
        except PeerError:
            return
        assert len(one.payload) <= len(raw) - 12

    @given(st.binary(max_size=60))
    def test_any_extension_can_be_looked_into(self, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        for profile in (b"\xbe\xde", b"\x10\x00", b"\x10\x0f", b"\x12\x34"):
            raw = bytes.fromhex("906000010000000000000001") + profile + (len(body) // 4).to_bytes(2) + body
            assert sum(len(value) for _, value in packet.extensions(raw)) <= len(body)


class TestExtensions:
    """RFC 8285."""

    def test_one_byte_form(self) -> None:
        assert packet.pack_extensions([(7, b"\x01")]).hex() == "bede000170010000"

    def test_two_byte_form_where_the_first_cannot_say_it(self) -> None:
        assert packet.pack_extensions([(15, b"\x01")]).hex() == "100000010f010100"
        assert packet.pack_extensions([(3, b"")]).hex() == "1000000103000000"

    def test_padding_between_elements(self) -> None:
        raw = bytes.fromhex("906000010000000000000001 bede0002 10aa0000 21bbcc00 65")
        assert packet.extensions(raw) == [(1, b"\xaa"), (2, b"\xbb\xcc")]
        assert packet.extension(raw, 2) == b"\xbb\xcc"
        assert packet.extension(raw, 3) is None

    def test_id_15_ends_the_list(self) -> None:
        raw = bytes.fromhex("906000010000000000000001 bede0002 10aaf000 21bbcc00 65")
        assert packet.extensions(raw) == [(1, b"\xaa")]


class TestArithmetic:
    def test_around_the_wrap(self) -> None:
        assert packet.timestamp_delta(5, 0xFFFF_FFFF) == 6
        assert packet.timestamp_delta(0xFFFF_FFFF, 5) == -6


class TestRfc8285Section42:
    def test_an_element_0_with_a_length_ends_the_list(self) -> None:
        elements = bytes.fromhex("7032" + "00" + "313437" + "02aabbcc" + "7033")
        raw = bytes.fromhex("907b00010000000200000007" + "bede0003") + elements + b"payload"
        assert packet.parse(raw).extensions == ((7, b"2"), (3, b"47"))
