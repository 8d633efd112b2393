"""CPU per web call, its voice alone: straight through and transcoded, ours against rtpengine in userspace. Does I/O.

CALLS browsers (SRTP, AES-128-GCM) talk to as many phones (RTP) through one system after the other, in turns: 50 packets
a second each way, spread over time. Ours are adapters in a media worker, with ICE and DTLS as they are; rtpengine gets
its keys by SDES. Where it is transcoded, browsers have Opus and phones A-law; ours is sent RED and sends it, rtpengine
knows none. The traffic comes from a process of its own; what counts is the CPU time of the process that carries it.
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
from typing import Any

from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM
from pylibsrtp import Policy, Session

from bench.relay import HOST, RTPENGINE, Network, Ng, cpu_s
from bench.report import Report
from bench.secure import end
from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import TransportChanged
from splitter.media.settings import MediaSettings
from splitter.media.voice.g711 import ALAW
from splitter.media.voice.opus import Opus
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp import red
from splitter.rtp.red import RedBlock
from splitter.sdp.voice import VoiceFormat
from splitter.sdp.webvoice import Transcoding
from splitter.telemetry.settings import TelemetrySettings
from tests.media.wire.stand import Browser
from tests.speech import sample

CALLS = 20
SECONDS, ROUNDS, WARM_UP_S = 3.0, 2, 1.5
OPUS, RED, PCMA = 111, 63, 8
STRAIGHT, TRANSCODED = "PCMA straight through", "Opus transcoded"
OURS, THEIRS = "splitter, an adapter in one media worker", "rtpengine, one thread"
_PLAN = Transcoding(VoiceFormat("OPUS", OPUS, 48_000, 2), VoiceFormat("PCMA", PCMA), RED)
_HEADER = struct.Struct("!BBHII")


@dataclass
class Speaker:
    """One end of one call: what it says over and over, and where to.

    Attributes:
        payloads: of 20 ms each; units: how many timestamp units that is.
    """

    sock: socket.socket
    target: tuple[str, int]
    payload_type: int
    payloads: list[bytes]
    units: int = 160
    srtp: Session | None = None
    number: int = 0

    def speak(self, ssrc: int) -> None:
        """Send the next packet."""
        head = _HEADER.pack(0x80, self.payload_type, self.number & 0xFFFF, self.number * self.units & 0xFFFFFFFF, ssrc)
        packet = head + self.payloads[self.number % len(self.payloads)]
        self.sock.sendto(self.srtp.protect(packet) if self.srtp else packet, self.target)
        self.number += 1


@dataclass
class Carried:
    """A system that stands ready: its process, and both ends of each call."""

    pid: int
    speakers: list[Speaker] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: percent of a core for each call, and the share of packets that arrived."""

    percent: float
    arrived: float


def said(kind: str, with_red: bool) -> tuple[int, list[bytes], int]:
    """What a browser says: payload type, payloads, timestamp units."""
    speech = sample(4.0)
    blocks = [speech[at : at + 160] for at in range(0, len(speech), 160)]
    if kind == STRAIGHT:
        return PCMA, [ALAW.encode(block) for block in blocks], 160
    coder = Opus()
    spoken = [coder.encode(block) for block in blocks]
    if not with_red:
        return OPUS, spoken, 960
    pairs = zip([spoken[-1], *spoken], spoken, strict=False)
    return RED, [red.build([RedBlock(OPUS, 960, before), RedBlock(OPUS, 0, one)]) for before, one in pairs], 960


def play(speakers: list[Speaker], seconds: float) -> tuple[int, int]:
    """Send for so many seconds. Returns: RTP packets sent, and arrived."""
    poll, buffer, clock = select.epoll(), bytearray(2048), time.perf_counter
    by_fd = {one.sock.fileno(): one.sock for one in speakers}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    arrived, total, begin = 0, int(seconds * 50) * len(speakers), clock()
    for count in range(total):
        due = begin + count * 0.02 / len(speakers)
        while True:
            for fd, _ in poll.poll(max(0.0, due - clock())):
                with contextlib.suppress(BlockingIOError):
                    while True:
                        by_fd[fd].recv_into(buffer)
                        arrived += buffer[0] >> 6 == 2 and not 192 <= buffer[1] <= 223
            if clock() >= due:
                break
        speakers[count % len(speakers)].speak(count % len(speakers) + 1)
    poll.close()
    return total, arrived


