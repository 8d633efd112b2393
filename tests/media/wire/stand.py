"""A room on real sockets, and the far ends of its participants: a browser as aioice and aiortc make it, a SIP phone."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aioice.candidate import Candidate
from aioice.ice import Connection
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.fast.form import choose_form
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.room.room import Room
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.secure import SecureWire
from splitter.media.worker.loop import PacketHost, RoomLoop
from splitter.rtp import packet, rtcp
from splitter.rtp.rtcp import RtcpPacket
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from tests.media.room.kit import SLATE, Camera
from tests.media.worker.stand import FIRST_PORT
from tests.patience import PATIENCE_S, until
from tests.rtp.payloads import packetise

HOST = "127.0.0.1"
BROWSER = VideoFormat(
    payload_type=102, orientation_id=3, feedback=frozenset(("nack", "nack pli", "ccm fir", "goog-remb"))
)
CALLER = VideoFormat(payload_type=99, orientation_id=7)


class Ice(Connection):
    """The browser's agent: it controls, and sits on loopback."""

    def __init__(self, host: str = HOST) -> None:
        super().__init__(ice_controlling=True)
        self.host = host

    async def gather(self) -> None:
        self._local_candidates_start = True
        self._local_candidates += await self.get_component_candidates(1, [self.host])
        self._local_candidates_end = True

    async def meet(self, local: SecureLocal, host: str = HOST) -> None:
        self.remote_username, self.remote_password = local.ufrag, local.password
        for value in local.candidates:
            candidate = Candidate.from_sdp(value)
            candidate.host = candidate._network_host = host  # where a NAT would take it
            await self.add_remote_candidate(candidate)
        await self.add_remote_candidate(None)

    @property
    def socket(self) -> socket.socket:
        found: socket.socket = self._protocols[0].transport.get_extra_info("socket")
        return found

    @property
    def address(self) -> Address:
        return Address(*self.socket.getsockname()[:2])


class Dtls(RTCDtlsTransport):
    """Keeps what it decrypts."""

    def __init__(self, browser: Browser) -> None:
        super().__init__(browser, [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
        self._browser = browser

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self._browser.rtp.append(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._browser.rtcp.extend(rtcp.parse(data))


@dataclass
class Browser:
    """A peer that speaks WebRTC.

    Attributes:
        lossy: how many of a hundred packets are lost on the way here, and on the way out.
        lost: the RTP packets that were lost on the way here.
        rtp, rtcp: what came, decrypted.
    """

    ice: Ice = field(default_factory=Ice)
    camera: Camera | None = None
    lossy: int = 0
    lost: int = 0
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[RtcpPacket] = field(default_factory=list)
    ssrc: int = 0xB0B
    sequence: int = 65_500
    timestamp: int = 4_294_900_000
    role = "controlling"

    def __post_init__(self) -> None:
        self.dtls = Dtls(self)
        self._random = random.Random(5)
        self._offered = ""

    # ---- what aiortc's DTLS wants of its transport

    async def _recv(self) -> bytes:
        while True:
            data = await self.ice.recv()
            if not (data[0] >= 128 and self._random.randrange(100) < self.lossy):
                return data
            self.lost += not 192 <= data[1] <= 223

    async def _send(self, data: bytes) -> None:
        if not (data[0] >= 128 and self._random.randrange(100) < self.lossy):
            await self.ice.send(data)

    # ---- its description, and ours

    @property
    def fingerprint(self) -> str:
        first = self.dtls.getLocalParameters().fingerprints[0]
        return f"{first.algorithm} {first.value}"

    def secure(self, *, setup: str = "actpass", candidates: bool = True, **changes: Any) -> SecureRemote:
        own = tuple(one.to_sdp() for one in self.ice.local_candidates) if candidates else ()
        fields = {"fingerprints": (self.fingerprint,), "candidates": own, **changes}
        return SecureRemote(self.ice.local_username, self.ice.local_password, setup=setup, **fields)

    async def connect(self, local: SecureLocal, *, server: bool = False) -> None:
        """ICE, then DTLS. `server`: it waits for our ClientHello."""
        await self.ice.meet(local)
        await self.ice.connect()
        self.dtls._set_role("server" if server else "client")
        algorithm, value = local.fingerprint.split()
        await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value)]))

    # ---- media

    async def send(self, data: bytes) -> None:
        await self.dtls._send_rtp(data)

    async def report(self, *messages: RtcpPacket) -> None:
        await self.send(rtcp.build([rtcp.ReceiverReport(self.ssrc), *messages]))

    def packets(self, orientation: int | None = None) -> list[bytes]:
        """The camera's next picture as RTP packets."""
        assert self.camera is not None
        payloads = packetise(self.camera.picture(), 1, 1100)
        made = []
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            extensions = ((3, bytes((orientation,))),) if last and orientation is not None else ()
            one = packet.Packet(last, 102, self.sequence, self.timestamp, self.ssrc, payload, extensions)
            made.append(packet.build(one))
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 6000) & 0xFFFF_FFFF
        return made

    async def show(self, pictures: int = 1, orientation: int | None = None) -> list[bytes]:
        """Send the next pictures."""
        sent = []
        for _ in range(pictures):
            for data in self.packets(orientation):
                await self.send(data)
                sent.append(data)
            await asyncio.sleep(0.01)
        return sent

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.rtcp if isinstance(message, kind)]

    async def close(self) -> None:
        await self.dtls.stop()
        await self.ice.close()


