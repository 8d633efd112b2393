"""Two secure wires on the simulated network, in virtual time: ICE, DTLS and SRTP without a socket or a clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from splitter.core.net import Address
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.ends import Wire, WireEnd
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.host import PacketHandler
from splitter.media.wire.secure import SecureWire
from splitter.media.wire.times import SecureTimes
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import RtcpPacket
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from tests.world.loop import VirtualLoop
from tests.world.wire import Weather
from tests.world.wire import Wire as Cables

FORMAT = VideoFormat(payload_type=96)


class Datagrams(Cables):
    """The network, for datagrams that are no SIP."""

    lose: Callable[[bytes], bool] = staticmethod(lambda data: False)

    def carry(self, source: Address, target: Address, data: bytes) -> None:
        ways, _ = self._fate(source, target)
        if not self.lose(data):
            for delay_s in ways:
                self._loop.call_later(delay_s, self.arrive, source, target, data)


@dataclass
class VirtualPort:
    """One port on the network."""

    host: VirtualHost
    address: Address

    @property
    def number(self) -> int:
        return self.address.port

    def send(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        self.host.cables.carry(self.address, Address(*to), bytes(data))
        return True

    def settle(self, peer: Address) -> None: ...

    def carry(self, way: object, on_opened: object = None) -> None: ...

    def close(self) -> None:
        self.host.cables.detach(self.address)


@dataclass
class VirtualStream:
    """A TCP connection, as our end has it. What it carries comes at once and whole."""

    door: VirtualDoor
    peer: StreamAddress
    closed: bool = False
    on_frame: PacketHandler | None = None
    on_gone: Callable[[str], None] | None = None

    def serve(self, on_frame: PacketHandler, on_gone: Callable[[str], None]) -> None:
        self.on_frame, self.on_gone = on_frame, on_gone

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        if not self.closed:
            self.door.cables.carry(self.door.address, Address(*self.peer), bytes(data))
        return not self.closed

    def close(self) -> None:
        self.closed = True
        self.door.streams.pop(self.peer, None)

    def break_off(self) -> None:
        """The network ends it."""
        on_gone = self.on_gone
        self.close()
        assert on_gone is not None
        on_gone("reset")


@dataclass
class VirtualDoor:
    """A TCP port: what the other end sends to it, as it thinks by UDP, comes by a connection."""

    loop: VirtualLoop
    cables: Datagrams
    address: Address
    ufrag: str = "00virtual"
    on_stream: Callable[[Any], None] | None = None
    streams: dict[StreamAddress, VirtualStream] = field(default_factory=dict)
    counts: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.address.port

    def admit(self, on_stream: Callable[[Any], None]) -> None:
        self.on_stream = on_stream
        self.cables.attach(self.address, self.arrived)

    def connect(self, source: Address) -> VirtualStream:
        """Somebody connects."""
        assert self.on_stream is not None
        stream = self.streams[StreamAddress(*source)] = VirtualStream(self, StreamAddress(*source))
        self.on_stream(stream)
        return stream

    def arrived(self, source: Address, data: bytes) -> None:
        stream = self.streams.get(StreamAddress(*source)) or self.connect(source)
        if stream.on_frame is not None:
            stream.on_frame(bytearray(data), stream.peer, self.loop.time())

    def count(self, reason: str) -> None:
        self.counts.append(reason)

    def close(self) -> None:
        self.cables.detach(self.address)


@dataclass
class VirtualHost:
    """What a worker gives, in virtual time."""

    loop: VirtualLoop
    cables: Datagrams
    first_port: int
    door: Any = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def open_port(self, network_host: str, on_datagram: PacketHandler) -> VirtualPort:
        self.first_port += 2
        port = VirtualPort(self, Address(network_host, self.first_port))

        def arrived(source: Address, data: bytes) -> None:
            on_datagram(bytearray(data), source, self.loop.time())

        self.cables.attach(port.address, arrived)
        return port

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Any:
        raise NotImplementedError

    def reopen_pair(self, port: int, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Any:
        raise NotImplementedError

    def open_door(self, network_host: str) -> Any:
        return self.door

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(delay_s, fn)

    def in_thread(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        raise NotImplementedError

    def now(self) -> float:
        return self.loop.time()

    def wall(self) -> float:
        return self.loop.time()


@dataclass
class Heard:
    """Who uses a wire; keeps what comes."""

    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[RtcpPacket] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    way = None

    @property
    def taken(self) -> int:
        return len(self.rtp)

    def plausible(self, data: Buffer) -> bool:
        return True

    def on_rtp(self, data: Buffer, now: float) -> None:
        self.rtp.append(bytes(data))

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        self.rtcp += messages

    def on_path(self, to: Address, now: float) -> None: ...

    def on_stranger(self, source: Address, packets: int) -> None: ...
    def on_doubt(self, source: Address) -> None: ...

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


class End:
    """One end: its wire, and what it heard."""

    def __init__(
        self,
        link: Link,
        name: str,
        host: str,
        user: Callable[[Callable[[WireEnd], Wire]], Any] | None,
        door: VirtualDoor | None = None,
    ) -> None:
        self.heard = Heard()
        self.events: list[MediaEvent] = []
        self._host = VirtualHost(link.loop, link.cables, 40_000, door)

        def make(end: WireEnd) -> SecureWire:
            told, times = self.events.append, link.times
            return SecureWire(end, self._host, host, host, name=name, call_id="c1", emit=told, times=times)

        if user is None:
            self.wire = make(self.heard)
        else:
            self.user = user(make)
            self.wire = self.user.wire

    @property
    def states(self) -> list[str]:
        return [str(event.state) for event in self.events if isinstance(event, TransportChanged)]

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, TransportChanged)]

    def meet(self, local: SecureLocal, setup: str, lite: bool, now: float) -> None:
        """Take the other one's side. Of two that would both wait for checks, the one that hears "lite" controls."""
        fingerprints = (local.fingerprint,)
        remote = SecureRemote(local.ufrag, local.password, fingerprints, setup, local.candidates, lite=lite)
        self.wire.configure(ParticipantMedia(None, FORMAT, FORMAT, secure=remote), now)

    def send(self, packet: bytes) -> None:
        sealed = self.wire.seal_rtp(packet)
        assert sealed is not None
        self.wire.send_rtp(sealed, self.wire.to)


