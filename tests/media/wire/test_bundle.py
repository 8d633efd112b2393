"""Several streams on one wire: whose a packet is (RFC 8843 §9.2), and what becomes of one that is nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from splitter.core.net import Address
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.bundle import SSRC_LIMIT, Bundle, StreamKey
from splitter.media.wire.ends import WireEnd
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Remb, Tmmbr
from splitter.rtp.packet import Buffer, Packet, build
from splitter.rtp.rtcp import Bye, ReceiverReport, ReportBlock, RtcpPacket, SenderReport, SourceDescription

PEER = Address("192.0.2.1", 5000)
AUDIO = StreamKey("0", 4, frozenset((0, 8, 13)), ours=frozenset((0xA,)))
VIDEO = StreamKey("1", 4, frozenset((96, 13)), theirs=frozenset((0x77,)), ours=frozenset((0xB,)))


class FakeWire:
    """A wire that keeps what it is told to send."""

    packet_limit = 1200
    seal_rtp = None
    ports = (1, 1)
    to = PEER
    rejected = 0

    def __init__(self, end: WireEnd) -> None:
        self.end = end
        self.sent: list[bytes] = []

    def serve(self, end: WireEnd) -> None:
        self.end = end

    def configure(self, media: ParticipantMedia | None, now: float) -> None: ...

    def send_rtp(self, data: bytes | memoryview, to: Address) -> None:
        self.sent.append(bytes(data))

    def send_rtcp(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None: ...


@dataclass
class End:
    """Who is handed a stream."""

    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[RtcpPacket] = field(default_factory=list)
    paths: list[Address] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    taken = 0
    way = None

    def plausible(self, data: Buffer) -> bool:
        return True

    def on_rtp(self, data: Buffer, now: float) -> None:
        self.rtp.append(bytes(data))

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        self.rtcp += messages

    def on_path(self, to: Address, now: float) -> None:
        self.paths.append(to)

    def on_stranger(self, source: Address, packets: int) -> None: ...
    def on_doubt(self, source: Address) -> None: ...

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


@dataclass
class Both:
    """A bundle of audio and video."""

    bundle: Bundle = field(default_factory=lambda: Bundle(FakeWire))
    audio: End = field(default_factory=End)
    video: End = field(default_factory=End)

    def __post_init__(self) -> None:
        self.strands = self.bundle.attach(AUDIO, self.audio), self.bundle.attach(VIDEO, self.video)

    def rtp(self, payload_type: int, ssrc: int, mid: str | None = None) -> bytes:
        extensions = ((4, mid.encode()),) if mid is not None else ()
        data = build(Packet(False, payload_type, 1, 2, ssrc, b"x", extensions))
        self.bundle.on_rtp(memoryview(bytearray(data)), 1.0)
        return data

    @property
    def got(self) -> tuple[int, int]:
        return len(self.audio.rtp), len(self.video.rtp)


@pytest.fixture
def both() -> Both:
    return Both()


class TestRtp:
    def test_goes_by_mid_and_by_what_was_learned_of_it(self, both: Both) -> None:
        both.rtp(13, 0x1, mid="0")
        both.rtp(13, 0x2, mid="1")
        assert both.got == (1, 1)
        both.rtp(13, 0x1)
        both.rtp(13, 0x2)
        assert both.got == (2, 2) and both.bundle.unclaimed == 0

    def test_another_mid_moves_an_ssrc(self, both: Both) -> None:
        both.rtp(96, 0x1, mid="0")
        both.rtp(96, 0x1, mid="1")
        both.rtp(96, 0x1)
        assert both.got == (1, 2)

    def test_goes_by_the_ssrc_that_sdp_named(self, both: Both) -> None:
        both.rtp(13, 0x77)
        assert both.got == (0, 1)

    def test_goes_by_a_payload_type_that_one_alone_has(self, both: Both) -> None:
        both.rtp(8, 0x1)
        both.rtp(96, 0x2)
        assert both.got == (1, 1)
        both.rtp(13, 0x2)
        assert both.got == (1, 2), "its SSRC was learned"

    @pytest.mark.parametrize(("payload_type", "mid"), [(13, None), (127, None), (8, "unknown"), (8, "\xff")])
    def test_of_nobody_is_dropped_and_counted(self, both: Both, payload_type: int, mid: str | None) -> None:
        both.rtp(payload_type, 0x9, mid)
        assert both.got == (0, 0) and both.bundle.unclaimed == 1

    def test_an_unknown_mid_takes_nothing_from_a_known_ssrc(self, both: Both) -> None:
        both.rtp(8, 0x1)
        both.rtp(8, 0x1, mid="unknown")
        both.rtp(8, 0x1)
        assert both.got == (2, 0) and both.bundle.unclaimed == 1

    def test_learns_no_more_ssrcs_than_fit(self, both: Both) -> None:
        for ssrc in range(SSRC_LIMIT + 50):
            both.rtp(8, 0x1000 + ssrc)
        assert both.got == (SSRC_LIMIT, 0) and both.bundle.unclaimed == 50
        both.rtp(8, 0x1000)
        assert both.got == (SSRC_LIMIT + 1, 0), "those that are known go on"

    @pytest.mark.parametrize("data", [b"", b"\x80", bytes(11), b"\x90" + bytes(11), b"\xff" * 40])
    def test_of_no_form_is_dropped(self, both: Both, data: bytes) -> None:
        both.bundle.on_rtp(data, 1.0)
        assert both.got == (0, 0) and both.bundle.unclaimed == 1

    def test_of_a_stream_that_was_taken_off_is_nobodys(self, both: Both) -> None:
        both.rtp(96, 0x2)
        both.bundle.detach(both.strands[1])
        both.rtp(96, 0x2)
        both.rtp(13, 0x3)
        assert both.got == (1, 1), "13 is the audio's alone by now"


class TestRtcp:
    def test_of_two_streams_in_one_message_is_divided(self, both: Both) -> None:
        both.rtp(8, 0x1)
        blocks = ReportBlock(0xA, 10), ReportBlock(0xB, 20)
        both.bundle.on_rtcp([SenderReport(0x1, 1, 2, 3, 4, blocks)], 1.0)
        assert both.audio.rtcp == [SenderReport(0x1, 1, 2, 3, 4, blocks[:1])]
        assert both.video.rtcp == [ReceiverReport(0x1, blocks[1:])]

    def test_that_asks_goes_to_whom_it_asks(self, both: Both) -> None:
        asked = [Nack(1, 0xA, (5,)), Pli(1, 0xB), Fir(1, ((0xB, 3), (0xA, 4))), Remb(1, 5000, (0xB,))]
        both.bundle.on_rtcp([*asked, Tmmbr(1, (BitrateLimit(0xA, 9), BitrateLimit(0xB, 8)))], 1.0)  # type: ignore[list-item]
        assert both.audio.rtcp == [asked[0], Fir(1, ((0xA, 4),)), Tmmbr(1, (BitrateLimit(0xA, 9),))]
        assert both.video.rtcp == [asked[1], Fir(1, ((0xB, 3),)), asked[3], Tmmbr(1, (BitrateLimit(0xB, 8),))]

    def test_of_the_sender_goes_to_its_stream(self, both: Both) -> None:
        both.rtp(8, 0x1)
        both.bundle.on_rtcp([SourceDescription(0x1, "peer"), SourceDescription(0x77, "peer"), Bye((0x1, 0x77))], 1.0)
        assert both.audio.rtcp == [SourceDescription(0x1, "peer"), Bye((0x1,))]
        assert both.video.rtcp == [SourceDescription(0x77, "peer"), Bye((0x77,))]

    def test_about_nobody_is_dropped_and_counted(self, both: Both) -> None:
        both.bundle.on_rtcp([ReceiverReport(9), Pli(1, 0xDEAD), SenderReport(9, 1, 1, 1, 1), Bye((9,)), Pli(1, 0)], 1.0)
        assert both.audio.rtcp == both.video.rtcp == []
        assert both.bundle.unasked == 4, "an empty report says that somebody is there, and is no fault"


class TestTheWire:
    def test_tells_all_streams_where_the_peer_is(self, both: Both) -> None:
        both.bundle.on_path(PEER, 1.0)
        both.bundle.on_lost("gone")
        assert both.audio.paths == both.video.paths == [PEER]
        assert both.audio.lost == both.video.lost == ["gone"]

    def test_is_what_every_stream_sends_by(self, both: Both) -> None:
        both.strands[0].send_rtp(b"audio", PEER)
        both.strands[1].send_rtcp(b"report")
        assert both.bundle.wire.sent == [b"audio", b"report"]  # type: ignore[attr-defined]
