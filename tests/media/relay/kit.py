"""A relay in virtual time, above a kernel that is none."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent, VoiceOffloaded
from splitter.media.relay.relay import Relay
from splitter.media.wire.host import PacketHandler
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import RESTED, Stragglers
from splitter.sdp.voice import VoiceFormat
from tests.media.offload.fake import FakeOffload

CALLER, CENTRE = Address("192.0.2.1", 4000), Address("198.51.100.1", 5000)
PACKET_S = 0.02
ALAW = VoiceFormat("PCMA", 8)


def rtp(sequence: int, ssrc: int = 0xCA11) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + b"\xd5" * 160


@dataclass(order=True)
class HandTimer:
    at: float
    number: int
    fn: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.fn = None


@dataclass
class HandPair:
    """Two ports: `sent` is what left by the first."""

    rtp_port: int
    on_rtp: PacketHandler
    on_rtcp: PacketHandler
    sent: list[tuple[bytes, Address]] = field(default_factory=list)
    missed: int = 0
    late: Stragglers = RESTED

    @property
    def rtcp_port(self) -> int:
        return self.rtp_port + 1

    def send_rtp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        self.sent.append((bytes(data), to))
        return True

    def send_rtcp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        return True

    def settle(self, peer: Address) -> None: ...

    def close(self, late: Collection[Address] | None = None) -> None: ...


class HandHost:
    """What a worker gives; time is moved on by hand."""

    def __init__(self) -> None:
        self.time = 100.0
        self.pairs: list[HandPair] = []
        self._timers: list[HandTimer] = []
        self._numbers = count()

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> HandPair:
        self.pairs.append(HandPair(30_000 + 2 * len(self.pairs), on_rtp, on_rtcp))
        return self.pairs[-1]

    def reopen_pair(self, port: int, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> HandPair:
        raise NotImplementedError

    def open_port(self, network_host: str, on_datagram: PacketHandler) -> Any:
        raise NotImplementedError

    def open_door(self, network_host: str) -> None:
        return None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        raise NotImplementedError

    def in_thread(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        raise NotImplementedError

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> HandTimer:
        self._timers.append(HandTimer(self.time + delay_s, next(self._numbers), fn))
        return self._timers[-1]

    @property
    def armed(self) -> int:
        return sum(timer.fn is not None for timer in self._timers)

    def pass_time(self, to: float) -> None:
        """Run what is due until then."""
        while self._timers and (due := min(self._timers)).at <= to:
            self._timers.remove(due)
            self.time = max(self.time, due.at)
            if due.fn is not None:
                due.fn()
        self.time = to

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time


class Call:
    """Two phones that talk over a relay, a packet every 20 ms each, through the kernel where it has the flow."""

    def __init__(self, offload: FakeOffload | None = None) -> None:
        self.offload = offload if offload is not None else FakeOffload()
        self.host = HandHost()
        self.events: list[MediaEvent] = []
        self.peers = [CALLER, CENTRE]
        self.sequence = 0
        self.past = False  # packets come by another way than the kernel looks at
        sides = ("caller", "10.0.0.1"), ("centre", "10.1.0.1")
        self.relay = Relay("call", "relay", sides, self.host, LatchRules(), self.events.append, offload=self.offload)
        self.point(0, CALLER)
        self.point(1, CENTRE)

    def point(self, side: int, to: Address) -> None:
        self.relay.set_remote(side, RemoteEnd(to, Address(to.host, to.port + 1), voice=ALAW))

    def say(self, side: int, packet: bytes) -> None:
        """Have a side send a packet."""
        source = self.peers[side]
        for flow, ticket in self.offload.flows.items():
            if (flow.source, flow.local.port) == (source, self.host.pairs[side].rtp_port) and not (
                self.offload.lost or self.past
            ):
                ticket.take(packet, self.host.time)
                self.host.pairs[1 - side].sent.append((packet, flow.destination))
                return
        self.host.pairs[side].on_rtp(bytearray(packet), source, self.host.time)

    def talk(self, seconds: float) -> None:
        for _ in range(round(seconds / PACKET_S)):
            self.host.pass_time(self.host.time + PACKET_S)
            self.sequence += 1
            for side in (0, 1):
                self.say(side, rtp(self.sequence, side + 1))

    @property
    def carried(self) -> list[tuple[bool, str, bool]]:
        """What was said of the kernel."""
        told = [event for event in self.events if isinstance(event, VoiceOffloaded)]
        return [(event.in_kernel, event.reason, event.fault) for event in told]

    @property
    def heard(self) -> tuple[list[int], list[int]]:
        """Sequence numbers of what each side was sent."""
        caller, centre = (
            [struct.unpack_from("!H", packet, 2)[0] for packet, _ in pair.sent] for pair in self.host.pairs
        )
        return caller, centre
