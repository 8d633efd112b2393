"""RTP and RTCP of the lab, against bytes written down by hand."""

import pytest

from splitter.lab.wire import (
    FullIntra,
    LabPacket,
    OtherReport,
    PictureLoss,
    SenderClock,
    full_intra,
    is_rtcp,
    newer,
    picture_loss,
    reports,
    sender_report,
    unpack,
)


class TestRfc3550Section5Header:
    def test_bytes(self) -> None:
        packet = LabPacket(123, True, 0x1234, 0x01020304, 0xA0B0C0D0, b"xyz")
        assert packet.pack() == bytes.fromhex("80fb1234 01020304 a0b0c0d0") + b"xyz"
        assert unpack(packet.pack()) == packet

    def test_csrc_extension_and_padding_are_skipped(self) -> None:
        data = bytes.fromhex("b1080001 00000002 00000003 000000aa dead0001 11223344") + b"pay" + bytes((0, 2))
        packet = unpack(data)
        assert packet is not None
        assert packet.payload == b"pay"
        assert packet.extension == ()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x80" * 11,
            b"\x00" * 20,
            bytes.fromhex("90080001" + "00" * 8),
            bytes.fromhex("a0080001" + "00" * 8 + "ff"),
        ],
    )
    def test_what_is_no_rtp(self, data: bytes) -> None:
        assert unpack(data) is None


class TestRfc8285OneByteExtension:
    def test_orientation(self) -> None:
        packet = LabPacket(123, True, 1, 2, 3, b"p", ((7, b"\x03"),))
        assert packet.pack()[12:] == bytes.fromhex("bede0001 70030000") + b"p"
        assert unpack(packet.pack()) == packet

    def test_padding_between_elements(self) -> None:
        data = bytes.fromhex("90080001 00000002 00000003 bede0002 1001 0000 21aabb00") + b"p"
        packet = unpack(data)
        assert packet is not None
        assert packet.extension == ((1, b"\x01"), (2, b"\xaa\xbb"))


class TestRtcp:
    def test_picture_loss_is_a_compound_with_a_receiver_report_first(self) -> None:
        data = picture_loss(1, 2, "me")
        assert data[:2] == bytes.fromhex("80c9")
        assert data.endswith(bytes.fromhex("81ce0002 00000001 00000002"))
        assert is_rtcp(data)
        assert list(reports(data))[-1] == PictureLoss(1, 2)

    def test_full_intra(self) -> None:
        data = full_intra(1, 2, 9, "me")
        assert data.endswith(bytes.fromhex("84ce0004 00000001 00000000 00000002 09000000"))
        assert list(reports(data))[-1] == FullIntra(1, 2, 9)

    def test_sender_report(self) -> None:
        report = SenderClock(7, 1_700_000_000.25, 900, 10, 1000)
        first, second = reports(sender_report(report, "me"))
        assert isinstance(first, SenderClock)
        assert first.wall == pytest.approx(report.wall, abs=1e-6)
        assert (first.ssrc, first.timestamp, first.packets, first.octets) == (7, 900, 10, 1000)
        assert second == OtherReport(202, 1)

    def test_malformed_ends_early(self) -> None:
        data = picture_loss(1, 2, "me")
        assert [type(r) for r in reports(data[:-4])] == [OtherReport, OtherReport]
        assert list(reports(b"\x81\xce")) == []

    def test_rtp_is_no_rtcp(self) -> None:
        assert not is_rtcp(LabPacket(8, False, 1, 2, 3, b"p").pack())


class TestSequence:
    @pytest.mark.parametrize(
        ("sequence", "than", "step"), [(5, 3, 2), (3, 5, -2), (0, 65535, 1), (65535, 0, -1), (7, 7, 0)]
    )
    def test_steps_over_the_wrap(self, sequence: int, than: int, step: int) -> None:
        assert newer(sequence, than) == step
