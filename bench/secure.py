"""CPU per packet between RTP and SRTP, ours against rtpengine in userspace: same traffic, same run. Does I/O.

CALLS video calls between a phone (RTP) and a browser (SRTP, AES-128-GCM) pass through one system after the other. Ours
is a room of a media worker: ICE and DTLS are real, and it does what rooms do (one SSRC out, key frames looked for,
copies for NACK), once with the short way in C and once in Python. rtpengine gets its keys by SDES and relays. The
traffic comes from a process of its own; what counts is the CPU time of the relaying process divided by the RTP packets
that arrived.

Packets come evenly spread, or as cameras send them: FRAME equal packets of one picture at a time. Those leave the
generator in one piece (UDP_SEGMENT), as network cards hand them up; the kernel divides them for those who do not take
them so.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import multiprocessing
import os
import re
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM
from pylibsrtp import Policy, Session

from bench.relay import HOST, RTPENGINE, SO_RCVBUFFORCE, Network, Ng, Sample, compare, cpu_s
from bench.report import Report
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.settings import MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.sdp.video import VideoFormat
from splitter.telemetry.settings import TelemetrySettings
from tests.media.wire.stand import Browser
from tests.rtp.payloads import packetise

CALLS = 20
PACKETS_PER_S = CALLS * 2 * 100  # both ways, each about 1 Mbit/s at the larger size
SIZES = (300, 1100)
FRAME = 4
KINDS = {f"{size} B {kind}": (size, burst) for kind, burst in (("even", 1), ("frames", FRAME)) for size in SIZES}
_SOL_UDP, _UDP_SEGMENT = 17, 103
_REST_S = 0.3
SECONDS, ROUNDS, WARM_UP_S = 1.5, 2, 0.4
BUDGETS = {kind: 0.6 if burst == 1 else 0.3 for kind, (_, burst) in KINDS.items()}
PAYLOAD_TYPE = 102
FORMAT = VideoFormat(PAYLOAD_TYPE, feedback=frozenset(("nack", "nack pli", "ccm fir", "goog-remb")))
PHONE = VideoFormat(PAYLOAD_TYPE, feedback=frozenset(("nack pli",)))
# A small key frame in one packet, then slices of ordinary pictures.
_SETS = (bytes.fromhex("6742c00ada0b13a10000030001000003001e8f1226a0"), bytes.fromhex("68ce0bc8"))
_KEY_FRAME = packetise([*_SETS, b"\x65\x88\x84" + bytes(60)], 1, 1200)[0]
_SLICE = b"\x41\x9a"
_HEADER = struct.Struct("!BBHII")
_TIME = struct.Struct("!d")
_TIME_AT = 12 + len(_SLICE)


@dataclass
class Leg:
    """One end of one call: its socket, where it sends to, and its keys (None for a phone)."""

    sock: socket.socket
    target: tuple[str, int]
    srtp: Session | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Relayed:
    """A system that stands ready: its process, and both ends of each call."""

    pid: int
    legs: list[Leg] = field(default_factory=list)


# ---- traffic -----------------------------------------------------------------------------------------------------


def end() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((HOST, 0))
    return _ready(sock)


def _ready(sock: socket.socket) -> socket.socket:
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    return sock


def send(leg: Leg, number: int, payload: bytes, burst: int = 1) -> None:
    """One picture of so many equal packets."""
    packets, timestamp = [], (leg.sequence + 1) * 900 & 0xFFFFFFFF
    for index in range(burst):
        leg.sequence = (leg.sequence + 1) & 0xFFFF
        second = PAYLOAD_TYPE | (0x80 if index == burst - 1 else 0)
        packet = _HEADER.pack(0x80, second, leg.sequence, timestamp, number + 1) + payload
        packets.append(leg.srtp.protect(packet) if leg.srtp else packet)
    if burst == 1:
        leg.sock.sendto(packets[0], leg.target)
    else:
        segment = [(_SOL_UDP, _UDP_SEGMENT, struct.pack("H", len(packets[0])))]
        leg.sock.sendmsg(packets, segment, 0, leg.target)


def play(legs: list[Leg], size: int, burst: int, seconds: float) -> tuple[int, int, list[float]]:
    """Send for so many seconds. Returns: RTP packets sent and arrived, and the delays of those that phones got."""
    poll, buffer = select.epoll(), bytearray(2048)
    by_fd = {leg.sock.fileno(): leg for leg in legs}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    delays: list[float] = []
    arrived = 0
    clock = time.perf_counter

    def take(wait_s: float) -> bool:
        nonlocal arrived
        events = poll.poll(wait_s)
        for fd, _ in events:
            leg = by_fd[fd]
            with contextlib.suppress(BlockingIOError):
                while True:
                    leg.sock.recv_into(buffer)
                    if buffer[0] >> 6 == 2 and not 192 <= buffer[1] <= 223:
                        arrived += 1
                        if leg.srtp is None and buffer[12] == _SLICE[0]:
                            delays.append(clock() - _TIME.unpack_from(buffer, _TIME_AT)[0])
        return bool(events)

    def rest() -> None:
        """Take what is still under way; reports go on for ever."""
        until = clock() + _REST_S
        while clock() < until:
            take(0.05)

    for number, leg in enumerate(legs):
        send(leg, number, _KEY_FRAME)
    rest()
    arrived = 0
    filler = bytes(size - _TIME_AT - _TIME.size)
    begin = clock()
    total = int(seconds * PACKETS_PER_S)
    for count in range(0, total, burst):
        if begin + count / PACKETS_PER_S > clock():
            take(0)
            time.sleep(max(0.0, begin + count / PACKETS_PER_S - clock()))
        number = count // burst % len(legs)
        send(legs[number], number, _SLICE + _TIME.pack(clock()) + filler, burst)
    rest()
    poll.close()
    return -(-total // burst) * burst, arrived, delays


def _traffic(legs: list[Leg], orders: Connection) -> None:
    """The generator's process: plays what it is ordered until None."""
    while (order := orders.recv()) is not None:
        orders.send(play(legs, *order))


