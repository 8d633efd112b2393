"""The far ends of A/V calls, in a process of their own: phones, browsers, the centre's voice. Does I/O on loopback.

A browser's handshakes are real, by the peer of the tests. After them its socket and its keys are taken over: packets
are built and sealed before the play begins, and go out on schedule (`generator.py`). What the gateway sends on is read
with the kernel's own time of arrival, so that a delay has nothing of this process in it but the system call that sends.
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
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from aioice import stun

from bench import generator
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
_TAIL = struct.Struct("!II")  # at the end of a payload: the mark of the play, and the number of the packet
_MARK = 0xB0C20000
_BEGINNING = 0.6  # of the time to warm up: calls begin one after the other
_SO_TIMESTAMPNS = 35
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
        late_s: by how much the ends were late in all. They do not make up for it, so it lasted longer.
    """

    calls: int
    seconds: float
    cpu_s: float
    waited_s: float
    sent: dict[str, int]
    delivered: dict[str, int]
    delays_s: dict[str, list[float]]
    late_s: float


_KINDS = TO_DESK, TO_PHONE, VOICE = "to desk", "to phone", "voice"  # in the order of the generator's numbers


@dataclass
class _Stream:
    """One that an end sends."""

    kind: str
    payload_type: int
    ssrc: int
    fd: int
    port: int
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


class Ends:
    """All of them. Phones share one pair of ports, both sides of the voice share one port each."""

    def __init__(self) -> None:
        self._phone, self._phone_rtcp = _pair()
        self._voices = (_pair(), _pair())
        self.ports = tuple(pair[0].getsockname()[1] for pair in ((self._phone,), *self._voices))
        self._poll = select.epoll()
        self._kinds: dict[int, int] = {}
        self._seats: dict[int, _Seat] = {}
        self._gathered: list[Browser] = []
        self._streams: list[tuple[_Stream, _Stream, _Stream, _Stream]] = []
        self._plays = 0
        self._watch(self._phone, generator.TO_PHONE)
        for sock, other in self._voices:
            self._watch(sock, generator.VOICE)
            self._watch(other)
        self._watch(self._phone_rtcp)

    def _watch(self, sock: socket.socket, kind: int = generator.OTHER) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._kinds[sock.fileno()] = kind
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
        self._watch(kept, generator.TO_DESK)
        self._seats[kept.fileno()] = seat
        number = len(self._streams)
        from_desk = _Stream(
            TO_PHONE, BROWSER.payload_type, 0xB000 + number, kept.fileno(), nominated[1], outgoing.protect
        )
        from_phone = _Stream(TO_DESK, CALLER.payload_type, 0xCA000 + number, self._phone.fileno(), to.video)
        voices = [
            _Stream(VOICE, 8, 0xA0000 + 2 * number + side, self._voices[side][0].fileno(), to.voice[side])
            for side in (0, 1)
        ]
        self._streams.append((from_desk, from_phone, voices[0], voices[1]))

    # ---- what comes ----------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Between two plays: read what has come, and go on to consent."""
        for fd, _ in self._poll.poll(0):
            with suppress(BlockingIOError, ConnectionError), socket.socket(fileno=os.dup(fd)) as sock:
                data, source = sock.recvfrom(2048)
                self._take_aside(fd, source[1], data)

    def _take_aside(self, fd: int, port: int, data: bytes) -> None:
        seat = self._seats.get(fd)
        if seat is not None and data[0] < 4:
            seat.answer(data, (HOST, port))

    # ---- playing -------------------------------------------------------------------------------------------------

    def play(self, order: Order) -> Played:
        """Build everything, then send it on schedule."""
        self._plays += 1
        mark = _MARK + self._plays
        plan, sent = self._plan(order, mark)
        played = generator.Play(plan, self._kinds, self._poll, mark, self._take_aside)
        played.run(time.time() + 0.05, order.warm_up_s)
        played.forget()
        before, waited, started = cpu_s(order.pid), waited_s(order.pid), time.time()
        played.run(0.0, float("inf"))
        waited, took = waited_s(order.pid) - waited, time.time() - started
        played.drain()
        used = cpu_s(order.pid) - before
        delivered = dict(zip(_KINDS, played.state.delivered, strict=True))
        delays = self._delays(played, mark)
        return Played(order.calls, took, used, waited, sent, delivered, delays, played.state.late)

    def _delays(self, played: generator.Play, mark: int) -> dict[str, list[float]]:
        """The delays of those whose departure is known, by kind."""
        delays: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        for one in played.arrivals():
            number = one.number
            if one.sealed:
                packet = self._seats[one.fd].open(one.sealed)
                found, number = _TAIL.unpack_from(packet, len(packet) - _TAIL.size)
                if found != mark:
                    continue
            left = played.sent_at(number)
            if left:
                delays[_KINDS[one.kind]].append(one.at - left)
        return delays

    def _plan(self, order: Order, mark: int) -> tuple[list[generator.Departure], dict[str, int]]:
        """When what is sent to whom; and how many packets are within the measured time, by kind."""
        turns = sorted(self._turns(order), key=lambda turn: turn[0])
        shape = order.shape
        key, delta = pictures(shape)
        silence = [bytes(VOICE_BYTES - 12 - _TAIL.size)]
        plan: list[generator.Departure] = []
        sent = dict.fromkeys(_KINDS, 0)
        for at, stream, first in turns:
            if stream.kind == VOICE:
                packets = stream.packets(silence, 160, mark, len(plan))
            else:
                ticks = 90_000 // shape.frames_per_s
                packets = stream.packets(key if first else delta, ticks, 0 if first else mark, len(plan))
            if at >= order.warm_up_s:
                sent[stream.kind] += len(packets)
            plan.extend(generator.Departure(at, stream.fd, stream.port, packet) for packet in packets)
        return plan, sent

    def _turns(self, order: Order) -> Iterator[tuple[float, _Stream, bool]]:
        """Evenly spread: when which stream has its turn, and whether it is its first.

        Calls begin one after the other: the first key frame of a stream costs as much as hundreds of other packets, and
        if all came at once the worker would be behind for seconds.
        """
        end = order.warm_up_s + order.seconds
        for number, streams in enumerate(self._streams[: order.calls]):
            for place, stream in enumerate(streams):
                if stream.kind != VOICE and not order.video:
                    continue
                each_s = 1 / (VOICE_PER_S if stream.kind == VOICE else order.shape.frames_per_s)
                phase = (number + place / len(streams)) / order.calls * each_s
                first = int(number / order.calls * _BEGINNING * order.warm_up_s / each_s)
                for turn in range(first, int((end - phase) / each_s)):
                    yield phase + turn * each_s, stream, turn == first


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