class Phone:
    """A SIP peer's two ports."""

    def __init__(self, loop: asyncio.AbstractEventLoop, camera: Camera | None = None) -> None:
        self._loop = loop
        self.camera = camera
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self.rtp: list[bytes] = []
        self.rtcp: list[RtcpPacket] = []
        self.sent: list[bytes] = []
        self.to: tuple[int, int] = (0, 0)
        self.sequence, self.timestamp = 100, 1000
        for index, sock in enumerate(self.socks):
            sock.bind((HOST, 0))
            sock.setblocking(False)
            loop.add_reader(sock.fileno(), self._read, index)

    def _read(self, index: int) -> None:
        data = self.socks[index].recv(65_536)
        if index:
            self.rtcp.extend(rtcp.parse(data))
        else:
            self.rtp.append(data)

    @property
    def remote(self) -> RemoteEnd:
        rtp, other = (Address(*sock.getsockname()) for sock in self.socks)
        return RemoteEnd(rtp, other)

    def show(self, limit: int = 1300) -> list[bytes]:
        """Send the camera's next picture."""
        assert self.camera is not None
        payloads = packetise(self.camera.picture(), 1, limit)
        sent = []
        for index, payload in enumerate(payloads):
            one = packet.Packet(index == len(payloads) - 1, 99, self.sequence, self.timestamp, 0xCA11, payload)
            sent.append(packet.build(one))
            self.socks[0].sendto(sent[-1], (HOST, self.to[0]))
            self.sequence += 1
        self.timestamp += 6000
        self.sent = sent
        return sent

    def report(self, *messages: RtcpPacket) -> None:
        self.socks[1].sendto(rtcp.build([rtcp.ReceiverReport(0xCA11), *messages]), (HOST, self.to[1]))

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.rtcp if isinstance(message, kind)]

    def close(self) -> None:
        for sock in self.socks:
            self._loop.remove_reader(sock.fileno())
            sock.close()


@dataclass
class Stand:
    """A room with a caller."""

    room: Room
    loop: RoomLoop
    host: PacketHost
    phone: Phone
    events: list[MediaEvent]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def states(self) -> list[str]:
        return [event.state for event in self.of(TransportChanged)]

    def wire(self, name: str = "seat-1") -> SecureWire:
        wire = self.room.participant(name).wire.bundle.wire
        assert isinstance(wire, SecureWire)
        return wire

    def settle(self, secure: SecureRemote, name: str = "seat-1", format: VideoFormat = BROWSER) -> None:
        self.room.set_participant(name, ParticipantMedia(None, format, format, secure=secure))

    async def seat(self, browser: Browser, *, name: str = "seat-1", setup: str = "actpass", **changes: Any) -> None:
        """The browser joins and is connected."""
        _, local = self.room.join_secure(name, HOST, HOST)
        await browser.ice.gather()
        self.settle(browser.secure(setup=setup, **changes), name)
        await browser.connect(local, server=setup == "passive")
        await until(lambda: self.wire(name).state == "connected")


@asynccontextmanager
async def stand(camera: Camera | None = None) -> AsyncIterator[Stand]:
    """A room with a SIP caller; nothing may be left of it."""
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    form = choose_form()
    host = PacketHost(loop, PortPairs(FIRST_PORT + 300, FIRST_PORT + 349, 30, random.Random(1)), form=form)
    events: list[MediaEvent] = []
    faults: list[Exception] = []
    rooms = RoomLoop(host, faults.append)
    room = Room("c1", "r1", rooms, SLATE, events.append, ids=IdSource(random.Random(7)), form=form)
    phone = Phone(loop, camera)
    try:
        phone.to = room.join("caller", HOST)
        room.set_participant("caller", ParticipantMedia(phone.remote, CALLER, CALLER))
        yield Stand(room, rooms, host, phone, events)
        room.close()
        assert len(host.poller) == 0, "sockets are left"
        assert not rooms.timers, "timers are left"
        await settled(lambda: asyncio.all_tasks() <= before)
        assert not faults
    finally:
        phone.close()
        rooms.close()
        host.close()


async def settled(what: Callable[[], bool]) -> None:
    """Wait until cancelled tasks are gone."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, list(asyncio.all_tasks())
        await asyncio.sleep(0.005)


@asynccontextmanager
async def seated(
    camera: Camera | None = None, of_browser: Camera | None = None, **joining: Any
) -> AsyncIterator[tuple[Stand, Browser]]:
    """A room whose caller has this camera, and a browser that has joined it."""
    async with stand(camera) as made:
        browser = Browser(camera=of_browser)
        await made.seat(browser, **joining)
        yield made, browser
        await browser.close()


@asynccontextmanager
async def showing() -> AsyncIterator[tuple[Stand, Browser]]:
    """A room whose caller and browser see each other."""
    async with seated(Camera(120), Camera(200)) as (made, browser):
        await both_show(made, browser)
        yield made, browser


async def both_show(s: Stand, browser: Browser, pictures: int = 3) -> None:
    """Until each sees the other."""
    async with asyncio.timeout(PATIENCE_S):
        while {one.name: one.source for one in s.room.report().participants} != {
            "caller": "seat-1",
            "seat-1": "caller",
        }:
            assert s.phone.camera is not None and browser.camera is not None
            s.phone.camera.key_frame()
            browser.camera.key_frame()
            s.phone.show()
            await browser.show()
    for _ in range(pictures):
        s.phone.show()
        await browser.show()