def measure_one(relayed: Relayed, seconds: float) -> dict[str, Sample]:
    """Play through a system that stands ready. Blocks: nobody else shall read the sockets meanwhile."""
    orders, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_traffic, args=(relayed.legs, theirs), daemon=True)
    process.start()
    samples = {}
    try:
        for kind, length in ((next(iter(KINDS)), WARM_UP_S), *((kind, seconds) for kind in KINDS)):
            before = cpu_s(relayed.pid)
            orders.send((*KINDS[kind], length))
            if not orders.poll(length + 15):
                raise TimeoutError("the traffic generator does not come to an end")
            sent, arrived, delays = orders.recv()
            used = cpu_s(relayed.pid) - before
            p99 = statistics.quantiles(delays, n=100)[-1] if len(delays) > 1 else 0.0
            samples[kind] = Sample(used / max(1, arrived) * 1e6, sent, arrived, p99 * 1000)
    finally:
        orders.send(None)
        process.join(5)
    return samples


# ---- the systems -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def ours(native: bool) -> AsyncIterator[Relayed]:
    """One media worker with a room for each call."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(workers=1, first_port=44_000, last_port=44_999, socket_dir=folder, native=native)
        engine = WorkerEngine(settings, {"lo": Network()}, logs=TelemetrySettings(log_level="warning"))
        await engine.start()
        browsers = [Browser() for _ in range(CALLS)]
        try:
            status = engine.status()[0]
            pid = status.pid
            assert pid is not None and (status.form == "native") is native, status
            relayed = Relayed(pid)
            for number, browser in enumerate(browsers):
                relayed.legs.extend(await _room(engine, number, browser))
            await _idle(pid)
            yield relayed
        finally:
            for browser in browsers:
                await browser.close()
            await engine.stop()


async def _idle(pid: int) -> None:
    """Wait until the worker has drawn all forms of its slate, which it does once, after its start."""
    for _ in range(40):
        before = cpu_s(pid)
        await asyncio.sleep(0.25)
        if cpu_s(pid) - before < 0.05:
            return


async def _room(engine: WorkerEngine, number: int, browser: Browser) -> tuple[Leg, Leg]:
    connected = asyncio.Event()

    def on_event(event: object) -> None:
        if isinstance(event, TransportChanged) and event.state == "connected":
            connected.set()

    room = await engine.open_room(f"bench-{number}", on_event)
    phone = end()
    caller = await engine.join(room, "caller", "lo")
    address = Address(*phone.getsockname())
    await engine.set_participant(caller, ParticipantMedia(RemoteEnd(address, address), PHONE, PHONE))
    seat = await engine.join_secure(room, "seat-1", "lo")
    assert seat.secure is not None
    await browser.ice.gather()
    browser.dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM]
    await engine.set_participant(seat, ParticipantMedia(None, FORMAT, FORMAT, secure=browser.secure()))
    await browser.connect(seat.secure)
    await asyncio.wait_for(connected.wait(), 10)
    sock = _ready(socket.socket(fileno=os.dup(browser.ice.socket.fileno())))
    return (
        Leg(phone, (HOST, caller.local.rtp_port)),
        Leg(sock, (HOST, seat.local.rtp_port), browser.dtls._tx_srtp),
    )


@asynccontextmanager
async def rtpengine(*options: str) -> AsyncIterator[Relayed]:
    """rtpengine without its kernel module."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        control = free.getsockname()[1]
    command = [RTPENGINE, "--config-file=none", "--table=-1", f"--interface={HOST}", f"--listen-ng={HOST}:{control}"]
    command += ["--foreground", "--log-stderr", "--log-level=3", "--port-min=45000", "--port-max=45999", *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        with Ng(control) as ng:
            relayed = Relayed(process.pid)
            for number in range(CALLS):
                relayed.legs.extend(_call(ng, f"bench-{number}"))
            yield relayed
    finally:
        process.terminate()
        process.wait(5)


def _call(ng: Ng, call_id: str) -> tuple[Leg, Leg]:
    """RTP to SRTP with keys in SDP (RFC 4568, RFC 7714)."""
    phone, browser = end(), end()
    offer = {"command": "offer", "call-id": call_id, "from-tag": "a", "ICE": "remove", "DTLS": "off"}
    offered = ng.ask({**offer, "transport-protocol": "RTP/SAVP", "sdp": _sdp(phone, "RTP/AVP")}).decode()
    found = re.search(r"a=crypto:(\d+) AEAD_AES_128_GCM inline:([\w+/=]+)", offered)
    if found is None:
        raise ValueError(f"rtpengine offers no AES-GCM: {offered}")
    key = os.urandom(SRTP_AEAD_AES_128_GCM.key_length + SRTP_AEAD_AES_128_GCM.salt_length)
    crypto = f"a=crypto:{found[1]} AEAD_AES_128_GCM inline:{base64.b64encode(key).decode()}\r\n"
    answer = {**offer, "command": "answer", "to-tag": "b", "transport-protocol": "RTP/AVP"}
    answered = ng.ask({**answer, "sdp": _sdp(browser, "RTP/SAVP") + crypto}).decode()
    policy = Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=SRTP_AEAD_AES_128_GCM.libsrtp_profile)
    return Leg(phone, (HOST, _port(answered))), Leg(browser, (HOST, _port(offered)), Session(policy))