def _traffic(speakers: list[Speaker], orders: Connection) -> None:
    """The generator's process: plays what it is ordered until None."""
    while (order := orders.recv()) is not None:
        orders.send(play(speakers, order))


def measure_one(carried: Carried, seconds: float) -> Cost:
    """Play through a system that stands ready. Blocks: nobody else shall read the sockets meanwhile."""
    orders, theirs = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_traffic, args=(carried.speakers, theirs), daemon=True)
    process.start()
    cost = Cost(0.0, 0.0)
    try:
        for length in (WARM_UP_S, seconds):
            before = cpu_s(carried.pid)
            orders.send(length)
            if not orders.poll(length + 30):
                raise TimeoutError("the traffic generator does not come to an end")
            sent, arrived = orders.recv()
            cost = Cost(100 * (cpu_s(carried.pid) - before) / length / CALLS, arrived / sent)
    finally:
        orders.send(None)
        process.join(5)
    return cost


# ---- the systems -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def ours(kind: str) -> AsyncIterator[Carried]:
    """One media worker with an adapter for each call."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(workers=1, first_port=44_000, last_port=44_999, socket_dir=folder)
        engine = WorkerEngine(settings, {"lo": Network()}, logs=TelemetrySettings(log_level="warning"))
        await engine.start()
        browsers = [Browser() for _ in range(CALLS)]
        try:
            pid = engine.status()[0].pid
            assert pid is not None
            carried = Carried(pid)
            for number, browser in enumerate(browsers):
                carried.speakers.extend(await _adapter(engine, number, browser, kind))
            await asyncio.sleep(2.0)  # the worker draws its slates once
            yield carried
        finally:
            for browser in browsers:
                await browser.close()
            await engine.stop()


async def _adapter(engine: WorkerEngine, number: int, browser: Browser, kind: str) -> tuple[Speaker, Speaker]:
    connected, phone = asyncio.Event(), end()

    def on_event(event: object) -> None:
        if isinstance(event, TransportChanged) and event.state == "connected":
            connected.set()

    handle = await engine.adapters.open_adapter(f"bench-{number}", "lo", on_event)
    address = Address(*phone.getsockname())
    await browser.ice.gather()
    browser.dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM]
    transcoded = kind == TRANSCODED
    types = ((OPUS, OPUS), (RED, RED)) if transcoded else ((PCMA, PCMA),)
    voice, plan = RemoteEnd(address, address), _PLAN if transcoded else None
    setting = AdapterSetting(browser.secure(), types, (), voice, None, plan)
    await engine.adapters.set_adapter(handle, setting)
    await browser.connect(handle.secure)
    await asyncio.wait_for(connected.wait(), 10)
    sock = socket.socket(fileno=os.dup(browser.ice.socket.fileno()))
    sock.setblocking(False)
    payload_type, payloads, units = said(kind, with_red=True)
    return (
        Speaker(phone, (HOST, handle.voice.rtp_port), PCMA, said(STRAIGHT, False)[1]),
        Speaker(sock, (HOST, handle.public.rtp_port), payload_type, payloads, units, browser.dtls._tx_srtp),
    )


@asynccontextmanager
async def rtpengine(kind: str) -> AsyncIterator[Carried]:
    """rtpengine without its kernel module."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        control = free.getsockname()[1]
    command = [RTPENGINE, "--config-file=none", "--table=-1", f"--interface={HOST}", f"--listen-ng={HOST}:{control}"]
    command += ["--foreground", "--log-stderr", "--log-level=3", "--port-min=45000", "--port-max=45999"]
    process = subprocess.Popen([*command, "--num-threads=1"], stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        with Ng(control) as ng:
            carried = Carried(process.pid)
            for number in range(CALLS):
                carried.speakers.extend(_call(ng, f"bench-{number}", kind))
            yield carried
    finally:
        process.terminate()
        process.wait(5)


def _call(ng: Ng, call_id: str, kind: str) -> tuple[Speaker, Speaker]:
    """RTP to SRTP with keys in SDP (RFC 4568, RFC 7714); the phone offers A-law."""
    phone, browser = end(), end()
    common: dict[str, Any] = {"call-id": call_id, "from-tag": "a", "ICE": "remove", "DTLS": "off"}
    payload_type, payloads, units = said(kind, with_red=False)
    more = {"codec": {"mask": ["PCMA"], "transcode": ["opus"]}} if kind == TRANSCODED else {}
    asked = {
        "command": "offer",
        **common,
        "transport-protocol": "RTP/SAVP",
        "sdp": _sdp(phone, "RTP/AVP", PCMA),
        **more,
    }
    offered = ng.ask(asked).decode()
    found = re.search(r"a=crypto:(\d+) AEAD_AES_128_GCM inline:([\w+/=]+)", offered)
    opus = re.search(r"a=rtpmap:(\d+) opus", offered)
    if found is None or (kind == TRANSCODED and opus is None):
        raise ValueError(f"rtpengine cannot do it: {offered}")
    payload_type = int(opus[1]) if opus is not None else payload_type
    key = os.urandom(SRTP_AEAD_AES_128_GCM.key_length + SRTP_AEAD_AES_128_GCM.salt_length)
    crypto = f"a=crypto:{found[1]} AEAD_AES_128_GCM inline:{base64.b64encode(key).decode()}\r\n"
    answer = {"command": "answer", **common, "to-tag": "b", "transport-protocol": "RTP/AVP"}
    answered = ng.ask({**answer, "sdp": _sdp(browser, "RTP/SAVP", payload_type) + crypto}).decode()
    policy = Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=SRTP_AEAD_AES_128_GCM.libsrtp_profile)
    return (
        Speaker(phone, (HOST, _port(answered)), PCMA, said(STRAIGHT, False)[1]),
        Speaker(browser, (HOST, _port(offered)), payload_type, payloads, units, Session(policy)),
    )


