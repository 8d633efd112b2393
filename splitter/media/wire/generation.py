"""One ICE generation: an agent on a port of ours, and what comes to it told apart. Sends through its host."""

from __future__ import annotations

import asyncio
from typing import Protocol

from splitter.core.limits import Bucket
from splitter.core.net import Address
from splitter.media.wire.host import Host, Timer
from splitter.media.wire.ice import Agent

_STRANGERS_LIMIT = 200
"""STUN messages per second of sources that ICE does not know yet: each costs as much as several packets of media."""


class GenerationUser(Protocol):
    """Owner of a generation.

    Attributes:
        strays: datagrams from sources that ICE does not know, or of no protocol.
    """

    strays: int

    def on_media(self, data: bytearray | memoryview, now: float) -> None:
        """SRTP or SRTCP of a source that ICE knows."""
        ...

    def on_dtls(self, data: bytes, now: float) -> None:
        """DTLS of a source that ICE knows."""
        ...

    def on_agent_path(self, agent: Agent) -> None:
        """The agent has a path, or another one."""
        ...

    def on_heard(self) -> None:
        """The peer proved that it is there."""
        ...


class _Nobody:
    """Who has ended a generation while it had a datagram in hand."""

    strays = 0

    def on_media(self, data: bytearray | memoryview, now: float) -> None:
        pass

    def on_dtls(self, data: bytes, now: float) -> None:
        pass

    def on_agent_path(self, agent: Agent) -> None:
        pass

    def on_heard(self) -> None:
        pass


_NOBODY = _Nobody()


class Generation:
    """One ICE generation: an agent and its port."""

    __slots__ = ("_believed", "_strangers", "_user", "agent", "port", "task", "timer")

    def __init__(self, user: GenerationUser, loop: Host, host: str, advertised: str) -> None:
        self._user: GenerationUser = user
        self._believed: Address | None = None
        self._strangers = Bucket.per_second(_STRANGERS_LIMIT)
        self.task: asyncio.Task[None] | None = None
        self.timer: Timer | None = None
        self.port = loop.open_port(host, self._on_datagram)
        self.agent = Agent(loop, self.port, advertised, user.on_agent_path, user.on_heard)

    def _on_datagram(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        """Tell the protocols apart (RFC 7983 §7). What is not STUN counts only from sources that ICE has checked."""
        first = data[0] if len(data) > 1 else 255
        if 128 <= first <= 191:
            if source is not self._believed:
                if source not in self.agent.known:
                    self._user.strays += 1
                    return
                self._believed = source
            self._user.on_media(data, now)
        elif first <= 3:
            if source in self.agent.known or self._strangers.permit(now):
                self.agent.receive(bytes(data), source)
            else:
                self._user.strays += 1
        elif 20 <= first <= 63 and source in self.agent.known:
            self._user.on_dtls(bytes(data), now)
        else:
            self._user.strays += 1

    def close(self) -> None:
        """Give the port back; again is no error."""
        self.agent.shut()
        for pending in (self.task, self.timer):
            if pending is not None:
                pending.cancel()
        self.task = self.timer = None
        self.port.close()
        self._user = _NOBODY  # nor is anybody held
