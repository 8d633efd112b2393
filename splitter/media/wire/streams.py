"""The TCP connections of one ICE generation: few, and those that prove nothing are closed. Does no I/O by itself."""

from __future__ import annotations

import structlog

from splitter.core.net import Address
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.host import Datagram, Host, PacketHandler, TcpDoor, TcpStream, Timer
from splitter.media.wire.ice import Agent

STREAMS_LIMIT = 8
"""At a time: a browser has one for each of its networks, and new ones where they broke."""

PROOF_LIMIT_S = 5.0
"""How long a connection may take to show that it knows our password."""

log = structlog.get_logger(__name__)


class Streams:
    """What came in by a door.

    Args:
        loop: arms timers.
        door: whence they come.
        on_frame: takes each packet.
    """

    def __init__(self, loop: Host, door: TcpDoor, on_frame: PacketHandler) -> None:
        self._loop = loop
        self._door: TcpDoor | None = door
        self._on_frame: PacketHandler = on_frame
        self._agent: Agent | None = None
        self._open: dict[StreamAddress, tuple[TcpStream, Timer]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def serve(self, agent: Agent) -> None:
        """Let them in for this agent from now on."""
        self._agent = agent
        if self._door is not None:
            self._door.admit(self._enter)

    def send(self, data: Datagram, to: StreamAddress) -> bool:
        """Send by the connection that this is the other end of. Returns: False where it is lost."""
        found = self._open.get(to)
        return found is not None and found[0].send(data)

    def _enter(self, stream: TcpStream) -> None:
        if len(self._open) >= STREAMS_LIMIT and not self._make_room():
            self._refuse(stream, "crowded")
            return
        former = self._open.get(stream.peer)
        if former is not None:
            self._leave(former[0])
        timer = self._loop.call_later(PROOF_LIMIT_S, lambda: self._prove(stream))
        self._open[stream.peer] = (stream, timer)
        stream.serve(self._on_frame, lambda reason: self._gone(stream, reason))

    def _make_room(self) -> bool:
        """Give up the oldest that nothing goes by; one that knows our password only where all do."""
        assert self._agent is not None
        spare = [peer for peer in self._open if peer != self._agent.path]
        doubted = [peer for peer in spare if peer not in self._agent.known]
        for peer in (doubted or spare)[:1]:
            self._leave(self._open[peer][0])
            return True
        return False

    def _prove(self, stream: TcpStream) -> None:
        if self._agent is not None and stream.peer not in self._agent.known:
            self._leave(stream)
            self._refuse(stream, "unproved")

    def _refuse(self, stream: TcpStream, reason: str) -> None:
        stream.close()
        if self._door is not None:
            self._door.count(reason)

    def _gone(self, stream: TcpStream, reason: str) -> None:
        log.debug("a browser's TCP connection is gone", peer=str(stream.peer), reason=reason)
        self._leave(stream)

    def _leave(self, stream: TcpStream) -> None:
        found = self._open.pop(stream.peer, None)
        if found is None or found[0] is not stream:
            return
        found[1].cancel()
        stream.close()
        if self._agent is not None:
            self._agent.lose(stream.peer)

    def close(self) -> None:
        """End all of them; again is no error."""
        door, self._door, self._agent, self._on_frame = self._door, None, None, _nothing
        for stream, timer in self._open.values():
            timer.cancel()
            stream.close()
        self._open.clear()
        if door is not None:
            door.close()


def _nothing(data: bytearray | memoryview, source: Address, now: float) -> None:
    """Nobody listens any more."""
