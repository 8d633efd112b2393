"""The library of uploaded pictures: files beside the store, for callers to be shown. Does I/O, in threads.

What strangers upload is decoded and written anew, so that nothing but a picture is kept. A picture is two files,
`ID.png` or `ID.jpg` and then `ID.json`, each moved into place when it is whole: what misses one of them is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from PIL import Image

from splitter.core.errors import UNREADABLE, PeerError
from splitter.core.images import read_image
from splitter.store.schema import StoreError
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

UPLOAD_LIMIT_BYTES = 8_000_000
IMAGE_LIMIT_BYTES = 2 << 20  # what the media engine takes
SIDE_LIMIT = 1280  # pixels
NAME_LIMIT = 100  # characters
_PNG = b"\x89PNG\r\n\x1a\n"
_QUALITIES = (90, 80, 60, 40)  # of JPEG; at 1280 x 1280 pixels the last one fits in any case
_ID_DIGITS = 24
_OURS = re.compile(r"[0-9a-f]{24}\.(png|jpg|json)|.*\.new")

T = TypeVar("T")


class LibraryFull(StoreError):
    """The library has no room for another picture: one must be deleted first."""


@dataclass(frozen=True, slots=True)
class LibraryBounds:
    """The bounds of what the library keeps.

    Attributes:
        pictures, size_bytes: of the library with those of calls.
        pictures_of_call: of one call.
    """

    pictures: int = 500
    size_bytes: int = 500_000_000
    pictures_of_call: int = 16


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One picture. `call_id`: the only call that may show it, "" for all. `added_at`: Unix seconds."""

    id: str
    name: str
    width: int
    height: int
    call_id: str
    media_type: str
    size_bytes: int
    added_at: float


