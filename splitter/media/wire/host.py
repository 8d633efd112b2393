"""What wires, relays and rooms need of the process they live in: ports, timers, clocks. Types only.

None of them does I/O by itself: packets come in through the callbacks of a `Pair` or `Port` and go out through its
methods, so that tests hand in a host with virtual time and look at every packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol, TypeVar

from splitter.core.net import Address
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.pairs import Stragglers

T = TypeVar("T")

Datagram = bytes | bytearray | memoryview

PacketHandler = Callable[[bytearray | memoryview, Address, float], None]
"""Called with one datagram, its source, and the time. The view is valid only during the call."""


class Timer(Protocol):
    """A call that was put off."""

    def cancel(self) -> None:
        """Forget it; harmless when it has run."""
        ...


class Pair(Protocol):
    """An RTP port and the RTCP port above it."""

    @property
    def rtp_port(self) -> int: ...

    @property
    def rtcp_port(self) -> int: ...

    @property
    def missed(self) -> int:
        """Packets that the kernel kept from us: a flood of strays, and any that it had no room for."""
        ...

    def send_rtp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        """Send from the RTP port. Returns: whether it could be sent; else it is as if lost on the way."""
        ...

    def send_rtcp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        """Send from the RTCP port, likewise."""
        ...

    @property
    def late(self) -> Stragglers:
        """Peers that are not to be learned: the pair was another's not long ago."""
        ...

    def settle(self, peer: Address) -> None:
        """RTP goes to and comes from `peer` for now: what makes that cheap may be done. Others are still heard."""
        ...

    def close(self, late: Collection[Address] | None = None) -> None:
        """Give both ports back."""
        ...


class Port(Protocol):
    """One port for all that a WebRTC peer sends (RFC 5761, RFC 7983)."""

    @property
    def number(self) -> int: ...

    def send(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        """Send. Returns: whether it could be sent; else it is as if lost on the way."""
        ...

    def settle(self, peer: Address) -> None:
        """Packets go to and come from `peer` for now: what makes that cheap may be done. Others are still heard."""
        ...

    def close(self) -> None:
        """Give the port back; again is no error."""
        ...


class TcpStream(Protocol):
    """A TCP connection of a peer that carries datagrams."""

    @property
    def peer(self) -> StreamAddress: ...

    def serve(self, on_frame: PacketHandler, on_gone: Callable[[str], None]) -> None:
        """Begin to read. `on_gone` is told why there will be no more, but not after `close`."""
        ...

    def send(self, data: Datagram) -> bool:
        """Send. Returns: whether it could be sent; else it is as if lost on the way."""
        ...

    def close(self) -> None:
        """End it; again is no error."""
        ...


class TcpDoor(Protocol):
    """Where TCP connections come in for one ICE user.

    Attributes:
        ufrag: of that user.
        port: what candidates say.
    """

    @property
    def ufrag(self) -> str: ...

    @property
    def port(self) -> int: ...

    def admit(self, on_stream: Callable[[TcpStream], None]) -> None:
        """Hand connections out from now on."""
        ...

    def count(self, reason: str) -> None:
        """Count one that was refused."""
        ...

    def close(self) -> None:
        """Let nobody in any more; again is no error."""
        ...


class Host(Protocol):
    """Ports, timers and clocks."""

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Pair:
        """Bind a pair on one of our addresses. Raises MediaUnavailable."""
        ...

    def reopen_pair(self, port: int, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Pair:
        """Bind the pair whose even port this is. Raises MediaUnavailable."""
        ...

    def open_port(self, network_host: str, on_datagram: PacketHandler) -> Port:
        """Bind one port on one of our addresses. Raises MediaUnavailable."""
        ...

    def open_door(self, network_host: str) -> TcpDoor | None:
        """Make an ICE user for whom TCP connections come in on one of our addresses; None where there is no TCP."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine beside the packets; it is cancelled when its owner is closed."""
        ...

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` once after so many seconds."""
        ...

    def in_thread(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Do slow work beside the packets; `done` is told what came of it, unless its owner was closed meanwhile."""
        ...

    def now(self) -> float:
        """Monotonic seconds; the same clock as the packets' times."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        ...
