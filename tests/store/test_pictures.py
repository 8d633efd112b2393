"""The library of pictures: what is kept is a picture and nothing else, bounded, whole, and gone with its call."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from splitter.core.errors import PeerError
from splitter.core.images import read_image
from splitter.store import pictures
from splitter.store.pictures import (
    IMAGE_LIMIT_BYTES,
    SIDE_LIMIT,
    UPLOAD_LIMIT_BYTES,
    LibraryBounds,
    LibraryFull,
    PictureLibrary,
)
from splitter.store.schema import StoreError
from splitter.telemetry import metrics
from tests.counted import value
from tests.patience import PATIENCE_S


def file(form: str = "PNG", size: tuple[int, int] = (64, 48), colour: str = "red", **options: Any) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, form, **options)
    return made.getvalue()


def noise(form: str, side: int, **options: Any) -> bytes:
    made = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(made, form, **options)
    return made.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestKept:
    @pytest.mark.parametrize(("form", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
    async def test_a_picture_and_what_is_known_of_it(self, tmp_path: Path, form: str, media_type: str) -> None:
        pictures = PictureLibrary(tmp_path / "pictures", wall=lambda: 77.0)
        added = await pictures.add(file(form), "  The \n form\t ")
        assert (added.name, added.width, added.height, added.media_type) == ("The form", 64, 48, media_type)
        assert (added.call_id, added.added_at) == ("", 77.0)
        image = await pictures.image(added.id)
        assert image is not None and len(image) == added.size_bytes
        assert opened(image).format == form and opened(image).size == (64, 48)
        red, green, blue = opened(image).convert("RGB").getpixel((30, 20))  # type: ignore[misc]
        assert red > 240 and green < 15 and blue < 15

    async def test_over_a_restart(self, tmp_path: Path) -> None:
        before = PictureLibrary(tmp_path)
        added = await before.add(file(), "one")
        await before.stop()
        after = PictureLibrary(tmp_path)
        await after.start()
        assert after.all() == [added]
        assert await after.image(added.id) == await before.image(added.id)

    async def test_the_same_picture_once(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        first = await pictures.add(file(), "one")
        assert await pictures.add(file(), "two") == first
        assert len(names(tmp_path)) == 2

    async def test_the_newest_first(self, tmp_path: Path) -> None:
        at = iter((1.0, 2.0, 3.0))
        pictures = PictureLibrary(tmp_path, wall=lambda: next(at))
        ids = [(await pictures.add(file(colour=colour))).id for colour in ("red", "green", "blue")]
        assert [one.id for one in pictures.all()] == ids[::-1]

    async def test_nothing_over_a_restart_without_a_folder(self) -> None:
        pictures = PictureLibrary(None)
        added = await pictures.add(file())
        assert await pictures.image(added.id)
        folder = pictures.folder
        await pictures.stop()
        assert not folder.exists()

    async def test_removed_is_gone(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        added = await pictures.add(file())
        assert await pictures.remove(added.id)
        assert not await pictures.remove(added.id)
        assert await pictures.image(added.id) is None
        assert names(tmp_path) == set()


class TestOfACall:
    async def test_no_other_call_may_show_it(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        for_all = await pictures.add(file())
        mine = await pictures.add(file(), call_id="call-1")
        assert mine.id != for_all.id
        assert await pictures.image(mine.id, "call-1")
        assert await pictures.image(mine.id, "call-2") is None
        assert await pictures.image(mine.id) is None
        assert await pictures.image(for_all.id, "call-2")
        assert {one.id for one in pictures.all("call-1")} == {mine.id, for_all.id}
        assert [one.id for one in pictures.all("call-2")] == [for_all.id]

    async def test_it_goes_with_the_call(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        for_all = await pictures.add(file())
        await pictures.add(file(), call_id="call-1")
        await pictures.forget_call("call-1")
        await pictures.forget_call("")
        assert pictures.all("call-1") == [for_all]
        assert len(names(tmp_path)) == 2

    async def test_after_a_restart_only_live_calls_have_theirs(self, tmp_path: Path) -> None:
        before = PictureLibrary(tmp_path)
        for call_id in ("gone", "live"):
            await before.add(file(), call_id=call_id)
        after = PictureLibrary(tmp_path)
        await after.start({"live"})
        assert [one.call_id for one in (*after.all("live"), *after.all("gone"))] == ["live"]
        assert len(names(tmp_path)) == 2


class TestNormalised:
    async def test_a_photograph_is_turned_upright_and_loses_what_the_camera_wrote(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        exif[0x010E] = "taken at home"
        photograph = Image.new("RGB", (200, 100), "blue")
        photograph.paste("red", (0, 0, 50, 100))  # left, so at the top once it is upright
        made = io.BytesIO()
        photograph.save(made, "JPEG", exif=exif, quality=95)
        pictures = PictureLibrary(tmp_path)
        added = await pictures.add(made.getvalue())
        assert (added.width, added.height) == (100, 200)
        image = await pictures.image(added.id)
        assert image is not None and b"taken at home" not in image
        assert not opened(image).getexif()
        assert opened(image).getpixel((50, 20))[0] > 200  # type: ignore[index]
        assert opened(image).getpixel((50, 180))[2] > 200  # type: ignore[index]

    @pytest.mark.parametrize("size", [(3000, 1000), (1000, 3000), (1281, 1281)])
    async def test_large_ones_are_scaled_down(self, tmp_path: Path, size: tuple[int, int]) -> None:
        added = await PictureLibrary(tmp_path).add(file("JPEG", size))
        assert max(added.width, added.height) == SIDE_LIMIT
        assert abs(added.width / added.height - size[0] / size[1]) < 0.01

    async def test_what_png_cannot_hold_small_becomes_a_jpeg(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        added = await pictures.add(noise("PNG", 1280))
        assert added.media_type == "image/jpeg"
        image = await pictures.image(added.id)
        assert image is not None and len(image) <= IMAGE_LIMIT_BYTES

    async def test_transparent_is_white(self, tmp_path: Path) -> None:
        made = io.BytesIO()
        Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(made, "PNG")
        pictures = PictureLibrary(tmp_path)
        image = await pictures.image((await pictures.add(made.getvalue())).id)
        assert image is not None and opened(image).getpixel((5, 5)) == (255, 255, 255)

    async def test_what_hangs_on_behind_the_picture_is_not_kept(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        image = await pictures.image((await pictures.add(file() + b"<script>alert(1)</script>")).id)
        assert image is not None and b"script" not in image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims so many pixels."""
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


