"""A room's surroundings for tests: a loop with virtual time, cameras with real H.264, viewers that decode."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from random import Random
from typing import Any, TypeVar

import av
import av.logging
import numpy as np

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.room.room import Room
from splitter.media.slate.slate import Slate
from splitter.media.wire.host import PacketHandler
from splitter.media.wire.pairs import RESTED, Stragglers
from splitter.rtp import h264, packet, rtcp
from splitter.sdp.video import VideoFormat
from tests.media.room.film import Film, Lens
from tests.rtp.payloads import packetise

T = TypeVar("T")
SLATE = Slate.render()
SLATE_LUMA = 30  # the slate's night blue; cameras are brighter


@dataclass
class Timer:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Pair:
    """Both ports of a participant; keeps what is sent."""

    loop: Loop
    rtp_port: int
    on_rtp: PacketHandler
    on_rtcp: PacketHandler
    rtp: list[tuple[bytes, Address, float]] = field(default_factory=list)
    rtcp: list[tuple[bytes, Address, float]] = field(default_factory=list)
    settled: list[Address] = field(default_factory=list)
    closed: bool = False
    missed = 0
    late: Stragglers = RESTED

    @property
    def rtcp_port(self) -> int:
        return self.rtp_port + 1

    def send_rtp(self, data: bytes | memoryview, to: Address) -> bool:
        assert not self.closed
        self.rtp.append((bytes(data), to, self.loop.time))
        return True

    def send_rtcp(self, data: bytes | memoryview, to: Address) -> bool:
        assert not self.closed
        self.rtcp.append((bytes(data), to, self.loop.time))
        return True

    def settle(self, peer: Address) -> None:
        self.settled.append(peer)

    def carry(self, way: object, on_opened: object = None) -> None:
        """There is no socket here that C could read."""

    def close(self, late: Collection[Address] | None = None) -> None:
        self.closed = True


class Loop:
    """Virtual time: nothing happens but what `advance` reaches."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pairs: list[Pair] = []
        self.thread_s = 0.05  # what slow work takes
        self.late = RESTED  # who may still send to the next pair
        self._timers: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self._order = count()

    def reopen_pair(self, port: int, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Pair:
        pair = self.open_pair(network_host, on_rtp, on_rtcp)
        pair.rtp_port = port
        return pair

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> Pair:
        self.pairs.append(Pair(self, 30_000 + 2 * len(self.pairs), on_rtp, on_rtcp, late=self.late))
        return self.pairs[-1]

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> Timer:
        assert delay_s >= 0
        timer = Timer()
        heapq.heappush(self._timers, (self.time + delay_s, next(self._order), timer, fn))
        return timer

    def in_thread(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        def worked() -> None:
            try:
                outcome: T | Exception = work()
            except Exception as fault:
                outcome = fault
            done(outcome)

        self.call_later(self.thread_s, worked)

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_700_000_000.0 + self.time

    def advance(self, seconds: float) -> None:
        until = self.time + seconds
        ran = 0
        while self._timers and self._timers[0][0] <= until:
            at, _, timer, fn = heapq.heappop(self._timers)
            self.time = max(self.time, at)
            if not timer.cancelled:
                fn()
                ran += 1
                assert ran < 10_000, "timers chase each other"
        self.time = until

    @property
    def armed(self) -> int:
        return sum(not timer.cancelled for _, _, timer, _ in self._timers)


class Camera:
    """Real H.264 of a flat picture with a moving bar, so that sources can be told apart by their brightness.

    Args:
        luma: brightness of the picture.
        in_band: parameter sets come with every key frame; else they must go by SDP (`parameter_sets`).
    """

    def __init__(
        self,
        luma: int,
        size: tuple[int, int] = (320, 240),
        in_band: bool = True,
        slices: int = 0,
        profile: str = "baseline",
    ) -> None:
        self.luma = luma
        self.size = size
        self.in_band = in_band
        self.noise = Random(luma)
        self._film = Film(Lens(size, slices, profile))
        self._key = True
        self.parameter_sets = tuple(unit for unit in self._next() if unit[0] & 0x1F in (h264.SPS, h264.PPS))
        self._key = True

    def key_frame(self) -> None:
        """The next picture is an IDR."""
        self._key = True

    def picture(self) -> list[bytes]:
        """The NAL units of the next picture."""
        left_out = () if self.in_band else (h264.SPS, h264.PPS)
        return [unit for unit in self._next() if unit[0] & 0x1F not in left_out]

    def _next(self) -> tuple[bytes, ...]:
        units = self._film.next(self.luma, self._key)
        self._key = False
        return units


@dataclass
class Peer:
    """A participant's far end: sends a camera's pictures, keeps and decodes what it gets."""

    stage: Stage
    name: str
    pair: Pair
    media: ParticipantMedia
    rtp: Address
    camera: Camera | None = None
    ssrc: int = 0x1111
    sequence: int = 5000
    timestamp: int = 900_000
    extensions: tuple[tuple[int, bytes], ...] = ()
    limit: int = 1200

    def packets(self) -> list[bytes]:
        """The next picture as RTP packets, numbered but not sent."""
        assert self.camera is not None
        units = self.camera.picture()
        payloads = packetise(units, self.media.receive_format.packetization_mode, self.limit)
        made = []
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            made.append(
                packet.build(
                    packet.Packet(
                        last,
                        self.media.receive_format.payload_type,
                        self.sequence,
                        self.timestamp,
                        self.ssrc,
                        payload,
                        self.extensions if last else (),
                    )
                )
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 6000) & 0xFFFF_FFFF
        return made

    def deliver(self, data: bytes, source: Address | None = None) -> None:
        """A datagram reaches our RTP port; the view is wiped afterwards, as a real receive buffer is overwritten."""
        buffer = bytearray(data)
        view = memoryview(buffer)
        self.pair.on_rtp(view, source or self.rtp, self.stage.loop.time)
        buffer[:] = b"\xee" * len(buffer)

    def feed(self, *messages: rtcp.RtcpPacket, source: Address | None = None) -> None:
        """RTCP reaches our RTCP port."""
        data = rtcp.build([rtcp.ReceiverReport(self.ssrc), *messages])
        self.pair.on_rtcp(memoryview(data), source or self.media.remote.rtcp, self.stage.loop.time)

    def show(self, pictures: int, drop: Callable[[int], bool] = lambda _: False) -> None:
        """Send so many pictures at 15 per second, a key frame when it was asked for. `drop` loses packets by index."""
        index = 0
        for _ in range(pictures):
            self.heed()
            for data in self.packets():
                if not drop(index):
                    self.deliver(data)
                index += 1
            self.stage.loop.advance(1 / 15)

    def heed(self) -> None:
        """Do as a good camera does: a key frame when PLI or FIR came."""
        for data, _, _ in self.pair.rtcp[self._heard :]:
            for message in rtcp.parse(data):
                if isinstance(message, rtcp.feedback.Pli | rtcp.feedback.Fir) and self.camera is not None:  # type: ignore[attr-defined]
                    self.camera.key_frame()
        self._heard = len(self.pair.rtcp)

    _heard: int = 0

    # ---- what it got ----

    def got(self, since: float = 0.0) -> list[packet.Packet]:
        """The packets it got, in the order of arrival."""
        return [packet.parse(data) for data, _, at in self.pair.rtp if at >= since]

    def told(self, kind: type) -> list[rtcp.RtcpPacket]:
        """The RTCP messages of a kind that it got."""
        return [one for data, _, _ in self.pair.rtcp for one in _rtcp_of(data) if isinstance(one, kind)]

    def numbers(self) -> list[int]:
        """Sequence numbers, unwrapped."""
        unwrapped: list[int] = []
        for one in self.got():
            unwrapped.append(
                unwrapped[-1] + _sequence_delta(one.sequence, unwrapped[-1] & 0xFFFF) if unwrapped else one.sequence
            )
        return unwrapped

    def pictures(self, packets: list[packet.Packet] | None = None) -> list[int]:
        """Decode all; the brightness of each picture. Anything a decoder complains about fails."""
        return [luma for luma, _ in self.decoded(packets)]

    def decoded(self, packets: list[packet.Packet] | None = None) -> list[tuple[int, tuple[int, int]]]:
        """Brightness and size of each picture, in order of sequence numbers."""
        context = av.CodecContext.create("h264", "r")
        context.options = {"err_detect": "explode"}
        context.thread_count = 1
        depacketiser = h264.Depacketiser()
        seen: list[tuple[int, tuple[int, int]]] = []
        unit: list[bytes] = []
        timestamp = None
        before = None
        av.logging.set_level(av.logging.INFO)  # where it says that it conceals damage
        with av.logging.Capture() as complaints:
            for at, one in self._ordered(packets if packets is not None else self.got()):
                assert before is None or at == before + 1, f"packet {at - 1} is missing"
                before = at
                if timestamp is not None and one.timestamp != timestamp and unit:
                    seen += _decode(context, unit)
                    unit = []
                timestamp = one.timestamp
                if one.payload:  # not padding alone
                    unit += [bytes(nal) for nal in depacketiser.push(one.payload)]
            if unit:
                seen += _decode(context, unit)
            seen += _decode(context, [])
        av.logging.set_level(None)
        complaints = [one for one in complaints if one[1] != "libx264"]  # an encoder that is freed just now sums up
        assert not complaints, complaints
        assert depacketiser.broken == 0
        return seen

    def _ordered(self, packets: list[packet.Packet]) -> list[tuple[int, packet.Packet]]:
        first = packets[0].sequence if packets else 0
        numbered = {}
        highest = 0
        for one in packets:
            at = highest + _sequence_delta(one.sequence, first + highest & 0xFFFF)
            highest = max(highest, at)
            numbered[at] = one
        return sorted(numbered.items())


@lru_cache(4096)  # tests ask again and again what came meanwhile
def _rtcp_of(data: bytes) -> tuple[rtcp.RtcpPacket, ...]:
    return tuple(rtcp.parse(data))


def _sequence_delta(newer: int, older: int) -> int:
    """The signed way from one 16-bit sequence number to another."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def _decode(context: av.CodecContext, unit: list[bytes]) -> list[tuple[int, tuple[int, int]]]:
    data = b"".join(b"\x00\x00\x00\x01" + nal for nal in unit)
    frames = context.decode(av.Packet(data) if data else None)  # type: ignore[attr-defined]
    seen = []
    for frame in frames:
        assert not frame.is_corrupt
        luma = frame.to_ndarray(format="gray")
        seen.append((int(np.median(luma)), (frame.width, frame.height)))
    return seen


class Stage:
    """A room, and peers that join it."""

    def __init__(self, **room: Any) -> None:
        self.loop = Loop()
        self.events: list[MediaEvent] = []
        self.room = Room("c1", "r1", self.loop, SLATE, self.events.append, ids=IdSource(Random(7)), **room)  # type: ignore[arg-type]
        self._count = count(1)

    def join(self, name: str, camera: Camera | None = None, *, answered: bool = True, **changes: Any) -> Peer:
        """A participant joins; `changes` are fields of its VideoFormat, both ways."""
        self.room.join(name, "127.0.0.1")
        number = next(self._count)
        rtp = Address(f"127.0.0.{number}", 40_000 + 2 * number)
        both = VideoFormat(payload_type=96 + number, **changes)
        media = ParticipantMedia(RemoteEnd(rtp, Address(rtp.host, rtp.port + 1)), both, both)
        peer = Peer(self, name, self.loop.pairs[-1], media, rtp, camera, ssrc=0x1000 + number, sequence=5000 * number)
        if answered:
            self.room.set_participant(name, media)
        return peer

    def of(self, kind: type) -> list[MediaEvent]:
        return [event for event in self.events if isinstance(event, kind)]


def about(luma: int, other: int, tolerance: int = 14) -> bool:
    return abs(luma - other) <= tolerance
