"""A driver on loopback sockets, and raw peers that send and see bytes."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from typing import Any

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.lab.counters import PlainCounters
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import RequestArrived, ResponseArrived, SipEvent
from splitter.sip.message import Headers, Message, Request, Response
from splitter.sip.parse import StreamFramer, parse_message
from splitter.sip.timers import Timers
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TlsSettings, TransportSettings
from tests.patience import PATIENCE_S

HOST = "127.0.0.1"


async def soon(queue: asyncio.Queue[Any]) -> Any:
    """The next item; a test that waits in vain fails."""
    return await asyncio.wait_for(queue.get(), PATIENCE_S)


@dataclass
class Scene:
    """A running driver and what it told.

    Attributes:
        requests: RequestArrived outside dialogs.
        events: what `listen` heard.
        seen: what the tap saw: direction, flow, message, data.
    """

    driver: Driver
    counters: PlainCounters
    clock: Clock
    requests: asyncio.Queue[RequestArrived] = field(default_factory=asyncio.Queue)
    events: asyncio.Queue[SipEvent] = field(default_factory=asyncio.Queue)
    seen: list[tuple[str, Flow, Message, bytes]] = field(default_factory=list)

    def listen(self, event: SipEvent) -> None:
        self.events.put_nowait(event)

    def message(self, direction: str, flow: Flow, message: Message, data: bytes) -> None:
        self.seen.append((direction, flow, message, data))

    def address(self, transport: str = "udp") -> Address:
        return self.driver.contact("access", transport)

    def flow(self, remote: Address, transport: str = "udp") -> Flow:
        return self.driver.flow_to("access", transport, remote)

    def leap(self, seconds: float) -> None:
        """So much time passes at once, and what is due then is done; the scene needs a LeapingClock."""
        assert isinstance(self.clock, LeapingClock)
        self.clock.leapt_s += seconds
        self.driver.ring()

    async def answered(self) -> ResponseArrived:
        event = await soon(self.events)
        assert isinstance(event, ResponseArrived), event
        return event


class LeapingClock(SystemClock):
    """The system's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.leapt_s = 0.0

    def now(self) -> float:
        return super().now() + self.leapt_s


@asynccontextmanager
async def scene(
    listeners: Iterable[str] = ("udp", "tcp"),
    *,
    settings: TransportSettings | None = None,
    timers: Timers | None = None,
    source_ok: Callable[[Flow], bool] = lambda flow: True,
    on_request: Callable[[Driver, RequestArrived], None] | None = None,
    host: str = HOST,
    clock: Clock | None = None,
    tls: TlsSettings | None = None,
    web_origins: tuple[str, ...] = (),
    web_proxies: tuple[str, ...] = (),
    spared: Iterable[IPv4Network] | None = None,
) -> AsyncIterator[Scene]:
    """A driver with one network, "access", on free ports. Nobody is banned unless `spared` says who is not."""
    network = Network(
        "access",
        tuple(ListenPoint(transport, Address(host, 0)) for transport in listeners),
        host,
        tls=tls,
        web_origins=web_origins,
        web_proxies=tuple(ip_network(one) for one in web_proxies),
    )
    counters, clock = PlainCounters(), clock or SystemClock()

    def arrived(event: RequestArrived) -> None:
        stage.requests.put_nowait(event)
        if on_request is not None:
            on_request(driver, event)

    class Tap:
        def message(self, direction: str, flow: Flow, message: Message, data: bytes) -> None:
            stage.message(direction, flow, message, data)

    endpoint = Endpoint(timers or Timers(), IdSource(random.Random(1)), "scene")
    driver = Driver(
        endpoint,
        {"access": network},
        settings or TransportSettings(),
        clock,
        arrived,
        Tap(),
        source_ok=source_ok,
        counters=counters,
        spared=spared,
    )
    stage = Scene(driver, counters, clock)
    await driver.start()
    try:
        yield stage
    finally:
        await driver.stop()


def ok(driver: Driver, event: RequestArrived) -> None:
    """Answer 200."""
    driver.respond(event.txn, event.request.respond(200, to_tag="scene"))


