"""The taps that calls use: relays and rooms of the supervised workers are recorded. Does I/O (asyncio)."""

from __future__ import annotations

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.recording import RecordingTap
from splitter.media.worker.pool import Pool
from splitter.media.worker.verbs.ask_sender import AskSender
from splitter.media.worker.verbs.tap_media import TapMedia


class WorkerTaps:
    """Taps of what the workers carry. As `splitter.media.ports.recording.MediaTaps`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tap(self, media_id: str, tap: RecordingTap | None) -> None:
        held = self._pool.holdings.get(media_id)
        if held is None:
            raise MediaUnavailable("no media worker carries it: an rtpengine records nothing for us")
        await self._pool.ask(held, TapMedia(media_id, tap))

    async def key_frame(self, media_id: str, name: str) -> None:
        held = self._pool.holdings.get(media_id)
        if held is None:
            raise MediaUnavailable("no media worker has it")
        await self._pool.ask(held, AskSender(media_id, name))
