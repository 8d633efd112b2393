"""Transports by which browsers see, before a call, whether pictures would find a way. Does I/O (asyncio).

A check is an adapter that leads nowhere: ICE and DTLS come about as in a call, by the same network and ports, and that
is all. It is of no call, so it stands in no record; it ends by itself after a moment.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import structlog

from splitter.core.errors import MediaError, MediaUnavailable, PeerError
from splitter.core.ids import IdSource
from splitter.media.ports.adapters import AdapterEngine, AdapterHandle, AdapterSetting
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.sdp import webrtc
from splitter.sdp.model import Origin, Session

LASTS_S = 15.0
"""A check is over by then: browsers give up after eight."""

CHECKS_LIMIT = 20
"""At a time, of all browsers."""

_KBPS = 960
log = structlog.get_logger(__name__)


class ChecksFull(MediaUnavailable):
    """Refusal of one check more than there may be at a time; the media are in order."""


class PathChecks:
    """The checks that are under way.

    Args:
        network: where browsers' video comes in.
    """

    def __init__(self, engine: AdapterEngine, network: str, ids: IdSource) -> None:
        self._engine, self._network, self._ids = engine, network, ids
        self._open: dict[str, tuple[str, AdapterHandle | None]] = {}  # by id: whose it is
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def begin(self, owner: str, offer: Session, network: str = "") -> tuple[str, Session]:
        """Begin a check. Each owner has one, and another one ends the one before.

        Args:
            owner: "" for strangers: they have as many as there may be, and their candidates are not checked.
            network: where this browser's video comes in, if not where all others' does.
        Returns: its id, and our answer.
        Raises:
            PeerError: status 488, the offer cannot be used.
            MediaError: there are no ports. ChecksFull: too many check.
        """
        offer = webrtc.resolved(offer)
        index, chosen = webrtc.choose_secure(offer)
        remote = webrtc.read_secure(offer, index)
        if not owner:  # as in their calls, and for the same reason: see `sdp.webcaller.transport_of`
            remote = replace(remote, candidates=())
        for former in [id for id, (whose, _) in self._open.items() if whose == owner != ""]:
            await self.end(owner, former)
        if len(self._open) >= CHECKS_LIMIT:
            raise ChecksFull("too many browsers check their path", 5)
        id = self._ids.call()
        self._open[id] = owner, None
        try:
            adapter = await self._engine.open_adapter(f"path-{id}", network or self._network, partial(self._heard, id))
        except BaseException:
            self._open.pop(id, None)
            raise
        if id not in self._open:  # its owner has begun another one meanwhile
            await self._close(adapter)
            raise ChecksFull("another check took its place", 1)
        self._open[id] = owner, adapter
        asyncio.get_running_loop().call_later(LASTS_S, self._expire, id)
        try:
            await self._engine.set_adapter(adapter, AdapterSetting(secure=remote))
            line = webrtc.answer_line(offer, index, chosen, adapter.public, adapter.secure, "inactive", _KBPS)
            return id, webrtc.answer(offer, index, line, Origin.of(adapter.public.host, 1))
        except (MediaError, PeerError):
            await self.end(owner, id)
            raise

    async def end(self, owner: str, id: str) -> None:
        """End a check; harmless where there is none."""
        whose, adapter = self._open.get(id, (None, None))
        if whose == owner:
            del self._open[id]
            if adapter is not None:
                await self._close(adapter)

    def _heard(self, id: str, event: MediaEvent) -> None:
        """The transport has told; what it is told of is the trace of no call."""
        if not isinstance(event, TransportChanged):
            self._expire(id)
        elif event.state == "connected":
            log.info("a browser's path was checked", path=event.reason)

    def _expire(self, id: str) -> None:
        _, adapter = self._open.pop(id, ("", None))
        if adapter is not None:
            task = asyncio.get_running_loop().create_task(self._close(adapter))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _close(self, adapter: AdapterHandle) -> None:
        try:
            await self._engine.close_adapter(adapter)
        except MediaError as error:
            log.info("the transport of a check is left to its worker", reason=str(error))