class UdpPeer(asyncio.DatagramProtocol):
    """A raw datagram socket."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    @classmethod
    async def open(cls, host: str = HOST, port: int = 0) -> UdpPeer:
        transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, port))
        peer.transport = transport
        peer.address = Address(*transport.get_extra_info("sockname")[:2])
        return peer

    transport: asyncio.DatagramTransport
    address: Address

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.got.put_nowait((data, (addr[0], addr[1])))

    def send(self, data: bytes, to: Address) -> None:
        self.transport.sendto(data, to)

    async def message(self) -> Message:
        data, _ = await soon(self.got)
        return parse_message(data)

    async def request(self) -> Request:
        message = await self.message()
        assert isinstance(message, Request)
        return message

    async def response(self) -> Response:
        message = await self.message()
        assert isinstance(message, Response)
        return message


class TcpPeer:
    """A raw TCP connection, from either side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.framer = StreamFramer(1_000_000)
        self.ready: list[bytes] = []
        self.address = Address(*writer.get_extra_info("sockname")[:2])

    @classmethod
    async def connect(cls, to: Address, tls: ssl.SSLContext | None = None, source: str = "") -> TcpPeer:
        here = source or (to.host if ":" in to.host else HOST)
        return cls(*await asyncio.open_connection(*to, ssl=tls, local_addr=(here, 0)))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def message(self) -> Message:
        while not self.ready:
            data = await asyncio.wait_for(self.reader.read(65536), PATIENCE_S)
            assert data, "the connection was closed"
            self.ready += self.framer.feed(data)
        return parse_message(self.ready.pop(0))

    @classmethod
    async def refused(cls, to: Address, source: str = HOST) -> None:
        """Connect, and be cut off without a byte; that may be before connecting is done."""
        try:
            peer = await cls.connect(to, source=source)
        except ConnectionError:
            return
        assert await peer.closed() == b""

    async def closed(self) -> bytes:
        """Wait for the end of the connection; what came before it."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_S)
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.close()


def bound() -> socket.socket:
    """A TCP socket that has a port and refuses connections, until somebody listens on it."""
    sock = socket.socket()
    sock.bind((HOST, 0))
    return sock


async def both() -> tuple[UdpPeer, socket.socket]:
    """A UDP peer, and a bound TCP socket of the same port."""
    while True:
        sock = bound()
        try:
            return await UdpPeer.open(port=sock.getsockname()[1]), sock
        except OSError:
            sock.close()


class TcpListener:
    """A raw TCP listener that collects connections."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[TcpPeer] = asyncio.Queue()

    @classmethod
    async def open(cls, sock: socket.socket | None = None, tls: ssl.SSLContext | None = None) -> TcpListener:
        """Listen on a free port, or on a socket that is bound."""
        listener = cls()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listener.accepted.put_nowait(TcpPeer(reader, writer))

        sock = sock or bound()
        listener.server = await asyncio.start_server(accept, sock=sock, ssl=tls)
        listener.address = Address(*sock.getsockname())
        return listener

    server: asyncio.Server
    address: Address

    async def peer(self) -> TcpPeer:
        peer: TcpPeer = await soon(self.accepted)
        return peer


def wire(
    method: str = "OPTIONS",
    *,
    via: Address = Address(HOST, 5060),  # noqa: B008 - immutable
    transport: str = "UDP",
    params: str = ";rport",
    branch: str = "z9hG4bKpeer1",
    to_tag: str = "",
    call_id: str = "call1@peer",
    cseq: str = "",
    body: bytes = b"",
) -> bytes:
    """A request as bytes."""
    lines = [
        f"{method} sip:12345@{HOST} SIP/2.0",
        f"Via: SIP/2.0/{transport} {via}{params};branch={branch}",
        f"From: <sip:peer@{HOST}>;tag=from1",
        f"To: <sip:12345@{HOST}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq or f'1 {method}'}",
        f"Contact: <sip:peer@{via}>",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def outgoing(method: str = "OPTIONS", body: bytes = b"", call_id: str = "call1@scene") -> Request:
    """A request as a user of the driver hands it in."""
    lines = [
        ("From", f"<sip:gw@{HOST}>;tag=ours"),
        ("To", f"<sip:12345@{HOST}>"),
        ("Call-ID", call_id),
        ("CSeq", f"7 {method}"),
    ]
    return Request(method, f"sip:12345@{HOST}", Headers(lines), body)