def _sdp(sock: socket.socket, proto: str) -> str:
    head = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
    line = f"m=video {sock.getsockname()[1]} {proto} {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} H264/90000\r\n"
    return f"{head}{line}a=sendrecv\r\n"


def _port(sdp: str) -> int:
    found = re.search(r"m=video (\d+)", sdp)
    if found is None:
        raise ValueError(f"no m=video: {sdp}")
    return int(found[1])


# ---- measuring ---------------------------------------------------------------------------------------------------

OURS, PYTHON = "splitter, a room in one media worker", "splitter, the same in Python"


def systems() -> Iterator[tuple[str, AbstractAsyncContextManager[Relayed]]]:
    """Each system, and how to have it for a while."""
    yield OURS, ours(native=True)
    yield PYTHON, ours(native=False)
    if shutil.which(RTPENGINE):
        yield "rtpengine, as it comes", rtpengine()
        yield "rtpengine, one thread", rtpengine("--num-threads=1")


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, dict[str, list[Sample]]]:
    """Relay traffic through every system in turns. Returns: samples by system and kind of traffic."""
    samples: dict[str, dict[str, list[Sample]]] = {}
    for _ in range(rounds):
        for name, system in systems():
            async with system as relayed:
                for kind, sample in measure_one(relayed, seconds).items():
                    samples.setdefault(name, {}).setdefault(kind, []).append(sample)
                for leg in relayed.legs:
                    leg.sock.close()
    return samples


def report(samples: dict[str, dict[str, list[Sample]]]) -> Report:
    """A table of what was measured."""
    notes = [
        f"{CALLS} calls, {PACKETS_PER_S} packets/s, both directions, {ROUNDS} × {SECONDS:g} s of each kind, in turns",
        f"even: spread evenly; frames: {FRAME} equal packets of one picture at a time, sent in one piece",
        "ours: ICE, DTLS-SRTP, one SSRC out, key frames, copies for NACK; rtpengine: SDES, relayed as they are",
        "CPU of all threads of the relaying process; on loopback it includes delivery to the receiver's socket",
        "delay of packets from browser to phone, with the traffic generator's own wait before it reads",
    ]
    return compare("secure", "CPU per packet between RTP and SRTP (AES-128-GCM)", samples, OURS, BUDGETS, notes)


def main() -> int:
    """Measure, print and write."""
    report(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
