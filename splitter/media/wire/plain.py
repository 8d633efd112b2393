"""RTP and RTCP on two ports, from the host that SDP named (symmetric RTP, RFC 4961), plain or with SDP's keys.

Sends through its pair.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from splitter.core.errors import LocalError, PeerError
from splitter.core.limits import Bucket
from splitter.core.net import Address
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.ends import NOWHERE, RTCP_BYTES, RTCP_DATAGRAMS, Seal, WireEnd
from splitter.media.wire.host import Host
from splitter.media.wire.keyed import KeyedPair
from splitter.media.wire.latch import RESTORED_WINDOW_S, Latch, LatchRules, Verdict, canonical
from splitter.media.wire.sources import Sources
from splitter.media.wire.strangers import Strangers
from splitter.rtp import rtcp
from splitter.sdp.srtp import StreamKeys


class Windows(Protocol):
    """The times of a plain wire."""

    @property
    def latch_window_s(self) -> float:
        """How long after SDP named a peer its port may be learned from its packets."""
        ...


class PlainWire:
    """A wire without keys, or with those that SDP told.

    Attributes:
        packet_limit: what the paths of trunks carry, tunnels of operators included.
        send_rtp: the socket's own: nothing stands between a packet and it.
        malformed: RTCP that is none.
    """

    packet_limit = 1350

    def __init__(self, end: WireEnd, loop: Host, host: str, times: Windows, port: int = 0) -> None:
        """Bind two ports on our address `host`; `port` and the one above, if it had these. Raises MediaUnavailable."""
        self._end, self._way = end, end.way
        self._loop = loop
        open_pair = partial(loop.reopen_pair, port) if port else loop.open_pair
        self._pair = KeyedPair(partial(open_pair, host), self._on_rtp, self._on_rtcp, loop.now, self._on_doubt)
        self.send_rtp = self._pair.send_sealed
        window_s = max(times.latch_window_s, RESTORED_WINDOW_S) if port else times.latch_window_s
        self._latch = Latch(LatchRules(window_s, doubts=True))
        self._rtcp_latch = Latch(LatchRules(2 * window_s, in_a_row=1, doubts=True))
        self._latch.doubt(self._pair.late)
        self._rtcp_latch.doubt(self._pair.late)
        self._rtcp_pace = Bucket.per_second(RTCP_DATAGRAMS)
        self._held: list[tuple[Address, bytes]] = []
        self._short_cut: Address | None = None
        self._hosts: frozenset[str] = frozenset()
        self._open = False
        self._strangers: Strangers | None = None
        self._refused = self.malformed = 0

    def serve(self, end: WireEnd) -> None:
        if self._way is not None:
            self._way.leave(self._pair)
        self._end, self._way = end, end.way
        if self._way is not None and not self._pair.keyed:
            self._way.ride(self._pair)

    @property
    def seal_rtp(self) -> Seal | None:
        """Encrypts a packet; None where they are plain."""
        return self._pair.seal_rtp if self._pair.keyed else None

    @property
    def rejected(self) -> int:
        """Packets from elsewhere, too many of RTCP, and those that the keys do not open."""
        return self._refused + self._pair.unbelieved

    @property
    def ports(self) -> tuple[int, int]:
        return self._pair.rtp_port, self._pair.rtcp_port

    @property
    def to(self) -> Address:
        return self._latch.destination or NOWHERE

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Listen to what SDP named, and learn its ports anew; or (None) to nobody."""
        self._held.clear()
        self._open = media is not None
        if media is None:
            return
        if media.remote is None:
            raise LocalError("a participant with plain RTP needs the peer's addresses")
        self._set_keys(media.remote.keys)
        self._hosts = frozenset((canonical(media.remote.rtp.host), canonical(media.remote.rtcp.host)))
        self._latch.expect(media.remote.rtp, now, Sources(media.remote.sources))
        self._hosts |= {self.to.host}  # one that was learned stays so
        self._rtcp_latch.expect(media.remote.rtcp, now)
        self._strangers = Strangers() if media.receiving else None

    def _set_keys(self, keys: StreamKeys | None) -> None:
        """Go by these. The short way knows none of them."""
        keyed = self._pair.keyed
        self._pair.set_keys(keys)
        if self._way is not None and keyed != self._pair.keyed:
            if keyed:
                self._way.ride(self._pair)
            else:
                self._way.leave(self._pair)

    def _on_doubt(self, source: Address) -> None:
        self._end.on_doubt(source)

    def send_rtcp(self, data: bytes) -> None:
        to = self._rtcp_latch.destination
        if self._open and to is not None and to.port:
            self._pair.send_rtcp(data, to)

    def close(self) -> None:
        self._open = False
        self._pair.close(self._latch.speakers | self._rtcp_latch.speakers)

    # ---- packets --------------------------------------------------------------------------------------------------

    def _on_rtp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        # Multiplexed though it was not agreed (RFC 5761); if not, a payload type may look like one of RTCP.
        if len(data) > 1 and 192 <= data[1] <= 223 and not self._end.plausible(data):
            self._on_rtcp(data, source, now)
        elif self._latch.settled and source == self._latch.current:
            if self._way is not None:
                self._way.admit(source)
            self._end.on_rtp(data, now)
        elif self._admit(data, source, now):
            self._end.on_rtp(data, now)

    def _admit(self, data: bytearray | memoryview, source: Address, now: float) -> bool:
        """Judge a packet that is not from the settled source. Held packets are taken once their port is believed."""
        if not self._open or not self._end.plausible(data):
            self._refused += 1
            return False
        before = self.to
        verdict = self._latch.judge(source, now)
        if verdict is Verdict.ACCEPT:
            if self._way is not None:
                self._way.doubt()
            if self.to != before:
                self._hosts |= {self.to.host}
                self._end.on_path(self.to, now)
            if source == self._latch.current:
                self._shorten(source)
                held, self._held = self._held, []
                for sender, packet in held:
                    if sender == source:
                        self._end.on_rtp(packet, now)
            return True
        if verdict is Verdict.HOLD:
            self._held = [*self._held[-2:], (source, bytes(data))]
        else:
            self._refuse(source, now)
        return False

    def _shorten(self, peer: Address) -> None:
        """Have the peer's packets come by the short cut of the port."""
        if peer != self._short_cut:
            self._short_cut = peer
            self._pair.settle(peer)

    def _refuse(self, source: Address, now: float) -> None:
        """Count a packet of somebody else's stream; where nothing but that comes, it is told."""
        self._refused += 1
        if self._latch.is_late(source, now):
            return
        if self._strangers is not None and (told := self._strangers.refused(source, self._end.taken, now)):
            stranger, packets = told
            self._end.on_stranger(Address(*stranger), packets)

    def _on_rtcp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        if not self._open or source[0] not in self._hosts or len(data) > RTCP_BYTES or not self._rtcp_pace.permit(now):
            self._refused += 1
            return
        if self._latch.is_late(source, now) and self._rtcp_latch.is_late(source, now):
            self._refused += 1  # REMB names nobody in particular
            return
        try:
            messages = rtcp.parse(data)
        except PeerError:
            self.malformed += 1
            return
        self._rtcp_latch.judge(source, now)  # where ours go; a report is believed from any port of the right host
        self._end.on_rtcp(messages, now)