class PictureLibrary:
    """The uploaded pictures.

    Args:
        folder: where they are kept, made if need be; None keeps nothing over a restart.
        wall: the time, Unix seconds.
    """

    def __init__(
        self, folder: Path | None, bounds: LibraryBounds | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pictures-"))
        self._bounds = bounds or LibraryBounds()
        self._wall = wall
        self._pictures: dict[str, StoredPicture] = {}
        self._changing = asyncio.Lock()  # also bounds the memory for decoding: one picture at a time

    async def start(self, live_calls: Container[str] = ()) -> None:
        """Find what is there. Pictures of calls that are gone are deleted, and what is left of unfinished uploads.

        A folder that cannot be read is an alarm in the log, not an error: calls do without pictures.
        """
        try:
            self._pictures = await asyncio.to_thread(_load, self.folder, live_calls)
        except OSError as error:
            log.error("the pictures cannot be read", folder=str(self.folder), reason=str(error))

    async def stop(self) -> None:
        """Forget what was not to be kept."""
        if self._temporary:
            await asyncio.to_thread(shutil.rmtree, self.folder, True)

    def all(self, call_id: str = "") -> list[StoredPicture]:
        """The pictures that every call may show, and those of one call; the newest first."""
        found = [one for one in self._pictures.values() if one.call_id in ("", call_id)]
        return sorted(found, key=lambda one: one.added_at, reverse=True)

    def get(self, picture_id: str) -> StoredPicture | None:
        return self._pictures.get(picture_id)

    async def add(self, data: bytes, name: str = "", call_id: str = "") -> StoredPicture:
        """Keep a picture; the same one again is the one that is there.

        Args:
            data: a PNG or JPEG file.
            name: for people to choose by.
            call_id: the only call that may show it.
        Raises:
            PeerError: status 413, too large; 415, not a picture.
            LibraryFull: there is no room.
            StoreError: it cannot be written.
        """
        try:
            return await self._add(data, name, call_id)
        except (PeerError, LibraryFull) as refused:
            metrics.store.PICTURES_REFUSED.labels("full" if isinstance(refused, LibraryFull) else "picture").inc()
            log.warning("a picture was refused", reason=str(refused), size_bytes=len(data), call=call_id)
            raise

    async def _add(self, data: bytes, name: str, call_id: str) -> StoredPicture:
        if len(data) > UPLOAD_LIMIT_BYTES:
            raise PeerError(f"the picture has {len(data)} bytes: {UPLOAD_LIMIT_BYTES} at most", 413)
        async with self._changing:
            image, media_type, size = await asyncio.to_thread(_normalised, data)
            # The call is a part of the id, so that one call's picture is never another's, though they look the same.
            picture_id = hashlib.sha256(call_id.encode() + b"\0" + image).hexdigest()[:_ID_DIGITS]
            known = self._pictures.get(picture_id)
            if known is not None:
                return known
            self._check_room(len(image), call_id)
            name = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:NAME_LIMIT]
            picture = StoredPicture(picture_id, name, *size, call_id, media_type, len(image), self._wall())
            await self._written(lambda: _save(self.folder, picture, image))
            self._pictures[picture_id] = picture
            return picture

    def _check_room(self, size_bytes: int, call_id: str) -> None:
        bounds, pictures = self._bounds, self._pictures.values()
        if len(pictures) >= bounds.pictures:
            raise LibraryFull(f"there are {len(pictures)} pictures already: delete some first")
        if sum(one.size_bytes for one in pictures) + size_bytes > bounds.size_bytes:
            raise LibraryFull(f"the pictures would take more than {bounds.size_bytes} bytes: delete some first")
        if call_id and sum(one.call_id == call_id for one in pictures) >= bounds.pictures_of_call:
            raise LibraryFull(f"this call has {bounds.pictures_of_call} pictures already: delete some first")

    async def image(self, picture_id: str, call_id: str = "") -> bytes | None:
        """The file of a picture that this call may show; None where there is none, or it cannot be read."""
        picture = self._pictures.get(picture_id)
        if picture is None or picture.call_id not in ("", call_id):
            return None
        try:
            return await asyncio.to_thread(_path(self.folder, picture).read_bytes)
        except OSError as error:
            log.error("a picture cannot be read", picture=picture_id, reason=str(error))
            return None

    async def remove(self, picture_id: str) -> bool:
        """Delete a picture; False where there is none. Who is shown it now still is."""
        async with self._changing:
            picture = self._pictures.pop(picture_id, None)
            if picture is not None:
                await self._written(lambda: _delete(self.folder, picture))
        return picture is not None

    async def forget_call(self, call_id: str) -> None:
        """A call has ended, and its pictures with it."""
        for picture in [one for one in self._pictures.values() if call_id and one.call_id == call_id]:
            try:
                await self.remove(picture.id)
            except StoreError as error:
                log.error("a picture cannot be deleted", picture=picture.id, call=call_id, reason=str(error))

    async def _written(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StoreError(f"the pictures cannot be changed: {error.strerror or error}") from error


def _normalised(data: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """Decode a file and write it anew: (file, media type, size)."""
    picture = read_image(data, SIDE_LIMIT)
    if data.startswith(_PNG):  # drawings and text; photographs are too large in this form
        image = _encoded(picture, "PNG", optimize=True)
        if len(image) <= IMAGE_LIMIT_BYTES:
            return image, "image/png", picture.size
    for quality in _QUALITIES:
        image = _encoded(picture, "JPEG", quality=quality)
        if len(image) <= IMAGE_LIMIT_BYTES:
            break
    return image, "image/jpeg", picture.size


def _encoded(picture: Image.Image, form: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


# ---- files -------------------------------------------------------------------------------------------------------


def _path(folder: Path, picture: StoredPicture) -> Path:
    return folder / f"{picture.id}.{'png' if picture.media_type == 'image/png' else 'jpg'}"


def _save(folder: Path, picture: StoredPicture, image: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = _path(folder, picture)
    try:
        _write(path, image)
        _write(path.with_suffix(".json"), msgspec.json.encode(picture))
    except OSError:
        _delete(folder, picture)
        raise


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there, whatever happens meanwhile."""
    handle, made = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def _delete(folder: Path, picture: StoredPicture) -> None:
    path = _path(folder, picture)
    path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _load(folder: Path, live_calls: Container[str]) -> dict[str, StoredPicture]:
    """What is whole in a folder; of the rest, what has names like ours is deleted."""
    found: dict[str, StoredPicture] = {}
    kept: set[Path] = set()
    if not folder.is_dir():
        return found
    for description in sorted(folder.glob("*.json")):
        with contextlib.suppress(*UNREADABLE, OSError):
            picture = msgspec.json.decode(description.read_bytes(), type=StoredPicture)
            path = _path(folder, picture)
            whole = path.with_suffix(".json") == description and path.stat().st_size == picture.size_bytes
            if whole and (not picture.call_id or picture.call_id in live_calls):
                found[picture.id] = picture
                kept |= {path, description}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path not in kept:
            path.unlink(missing_ok=True)
    return found
