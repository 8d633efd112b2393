"""Files of recordings open, whatever was written and wherever they end."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.media.record import batch, ebml
from splitter.media.record.batch import Described, Kind, PicturePacket, TapPiece
from splitter.media.record.formats import kept
from splitter.media.record.matroska import HEAD_BYTES, TRACKS_LIMIT, Muxer, Track
from splitter.media.record.take import Take
from splitter.rtp.h264 import fragment
from splitter.sdp.voice import VoiceFormat

VOICES = {
    "pcm_alaw": (VoiceFormat("PCMA", 8), b"\xd5" * 160),
    "pcm_mulaw": (VoiceFormat("PCMU", 0), b"\xff" * 160),
    "g722": (VoiceFormat("G722", 9), bytes(160)),
    "opus": (VoiceFormat("OPUS", 111, 48_000, 2), b"\xf8\xff\xfe"),
    "amrwb": (VoiceFormat("AMR-WB", 97, 16_000, fmtp="octet-align=1"), bytes((0xF0, 0x14)) + bytes(32)),
    "amrnb": (VoiceFormat("AMR", 96, fmtp="octet-align=1"), bytes((0xF0, 0x3C)) + bytes(31)),
}


def opened(data: bytes) -> dict[str, int]:
    """The frames of each track, by the codec that a player sees."""
    counts: dict[str, int] = {}
    with av.open(io.BytesIO(data)) as file:
        for packet in file.demux():
            counts[packet.stream.codec_context.name] = counts.get(packet.stream.codec_context.name, 0) + (
                packet.size > 0
            )
    return counts


class TestVoices:
    @pytest.mark.parametrize("codec", VOICES)
    def test_players_know_the_codec(self, codec: str) -> None:
        format, payload = VOICES[codec]
        voice, muxer = kept("caller", format), Muxer("call", 1.7e9)
        number = muxer.add(voice.track)
        body = b""
        for step in range(100):
            for _, frame in voice.frames(payload):
                body += muxer.block(number, step / 50, frame, True)
        body += muxer.end()
        assert opened(muxer.head + body) == {codec: 100}

    def test_what_no_player_knows_is_kept_all_the_same(self) -> None:
        voice, muxer = kept("caller", VoiceFormat("EVS", 97, 16_000)), Muxer("call", 1.7e9)
        body = muxer.block(muxer.add(voice.track), 0.0, voice.frames(b"abc")[0][1], True)
        assert b"A_RTP/EVS" in muxer.head and b"abc" in body


class TestHead:
    def test_holds_as_many_tracks_as_there_may_be(self) -> None:
        muxer = Muxer("x" * 500, 1.7e9)
        while muxer.add(Track("y" * 500, "V_MPEG4/ISO/AVC", bytes(60), True, 1920, 1080, turned=90)):
            pass
        assert len(muxer.tracks) == TRACKS_LIMIT and len(muxer.head) == HEAD_BYTES

    def test_refuses_a_track_that_it_cannot_hold_and_holds_the_next_one(self) -> None:
        muxer = Muxer("call", 1.7e9)
        assert muxer.add(Track("caller", "V_MPEG4/ISO/AVC", bytes(20_000), True)) == 0
        assert muxer.add(Track("centre", "A_OPUS", bytes(19))) == 1 and len(muxer.head) == HEAD_BYTES

    @given(st.integers(0, 1 << 48))
    def test_sizes_are_written_as_they_are_read(self, value: int) -> None:
        data = ebml.size(value)
        length = 9 - data[0].bit_length()
        assert length == len(data)
        assert int.from_bytes(data) & ~(1 << 7 * length) == value
        assert data != b"\xff" * length  # which would be unknown


class TestCutOff:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 4_000))
    def test_a_file_that_ends_anywhere_opens_up_to_there(self, cut: int) -> None:
        muxer = Muxer("call", 1.7e9)
        number = muxer.add(kept("caller", VOICES["pcm_alaw"][0]).track)
        body = b"".join(muxer.block(number, step / 50, b"\xd5" * 160, True) for step in range(50))
        data = (muxer.head + body)[: HEAD_BYTES + 400 + cut]
        assert opened(data)["pcm_alaw"] >= (400 + cut) // 170 - 2


class TestHostile:
    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.binary(max_size=80), st.floats(0, 100)), max_size=20))
    def test_nothing_that_a_tap_passes_on_breaks_a_take(self, said: list[tuple[Kind, bytes, float]]) -> None:
        muxer = Muxer("call", 1.7e9)
        written: list[bytes] = []
        take = Take(muxer, written.append, lambda head: None, 0.0, lambda at, what, more: None)
        voice, picture = Described("call-1", "caller", "voice"), Described("call-1", "caller", "picture", 90_000)
        for kind, data, at in said:
            for what in (voice, picture):
                take.take(what, TapPiece(kind, 1, at, memoryview(data)))
        assert len(muxer.head) == HEAD_BYTES

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.builds(
                PicturePacket,
                st.integers(0, 1 << 20),
                st.integers(0, 0xFFFF_FFFF),
                st.integers(0, 3),
                st.booleans(),
                st.none() | st.integers(0, 255),
                st.binary(max_size=60)
                | st.binary(min_size=4, max_size=40).map(lambda data: b"\x67\x42\xe0\x1f" + data),
            ),
            max_size=30,
        )
    )
    def test_no_picture_breaks_a_take(self, packets: list[PicturePacket]) -> None:
        muxer = Muxer("call", 1.7e9)
        take = Take(muxer, lambda data: None, lambda head: None, 0.0, lambda at, what, more: None)
        what = Described("call-1", "desk-1", "picture", 90_000)
        for at, packet in enumerate(packets):
            data = batch.picture_head(packet) + packet.payload
            take.take(what, TapPiece(Kind.PICTURE, 1, at / 15, memoryview(data)))
        assert len(muxer.head) == HEAD_BYTES

    @pytest.mark.parametrize(("rate", "channels"), [(0, 1), (8000, 999_999_999), (999_999_999, 8), (8000, 0)])
    def test_no_rtpmap_keeps_its_own_voice_out(self, rate: int, channels: int) -> None:
        muxer = Muxer("call", 1.7e9)
        take = Take(muxer, lambda data: None, lambda head: None, 0.0, lambda at, what, more: None)
        what = Described("call-1", "caller", "voice", rate, ((97, "PCMU", rate, channels, ""),))
        for number in range(20):
            data = struct.pack("!BBHII", 0x80, 97, number, 160 * number, 1) + b"\xff" * 160
            take.take(what, TapPiece(Kind.RTP, 1, number / 50, memoryview(data)))
        assert take.frames and len(muxer.head) == HEAD_BYTES

    @pytest.mark.parametrize("octets", [20_000, 70_000])
    def test_a_parameter_set_that_is_no_such_thing_costs_its_picture_alone(self, octets: int) -> None:
        muxer = Muxer("call", 1.7e9)
        take = Take(muxer, lambda data: None, lambda head: None, 0.0, lambda at, what, more: None)
        what = Described("call-1", "desk-1", "picture", 90_000)
        sps = bytes.fromhex("6742e01f8c8d40501e900f08846a")
        pieces = [sps, *fragment(b"\x68" + bytes(octets), 1200), b"\x65\x88" + bytes(30)]
        for number, payload in enumerate(pieces):
            packet = PicturePacket(number, 3000, 1, payload is pieces[-1], None, b"")
            take.take(what, TapPiece(Kind.PICTURE, 1, 0.01, memoryview(batch.picture_head(packet) + payload)))
        assert take.unknown and len(muxer.head) == HEAD_BYTES
        assert muxer.add(Track("caller", "A_OPUS", bytes(19)))

    @given(st.binary(max_size=300))
    def test_a_datagram_is_read_or_refused(self, data: bytes) -> None:
        for datagram in (data, batch.head(b"worker-1") + data):
            try:
                _, pieces = batch.pieces(datagram)
            except PeerError:
                continue
            for one in pieces:
                assert isinstance(one.kind, Kind)


def test_the_head_says_how_a_picture_is_turned(tmp_path: Path) -> None:
    from tests.media.room.kit import Camera

    camera = Camera(100)
    units = camera.picture()
    from splitter.media.record.pictures import PictureMaker

    maker = PictureMaker()
    camera.key_frame()
    units = camera.picture()
    done = []
    for at, unit in enumerate(units):
        done += maker.push(PicturePacket(at, 0, 1, at == len(units) - 1, 1, unit), 0.0)
    muxer = Muxer("call", 1.7e9)
    number = muxer.add(Track("caller", "V_MPEG4/ISO/AVC", maker.record, True, 320, 240, turned=90))
    body = muxer.block(number, 0.0, done[0].data, True) + muxer.end()
    path = tmp_path / "turned.mkv"
    path.write_bytes(muxer.head + body)
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
        assert (frame.width, frame.height) == (320, 240)
        assert frame.rotation == -90  # anticlockwise: a player turns it clockwise
