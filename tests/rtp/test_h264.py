"""H.264 payloads and parameter sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.rtp import h264
from splitter.rtp.h264 import Depacketiser
from splitter.rtp.parameters import ParameterSets
from splitter.rtp.sps import parse_sps
from tests.rtp.payloads import packetise

# From an offer of a 5G handset: 480x640 portrait, level 3.0 within a line that says 3.1.
SPS = bytes.fromhex("6742c01eda078144807840 2150".replace(" ", ""))
PPS = bytes.fromhex("68ce3cc8")
units = st.lists(
    st.builds(
        lambda head, body: bytes((head,)) + body,
        st.sampled_from((0x41, 0x65, 0x67, 0x68, 0x06)),
        st.binary(min_size=1, max_size=400),
    ),
    min_size=1,
    max_size=6,
)


class TestKeyFrames:
    """A key frame is known in every wrapping (RFC 6184 §5.6–5.8)."""

    IDR, SLICE = b"\x65\x88\x84\x00", b"\x41\x9a\x00\x00"

    @pytest.mark.parametrize(
        "payload",
        [
            IDR,
            packetise([SPS, PPS, IDR], 1, 1200)[0],
            h264.fragment(IDR * 100, 100)[0],
        ],
        ids=["single", "stap-a", "fu-a"],
    )
    def test_found(self, payload: bytes) -> None:
        assert h264.starts_idr(payload)

    @pytest.mark.parametrize(
        "payload",
        [
            SLICE,
            SPS,
            packetise([SPS, PPS], 1, 1200)[0],
            h264.fragment(IDR * 100, 100)[1],
            h264.fragment(SLICE * 100, 100)[0],
            b"",
            b"\x7c",
            b"\x7c\x85",
        ],
    )
    def test_not_found(self, payload: bytes) -> None:
        assert not h264.starts_idr(payload)

    def test_a_later_slice_does_not_start_the_picture(self) -> None:
        assert not h264.starts_idr(b"\x65\x40")

    @given(st.binary(max_size=80))
    def test_any_payload_can_be_looked_into(self, payload: bytes) -> None:
        h264.starts_idr(payload)
        h264.parameter_sets(payload)
        Depacketiser().push(payload)

    @given(st.binary(max_size=80))
    def test_stap_a_or_peer_error(self, body: bytes) -> None:
        try:
            parts = h264.split_stap_a(b"\x18" + body)
        except PeerError:
            return
        assert sum(len(part) + 2 for part in parts) == len(body)


class TestPacketise:
    @given(units, st.integers(20, 500))
    def test_mode_1_round_trip(self, sent: list[bytes], limit: int) -> None:
        payloads = packetise(sent, 1, limit)
        assert all(len(payload) <= limit for payload in payloads)
        depacketiser = Depacketiser()
        assert [bytes(unit) for payload in payloads for unit in depacketiser.push(payload)] == sent
        assert depacketiser.broken == 0

    @given(units)
    def test_mode_0_is_one_packet_per_unit(self, sent: list[bytes]) -> None:
        assert packetise(sent, 0, 100) == sent

    def test_annex_b(self) -> None:
        assert h264.split_annex_b(b"\x00\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x00\x01\x65\x88") == [
            b"\x67\x42",
            b"\x68\xce",
            b"\x65\x88",
        ]


class TestWithin:
    """Payloads for a path that carries less than the one they came by."""

    UNIT = bytes((0x65,)) + bytes(range(1, 256)) * 12

    @pytest.mark.parametrize("came_by", [4000, 1300, 1250])
    def test_gives_the_same_unit_in_smaller_pieces(self, came_by: int) -> None:
        pieces = [small for large in packetise([self.UNIT], 1, came_by) for small in h264.within(large, 1180)]
        assert max(map(len, pieces)) <= 1180
        depacketiser = h264.Depacketiser()
        assert [bytes(unit) for piece in pieces for unit in depacketiser.push(piece)] == [self.UNIT]
        starts = [bool(piece[1] & 0x80) for piece in pieces]
        ends = [bool(piece[1] & 0x40) for piece in pieces]
        assert starts == [True] + [False] * (len(pieces) - 1) and ends == starts[::-1]

    def test_takes_an_aggregate_apart(self) -> None:
        units = [b"\x67" + bytes(20), b"\x68" + bytes(5), b"\x65" + bytes(1200)]
        aggregate = packetise(units, 1, 1300)
        assert len(aggregate) == 1
        pieces = h264.within(aggregate[0], 1180)
        assert max(map(len, pieces)) <= 1180
        depacketiser = h264.Depacketiser()
        assert [bytes(unit) for piece in pieces for unit in depacketiser.push(piece)] == units

    @pytest.mark.parametrize("payload", [b"", b"\x65", bytes(1300), b"\x78" + bytes(1300), b"\x79" + bytes(1300)])
    def test_leaves_what_it_cannot_divide(self, payload: bytes) -> None:
        assert h264.within(payload, 1180) == [payload]


class TestDepacketise:
    @given(units, st.data())
    def test_with_loss_only_whole_units_come_out(self, sent: list[bytes], data: st.DataObject) -> None:
        payloads = packetise(sent, 1, 60)
        lost = data.draw(st.sets(st.integers(0, len(payloads) - 1)))
        depacketiser = Depacketiser()
        got = []
        for index, payload in enumerate(payloads):
            if index in lost:
                depacketiser.gap()
            else:
                got += [bytes(unit) for unit in depacketiser.push(payload)]
        assert all(unit in sent for unit in got)

    def test_nonsense_is_counted(self) -> None:
        depacketiser = Depacketiser()
        for payload in (b"", b"\x18", b"\x18\x00\x09\x01", b"\x1e\x01", b"\x7c", b"\x00"):
            assert depacketiser.push(payload) == []
        assert depacketiser.broken == 4

    def test_rfc_6184_section_5_7_an_aggregate_holds_units_alone(self) -> None:
        depacketiser = Depacketiser()
        nested, unit = b"\x78\0\x01\x67", b"\x65\x88"
        aggregate = b"\x78" + b"".join(len(one).to_bytes(2) + one for one in (nested, unit, b"\x7c\xc5\x01"))
        assert [bytes(one) for one in depacketiser.push(aggregate)] == [unit]
        assert depacketiser.push(b"\x78" + len(nested).to_bytes(2) + nested) == []
        assert depacketiser.broken == 1

    def test_rfc_6184_section_5_8_a_fragment_may_be_empty(self) -> None:
        depacketiser = Depacketiser()
        assert depacketiser.push(b"\x7c\x85") == []
        assert depacketiser.push(b"\x7c\x05\x88") == []
        assert depacketiser.push(b"\x7c\x45") == [b"\x65\x88"]
        assert depacketiser.broken == 0

    @pytest.mark.parametrize("kind", [0, 24, 28, 31])
    def test_rfc_6184_section_5_8_a_fragment_is_of_a_unit_alone(self, kind: int) -> None:
        depacketiser = Depacketiser()
        assert depacketiser.push(bytes((0x7C, 0xC0 | kind, 1, 2))) == []
        assert depacketiser.broken == 1


class TestSps:
    """H.264 §7.3.2.1."""

    def test_of_a_handset(self) -> None:
        sps = parse_sps(SPS)
        assert (sps.width, sps.height, sps.profile_level_id) == (480, 640, "42c01e")

    def test_cropping(self) -> None:
        sps = parse_sps(bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0"))
        assert (sps.width, sps.height, sps.profile_idc, sps.level_idc) == (1920, 1080, 100, 40)

    @given(st.binary(max_size=60))
    def test_any_bytes_give_an_sps_or_a_peer_error(self, body: bytes) -> None:
        for head in (b"\x67", b"\x67\x64\x00\x28", b"\x67\x42\xc0\x1e"):
            try:
                sps = parse_sps(head + body)
            except PeerError:
                continue
            assert 0 < sps.width <= 8192 and 0 < sps.height <= 8192


class TestParameterSets:
    def test_latest_wins(self) -> None:
        newer = SPS[:3] + b"\x1f" + SPS[4:]
        sets = ParameterSets([SPS, PPS])
        assert sets.complete and sets.units() == [SPS, PPS]
        assert sets.learn(newer) and not sets.learn(newer)
        assert sets.units() == [newer, PPS]
        assert sets.sps is not None and sets.sps.level_idc == 31

    def test_what_is_not_one_is_left_out(self) -> None:
        sets = ParameterSets([b"", b"\x67", b"\x65\x88", b"\x67" + bytes(600), SPS])
        assert sets.units() == [SPS] and not sets.complete

    @given(st.lists(st.binary(max_size=40).map(lambda body: b"\x68" + body), max_size=60))
    def test_bounded(self, sets: list[bytes]) -> None:
        assert len(ParameterSets(sets).units()) <= 16