def _sdp(sock: socket.socket, proto: str, payload_type: int) -> str:
    head = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
    codec = "PCMA/8000" if payload_type == PCMA else "opus/48000/2"
    line = f"m=audio {sock.getsockname()[1]} {proto} {payload_type}\r\na=rtpmap:{payload_type} {codec}\r\n"
    return f"{head}{line}a=sendrecv\r\n"


def _port(sdp: str) -> int:
    found = re.search(r"m=audio (\d+)", sdp)
    if found is None:
        raise ValueError(f"no m=audio: {sdp}")
    return int(found[1])


# ---- measuring ---------------------------------------------------------------------------------------------------


def systems(kind: str) -> Iterator[tuple[str, AbstractAsyncContextManager[Carried]]]:
    """Each system, and how to have it for a while."""
    yield OURS, ours(kind)
    if shutil.which(RTPENGINE):
        yield THEIRS, rtpengine(kind)


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[tuple[str, str], list[Cost]]:
    """Have each system carry each kind of call, in turns. Returns: costs by kind and system."""
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(rounds):
        for kind in (STRAIGHT, TRANSCODED):
            for name, system in systems(kind):
                async with system as carried:
                    costs.setdefault((kind, name), []).append(measure_one(carried, seconds))
                    for speaker in carried.speakers:
                        speaker.sock.close()
    return costs


def report(costs: dict[tuple[str, str], list[Cost]]) -> Report:
    """The table: percent of a core for each call, and the ratio to the peer."""
    rows = []
    medians = {key: statistics.median(one.percent for one in runs) for key, runs in costs.items()}
    for (kind, name), percent in medians.items():
        peer = medians.get((kind, THEIRS))
        arrived = min(one.arrived for one in costs[kind, name])
        rows.append([f"{kind}: {name}", f"{percent:.2f} %", f"{percent / peer:.2f}" if peer else "-", f"{arrived:.1%}"])
    return Report(
        "webcalls",
        "CPU per web call: the voice between a browser's SRTP and RTP",
        ["voice", "of a core", "to rtpengine", "arrived"],
        rows,
        notes=[
            f"{CALLS} calls, 50 packets a second each way, medians of {ROUNDS} runs; without the relay behind it",
            "ours is sent one packet again with each (RED), and sends two; rtpengine has no RED",
        ],
    )


def main() -> int:
    """Measure and write it down."""
    report(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
