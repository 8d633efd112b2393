"""A recorder of the lab on real sockets: its SIP, and the packets of each stream as they came. Does I/O."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.counters import PlainCounters
from splitter.lab.recorder import LabRecorder
from splitter.rtp import packet
from splitter.rtp.packet import Packet
from splitter.sdp.model import Media
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import RequestArrived, SipEvent
from splitter.sip.timers import Timers
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TransportSettings


@dataclass
class HeardLine:
    """What came on a line. `source`: of its latest packet."""

    label: str
    rtp: socket.socket
    rtcp: socket.socket
    packets: list[Packet] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    source: tuple[str, int] = ("", 0)

    def ask(self, message: bytes) -> None:
        """Send RTCP to who sends."""
        self.rtcp.sendto(message, (self.source[0], self.source[1] + 1))


class RecorderStand:
    """A recorder that listens.

    Attributes:
        server: what it is. address: of its SIP. lines: what came, by the label.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        ids = IdSource()
        network = Network("net", (ListenPoint("udp", address),), address.host)
        self._driver = Driver(
            Endpoint(Timers(), ids, "lab-recorder"),
            {"net": network},
            TransportSettings(),
            SystemClock(),
            lambda event: self.server.on_request(event),
            counters=PlainCounters(),
        )
        self.server = LabRecorder(
            self._driver.respond,
            ids,
            address.host,
            f"sip:srs@{address}",
            self._open,
            lambda dialog: self._driver.register(dialog, self._hear),
        )
        self.lines: dict[str, HeardLine] = {}

    async def start(self) -> None:
        """Listen."""
        await self._driver.start()

    async def stop(self) -> None:
        """Listen no longer."""
        loop = asyncio.get_running_loop()
        for line in self.lines.values():
            for one in (line.rtp, line.rtcp):
                loop.remove_reader(one)
                one.close()
        await self._driver.stop()

    def _hear(self, event: SipEvent) -> None:
        if isinstance(event, RequestArrived):
            self.server.on_request(event)

    def _open(self, call_id: str, place: int, line: Media) -> int:
        """Open a pair of ports for a line."""
        while True:
            first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in "12")
            first.bind((self.address.host, 0))
            port: int = first.getsockname()[1]
            try:
                second.bind((self.address.host, port + 1))
                break
            except OSError:
                first.close()
                second.close()
        heard = self.lines[line.get("label") or str(place)] = HeardLine(line.get("label") or "", first, second)
        loop = asyncio.get_running_loop()
        loop.add_reader(first, self._read, heard)
        loop.add_reader(second, self._read_reports, heard)
        return port

    @staticmethod
    def _read(line: HeardLine) -> None:
        data, source = line.rtp.recvfrom(4096)
        line.source = source
        line.packets.append(packet.parse(data))

    @staticmethod
    def _read_reports(line: HeardLine) -> None:
        line.reports.append(line.rtcp.recv(4096))
