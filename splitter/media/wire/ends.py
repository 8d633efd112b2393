"""What a participant and its way to the peer know of each other. Types only.

There are two ways: plain RTP on two ports (`plain`), and WebRTC on one (`secure`). On either sits a `bundle`, and on
that sit those who send and receive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.core.net import Address
from splitter.media.fast.way import ShortWay
from splitter.media.ports.rooms import ParticipantMedia
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import RtcpPacket

NOWHERE = Address("", 0)

# RTCP costs far more to read than to send.
RTCP_DATAGRAMS = 100
"""Of one participant in a second: a receiver that loses much sends half as many."""
RTCP_BYTES = 1500
"""Of one datagram: no path carries more in one piece, and one in many pieces could ask for thousands of packets."""

Seal = Callable[[bytes], memoryview | None]
"""Makes of a packet what goes over the wire; None where it cannot, or must not."""


class WireEnd(Protocol):
    """User of a wire: a participant."""

    @property
    def way(self) -> ShortWay | None:
        """Ends of short ways; None where the wire is not its own."""
        ...

    @property
    def taken(self) -> int:
        """Packets of the peer's stream so far."""
        ...

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be a packet of the participant's stream; asked before its source is believed."""
        ...

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of the peer; the view is valid only during the call."""
        ...

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        """What the peer reports and asks."""
        ...

    def on_path(self, to: Address, now: float) -> None:
        """The peer is found, or found elsewhere: RTP goes there from now on, or with port 0 nowhere."""
        ...

    def on_stranger(self, source: Address, packets: int) -> None:
        """Nothing of the peer comes, but this, from where SDP did not say."""
        ...

    def on_doubt(self, source: Address) -> None:
        """Encrypted packets come, and the keys do not open them."""
        ...

    def on_lost(self, reason: str) -> None:
        """Nothing will come for now."""
        ...


class Wire(Protocol):
    """The way to the peer.

    Attributes:
        packet_limit: bytes of an RTP packet that paths of this kind are known to carry.
    """

    packet_limit: int

    @property
    def seal_rtp(self) -> Seal | None:
        """Encrypts a packet, once; valid until the next call. None on a wire without keys."""
        ...

    @property
    def ports(self) -> tuple[int, int]:
        """Ports of ours for RTP and RTCP; twice the same where they share one."""
        ...

    @property
    def to(self) -> Address:
        """Where RTP goes; port 0 means nowhere."""
        ...

    @property
    def rejected(self) -> int:
        """Datagrams that were not believed to be the peer's."""
        ...

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Take what was negotiated (again), or (None) pause. Raises LocalError where it is for another kind of wire."""
        ...

    def send_rtp(self, data: bytes | memoryview, to: Address) -> object:
        """Send what was sealed, or needs no seal, to what `on_path` said."""
        ...

    def send_rtcp(self, data: bytes) -> None:
        """Send where RTCP goes, if that is known."""
        ...

    def close(self) -> None:
        """Give the ports back."""
        ...


class BundledWire(Wire, Protocol):
    """The way to the peer, as a bundle has it."""

    def serve(self, end: WireEnd) -> None:
        """Hand what comes to this end from now on."""
        ...
