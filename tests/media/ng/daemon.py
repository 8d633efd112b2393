"""A played rtpengine in virtual time, and the network before it: it loses, doubles, delays and garbles datagrams."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from splitter.core.net import Address
from splitter.media.ng.bencode import decode, encode
from splitter.media.ng.client import DatagramPort
from splitter.media.ng.engine import NgEngine
from splitter.media.ng.instance import NgTimers
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.worker.pool import MediaNetwork
from splitter.sdp.parse import parse
from tests.media.worker.stand import NETWORKS

HOSTS = {"access": "192.0.2.1", "core": "127.0.0.2", "six": "::1"}
DELAY_S = 0.002


@dataclass
class Side:
    """What it knows of one tag."""

    interface: str
    port: int
    address: str = "0.0.0.0"
    remote: int = 9
    rtcp: int = 10
    learning: str = "off"
    packets: int = 0
    errors: int = 0


@dataclass
class Daemon:
    """One rtpengine.

    Attributes:
        calls: its calls by id; the sides by tag.
        alive: while it runs; `refusing`: whether, if not, the network says so (ICMP).
        hung: while it reads nothing; it does later.
        asked: the commands that were carried out.
        refusal: what it says to offers instead of carrying them out.
        garble: what becomes of a reply.
    """

    calls: dict[str, dict[str, Side]] = field(default_factory=dict)
    alive: bool = True
    refusing: bool = True
    hung: bool = False
    asked: list[str] = field(default_factory=list)
    refusal: Mapping[str, Any] | None = None
    garble: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
    cookies: dict[bytes, bytes] = field(default_factory=dict)
    _port: int = 30_000
    _unread: list[tuple[bytes, Callable[[bytes], None]]] = field(default_factory=list)

    def restart(self) -> None:
        """It forgets everything."""
        self.calls.clear()
        self.cookies.clear()
        self.alive = True

    def wake(self) -> None:
        """It reads what has come meanwhile."""
        self.hung = False
        for data, reply in self._unread:
            self.receive(data, reply)
        self._unread.clear()

    def receive(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """A datagram for it."""
        if self.hung:
            self._unread.append((data, reply))
            return
        cookie, _, body = data.partition(b" ")
        if cookie not in self.cookies:
            request: Any = decode(body)
            self.cookies[cookie] = cookie + b" " + encode(self._carry_out(request))
        for datagram in self.garble(self.cookies[cookie]):
            reply(datagram)

    def _carry_out(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request["command"])
        if request["command"] == "ping":
            return {"result": "pong"}
        id = request["call-id"]
        if request["command"] == "offer" and self.refusal is not None:
            return self.refusal
        if request["command"] == "offer":
            one, other = request["direction"]
            self.calls[id] = {"side-0": Side(one, self._ports()), "side-1": Side(other, self._ports())}
        elif request["command"] == "delete" and id not in self.calls:
            return {"warning": "Call-ID not found or tags didn't match", "result": "ok"}
        elif id not in self.calls:
            return {"result": "error", "error-reason": "Unknown call-id"}
        sides = self.calls[id]
        match request["command"]:
            case "query":
                return {"result": "ok", **_told(sides)}
            case "delete":
                del self.calls[id]
                return {"result": "ok", **_told(sides)}
            case command:
                speaker = request["from-tag"] if command == "offer" else request["to-tag"]
                return {"result": "ok", "sdp": self._described(sides, speaker, request)}

    def _described(self, sides: dict[str, Side], speaker: str, request: Mapping[str, Any]) -> str:
        side = sides[speaker]
        side.address, side.remote, side.rtcp = parse(request["sdp"]).address_of(0)
        side.learning = request["flags"][-1].removeprefix("endpoint-learning-")
        [other] = [sides[tag] for tag in sides if tag != speaker]
        host = HOSTS[other.interface]
        family = "IP6" if ":" in host else "IP4"
        head = f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        return f"{head}m=audio {other.port} RTP/AVP 0\r\na=rtcp:{other.port + 1}\r\n"

    def _ports(self) -> int:
        self._port += 2
        return self._port


def _told(sides: dict[str, Side]) -> Mapping[str, Any]:
    return {
        "tags": {
            tag: {
                "medias": [
                    {
                        "streams": [
                            {
                                "local port": side.port + number,
                                "advertised endpoint": {"address": side.address, "port": port},
                                "stats": {
                                    "packets": 0 if number else side.packets,
                                    "bytes": 0,
                                    "errors": 0 if number else side.errors,
                                },
                            }
                            for number, port in enumerate((side.remote, side.rtcp))
                        ]
                    }
                ]
            }
            for tag, side in sides.items()
        }
    }


@dataclass
class Network:
    """What is between the gateway and the rtpengines.

    Attributes:
        daemons: by address.
        loss: the share of datagrams that are lost, each way.
        unreachable: opening a socket fails.
    """

    daemons: dict[Address, Daemon]
    loss: float = 0.0
    unreachable: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    open_ports: int = 0

    async def connect(self, protocol: asyncio.DatagramProtocol, address: Address) -> DatagramPort:
        """Open a socket; for NgEngine."""
        if self.unreachable:
            raise OSError("Network is unreachable")
        self.open_ports += 1
        return _Port(self, protocol, address)

    def later(self, act: Callable[[], object]) -> None:
        """A datagram arrives, or not."""
        if self.rng.random() >= self.loss:
            asyncio.get_running_loop().call_later(DELAY_S, act)


@dataclass
class _Port:
    network: Network
    protocol: asyncio.DatagramProtocol
    address: Address
    closed: bool = False

    def sendto(self, data: bytes) -> None:
        self.network.later(lambda: self._arrive(data))

    def _arrive(self, data: bytes) -> None:
        daemon = self.network.daemons[self.address]
        if daemon.alive:
            daemon.receive(data, lambda reply: self.network.later(lambda: self._deliver(reply)))
        elif daemon.refusing and not self.closed:
            self.protocol.error_received(ConnectionRefusedError())

    def _deliver(self, data: bytes) -> None:
        if not self.closed:
            self.protocol.datagram_received(data, tuple(self.address))

    def close(self) -> None:
        self.closed = True
        self.network.open_ports -= 1


@dataclass
class Farm:
    """An engine and the rtpengines that it knows, by name."""

    daemons: dict[str, Daemon]
    network: Network
    engine: NgEngine


def farm(
    *names: str, timers: NgTimers | None = None, networks: Mapping[str, MediaNetwork] = NETWORKS, **weights: int
) -> Farm:
    """An engine with these rtpengines."""
    addresses = {name: Address("192.0.2.100", 2223 + number) for number, name in enumerate(names)}
    daemons = {name: Daemon() for name in names}
    network = Network({addresses[name]: daemons[name] for name in names})
    settings = [RtpengineSettings(name, addresses[name], weights.get(name, 1)) for name in names]
    return Farm(daemons, network, NgEngine(settings, networks, timers=timers, connect=network.connect))
