"""The far ends of A/V calls, in a process of their own: phones, browsers, the centre's voice. Does I/O on loopback.

A browser's handshakes are real, by the peer of the tests. After them its socket and its keys are taken over: packets
are built and sealed before the play begins, and go out on schedule. What the gateway sends on is read with the kernel's
own time of arrival, so that a delay has nothing of this process in it but the sending.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from aioice import stun

from bench.relay import HOST, SO_RCVBUFFORCE, cpu_s, waited_s
from splitter.core.net import Address
from splitter.lab.codec import Encoder, VideoShape
from splitter.lab.picture import draw
from splitter.rtp.packet import HEADER, VERSION
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from tests.media.wire.stand import BROWSER, CALLER, Browser
from tests.rtp.payloads import packetise

PAYLOAD_BYTES = 1150  # of a video packet at most; a path to a browser carries 1180
VOICE_BYTES, VOICE_PER_S = 172, 50
_SAMPLE = 4  # of so many packets that come, one is looked into
_TAIL = struct.Struct("!II")  # at the end of a payload: the mark of the play, and the number of the packet
_MARK = 0xB0C20000
_SO_TIMESTAMPNS = 35
_TIME = struct.Struct("qq")
_ANCILLARY = socket.CMSG_SPACE(_TIME.size)
_BUFFER_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """What both send: pixels, pictures per second, kbit/s."""

    name: str
    width: int
    height: int
    frames_per_s: int
    kbps: int

    @property
    def frame_bytes(self) -> int:
        return self.kbps * 125 // self.frames_per_s


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the ends of one call send to: ports of the gateway.

    Attributes:
        video: of the caller's video. voice: from the caller, from the centre.
        secure: the gateway's side of the browser's transport.
    """

    video: int
    voice: tuple[int, int]
    secure: SecureLocal


