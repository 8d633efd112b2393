"""A relay: one audio stream between caller and centre, packet by packet, payload untouched.

Four *lanes*, one per port: (caller, centre) × (RTP, RTCP). What a lane takes in goes out of the port of its peer lane,
from our port to that side's remote: symmetric in both directions.

Each packet costs one receive, one send, and no object of ours. While a lane learns its source, each packet's is
compared; once that is settled, they come by the short cut of the port (`splitter.media.wire.line`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.offload.ports import Offload
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import MediaEvent, MediaStarted, StrangerHeard
from splitter.media.ports.voice import RelayReport
from splitter.media.relay.beneath import Beneath, OneWay
from splitter.media.relay.lane import Lane
from splitter.media.wire.host import Host, Pair
from splitter.media.wire.latch import LatchRules, canonical
from splitter.media.wire.sources import NONE, Sources
from splitter.rtp.telephone_event import Digit


def checked(address: Address, like: str) -> Address:
    """`address`, if packets from our address `like` can reach it.

    Raises:
        LocalError: not a literal address of the same family, or no port.
    """
    try:
        reachable = ip_address(address.host).version == ip_address(like).version
    except ValueError:
        reachable = False
    if not reachable or "%" in address.host:
        raise LocalError(f"{address.host!r} is no address that this network can reach")
    if not 0 < address.port < 65536:
        raise LocalError(f"{address.port} is no port")
    return Address(canonical(address.host), address.port)


@dataclass(frozen=True, slots=True)
class RelaySide:
    """One side of a relay: its two lanes and their ports.

    Attributes:
        name: what events call it.
        host: our address that its ports are bound on.
    """

    name: str
    host: str
    rtp: Lane
    rtcp: Lane
    pair: Pair

    @property
    def ports(self) -> tuple[int, int]:
        return self.pair.rtp_port, self.pair.rtcp_port

    def towards(self, other: RelaySide) -> OneWay:
        """What this side sends to the other one."""
        local, out = Address(self.host, self.pair.rtp_port), Address(other.host, other.pair.rtp_port)
        return OneWay(self.rtp, local, out)

    @property
    def rejected(self) -> int:
        """Packets from a source that was not named; the kernel's count includes those it had no room for."""
        return self.rtp.rejected + self.pair.missed


