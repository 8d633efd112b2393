"""What a room needs of the process it lives in: sockets, timers, clocks. The boundary to the media worker.

A room does no I/O by itself: packets come in through the callbacks of a `Pair` and go out through its methods, so that
tests hand in a loop with virtual time and look at every packet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.core.net import Address

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

    def send_rtp(self, data: bytes | memoryview, to: Address) -> None:
        """Send from the RTP port; a packet that cannot be sent is dropped."""
        ...

    def send_rtcp(self, data: bytes | memoryview, to: Address) -> None:
        """Send from the RTCP port."""
        ...

    def close(self) -> None:
        """Give both ports back."""
        ...


class Loop(Protocol):
    """Ports, timers and clocks."""

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Pair:
        """Bind a pair on one of our addresses. Raises MediaUnavailable."""
        ...

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` once after so many seconds."""
        ...

    def now(self) -> float:
        """Monotonic seconds; the same clock as the packets' times."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        ...