class Link:
    """Two ends and the network between them."""

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        weather: Weather,
        user: Any = None,
        tcp: bool = False,
        times: SecureTimes | None = None,
    ) -> None:
        self.loop, self.times = loop, times
        self.cables = Datagrams(loop, random.Random(seed), weather)
        self.door = VirtualDoor(loop, self.cables, Address("192.0.2.1", 8444))
        self.ours = End(self, "ours", "192.0.2.1", user, self.door if tcp else None)
        self.peer = End(self, "peer", "198.51.100.1", user)

    def meet(self, candidates: bool = True) -> None:
        """Exchange descriptions. `candidates`: the peer says where it is; else we learn that from its checks."""
        ours, peer, now = self.ours.wire.local, self.peer.wire.local, self.loop.time()
        peer = peer if candidates else replace(peer, candidates=())
        self.ours.meet(peer, "active", False, now)
        self.peer.meet(ours, "passive", True, now)

    def meet_by_tcp(self) -> None:
        """Exchange descriptions; the peer, which thinks that all is UDP, hears of our TCP port alone."""
        ours, peer, now = self.ours.wire.local, self.peer.wire.local, self.loop.time()
        passive = [one for one in ours.candidates if one.endswith(" tcptype passive")]
        words = tuple(one.replace(" tcp ", " udp ").removesuffix(" tcptype passive") for one in passive)
        self.ours.meet(replace(peer, candidates=()), "active", False, now)
        self.peer.meet(replace(ours, candidates=words), "passive", True, now)

    def connect(self, limit_s: float = 30.0) -> None:
        self.meet()
        assert self.until(lambda: "connected" in self.ours.states and "connected" in self.peer.states, limit_s)

    def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> bool:
        return self.loop.run_until(condition, limit_s)

    def wait(self, seconds: float) -> None:
        self.loop.run_until(lambda: False, seconds)


@contextmanager
def link(
    seed: int = 1,
    weather: Weather | None = None,
    user: Any = None,
    tcp: bool = False,
    times: SecureTimes | None = None,
) -> Iterator[Link]:
    """Two ends that have not met yet; nothing of them is left afterwards. `tcp`: ours has a TCP port as well."""
    loop = VirtualLoop()
    loop.enter()
    try:
        made = Link(loop, seed, weather or Weather(delay_s=0.02), user, tcp, times)
        yield made
        for end in (made.ours, made.peer):
            end.wire.close()
        made.wait(5.0)
        assert not loop.timers(), "timers are left"
        assert not loop.faults, loop.faults
    finally:
        loop.leave()
        loop.close()
