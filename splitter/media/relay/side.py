"""One side of a relay: its two ports, where it points, and what it was sent. Sends by its ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from splitter.core.errors import LocalError
from splitter.core.net import Address, numeric
from splitter.media.fast.way import ShortLane
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.relay.beneath import OneWay
from splitter.media.relay.lane import NOWHERE, Egress, Lane, LaneListener
from splitter.media.relay.tap import RtcpTap
from splitter.media.voice.stream import VoiceStream
from splitter.media.wire.host import Host
from splitter.media.wire.keyed import KeyedPair
from splitter.media.wire.latch import LatchRules, canonical
from splitter.rtp.reports import PeerReports
from splitter.sdp.srtp import StreamKeys


def checked(address: Address, like: str) -> Address:
    """`address`, if packets from our address `like` can reach it.

    Raises:
        LocalError: not a literal address of the same family, or no port.
    """
    try:
        reachable = numeric(address.host).version == numeric(like).version
    except ValueError:
        reachable = False
    if not reachable or "%" in address.host:
        raise LocalError(f"{address.host!r} is no address that this network can reach")
    if not 0 < address.port < 65536:
        raise LocalError(f"{address.port} is no port")
    return Address(canonical(address.host), address.port)


@dataclass(slots=True, eq=False)
class RelaySide:
    """One side of a relay.

    Attributes:
        number: what requests call it. name: what events call it. ticket: of the request that added it.
        host: our address that its ports are bound on.
        tap: reads its RTCP.
        remote: where it points; None is nowhere.
        stream: the numbers of what it hears, once it has been in a mix.
        sent, sent_bytes: packets that went to it, but for those that are copied now.
    """

    number: int
    name: str
    host: str
    rtp: Lane
    rtcp: Lane
    pair: KeyedPair
    tap: RtcpTap
    ticket: str = ""
    remote: RemoteEnd | None = None
    stream: VoiceStream | None = None
    sent: int = 0
    sent_bytes: int = 0
    _source: Lane | None = None  # whose packets are copied to it, and how many that had copied before
    _before: int = 0
    _before_bytes: int = 0

    @property
    def reports(self) -> PeerReports:
        """Reports of its peer on what it is sent."""
        return self.tap.reports

    def exchange_reports(self, other: RelaySide) -> None:
        """Let another side have its RTCP as it comes."""
        self.rtcp.peer, self.tap.beyond = other.rtcp, other.reports

    @property
    def ports(self) -> tuple[int, int]:
        return self.pair.rtp_port, self.pair.rtcp_port

    @property
    def rejected(self) -> int:
        """Packets from a source that was not named; the kernel's count includes those it had no room for."""
        return self.rtp.rejected + self.pair.missed + self.pair.unbelieved

    @property
    def keys(self) -> StreamKeys | None:
        """The keys of its packets; None where they are plain."""
        return self.pair.keys

    def set_keys(self, keys: StreamKeys | None) -> None:
        """Go by these from now on. What is encrypted takes no short way, and none in the kernel."""
        self.pair.set_keys(keys)
        self.rtp.sealed = self.pair.keyed

    def towards(self, other: RelaySide) -> OneWay:
        """What this side sends to the other one."""
        local, out = Address(self.host, self.pair.rtp_port), Address(other.host, other.pair.rtp_port)
        return OneWay(self.rtp, local, out)

    def copy_from(self, source: RelaySide | None, egress: Egress | None = None) -> None:
        """Let it have what another side sends, as it came or by an egress; None for nothing."""
        self.sent, self.sent_bytes = self._sent_now()
        self._source = None
        if source is not None:
            lane = self._source = source.rtp
            self._before, self._before_bytes = lane.packets - lane.dropped, lane.bytes - lane.dropped_bytes
            lane.peer = self.rtp if egress is None else egress

    def hold(self) -> None:
        """Let nobody have what it sends, and let it have nothing."""
        self.copy_from(None)
        self.rtp.peer = self.rtcp.peer = NOWHERE
        self.tap.beyond = None

    def _sent_now(self) -> tuple[int, int]:
        lane = self._source
        if lane is None:
            return self.sent, self.sent_bytes
        packets, size = lane.packets - lane.dropped, lane.bytes - lane.dropped_bytes
        return self.sent + packets - self._before, self.sent_bytes + size - self._before_bytes

    def count(self) -> StreamCount:
        """Count what it sent and was sent."""
        lane, told = self.rtp, self.reports
        sent, sent_bytes = self._sent_now()
        return StreamCount(
            packets_in=lane.packets,
            bytes_in=lane.bytes,
            packets_out=sent,
            bytes_out=sent_bytes,
            lost=lane.quality.lost,
            rejected=self.rejected,
            jitter_ms=lane.quality.jitter_ms,
            round_trip_ms=-1.0 if told.round_trip_s is None else 1000 * told.round_trip_s,
            lost_there=told.lost,
            jitter_there_ms=1000 * told.jitter / self._clock if told.jitter >= 0 and self._clock else -1.0,
            transit_s=self.tap.transit.least_s,
            cname=told.cname,
        )

    @property
    def _clock(self) -> int:
        """The rate of the timestamps that it is sent; 0 while that is not known."""
        voice = self.remote.voice if self.remote is not None else None
        if voice is not None:
            return voice.clock_rate
        return self._source.quality.clock if self._source is not None else 0

    def close(self) -> StreamCount:
        """Give the ports back. Returns: the last counters."""
        count = self.count()
        self.pair.close(self.rtp.latch.speakers | self.rtcp.latch.speakers)
        self.rtp.end()
        self.rtcp.end()
        self._source = None
        return count


def open_side(
    number: int,
    name: str,
    at: str,
    port: int,
    host: Host,
    rules: LatchRules,
    listener: LaneListener,
    short: ShortLane | None,
) -> RelaySide:
    """Bind the ports of a side.

    Args:
        at: our address. port: the even port that it had, where it is opened again; 0 for whichever is free.
        short: its RTP port, as a form deals with it.
    Raises:
        MediaUnavailable: no ports, or not these.
    """
    rtp = Lane(rules, True, listener, short)
    rtcp = Lane(replace(rules, in_a_row=1), False, listener)
    tap = RtcpTap(rtcp, rtp)
    bind = partial(host.reopen_pair, port) if port else host.open_pair
    doubt = partial(listener.on_doubt, rtp)
    pair = KeyedPair(partial(bind, at), rtp.on_packet, tap.on_packet, host.now, doubt)
    rtp.latch.doubt(pair.late)
    rtcp.latch.doubt(pair.late)
    rtp.send, rtcp.send = pair.send_rtp, pair.send_rtcp
    if short is not None:
        short.ride(pair)
    side = RelaySide(number, name, at, rtp, rtcp, pair, tap)
    side.hold()
    return side
