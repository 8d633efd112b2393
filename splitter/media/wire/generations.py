"""The ICE generations of one wire: the one that carries, one that is to, and those before it. Sends through its host.

opened ──restart──▶ next ──its path is found──▶ current ──the next one's is──▶ before, for a moment
                      └──no path──▶ closed: the current one carries on
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from splitter.core.net import Address
from splitter.media.wire.generation import Generation, GenerationUser, Nobody
from splitter.media.wire.host import Host
from splitter.media.wire.ice import Agent
from splitter.media.wire.times import SecureTimes
from splitter.sdp.webrtc import SecureRemote


class GenerationsUser(GenerationUser, Protocol):
    """Owner of the generations of a wire."""

    def on_no_path(self, generation: Generation, limit_s: float) -> None:
        """A generation has found no path within so many seconds."""
        ...


class _Nobody(Nobody):
    """An owner that hears nothing, once the generations of a wire are closed."""

    def on_no_path(self, generation: Generation, limit_s: float) -> None:
        pass


_NOBODY = _Nobody()


class Generations:
    """The ICE generations of one wire.

    Args:
        user: what comes on any of them goes there.
        host: our address to bind. advertised: what the candidate says instead.

    Attributes:
        current: the one that carries. next: one that was opened by a restart, until it has found its path.
    """

    __slots__ = ("_advertised", "_before", "_host", "_loop", "_times", "_user", "current", "next")

    def __init__(self, user: GenerationsUser, loop: Host, host: str, advertised: str, times: SecureTimes) -> None:
        """Bind a port. Raises MediaUnavailable."""
        self._user: GenerationsUser = user
        self._loop = loop
        self._host, self._advertised = host, advertised
        self._times = times
        self._before: list[Generation] = []
        self.current = self._open()
        self.next: Generation | None = None

    def _open(self) -> Generation:
        return Generation(self._user, self._loop, self._host, self._advertised)

    @property
    def newest(self) -> Generation:
        """The one that our next description tells of."""
        return self.next or self.current

    @property
    def path(self) -> Address | None:
        """Where packets go now."""
        return self.current.agent.path

    def restart(self) -> None:
        """Open another generation. Raises MediaUnavailable."""
        self.drop_next()
        self.next = self._open()

    def drop_next(self) -> None:
        """Close the generation that a restart has opened, if there is one: it is not wanted any more."""
        if self.next is not None:
            self.next.close()
            self.next = None

    def begin(self, generation: Generation, remote: SecureRemote) -> None:
        """Look for a path to the peer."""
        generation.agent.meet(remote.ufrag, remote.password, remote.lite)
        generation.agent.add(remote.candidates)
        generation.task = self._loop.spawn(self._connect(generation))

    def add(self, candidates: tuple[str, ...]) -> Generation | None:
        """Take more candidates of the peer. Returns: the generation whose path is known to be a relay's by them."""
        begun = self.next if self.next is not None and self.next.task is not None else self.current
        relayed = begun.agent.relayed
        begun.agent.add(candidates)
        return begun if begun.agent.relayed > relayed else None

    async def _connect(self, generation: Generation) -> None:
        limit_s = self._times.path_limit_s if generation is self.current else self._times.connect_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await generation.agent.connect()
        except (TimeoutError, ConnectionError):
            generation.task = None  # this one: it is not to be cancelled when the generation is closed
            self._user.on_no_path(generation, limit_s)

    def promote(self, agent: Agent) -> Generation | None:
        """Let the next generation carry, if this is its agent. Returns: the one before, which is heard for a moment."""
        if self.next is None or agent is not self.next.agent:
            return None
        before, self.current, self.next = self.current, self.next, None
        self._before.append(before)
        before.timer = self._loop.call_later(self._times.linger_s, partial(self.forget, before))
        return before

    def forget(self, generation: Generation) -> None:
        """Listen to a former generation no longer."""
        if generation in self._before:
            self._before.remove(generation)
            generation.close()

    def close(self) -> None:
        """Free all ports; again is no error."""
        for generation in (self.current, self.next, *self._before):
            if generation is not None:
                generation.close()
        self.next, self._before = None, []
        self._user = _NOBODY  # nor is anybody held
