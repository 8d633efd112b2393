"""The voice of calls of before, claimed before anything else of them is taken up. asyncio.

After a death of the whole host nobody hears anybody until the relay is open again on this one; dialogs and rooms can
wait that long. So all relays are asked for first, side by side, and their calls come for them as they are made anew.
"""

from __future__ import annotations

import asyncio

import structlog

from splitter.calls.talk.state import Talk
from splitter.calls.talk.voice import VoiceState
from splitter.core.errors import MediaError
from splitter.media.ports.events import MediaEvent, MediaListener
from splitter.media.ports.voice import CarriedRelay, RelayHandle, VoiceEngine


class VoiceClaim:
    """The relay of one call, which is asked for from now on.

    Args:
        turns: so many ask at a time.

    Attributes:
        asking: the task that asks.
        why_again: why it had to be opened again, in words; empty where it went on.
    """

    def __init__(self, engine: VoiceEngine, talk: Talk, relay: RelayHandle, turns: asyncio.Semaphore) -> None:
        self._engine = engine
        self._turns = turns
        self._post: MediaListener | None = None
        self._early: list[MediaEvent] = []
        self.why_again = ""
        self.asking = asyncio.create_task(
            self._ask(talk.call_id, talk.voice, relay), name=f"call {talk.call_id}: voice"
        )

    async def come_for(self, post: MediaListener) -> CarriedRelay:
        """Get it; from now on its events go there. Raises MediaError."""
        carried = await self.asking
        self._post = post
        for event in self._early:
            post(event)
        return carried

    async def drop(self) -> None:
        """Close it: nobody comes for it."""
        try:
            carried = await self.asking
        except MediaError:
            return
        await self._engine.close(carried.handle)

    async def _ask(self, call_id: str, voice: VoiceState, relay: RelayHandle) -> CarriedRelay:
        """The relay of before; where its worker is gone, it is opened again as it was. Raises MediaError."""
        structlog.contextvars.bind_contextvars(call=call_id)
        async with self._turns:
            try:
                return await self._engine.adopt(relay, self._hear)
            except MediaError as error:
                carried = voice.carried(relay)
                await self._engine.restore(carried, voice.opened_with, self._hear)
                self.why_again = str(error)
                return carried

    def _hear(self, event: MediaEvent) -> None:
        if self._post is None:
            self._early.append(event)
        else:
            self._post(event)
