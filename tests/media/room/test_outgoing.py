"""One outgoing stream: what its packets say of themselves."""

from __future__ import annotations

from splitter.core.net import Address
from splitter.media.fast.plain import PlainForm, PlainWay
from splitter.media.room.outgoing import Outgoing
from splitter.rtp import packet
from splitter.rtp.switch import Switch
from splitter.sdp.video import VideoFormat

THERE = Address("192.0.2.40", 40000)
NAMED = VideoFormat(payload_type=96, orientation_id=3, mid_id=4, mid="video0")


def outgoing(wanted: VideoFormat, to: Address = THERE) -> tuple[Outgoing, list[bytes]]:
    """A stream to a peer, and what it sends."""
    sent: list[bytes] = []
    way, form = PlainWay(), PlainForm()
    out = Outgoing(Switch(0xCAFE, 0, 0, 0.0, way.going), way, form, lambda data, _: sent.append(data), 1200)  # type: ignore[arg-type]
    out.to = to
    out.configure(wanted)
    return out, sent


def extensions(data: bytes) -> tuple[tuple[int, bytes], ...]:
    return packet.parse(data).extensions


class TestRfc8843Section15:
    """The m-line's name in a header extension."""

    def test_the_first_packets_say_it_and_later_ones_need_not(self) -> None:
        out, sent = outgoing(NAMED)
        for number in range(300):
            out.emit(number, 0, False, b"\x41picture")
        assert extensions(sent[0]) == ((4, b"video0"),)
        assert {extensions(data) for data in sent[200:]} == {()}

    def test_stands_beside_the_orientation(self) -> None:
        out, sent = outgoing(NAMED)
        out.emit(1, 0, True, b"\x41picture", 2)
        assert extensions(sent[0]) == ((3, b"\x02"), (4, b"video0"))
        assert packet.parse(sent[0]).payload == b"\x41picture"

    def test_is_not_used_up_while_nobody_listens(self) -> None:
        out, sent = outgoing(NAMED, Address("", 0))
        for number in range(300):
            out.emit(number, 0, False, b"\x41picture")
        out.to = THERE
        out.emit(300, 0, False, b"\x41picture")
        assert extensions(sent[0]) == ((4, b"video0"),)

    def test_makes_no_packet_larger_than_paths_carry(self) -> None:
        out, sent = outgoing(NAMED)
        out.emit(1, 0, False, bytes(out.going.payload_limit))
        out.emit(2, 0, False, bytes(out.going.payload_limit - 8), 0)
        assert extensions(sent[0]) == () and (4, b"video0") in extensions(sent[1])
        assert max(map(len, sent)) <= 1200

    def test_a_peer_that_did_not_ask_gets_none(self) -> None:
        out, sent = outgoing(VideoFormat(payload_type=96))
        out.emit(1, 0, False, b"\x41picture", 2)
        assert extensions(sent[0]) == ()

    def test_described_again_it_is_known_already(self) -> None:
        out, sent = outgoing(NAMED)
        for number in range(150):
            out.emit(number, 0, False, b"\x41picture")
        out.configure(NAMED)
        out.emit(150, 0, False, b"\x41picture")
        assert extensions(sent[-1]) == ()
