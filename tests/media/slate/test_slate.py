"""The slate: it decodes, it is legal, it fits, and a bad picture file is told clearly."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from splitter.core.errors import ConfigError
from splitter.media.slate import draw
from splitter.media.slate.encode import encode, encode_within, key_frame_limit
from splitter.media.slate.picture import decode as read_picture
from splitter.media.slate.slate import DEFAULT_TEXT, Slate, size_for
from splitter.media.slate.still import Still
from splitter.rtp import h264
from splitter.rtp.sps import Bits, parse_sps
from splitter.sdp.video import VideoFormat
from tests.media.room.kit import SLATE


def decode(still: Still, rounds: int = 2) -> list[np.ndarray]:
    """Play the groups in turn through a decoder; it must not complain."""
    context = av.CodecContext.create("h264", "r")
    context.options = {"err_detect": "explode"}
    context.thread_count = 1
    frames = []
    av.logging.set_level(av.logging.INFO)
    with av.logging.Capture() as complaints:
        for _ in range(rounds):
            for group in still.groups:
                for unit in group:
                    frames += context.decode(av.Packet(b"".join(b"\x00\x00\x01" + nal for nal in unit)))
        frames += context.decode(None)
    av.logging.set_level(None)
    assert not complaints
    return [frame.to_ndarray(format="rgb24") for frame in frames]


def idr_pic_id(nal: bytes) -> int:
    """slice_header() up to idr_pic_id (H.264 §7.3.3); frame_num has 4 bits in what x264 writes here."""
    bits = Bits(nal[:40])
    bits.ue(), bits.ue(), bits.ue()
    bits.read(4)
    return bits.ue()


class TestStream:
    def test_it_decodes_to_the_picture_that_was_drawn(self) -> None:
        still = SLATE.still(VideoFormat(96))
        frames = decode(still)
        assert len(frames) == 2 * sum(len(group) for group in still.groups)
        drawn = SLATE.picture(480, 640).astype(int)
        for frame in frames:
            assert frame.shape == (640, 480, 3)
            assert np.abs(frame.astype(int) - drawn).mean() < 3

    def test_constrained_baseline_at_the_lowest_level_that_holds_it(self) -> None:
        for size, profile in (((480, 640), "42c016"), ((240, 320), "42c00b"), ((144, 176), "42c00a")):
            still = SLATE.still(VideoFormat(96, size=size))
            sps = parse_sps(still.groups[0][0][0])
            assert (sps.width, sps.height) == size == (still.width, still.height)
            assert sps.profile_level_id == profile

    def test_every_unit_fits_into_a_packet(self) -> None:
        for size in ((480, 640), (640, 480), (144, 176)):
            still = SLATE.still(VideoFormat(96, size=size))
            assert max(len(nal) for group in still.groups for unit in group for nal in unit) <= 1100

    def test_groups_begin_with_parameter_sets_and_a_key_frame(self) -> None:
        for group in SLATE.still(VideoFormat(96)).groups:
            kinds = [[nal[0] & 0x1F for nal in unit] for unit in group]
            assert kinds[0][:2] == [h264.SPS, h264.PPS] and set(kinds[0][2:]) == {h264.IDR}
            assert {kind for unit in kinds[1:] for kind in unit} == {h264.SLICE}

    def test_neighbouring_key_frames_differ_in_idr_pic_id(self) -> None:
        """H.264 §7.4.3: so a viewer may be sent one right behind another."""
        first, second = (group[0][2] for group in SLATE.still(VideoFormat(96)).groups)
        assert idr_pic_id(first) != idr_pic_id(second)

    def test_the_rate_is_low(self) -> None:
        still = SLATE.still(VideoFormat(96))
        size_bytes = sum(len(nal) for group in still.groups for unit in group for nal in unit)
        seconds = still.interval_s * sum(len(group) for group in still.groups)
        assert 8 * size_bytes / seconds < 100_000
        assert max(sum(map(len, unit)) for group in still.groups for unit in group) < 20_000

    def test_encoded_once(self) -> None:
        assert SLATE.still(VideoFormat(96)) is SLATE.still(VideoFormat(120, level_idc=22, max_macroblocks=1620))
        assert SLATE.still(VideoFormat(96)) is not SLATE.still(VideoFormat(96), for_seat=True)


class TestSize:
    """a=imageattr (RFC 6236) is a wish; the level is a bound."""

    @pytest.mark.parametrize(
        ("asked", "macroblocks", "kbps", "given"),
        [
            (None, 3600, 960, (480, 640)),
            (None, 1620, 960, (480, 640)),
            (None, 396, 384, (240, 320)),
            (None, 99, 64, (144, 176)),
            (None, 1620, 128, (240, 320)),
            ((480, 640), 3600, 960, (480, 640)),
            ((640, 480), 3600, 960, (640, 480)),
            ((640, 480), 396, 960, (352, 288)),
            ((1280, 720), 3600, 960, (640, 480)),
            ((300, 400), 3600, 960, (288, 352)),
            ((16, 8), 3600, 960, (176, 144)),
            ((8, 16), 3600, 960, (144, 176)),
        ],
    )
    def test_largest_that_fits(
        self, asked: tuple[int, int] | None, macroblocks: int, kbps: int, given: tuple[int, int]
    ) -> None:
        assert size_for(VideoFormat(96, size=asked, max_macroblocks=macroblocks, bitrate_kbps=kbps)) == given


class TestText:
    def test_the_text_is_there(self) -> None:
        picture = SLATE.picture(480, 640)
        assert picture.min() < 40 and picture.max() > 220
        other = Slate("Your doctor will be with you shortly").picture(480, 640)
        assert np.abs(picture.astype(int) - other.astype(int)).max() > 100

    def test_the_callers_and_the_seats_differ(self) -> None:
        assert np.abs(SLATE.picture(480, 640).astype(int) - SLATE.picture(480, 640, for_seat=True)).max() > 100

    def test_what_no_font_has_is_replaced_by_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(draw, "INSTALLED", ("no-such-font.ttf",))
        assert draw.font_for(DEFAULT_TEXT, 24) is not None and draw.font_for("请稍候", 24) is None
        assert (Slate("请稍候").picture(480, 640) == SLATE.picture(480, 640)).all()

    def test_words_wider_than_the_picture_are_cut(self) -> None:
        picture = Slate("x" * 60).picture(480, 640).astype(int)
        assert picture[:, :30].max() < 80 and picture[:, -30:].max() < 80

    def test_long_and_odd_texts_do_not_fail(self) -> None:
        for text in ("", "x" * 200, "word " * 60, "\n\t"):
            assert Slate(text).picture(144, 176).shape == (176, 144, 3)


class TestPictureFile:
    def test_it_is_fitted_in_whole(self, tmp_path: Path) -> None:
        Image.new("RGB", (400, 100), (200, 30, 30)).save(tmp_path / "logo.png")
        slate = Slate.render(picture_path=str(tmp_path / "logo.png"))
        picture = decode(slate.still(VideoFormat(96)))[0].astype(int)
        assert picture.shape == (640, 480, 3)
        assert picture[320, 240, 0] > 150 and picture[320, 240, 1] < 90
        assert picture[320, 4, 0] > 150, "the whole width is used"
        assert picture[100, 240].max() < 60, "the rest is dark"

    def test_jpeg(self, tmp_path: Path) -> None:
        Image.new("RGB", (333, 777), (30, 200, 30)).save(tmp_path / "logo.jpg")
        assert Slate.render(picture_path=str(tmp_path / "logo.jpg")).picture(480, 640)[320, 240, 1] > 150

    @pytest.mark.parametrize("content", [None, b"", b"this is no picture\n" * 50, b"\x89PNG\r\n\x1a\n" + bytes(40)])
    def test_a_bad_file_is_named_with_its_key(self, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "slate.png"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            Slate.render(picture_path=str(path))
        (problem,) = caught.value.problems
        assert problem.startswith(f"media.slate_picture: {path}: ") and "PNG or JPEG" in problem
        assert len(problem.splitlines()) == 1

    def test_a_directory_is_no_picture(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError):
            Slate.render(picture_path=str(tmp_path))


class TestUnaskedSizeFollowsThePicture:
    @pytest.mark.parametrize(
        ("macroblocks", "kbps", "given"),
        [(3600, 960, (640, 480)), (396, 384, (320, 240)), (99, 64, (176, 144))],
    )
    def test_across(self, macroblocks: int, kbps: int, given: tuple[int, int]) -> None:
        assert size_for(VideoFormat(96, max_macroblocks=macroblocks, bitrate_kbps=kbps), landscape=True) == given

    def test_what_was_asked_for_counts_more(self) -> None:
        assert size_for(VideoFormat(96, size=(480, 640)), landscape=True) == (480, 640)


class TestUploadedPictures:
    def _busy(self, size: tuple[int, int]) -> np.ndarray:
        grain = np.random.default_rng(3).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC))

    @pytest.mark.parametrize("limit", [64_000, 24_000, 8_000])
    def test_key_frames_stay_within_their_limit_and_use_it(self, limit: int) -> None:
        size = (480, 640) if limit > 10_000 else (240, 320)
        still = encode_within(self._busy(size), limit)
        sizes = [sum(map(len, group[0])) for group in still.groups]
        assert limit / 4 < max(sizes) <= limit * 1.02  # the second key frame may be a few bytes larger
        assert all(frame.shape[:2] == size[::-1] for frame in decode(still))

    def test_a_simple_picture_is_as_fine_as_the_slate(self) -> None:
        picture = SLATE.picture(480, 640)
        assert encode_within(picture, 64_000).groups == encode(picture).groups

    def test_what_cannot_be_small_is_as_coarse_as_it_can_be(self) -> None:
        still = encode_within(self._busy((480, 640)), 10)
        assert decode(still)

    @pytest.mark.parametrize(("kbps", "given"), [(64, 4_000), (384, 24_000), (960, 64_000), (10_000, 64_000)])
    def test_limits_follow_the_bit_rate(self, kbps: int, given: int) -> None:
        assert key_frame_limit(kbps) == given

    def test_decoded_for_what_stills_need(self) -> None:
        made = io.BytesIO()
        Image.new("RGBA", (2000, 1000), (0, 0, 255, 255)).save(made, "PNG")
        picture = read_picture(made.getvalue())
        assert picture.shape == (320, 640, 3) and (picture == (0, 0, 255)).all()
