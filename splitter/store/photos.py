"""Photos and PDFs that callers have sent from the guests' page, as files. Does I/O, in threads.

A photo of a stranger is decoded and written anew in full resolution, so that nothing but a picture is kept: no script,
no place where it was taken. A PDF is kept as it came, and nobody may take it for checked. A file is
`CALL.NUMBER.MILLISECONDS.WIDTHxHEIGHT.jpg`, or `….0x0.pdf`. They go some time after their call.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.images import read_image
from splitter.core.uploads import UploadKind, check_pdf
from splitter.store.schema import StoreError
from splitter.telemetry import metrics

UPLOAD_LIMIT_BYTES = 15_000_000
MOST_OF_CALL = 10
MOST_BYTES = 500_000_000  # of all calls
KEPT_S = 600.0  # after the end of the call
_LARGEST_SIDE = 20_000  # no photo is scaled down: its pixels are bounded when it is read
_QUALITY = 92
_NAME = re.compile(r"([\w-]{1,64})\.(\d{1,4})\.(\d{1,18})\.(\d{1,5})x(\d{1,5})\.(jpg|pdf)", re.ASCII)

log = structlog.get_logger(__name__)


class NoRoomForPhotos(StoreError):
    """The call has sent as many photos as it may, or all calls have."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, or PDF, that is kept. `number`: in its call, from 1 on; `taken_at`: when it came, Unix seconds.

    A PDF has no width and height.
    """

    call_id: str
    number: int
    width: int
    height: int
    size_bytes: int
    taken_at: float
    kind: UploadKind = UploadKind.PHOTO

    @property
    def name(self) -> str:
        """The name of its file."""
        size = f"{self.width}x{self.height}"
        return f"{self.call_id}.{self.number}.{round(self.taken_at * 1000)}.{size}.{self.kind.suffix}"


class Photos:
    """The photos of all calls.

    Args:
        folder: made if need be; None keeps none.
        told: of each one that is kept, with its file.
    """

    def __init__(
        self, folder: Path | None, clock: Clock, told: Callable[[Photo, bytes], None] = lambda photo, image: None
    ) -> None:
        self._tell = told
        self._folder = folder
        self._clock = clock
        self._kept: dict[tuple[str, int], Photo] = {}
        self._changing = asyncio.Lock()  # also bounds the memory for decoding: one at a time
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def start(self, live: Container[str]) -> None:
        """Find what a former process has left; of calls that do not live, for as long as it would have kept it."""
        if self._folder is None:
            return
        try:
            found = await asyncio.to_thread(_found, self._folder)
        except OSError as error:
            log.error("photos of before cannot be read", folder=str(self._folder), reason=str(error))
            return
        for photo in found:
            self._kept[photo.call_id, photo.number] = photo
            if photo.call_id not in live:
                self.ended(photo.call_id)

    async def add(self, call_id: str, data: bytes, before: int = 0, kind: UploadKind = UploadKind.PHOTO) -> Photo:
        """Keep a photo or a PDF.

        Args:
            before: the number of the newest one of the call, which another node may have kept.
            kind: what it is said to be.
        Raises:
            PeerError: status 413, too large; 415, something else.
            NoRoomForPhotos: there is no room.
            StoreError: it cannot be written.
        """
        folder = self._folder
        if folder is None:
            raise StoreError("this gateway keeps no photos")
        async with self._changing:
            self._check_room(call_id, 0)
            try:
                file, size = await asyncio.to_thread(_to_keep, data, kind)
            except PeerError:
                metrics.store.PICTURES_REFUSED.labels("picture" if kind is UploadKind.PHOTO else "pdf").inc()
                raise
            self._check_room(call_id, len(file))
            number = 1 + max((photo.number for photo in self.of_call(call_id)), default=0)
            number = max(number, before + 1)
            photo = Photo(call_id, number, *size, len(file), self._clock.wall(), kind)
            try:
                await asyncio.to_thread(_write, folder / photo.name, file)
            except OSError as error:
                raise StoreError(f"the photo cannot be kept: {error.strerror or error}") from error
            self._kept[call_id, number] = photo
        self._tell(photo, file)
        return photo

    def of_call(self, call_id: str) -> list[Photo]:
        """The photos of a call, the oldest first."""
        return sorted((one for one in self._kept.values() if one.call_id == call_id), key=lambda one: one.number)

    async def image(self, call_id: str, number: int) -> tuple[Photo, bytes] | None:
        """A photo or PDF and its file; None where there is none, or it cannot be read."""
        photo = self._kept.get((call_id, number))
        if photo is None or self._folder is None:
            return None
        try:
            return photo, await asyncio.to_thread((self._folder / photo.name).read_bytes)
        except OSError as error:
            log.error("a photo cannot be read", call_id=call_id, number=number, reason=str(error))
            return None

    def ended(self, call_id: str) -> None:
        """The call is over: its photos are for a while yet."""
        if call_id not in self._timers and any(photo.call_id == call_id for photo in self._kept.values()):
            loop = asyncio.get_running_loop()
            self._timers[call_id] = loop.call_later(KEPT_S, self._forget, call_id)

    def close(self) -> None:
        """Stop setting timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _check_room(self, call_id: str, size_bytes: int) -> None:
        full = sum(photo.size_bytes for photo in self._kept.values()) + size_bytes > MOST_BYTES
        if full or len(self.of_call(call_id)) >= MOST_OF_CALL:
            metrics.store.PICTURES_REFUSED.labels("full").inc()
            raise NoRoomForPhotos(
                "no more files can be kept" if full else f"a call sends {MOST_OF_CALL} photos and files at most"
            )

    def _forget(self, call_id: str) -> None:
        self._timers.pop(call_id, None)
        gone = self.of_call(call_id)
        for photo in gone:
            del self._kept[photo.call_id, photo.number]
        if self._folder is not None:
            asyncio.get_running_loop().run_in_executor(None, _delete, [self._folder / photo.name for photo in gone])


def _to_keep(data: bytes, kind: UploadKind) -> tuple[bytes, tuple[int, int]]:
    """The file that is kept of what came, with width and height."""
    if kind is UploadKind.PDF:
        check_pdf(data)
        return data, (0, 0)
    if len(data) > UPLOAD_LIMIT_BYTES:
        raise PeerError(f"the photo has {len(data)} bytes: {UPLOAD_LIMIT_BYTES} at most", 413)
    picture, file = read_image(data, _LARGEST_SIDE), io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue(), picture.size


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all; for us alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".new")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)


def _delete(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.error("a photo cannot be deleted", file=path.name, reason=str(error))


def _found(folder: Path) -> list[Photo]:
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            call_id, number, at_ms, width, height, suffix = match.groups()
            sizes = (int(width), int(height), path.stat().st_size)
            kind = next(one for one in UploadKind if one.suffix == suffix)
            found.append(Photo(call_id, int(number), *sizes, int(at_ms) / 1000, kind))
        elif path.suffix == ".new":
            path.unlink(missing_ok=True)
    return found
