"""One ICE generation: an agent on a port of ours, and what comes to it told apart. Sends through its host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from splitter.core.limits import Bucket
from splitter.core.net import Address
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.host import Datagram, Host, Timer
from splitter.media.wire.ice import Agent
from splitter.media.wire.streams import Streams

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


class Nobody:
    """User of a generation that was ended while it had a datagram in hand."""

    strays = 0

    def on_media(self, data: bytearray | memoryview, now: float) -> None:
        pass

    def on_dtls(self, data: bytes, now: float) -> None:
        pass

    def on_agent_path(self, agent: Agent) -> None:
        pass

    def on_heard(self) -> None:
        pass


_NOBODY = Nobody()


class Generation:
    """One ICE generation: an agent, its port, and TCP connections where there are any."""

    __slots__ = ("_believed", "_strangers", "_streams", "_user", "agent", "port", "task", "timer")

    def __init__(self, user: GenerationUser, loop: Host, host: str, advertised: str) -> None:
        self._user: GenerationUser = user
        self._believed: Address | None = None
        self._strangers = Bucket.per_second(_STRANGERS_LIMIT)
        self.task: asyncio.Task[None] | None = None
        self.timer: Timer | None = None
        self.port = loop.open_port(host, self._on_datagram)
        door = loop.open_door(host)
        self._streams = Streams(loop, door, self._on_datagram) if door is not None else None
        self.agent = Agent(loop, self.send, self.port.number, advertised, user.on_agent_path, user.on_heard, door)
        if self._streams is not None:
            self._streams.serve(self.agent)

    def sender(self, path: Address) -> Callable[[Datagram, Address], bool]:
        """What sends to this path, without looking at it each time."""
        return self.send if isinstance(path, StreamAddress) else self.port.send

    def send(self, data: Datagram, to: Address) -> bool:
        """Send by UDP or a TCP connection. Returns: whether it could be sent."""
        if isinstance(to, StreamAddress):
            return self._streams is not None and self._streams.send(data, to)
        return self.port.send(data, to)

    def settle(self, path: Address) -> None:
        """Packets go to and come from here for now."""
        if not isinstance(path, StreamAddress):
            self.port.settle(path)

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
        if self._streams is not None:
            self._streams.close()
        self.port.close()
        self._user = _NOBODY  # nor is anybody held


def path_of(agent: Agent) -> str:
    """Where the path of an agent leads and by what, in words."""
    if isinstance(agent.path, StreamAddress):
        return f"{agent.path} by TCP"
    return f"{agent.path} by a relay of the browser's" if agent.relayed else f"{agent.path} by UDP"


def no_path(generation: Generation, limit_s: float) -> str:
    """Why a generation found no path in so many seconds, in words."""
    agent = generation.agent
    if agent.checks:
        return f"ICE: the browser's checks arrive, but it answered none of ours within {limit_s:g} s"
    if agent.rejected:
        return "ICE: checks came, but with other credentials than ours"
    ways = " or ".join(f"{one.transport.upper()} {one.host}:{one.port}" for one in agent.local_candidates)
    return f"ICE: nothing came from the browser in {limit_s:g} s; does it reach {ways}?"
