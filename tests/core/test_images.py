"""Image files of strangers: pictures come out upright and bounded, or an error says why not."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from splitter.core.errors import PeerError
from splitter.core.images import PIXELS_LIMIT, read_image


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, form, **options)
    return made.getvalue()


class TestPictures:
    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
    def test_of_any_mode_become_rgb(self, mode: str) -> None:
        image = (
            Image.new("I", (40, 20), 60_000) if mode == "I;16" else Image.new("RGB", (40, 20), "white").convert(mode)
        )
        picture = read_image(saved(image, "PNG"), 100)
        assert (picture.mode, picture.size) == ("RGB", (40, 20))
        assert picture.getpixel((10, 10)) == (255, 255, 255)

    def test_sixteen_bits_of_grey(self) -> None:
        picture = read_image(saved(Image.new("I;16", (40, 20), 30_000), "PNG"), 100)
        assert picture.getpixel((10, 10)) == (117, 117, 117)

    def test_sixteen_bits_of_grey_that_are_scaled_down(self) -> None:
        picture = read_image(saved(Image.new("I;16", (400, 200), 30_000), "PNG"), 100)
        assert (picture.size, picture.getpixel((10, 10))) == ((100, 50), (117, 117, 117))

    def test_cmyk_jpeg(self) -> None:
        assert read_image(saved(Image.new("CMYK", (40, 20)), "JPEG"), 100).mode == "RGB"

    @pytest.mark.parametrize("turn", range(1, 9))
    def test_are_turned_upright(self, turn: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = turn
        size = read_image(saved(Image.new("RGB", (40, 20)), "JPEG", exif=exif), 100).size
        assert size == ((40, 20) if turn < 5 else (20, 40))

    def test_are_scaled_down_but_never_up(self) -> None:
        assert read_image(saved(Image.new("RGB", (4000, 1000)), "JPEG"), 640).size == (640, 160)
        assert read_image(saved(Image.new("RGB", (20, 10)), "PNG"), 640).size == (20, 10)

    def test_with_a_transparent_palette(self) -> None:
        image = Image.new("P", (10, 10), 0)
        image.putpalette([0, 0, 0] + [255, 0, 0] * 255)
        assert read_image(saved(image, "PNG", transparency=0), 100).getpixel((5, 5)) == (255, 255, 255)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


class TestStrangers:
    def test_more_pixels_than_allowed_are_not_decoded(self) -> None:
        side = int(PIXELS_LIMIT**0.5) + 1
        head = chunk(b"IHDR", struct.pack("!IIBBBBB", side, side, 8, 2, 0, 0, 0))
        bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
        with pytest.raises(PeerError, match="25 million") as caught:
            read_image(bomb, 100)
        assert caught.value.status == 413

    def test_a_text_bomb_inside_a_png(self) -> None:
        image = saved(Image.new("RGB", (10, 10)), "PNG")
        bomb = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(50_000_000)))
        with pytest.raises(PeerError) as caught:
            read_image(image[:33] + bomb + image[33:], 100)
        assert caught.value.status == 415

    @pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "WEBP", "ICO"])
    def test_other_formats(self, form: str) -> None:
        with pytest.raises(PeerError, match="not a PNG or JPEG"):
            read_image(saved(Image.new("RGB", (32, 32)), form), 100)

    @pytest.mark.parametrize("form", ["PNG", "JPEG"])
    @pytest.mark.parametrize("kind", range(14))
    @pytest.mark.filterwarnings("ignore")  # Pillow says what it thinks of it
    def test_exif_whose_values_are_of_another_kind(self, form: str, kind: int) -> None:
        """Cameras write such things, and it is only the turn that is wanted of it."""
        exif = Image.Exif()
        exif[0x0112], exif[0x010E], exif[0x011A] = 6, "a description", 72.5
        data = exif.tobytes()  # big-endian
        for tag in (0x010E, 0x011A):
            at = data.index(struct.pack(">H", tag))
            data = data[: at + 2] + struct.pack(">H", kind) + data[at + 4 :]
        assert read_image(saved(Image.new("RGB", (40, 20)), form, exif=data), 100).size in ((20, 40), (40, 20))

    @pytest.mark.parametrize("form", ["PNG", "JPEG"])
    def test_damage_anywhere_raises_nothing_else(self, form: str) -> None:
        whole = saved(Image.effect_noise((60, 60), 90).convert("RGB"), form)
        for at in range(0, len(whole), 13):
            broken = bytearray(whole)
            broken[at] ^= 0xFF
            for data in (bytes(broken), whole[:at]):
                try:
                    read_image(data, 100)
                except PeerError as error:
                    assert error.status in (413, 415)