class Relay:
    """Four ports and the packets between them.

    Args:
        call_id, relay_id: for events and reports.
        sides: what events call each, and the local address to bind on.
        host: what the worker gives; told what a lane raised: the relay is of no use then and wants closing.
        rules: of latching RTP.
        emit: takes MediaStarted and StrangerHeard events.
        ports: the even port that each side had, where the relay is opened again.
        offload: the kernel, to be given the voice once it is settled; None: it stays here.

    Raises:
        MediaUnavailable: no ports, or not these, or another number of sides than two.
    """

    def __init__(
        self,
        call_id: str,
        relay_id: str,
        sides: tuple[tuple[str, str], ...],
        host: Host,
        rules: LatchRules,
        emit: Callable[[MediaEvent], None],
        ports: tuple[int, ...] = (),
        offload: Offload | None = None,
    ) -> None:
        self.call_id = call_id
        self.relay_id = relay_id
        self._host = host
        self._rules = rules
        self._emit = emit
        self._beneath: Beneath | None = None
        if len(sides) != 2:
            raise MediaUnavailable(f"a relay has two sides, not {len(sides)}")
        had = ports or (0, 0)
        first = self._open(*sides[0], had[0])
        try:
            second = self._open(*sides[1], had[1])
        except Exception:
            first.pair.close()
            raise
        self.sides = first, second
        for one, other in ((first, second), (second, first)):
            one.rtp.peer, one.rtcp.peer = other.rtp, other.rtcp
        if offload is not None:
            directions = first.towards(second), second.towards(first)
            self._beneath = Beneath(call_id, directions, offload, host, emit)

    def _open(self, name: str, at: str, port: int) -> RelaySide:
        rtp = Lane(self._rules, True, self)
        rtcp = Lane(replace(self._rules, in_a_row=1), False, self)
        open_pair = partial(self._host.reopen_pair, port) if port else self._host.open_pair
        pair = open_pair(at, rtp.on_packet, rtcp.on_packet)
        rtp.send, rtcp.send = pair.send_rtp, pair.send_rtcp
        rtp.settle = partial(self._on_settled, pair)
        return RelaySide(name, at, rtp, rtcp, pair)

    def _side_of(self, lane: Lane) -> RelaySide:
        return self.sides[0] if lane is self.sides[0].rtp else self.sides[1]

    # ---- what lanes tell -----------------------------------------------------------------------------------------

    def _on_settled(self, pair: Pair, source: Address) -> None:
        """A side sends from there, for now."""
        pair.settle(source)
        if self._beneath is not None:
            self._beneath.settled()

    def on_started(self, lane: Lane, source: Address) -> None:
        """A side is heard."""
        self._emit(MediaStarted(self.call_id, "audio", self._side_of(lane).name, source))

    def on_found(self, lane: Lane, source: Address) -> None:
        """A side sends from elsewhere: so may its RTCP."""
        self.take_back(f"{self._side_of(lane).name} sends from {source}")
        self._side_of(lane).rtcp.latch.believe(source.host)

    def on_stranger(self, lane: Lane, source: Address, packets: int) -> None:
        """Nothing of a side comes, but this."""
        self._emit(StrangerHeard(self.call_id, "audio", self._side_of(lane).name, source, packets))

    # ---- what calls ask for --------------------------------------------------------------------------------------

    def set_remote(self, index: int, remote: RemoteEnd | None) -> None:
        """Name a side's remote and open its latching window; None: nobody.

        Raises:
            LocalError: an address that the side's network cannot reach; nothing is changed then.
        """
        side, now = self.sides[index], self._host.now()
        rtp = rtcp = None
        sources = NONE
        if remote is not None:
            sources = Sources(remote.sources)
            rtp, rtcp = checked(remote.rtp, side.host), checked(remote.rtcp, side.host)
        self.take_back(f"the signalling says where {side.name} is")
        side.rtp.signal(rtp, now, sources)
        side.rtcp.signal(rtcp, now)
        if side.rtp.latch.current is not None:
            side.rtcp.latch.believe(side.rtp.latch.current.host)

    def send_digit(self, index: int, digit: Digit) -> None:
        """Let a side hear a digit.

        Raises:
            LocalError: no digit of DTMF, or too many wait.
        """
        if not (0 <= digit.event < 16 and 0 <= digit.payload_type < 128 and digit.clock >= 8000):
            raise LocalError(f"{digit} cannot be sent")
        self.take_back("a digit is sent")
        self.sides[index].rtp.send_digit(digit, self._host.now)

    def take_back(self, reason: str) -> None:
        """Have every packet of the voice come by here, until all is settled again."""
        if self._beneath is not None:
            self._beneath.take_back(reason)

    def report(self) -> RelayReport:
        """The counters now."""
        if self._beneath is not None:
            self._beneath.count()
        one, other = self.sides
        return RelayReport(self.relay_id, (_count(one, other.rtp), _count(other, one.rtp)))

    def close(self) -> RelayReport:
        """Give the ports back and say what was carried."""
        if self._beneath is not None:
            self._beneath.close()
            self._beneath = None
        report = self.report()
        for side in self.sides:
            side.pair.close()
            side.rtp.end()
            side.rtcp.end()
        return report


def _count(side: RelaySide, peer: Lane) -> StreamCount:
    lane = side.rtp
    return StreamCount(
        packets_in=lane.packets,
        bytes_in=lane.bytes,
        packets_out=peer.packets - peer.dropped,
        bytes_out=peer.bytes - peer.dropped_bytes,
        lost=lane.quality.lost,
        rejected=side.rejected,
        jitter_ms=lane.quality.jitter_ms,
    )
