"""Another slate for workers that carry calls: whether it is another one, and the drawing of it. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from splitter.core.errors import LocalError
from splitter.media.settings import MediaSettings
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.verbs.process import DrawSlate

Look = tuple[object, ...]
"""What makes it another slate: its text, its picture, and what that file holds."""


def look_of(settings: MediaSettings) -> Look:
    """The look of the slate that these settings ask for."""
    text, picture = settings.slate_text, settings.slate_picture
    with suppress(OSError):
        found = Path(picture).stat() if picture else None
        return text, picture, (found.st_mtime_ns, found.st_size) if found else None
    return text, picture, None


async def draw(settings: MediaSettings, clients: Iterable[WorkerClient], limit_s: float) -> None:
    """Have all workers draw this slate, and keep it ready.

    Raises:
        LocalError: one of them cannot.
    """
    verb = DrawSlate(settings.slate_text, settings.slate_picture)
    answers = await asyncio.gather(*(client.ask(verb, limit_s) for client in clients), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise LocalError(f"the waiting picture cannot be drawn: {answer}")
