"""The test picture: what is drawn can be read, whatever happened to it on the way; what is none is not read."""

import numpy as np
import pytest

from splitter.lab.picture import difference, draw, is_black, is_flat, luma_of, luma_of_rgb, read, same_still

SIZES = [(320, 240), (640, 480), (176, 144), (480, 640), (352, 288)]


def _still() -> np.ndarray:
    """Something like a slate: light text-like bars on a dark ground."""
    luma = np.full((240, 320), 40, dtype=np.uint8)
    luma[100:110, 40:280:2] = 220
    luma[130:136, 60:260] = 200
    return luma


def _shrunk(luma: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return luma[  # type: ignore[no-any-return]
        np.arange(rows)[:, None] * luma.shape[0] // rows, np.arange(columns)[None, :] * luma.shape[1] // columns
    ]


class TestReading:
    @pytest.mark.parametrize(("width", "height"), SIZES)
    def test_what_was_drawn(self, width: int, height: int) -> None:
        reading = read(luma_of(draw(200, 70_000, 4_000_000_000, width, height)))
        assert reading is not None
        assert (reading.sender, reading.counter, reading.clock_ms, reading.rotation) == (200, 70_000, 4_000_000_000, 0)

    def test_every_sender(self) -> None:
        assert [read(luma_of(draw(n, n, n))).sender for n in range(256)] == list(range(256))

    def test_counter_and_clock_wrap(self) -> None:
        reading = read(luma_of(draw(1, (1 << 24) + 5, (1 << 32) + 6)))
        assert reading is not None
        assert (reading.counter, reading.clock_ms) == (5, 6)

    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    def test_rotation_is_told(self, rotation: int) -> None:
        turned = np.rot90(luma_of(draw(9, 1234, 5678)), -rotation // 90)  # numpy turns anticlockwise
        reading = read(turned)
        assert reading is not None
        assert (reading.counter, reading.rotation) == (1234, rotation)

    @pytest.mark.parametrize("shape", [(120, 160), (480, 640), (200, 355), (288, 352)])
    def test_scaled(self, shape: tuple[int, int]) -> None:
        reading = read(_shrunk(luma_of(draw(3, 77, 88)), *shape))
        assert reading is not None
        assert reading.counter == 77

    def test_low_contrast_and_noise(self) -> None:
        luma = luma_of(draw(3, 77, 88)).astype(float) * 0.4 + 60
        luma += np.random.default_rng(2).normal(0, 20, luma.shape)
        reading = read(np.clip(luma, 0, 255).astype(np.uint8))
        assert reading is not None
        assert reading.counter == 77


class TestNoReading:
    def test_a_damaged_code_is_refused_not_misread(self) -> None:
        rng = np.random.default_rng(3)
        for trial in range(200):
            luma = luma_of(draw(5, trial, trial)).copy()
            row, column = int(rng.integers(8)), int(rng.integers(12))
            cell = luma[row * 20 : row * 20 + 20, column * 26 : column * 26 + 28]
            cell[:] = 255 - cell
            assert read(luma) is None

    def test_noise(self) -> None:
        rng = np.random.default_rng(4)
        assert all(read(rng.integers(0, 256, (240, 320)).astype(np.uint8)) is None for _ in range(50))

    @pytest.mark.parametrize("level", [0, 16, 128, 235])
    def test_one_level(self, level: int) -> None:
        assert read(np.full((240, 320), level, dtype=np.uint8)) is None

    def test_a_still(self) -> None:
        assert read(_still()) is None

    def test_half_a_picture(self) -> None:
        luma = luma_of(draw(5, 6, 7)).copy()
        luma[80:] = 16
        assert read(luma) is None


class TestMeasures:
    def test_black(self) -> None:
        black = np.full((240, 320), 16, dtype=np.uint8)
        black[3, 4] = 80  # one stray pixel does not make a picture
        assert is_black(black)
        assert is_flat(black)
        assert not is_black(_still())
        assert not is_black(luma_of(draw(1, 2, 3)))

    def test_grey_is_flat_but_not_black(self) -> None:
        grey = np.full((240, 320), 128, dtype=np.uint8)
        assert is_flat(grey)
        assert not is_black(grey)

    def test_a_still_is_known_again_in_another_size_and_coding(self) -> None:
        still = _still()
        noisy = np.clip(still + np.random.default_rng(5).normal(0, 4, still.shape), 0, 255).astype(np.uint8)
        assert same_still(noisy, still)
        assert difference(_shrunk(still, 480, 640), still) < 3

    def test_other_pictures_are_not_that_still(self) -> None:
        still = _still()
        other = np.ascontiguousarray(still[:, ::-1][::-1]) // 2 + 90
        assert not same_still(other, still)
        assert not same_still(np.full((240, 320), 16, dtype=np.uint8), still)
        assert not same_still(luma_of(draw(1, 2, 3)), still)

    def test_luma_of_colours(self) -> None:
        pixels = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
        assert luma_of_rgb(pixels).tolist() == [[16, 235, 82, 41]]
