"""One stream of an adapter, voice or picture: what comes from the browser goes on as it is, and back.

Payloads stay as they are, and so do SSRCs and sequence numbers: there is nothing that the two sides could disagree on.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.core.net import Address
from splitter.media.fast.way import ShortWay
from splitter.media.ports.ends import RemoteEnd
from splitter.media.wire.bundle import Bundle, Strand, StreamKey
from splitter.media.wire.host import Host
from splitter.rtp import rtcp
from splitter.rtp.packet import HEADER_SIZE, Buffer
from splitter.rtp.rtcp import RtcpPacket

SSRC_LIMIT = 16
"""SSRCs of one plain side that are remembered, to know which reports are about them."""


class AdapterStream:
    """A stream as it is: its plain pair of ports, and its half of the bundle.

    Attributes:
        ports: ours, RTP and RTCP.
        taken: packets of the browser so far.
        rejected: packets that did not come from where the relay or the room is.
        way: none: packets are told apart first.
    """

    way: ShortWay | None = None

    def __init__(self, host: Host, at: str, bundle: Bundle) -> None:
        self._pair = host.open_pair(at, self._on_plain_rtp, self._on_plain_rtcp)
        self._wire = bundle.wire
        self._remote: RemoteEnd | None = None
        self._ours: set[int] = set()
        self._inwards: dict[int, int] = {}  # payload types that have another number on the other side
        self._outwards: dict[int, int] = {}
        self.taken = self.rejected = 0
        self._strand: Strand = bundle.attach(StreamKey("", None, frozenset()), self)

    @property
    def ports(self) -> tuple[int, int]:
        return self._pair.rtp_port, self._pair.rtcp_port

    def accept(self, payload_types: tuple[tuple[int, int], ...]) -> None:
        """Take packets of these payload types from the browser for packets of this stream; see `AdapterSetting`."""
        self._inwards = {theirs: ours for theirs, ours in payload_types if theirs != ours}
        self._outwards = {ours: theirs for theirs, ours in self._inwards.items()}
        self._strand.rekey(replace(self._strand.key, payload_types=frozenset(theirs for theirs, _ in payload_types)))

    def point(self, remote: RemoteEnd | None) -> None:
        """Say where the relay or the room is; None: nothing goes there or comes from there."""
        if remote != self._remote:
            self._remote = remote
            if remote is not None:
                self._pair.settle(remote.rtp)

    def close(self) -> None:
        """Give the ports back, leave the bundle, and let go of all that knows it: it is freed at once."""
        remote, self._remote = self._remote, None
        self._pair.close((remote.rtp, remote.rtcp) if remote is not None else ())
        self._strand.close()
        del self._strand, self._wire

    # ---- from the relay or the room ----

    def _on_plain_rtp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        remote = self._remote
        if remote is None or source != remote.rtp or len(data) < HEADER_SIZE:
            self.rejected += 1
            return
        self.from_inside(data, now)

    def from_inside(self, data: bytearray | memoryview, now: float) -> None:
        """A packet of the relay or the room."""
        self.send_browser(_renumbered(data, self._outwards))

    def send_browser(self, data: bytes) -> None:
        """Send the browser a packet."""
        wire = self._wire
        if not (to := wire.to).port or (seal := wire.seal_rtp) is None:
            return
        ssrc = int.from_bytes(data[8:12])
        if ssrc not in self._ours:
            self._know(ssrc)
        if (sealed := seal(data)) is not None:
            wire.send_rtp(sealed, to)

    def _know(self, ssrc: int) -> None:
        """Reports about this SSRC are about this stream from now on."""
        if len(self._ours) < SSRC_LIMIT:
            self._ours.add(ssrc)
            self._strand.rekey(replace(self._strand.key, ours=frozenset(self._ours)))

    def _on_plain_rtcp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        remote = self._remote
        if remote is None or source != remote.rtcp:
            self.rejected += 1
            return
        self.reported_inside(bytes(data), now)

    def report_browser(self, data: bytes) -> None:
        """Send the browser reports."""
        self._wire.send_rtcp(data)

    def reported_inside(self, data: bytes, now: float) -> None:
        """What the relay or the room reports and asks."""
        self._wire.send_rtcp(data)

    # ---- from the browser (WireEnd) ----

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be one of this stream; the keys have proved it."""
        return True

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of the browser."""
        self.taken += 1
        self.send_inside(_renumbered(data, self._inwards) if self._inwards else data)

    def send_inside(self, data: bytes | bytearray | memoryview) -> None:
        """Send the relay or the room a packet; nowhere where that is not known."""
        if self._remote is not None:
            self._pair.send_rtp(data, self._remote.rtp)

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        """What the browser reports and asks."""
        if self._remote is not None:
            self.report_inside(rtcp.build(messages))

    def report_inside(self, data: bytes) -> None:
        """Send the relay or the room reports."""
        if self._remote is not None:
            self._pair.send_rtcp(data, self._remote.rtcp)

    def on_path(self, to: Address, now: float) -> None:
        """The browser is found, or found elsewhere: the wire knows."""

    def on_stranger(self, source: Address, packets: int) -> None:
        """Somebody else sends: ICE does not let them."""

    def on_doubt(self, source: Address) -> None:
        """Packets that cannot be decrypted: the wire counts them."""

    def on_lost(self, reason: str) -> None:
        """Nothing will come for now: the wire tells."""


def _renumbered(data: bytearray | memoryview | bytes, numbers: dict[int, int]) -> bytes:
    """A packet with the payload type that it has on the other side."""
    other = numbers.get(data[1] & 0x7F) if numbers else None
    return bytes(data) if other is None else bytes((data[0], data[1] & 0x80 | other)) + bytes(data[2:])
