"""Test pictures through H.264 and RTP payloads and back."""

import pytest

from splitter.lab.codec import CLOCK_RATE, Decoder, Encoder, VideoShape
from splitter.lab.payload import IDR, PPS, SPS, Depayloader, kind_of, payloads_of
from splitter.lab.picture import draw
from splitter.lab.sight import Sight


def _access_units(shape: VideoShape, count: int, keys: tuple[int, ...] = ()) -> list[list[bytes]]:
    encoder = Encoder(shape)
    step = CLOCK_RATE // shape.frames_per_s
    return [encoder.encode(draw(7, n, n, shape.width, shape.height), n * step, n in keys) for n in range(count)]


def _seen(access_units: list[list[bytes]], decoder: Decoder) -> Sight:
    sight = Sight()
    for number, units in enumerate(access_units):
        for luma in decoder.decode(units):
            sight.frame(luma, number)
    return sight


class TestEncoder:
    def test_constrained_baseline_with_parameter_sets_before_the_key_frame(self) -> None:
        first = _access_units(VideoShape(), 1)[0]
        kinds = [kind_of(unit) for unit in first]
        assert kinds.index(SPS) < kinds.index(PPS) < kinds.index(IDR)
        sps = next(unit for unit in first if kind_of(unit) == SPS)
        assert sps[1] == 66
        assert sps[2] & 0xC0 == 0xC0  # constraint_set0 and 1: constrained baseline

    def test_key_frames_when_asked_for_and_not_otherwise(self) -> None:
        units = _access_units(VideoShape(), 30, keys=(12, 20))
        assert [n for n, unit in enumerate(units) if IDR in map(kind_of, unit)] == [0, 12, 20]

    def test_slices_fit_a_packet(self) -> None:
        units = _access_units(VideoShape(640, 480, bitrate_kbps=2000, slice_bytes=900), 10, keys=(5,))
        assert max(len(unit) for access_unit in units for unit in access_unit) <= 900


class TestThereAndBack:
    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize(
        "shape",
        [
            VideoShape(),
            VideoShape(640, 480),
            VideoShape(480, 640),
            VideoShape(bitrate_kbps=40),
            VideoShape(slice_bytes=9000, bitrate_kbps=800),
        ],
        ids=str,
    )
    def test_every_frame_is_read(self, shape: VideoShape, mode: int) -> None:
        depayloader = Depayloader()
        received = []
        for units in _access_units(shape, 40):
            for payload in payloads_of(units, mode):
                depayloader.payload(payload)
            received.append(depayloader.take())
        decoder = Decoder()
        sight = _seen(received, decoder)
        assert sight.frames == 40
        assert sight.senders[7].rising == 39
        assert (decoder.errors, decoder.corrupt) == (0, 0)


class TestDecoder:
    def test_waits_for_a_key_frame(self) -> None:
        decoder = Decoder()
        sight = _seen(_access_units(VideoShape(), 20, keys=(10,))[3:], decoder)
        assert sight.senders[7].first == 10
        assert sight.frames == 10
        assert not decoder.waiting

    def test_takes_parameter_sets_from_sdp(self) -> None:
        units = _access_units(VideoShape(), 5)
        sets = tuple(unit for unit in units[0] if kind_of(unit) in (SPS, PPS))
        bare = [[unit for unit in access_unit if kind_of(unit) not in (SPS, PPS)] for access_unit in units]
        assert _seen(bare, Decoder()).frames == 0
        assert _seen(bare, Decoder(sets)).frames == 5

    def test_rubbish_is_counted(self) -> None:
        decoder = Decoder()
        units = _access_units(VideoShape(), 3)
        decoder.decode(units[0])
        decoder.decode([b"\x61" + b"\xff" * 50])
        assert decoder.errors + decoder.corrupt >= 1