class TestHostile:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"", 415),
            (b"GIF89a" + bytes(100), 415),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
            (b"<html></html>", 415),
            (bomb(30, 30)[:60], 415),
            (bomb(6000, 6000), 413),
            (bomb(60_000, 60_000), 413),
            (bomb(300, 300), 415),
            (file("JPEG", (300, 300))[:400], 415),
            (b"\x89PNG\r\n\x1a\n" + bytes(50), 415),
            (file("GIF"), 415),
            (file("BMP"), 415),
            (file("TIFF"), 415),
        ],
    )
    async def test_is_refused_in_plain_words_and_leaves_nothing(self, tmp_path: Path, data: bytes, status: int) -> None:
        counted = value(metrics.store.PICTURES_REFUSED, "picture")
        with pytest.raises(PeerError) as caught:
            await PictureLibrary(tmp_path).add(data)
        assert value(metrics.store.PICTURES_REFUSED, "picture") == counted + 1
        assert caught.value.status == status
        assert "picture" in caught.value.reason
        assert names(tmp_path) == set()

    async def test_too_many_bytes_are_not_even_looked_at(self, tmp_path: Path) -> None:
        with pytest.raises(PeerError, match="at most") as caught:
            await PictureLibrary(tmp_path).add(bytes(UPLOAD_LIMIT_BYTES + 1))
        assert caught.value.status == 413

    async def test_every_cut_of_a_file_is_a_picture_or_refused(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        for whole in (file("PNG"), file("JPEG")):
            for end in range(0, len(whole), 7):
                try:
                    await pictures.add(whole[:end])
                except PeerError:
                    continue

    async def test_a_name_cannot_be_long_or_carry_control_characters(self, tmp_path: Path) -> None:
        added = await PictureLibrary(tmp_path).add(file(), "\x1b[2J../../etc/passwd\x00" + "x" * 500)
        assert len(added.name) == 100 and added.name.isprintable()
        assert names(tmp_path) == {f"{added.id}.png", f"{added.id}.json"}


class TestBounds:
    async def test_full_is_told(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path, LibraryBounds(pictures=2, pictures_of_call=1))
        await pictures.add(file(colour="red"), call_id="c")
        with pytest.raises(LibraryFull, match="this call has 1"):
            await pictures.add(file(colour="blue"), call_id="c")
        await pictures.add(file(colour="blue"))
        with pytest.raises(LibraryFull, match="2 pictures already"):
            await pictures.add(file(colour="green"))
        await pictures.forget_call("c")
        await pictures.add(file(colour="green"))

    async def test_bytes(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path, LibraryBounds(size_bytes=5000))
        with pytest.raises(LibraryFull, match="5000 bytes"):
            await pictures.add(noise("PNG", 100))


class TestFiles:
    async def test_an_unfinished_upload_is_cleared_away_and_what_is_not_ours_is_left_alone(
        self, tmp_path: Path
    ) -> None:
        whole = await PictureLibrary(tmp_path).add(file())
        (tmp_path / "tmpabc.new").write_bytes(b"half")
        (tmp_path / f"{'0' * 24}.png").write_bytes(b"without description")
        (tmp_path / f"{'1' * 24}.json").write_bytes(b"{broken")
        (tmp_path / "logo.png").write_bytes(b"the operator's")
        pictures = PictureLibrary(tmp_path)
        await pictures.start()
        assert pictures.all() == [whole]
        assert names(tmp_path) == {f"{whole.id}.png", f"{whole.id}.json", "logo.png"}

    async def test_a_picture_that_lost_bytes_is_none(self, tmp_path: Path) -> None:
        whole = await PictureLibrary(tmp_path).add(file())
        (tmp_path / f"{whole.id}.png").write_bytes(b"short")
        pictures = PictureLibrary(tmp_path)
        await pictures.start()
        assert pictures.all() == []

    async def test_a_description_cannot_point_elsewhere(self, tmp_path: Path) -> None:
        folder = tmp_path / "pictures"
        whole = await PictureLibrary(folder).add(file())
        secret = tmp_path / "secret.png"
        secret.write_bytes(b"x" * whole.size_bytes)
        description = folder / f"{whole.id}.json"
        description.write_text(description.read_text().replace(whole.id, "../secret"))
        pictures = PictureLibrary(folder)
        await pictures.start()
        assert pictures.all() == []
        assert secret.exists()

    async def test_a_folder_that_cannot_be_written_is_told_to_who_uploads(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        pictures = PictureLibrary(tmp_path / "file" / "pictures")
        await pictures.start()
        with pytest.raises(StoreError, match="cannot be changed"):
            await pictures.add(file())
        assert pictures.all() == []

    async def test_a_file_that_vanished_is_no_error_for_a_call(self, tmp_path: Path) -> None:
        pictures = PictureLibrary(tmp_path)
        added = await pictures.add(file())
        (tmp_path / f"{added.id}.png").unlink()
        assert await pictures.image(added.id) is None


class TestTheEventLoop:
    async def test_goes_on_while_a_large_picture_is_decoded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop_went_on = threading.Event()

        def decoded_meanwhile(data: bytes, side_limit: int) -> Image.Image:
            assert loop_went_on.wait(PATIENCE_S)
            return read_image(data, side_limit)

        monkeypatch.setattr(pictures, "read_image", decoded_meanwhile)
        adding = asyncio.ensure_future(PictureLibrary(tmp_path).add(noise("JPEG", 2400, quality=60)))
        asyncio.get_running_loop().call_later(0.01, loop_went_on.set)
        assert (await adding).width == SIDE_LIMIT
