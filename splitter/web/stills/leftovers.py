"""Stills that were put up for one call alone: they go when it ends. asyncio; the store does the I/O."""

from __future__ import annotations

import asyncio

from splitter.store.pictures import PictureLibrary


class Leftovers:
    """Clears away what calls leave behind; nobody waits for it but whoever stops it."""

    def __init__(self, pictures: PictureLibrary) -> None:
        self._pictures = pictures
        self._clearing: set[asyncio.Task[None]] = set()

    def clear(self, call_id: str) -> None:
        """A call is over: its pictures go."""
        if not any(picture.call_id for picture in self._pictures.all(call_id)):
            return
        task = asyncio.create_task(self._pictures.forget_call(call_id), name="forget pictures")
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    async def stop(self) -> None:
        """Wait for what is being cleared away."""
        if self._clearing:
            await asyncio.wait(self._clearing)
