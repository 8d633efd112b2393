"""Photos of callers: what is kept of them, how many, and how long."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from splitter.core.errors import PeerError
from splitter.core.uploads import PDF_LIMIT_BYTES, UploadKind
from splitter.store import photos
from splitter.store.photos import NoRoomForPhotos, Photos
from tests.patience import until
from tests.telemetry.kit import VirtualClock

PDF = b"%PDF-1.7\n1 0 obj <</OpenAction <</S /JavaScript /JS (app.alert\\(1\\))>>>> endobj\ntrailer <<>>\n%%EOF\n"


def jpeg(size: tuple[int, int] = (64, 48), **more: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG", **more)
    return file.getvalue()


class TestAPhoto:
    async def test_keeps_its_resolution_and_nothing_else(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x010E] = "taken at 39.9, 116.4 <script>"
        kept = Photos(tmp_path / "photos", VirtualClock())
        photo = await kept.add("call", jpeg((3000, 2000), exif=exif) + b"<script>alert(1)</script>")
        assert (photo.number, photo.width, photo.height) == (1, 3000, 2000)
        found = await kept.image("call", 1)
        assert found is not None and b"script" not in found[1] and b"39.9" not in found[1]
        assert await kept.image("other", 1) is None and await kept.image("call", 2) is None

    async def test_of_a_phone_with_24_million_pixels_is_taken_whole(self, tmp_path: Path) -> None:
        photo = await Photos(tmp_path, VirtualClock()).add("call", jpeg((5712, 4284)))
        assert (photo.width, photo.height) == (5712, 4284)

    @pytest.mark.parametrize("data", [b"", b"<svg/>", b"%PDF-1.7", b"GIF89a", jpeg()[:200], b"\xff\xd8\xff<html>"])
    async def test_is_a_picture(self, tmp_path: Path, data: bytes) -> None:
        kept = Photos(tmp_path / "photos", VirtualClock())
        with pytest.raises(PeerError):
            await kept.add("call", data)
        assert not (tmp_path / "photos").exists()

    async def test_is_no_bomb(self, tmp_path: Path) -> None:
        file = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(file, "PNG")
        with pytest.raises(PeerError, match="pixels"):
            await Photos(tmp_path, VirtualClock()).add("call", file.getvalue())

    async def test_has_room_for_some(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(photos, "MOST_OF_CALL", 2)
        kept = Photos(tmp_path, VirtualClock())
        await kept.add("call", jpeg())
        await kept.add("call", jpeg())
        with pytest.raises(NoRoomForPhotos):
            await kept.add("call", jpeg())
        await kept.add("other", jpeg())
        monkeypatch.setattr(photos, "MOST_BYTES", 10)
        with pytest.raises(NoRoomForPhotos):
            await kept.add("third", jpeg())


class TestAPdf:
    async def test_is_kept_as_it_came(self, tmp_path: Path) -> None:
        kept = Photos(tmp_path, VirtualClock())
        await kept.add("call", jpeg())
        added = await kept.add("call", PDF, kind=UploadKind.PDF)
        assert (added.number, added.kind, added.width, added.size_bytes) == (2, UploadKind.PDF, 0, len(PDF))
        again = Photos(tmp_path, VirtualClock())
        await again.start({"call"})
        assert again.of_call("call") == kept.of_call("call")
        found = await again.image("call", 2)
        assert found is not None and found[1] == PDF

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"", 415),
            (jpeg(), 415),
            (b"<html>%PDF-1.7 %%EOF", 415),
            (b"MZ" + PDF, 415),
            (PDF[:-6], 415),
            (PDF + b"<script>" * 200, 415),
            (PDF.ljust(PDF_LIMIT_BYTES + 1), 413),
        ],
    )
    async def test_begins_and_ends_as_one(self, tmp_path: Path, data: bytes, status: int) -> None:
        with pytest.raises(PeerError) as refused:
            await Photos(tmp_path / "photos", VirtualClock()).add("call", data, kind=UploadKind.PDF)
        assert refused.value.status == status and not (tmp_path / "photos").exists()

    async def test_is_no_photo(self, tmp_path: Path) -> None:
        with pytest.raises(PeerError):
            await Photos(tmp_path, VirtualClock()).add("call", PDF)


class TestKeeping:
    async def test_outlives_the_process_and_ends_with_its_call(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = Photos(tmp_path, VirtualClock())
        await first.add("live", jpeg())
        await first.add("over", jpeg())
        (tmp_path / "half.new").write_bytes(b"x")
        monkeypatch.setattr(photos, "KEPT_S", 0.0)
        second = Photos(tmp_path, VirtualClock())
        await second.start({"live"})
        await until(lambda: [path.name.partition(".")[0] for path in tmp_path.iterdir()] == ["live"])
        assert [photo.number for photo in second.of_call("live")] == [1] and not second.of_call("over")
        second.close()