@dataclass(frozen=True, slots=True)
class Order:
    """What to play.

    Attributes:
        pid: the worker that is measured.
        calls: of those that stand, how many. video: or voice alone.
        warm_up_s, seconds: the latter are measured.
    """

    pid: int
    shape: Shape
    calls: int
    video: bool
    warm_up_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it, over the measured time.

    Attributes:
        calls, seconds: as ordered, the seconds as they were.
        cpu_s: of the worker, for what was delivered. waited_s: it was ready to run and others had its core.
        sent, delivered: packets, by kind: "to desk", "to phone", "voice".
        delays_s: of those looked into, by kind.
        late_s: how late the schedule was kept, at worst.
    """

    calls: int
    seconds: float
    cpu_s: float
    waited_s: float
    sent: dict[str, int]
    delivered: dict[str, int]
    delays_s: dict[str, list[float]]
    late_s: float


TO_DESK, TO_PHONE, VOICE = "to desk", "to phone", "voice"


@dataclass
class _Stream:
    """One that an end sends."""

    kind: str
    payload_type: int
    ssrc: int
    send: Callable[[bytes, tuple[str, int]], object]
    target: tuple[str, int]
    seal: Callable[[bytes], bytes] | None = None
    sequence: int = 0
    timestamp: int = 0

    def packets(self, pieces: list[bytes], ticks: int, mark: int, number: int) -> list[bytes]:
        """One picture, or one packet of voice. `number`: of the first packet; with a mark they carry their numbers."""
        made = []
        last = len(pieces) - 1
        self.timestamp = self.timestamp + ticks & 0xFFFF_FFFF
        for index, piece in enumerate(pieces):
            marker = 0x80 if index == last else 0
            head = HEADER.pack(VERSION, self.payload_type | marker, self.sequence, self.timestamp, self.ssrc)
            packet = head + piece + _TAIL.pack(mark, number + index) if mark else head + piece
            made.append(self.seal(packet) if self.seal else packet)
            self.sequence = self.sequence + 1 & 0xFFFF
        return made


@dataclass
class _Seat:
    """A browser whose handshakes are done: its socket and what is needed to go on."""

    sock: socket.socket
    password: bytes
    open: Callable[[bytes], bytes]

    def answer(self, data: bytes, source: tuple[str, int]) -> None:
        """It still wants our packets (RFC 7675)."""
        asked = stun.parse_message(data)
        if asked.message_class is stun.Class.REQUEST:
            told = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
            told.attributes["XOR-MAPPED-ADDRESS"] = source
            told.add_message_integrity(self.password)
            self.sock.sendto(bytes(told), source)


@dataclass
class _Tally:
    """What has come during a play, whose packets carry its mark."""

    mark: int
    sent_at: list[float]
    delivered: dict[str, int] = field(default_factory=lambda: dict.fromkeys((TO_DESK, TO_PHONE, VOICE), 0))
    delays_s: dict[str, list[float]] = field(default_factory=lambda: {TO_DESK: [], TO_PHONE: [], VOICE: []})

    def look(self, kind: str, packet: bytes | memoryview, arrived: float) -> None:
        mark, number = _TAIL.unpack_from(packet, len(packet) - _TAIL.size)
        if mark == self.mark:
            self.delays_s[kind].append(arrived - self.sent_at[number])


class Ends:
    """All of them. Phones share one pair of ports, both sides of the voice share one port each."""

    def __init__(self) -> None:
        self._phone, self._phone_rtcp = _pair()
        self._voices = (_pair(), _pair())
        self.ports = tuple(pair[0].getsockname()[1] for pair in ((self._phone,), *self._voices))
        self._poll = select.epoll()
        self._takers: dict[int, Callable[[], None]] = {}
        self._gathered: list[Browser] = []
        self._streams: list[tuple[_Stream, _Stream, _Stream, _Stream]] = []
        self._tally: _Tally | None = None
        self._buffer = bytearray(2048)
        self._taken = self._plays = 0
        self._watch(self._phone, self._take_plain(self._phone, TO_PHONE))
        for sock, other in self._voices:
            self._watch(sock, self._take_plain(sock, VOICE))
            self._watch(other, self._take_plain(other, ""))
        self._watch(self._phone_rtcp, self._take_plain(self._phone_rtcp, ""))

    def _watch(self, sock: socket.socket, take: Callable[[], None]) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._takers[sock.fileno()] = take
        self._poll.register(sock.fileno(), select.EPOLLIN)

    # ---- setting up ----------------------------------------------------------------------------------------------

    async def gather(self, count: int) -> list[SecureRemote]:
        """So many more browsers; their offers."""
        made = [Browser() for _ in range(count)]
        for browser in made:
            await browser.ice.gather()
        self._gathered += made
        return [browser.secure() for browser in made]

    async def connect(self, targets: list[Targets]) -> None:
        """Connect the browsers that were gathered, in that order, and make the ends of their calls."""
        await asyncio.gather(*(self._connect(one) for one in targets))

    async def _connect(self, to: Targets) -> None:
        browser = self._gathered.pop(0)
        await browser.connect(to.secure)
        nominated = browser.ice._nominated[1].remote_addr
        if browser.ice._query_consent_task is not None:
            browser.ice._query_consent_task.cancel()
        if browser.dtls._task is not None:
            browser.dtls._task.cancel()
        kept = socket.socket(fileno=os.dup(browser.ice.socket.fileno()))
        browser.ice._protocols[0].transport.abort()
        outgoing, incoming = browser.dtls._tx_srtp, browser.dtls._rx_srtp
        seat = _Seat(kept, browser.ice.local_password.encode(), incoming.unprotect)
        self._watch(kept, self._take_sealed(seat))
        number = len(self._streams)
        from_desk = _Stream(TO_PHONE, BROWSER.payload_type, 0xB000 + number, kept.sendto, nominated, outgoing.protect)
        from_phone = _Stream(TO_DESK, CALLER.payload_type, 0xCA000 + number, self._phone.sendto, (HOST, to.video))
        voices = [
            _Stream(VOICE, 8, 0xA0000 + 2 * number + side, self._voices[side][0].sendto, (HOST, to.voice[side]))
            for side in (0, 1)
        ]
        self._streams.append((from_desk, from_phone, voices[0], voices[1]))

    # ---- what comes ----------------------------------------------------------------------------------------------

    def take(self, wait_s: float = 0) -> bool:
        """Read what has come; one datagram of each socket. Returns whether there was any."""
        events = self._poll.poll(wait_s)
        for fd, _ in events:
            with suppress(BlockingIOError, ConnectionError):
                self._takers[fd]()
        return bool(events)

    def _take_plain(self, sock: socket.socket, kind: str) -> Callable[[], None]:
        buffer, view = self._buffer, memoryview(self._buffer)

        def take() -> None:
            self._taken += 1
            if self._tally is None or not kind or self._taken % _SAMPLE:
                size = sock.recv_into(buffer)
            else:
                size, ancillary, _, _ = sock.recvmsg_into([buffer], _ANCILLARY)
                self._tally.look(kind, view[:size], _arrived(ancillary))
            if self._tally is not None and kind:
                self._tally.delivered[kind] += 1

        return take

    def _take_sealed(self, seat: _Seat) -> Callable[[], None]:
        buffer, view, sock = self._buffer, memoryview(self._buffer), seat.sock

        def take() -> None:
            self._taken += 1
            size, ancillary, _, source = sock.recvmsg_into([buffer], _ANCILLARY)
            if buffer[0] < 4:
                seat.answer(bytes(view[:size]), source)
            elif self._tally is not None and buffer[0] >= 128 and not 192 <= buffer[1] <= 223:
                self._tally.delivered[TO_DESK] += 1
                if not self._taken % _SAMPLE:
                    self._tally.look(TO_DESK, seat.open(bytes(view[:size])), _arrived(ancillary))

        return take

    # ---- playing -------------------------------------------------------------------------------------------------

    def play(self, order: Order) -> Played:
        """Build everything, then send it on schedule."""
        self._plays += 1
        plan, sent = self._plan(order, _MARK + self._plays)
        tally = _Tally(_MARK + self._plays, [0.0] * len(plan))
        clock, sent_at, late_s = time.time, tally.sent_at, 0.0
        before = waited = started = 0.0
        begin = clock() + 0.05
        self._tally = tally
        for number, (at, send, target, packet) in enumerate(plan):
            while (ahead := begin + at - clock()) > 0:
                if not self.take():
                    time.sleep(min(ahead, 0.001))
            if not number & 15:
                self.take()
            if not started and at >= order.warm_up_s:
                tally.delivered.update(dict.fromkeys(tally.delivered, 0))
                for delays in tally.delays_s.values():
                    delays.clear()
                before, waited, started = cpu_s(order.pid), waited_s(order.pid), clock()
            if started:
                late_s = max(late_s, -ahead)
            sent_at[number] = clock()
            with suppress(BlockingIOError):
                send(packet, target)
        waited, took = waited_s(order.pid) - waited, clock() - started
        while self.take(0.05):
            pass
        used = cpu_s(order.pid) - before
        self._tally = None
        return Played(order.calls, took, used, waited, sent, tally.delivered, tally.delays_s, late_s)

    def _plan(
        self, order: Order, mark: int
    ) -> tuple[list[tuple[float, Callable[..., object], Any, bytes]], dict[str, int]]:
        """When what is sent to whom; and how many packets are within the measured time, by kind."""
        turns = sorted(self._turns(order), key=lambda turn: turn[0])
        shape = order.shape
        key, delta = pictures(shape)
        silence = [bytes(VOICE_BYTES - 12 - _TAIL.size)]
        plan: list[tuple[float, Callable[..., object], Any, bytes]] = []
        sent = dict.fromkeys((TO_DESK, TO_PHONE, VOICE), 0)
        for at, stream, first in turns:
            if stream.kind == VOICE:
                packets = stream.packets(silence, 160, mark, len(plan))
            else:
                ticks = 90_000 // shape.frames_per_s
                packets = stream.packets(key if first else delta, ticks, 0 if first else mark, len(plan))
            if at >= order.warm_up_s:
                sent[stream.kind] += len(packets)
            plan.extend((at, stream.send, stream.target, packet) for packet in packets)
        return plan, sent

    def _turns(self, order: Order) -> Iterator[tuple[float, _Stream, bool]]:
        """Evenly spread: when which stream has its turn, and whether it is its first."""
        end = order.warm_up_s + order.seconds
        for number, streams in enumerate(self._streams[: order.calls]):
            for place, stream in enumerate(streams):
                if stream.kind != VOICE and not order.video:
                    continue
                each_s = 1 / (VOICE_PER_S if stream.kind == VOICE else order.shape.frames_per_s)
                phase = (number + place / len(streams)) / order.calls * each_s
                for turn in range(int((end - phase) / each_s)):
                    yield phase + turn * each_s, stream, turn == 0


@cache
def pictures(shape: Shape) -> tuple[list[bytes], list[bytes]]:
    """Payloads of a key frame, a real one with its parameter sets, and of a picture at the shape's bit rate."""
    coded = Encoder(VideoShape(shape.width, shape.height, shape.frames_per_s, shape.kbps, 0))
    units = coded.encode(draw(1, 0, 0, shape.width, shape.height), 0, key=True)
    slice_of_any_content = b"\x41\x9a" + os.urandom(shape.frame_bytes - 2)
    key = packetise(units, 1, PAYLOAD_BYTES)
    return key, packetise([slice_of_any_content], 1, PAYLOAD_BYTES - _TAIL.size)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two neighbouring ports."""
    while True:
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind((HOST, 0))
        with suppress(OSError):
            second.bind((HOST, first.getsockname()[1] + 1))
            return first, second
        first.close()
        second.close()


def _arrived(ancillary: list[tuple[int, int, bytes]]) -> float:
    seconds, nanoseconds = _TIME.unpack_from(ancillary[0][2])
    return float(seconds + nanoseconds / 1e9)


# ---- the process -------------------------------------------------------------------------------------------------


class EndsProcess:
    """The ends in a process of their own.

    Attributes:
        phone: where all callers get their video. voices: where callers and where the centre get the voice.
    """

    def __init__(self, core: int) -> None:
        self._orders, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=_serve, args=(theirs, core), daemon=True)
        self._process.start()
        phone, *voices = self._orders.recv()
        self.phone, self.voices = Address(HOST, phone), tuple(Address(HOST, port) for port in voices)

    async def gather(self, count: int) -> list[SecureRemote]:
        """As `Ends.gather`."""
        return list(await self._ask("gather", count))

    async def connect(self, targets: list[Targets]) -> None:
        """As `Ends.connect`."""
        await self._ask("connect", targets)

    async def play(self, order: Order) -> Played:
        """As `Ends.play`."""
        played: Played = await self._ask("play", order)
        return played

    async def _ask(self, what: str, about: object) -> Any:
        self._orders.send((what, about))
        outcome = await asyncio.to_thread(self._orders.recv)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self._orders.close()
        self._process.join(5)


def _serve(orders: Connection, core: int) -> None:
    os.sched_setaffinity(0, {core} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_obey(orders))


async def _obey(orders: Connection) -> None:
    """Do what is ordered until there is nobody any more; what comes meanwhile is read."""
    ends = Ends()
    orders.send(ends.ports)
    loop = asyncio.get_running_loop()
    loop.add_reader(ends._poll.fileno(), ends.take)
    while True:
        try:
            what, about = await asyncio.to_thread(orders.recv)
        except EOFError:
            return
        try:
            done = getattr(ends, what)(about)
            orders.send(await done if asyncio.iscoroutine(done) else done)
        except Exception as fault:
            orders.send(fault)
