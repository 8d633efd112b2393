"""A room's end of a mosaic for tests: cameras behind real ports on the loopback, and a viewer that decodes."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import av
import numpy as np
from numpy.typing import NDArray

from splitter.media.mosaic.incoming import DecodedStream
from splitter.media.mosaic.protocol import ORIENTATION_ID
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.mosaics import MosaicHandle, MosaicPlan, Pictured
from splitter.rtp import packet, rtcp
from splitter.rtp.feedback import Pli, Remb
from splitter.sdp.video import VideoFormat
from tests.media.room.kit import Camera
from tests.rtp.payloads import packetise

PHONE = VideoFormat(99, 1, "42e01e", 30, 1620, 40_500, bitrate_kbps=500)


def plan(*pictures: tuple[str, str], phone: VideoFormat = PHONE) -> MosaicPlan:
    return MosaicPlan(tuple(Pictured(*one) for one in pictures), (phone,))


class Pair:
    """Two ports of a room, for RTP and RTCP."""

    def __init__(self) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one in self.sockets:
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)

    @property
    def local(self) -> LocalEnd:
        rtp, control = (one.getsockname()[1] for one in self.sockets)
        return LocalEnd("127.0.0.1", rtp, control)

    def heard(self, number: int) -> list[bytes]:
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self.sockets[number].recv(2048))
        return found

    def close(self) -> None:
        for one in self.sockets:
            one.close()


class Filmed:
    """A camera whose pictures reach an input of the mosaic; it makes a key frame when it is asked for one.

    Attributes:
        asked: how often it was.
    """

    def __init__(self, luma: int, to: int, turned: int = 0, size: tuple[int, int] = (320, 240)) -> None:
        self.pair = Pair()
        self.camera = Camera(luma, size)
        self.asked = 0
        self._to, self._turned = ("127.0.0.1", to), turned
        self._sequence, self._timestamp = 65_500, 5  # the numbers come round soon

    def point(self, to: int) -> None:
        """Send there from now on."""
        self._to = ("127.0.0.1", to)

    def film(self, lose: bool = False) -> None:
        for data in self.pair.heard(1):
            for message in rtcp.parse(data):
                if isinstance(message, Pli):
                    self.asked += 1
                    self.camera.key_frame()
        payloads = packetise(self.camera.picture(), 1, 1200)
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            extensions = ((ORIENTATION_ID, bytes((self._turned,))),) if last else ()
            one = packet.Packet(last, 97, self._sequence, self._timestamp, 7, payload, extensions)
            if not lose:
                self.pair.sockets[0].sendto(packet.build(one), self._to)
            self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp += 6000


class Watcher:
    """Who is shown the mosaic.

    Attributes:
        packets: all that came, as (when, bytes).
    """

    def __init__(self, to: int = 0) -> None:
        self.pair = Pair()
        self.packets: list[tuple[float, bytes]] = []
        self.reports: list[rtcp.RtcpPacket] = []
        self._incoming = DecodedStream(ORIENTATION_ID)
        self._to = ("127.0.0.1", to)

    def look(self) -> av.VideoFrame | None:
        for data in self.pair.heard(0):
            self.packets.append((time.monotonic(), data))
            self._incoming.push(data, time.monotonic())
        for data in self.pair.heard(1):
            self.reports += rtcp.parse(data)
        return self._incoming.picture

    def say(self, *messages: rtcp.RtcpPacket) -> None:
        self.pair.sockets[1].sendto(rtcp.build([rtcp.ReceiverReport(1), *messages]), self._to)

    def ask(self) -> None:
        self.say(Pli(1, 0))

    def limit(self, kbps: int) -> None:
        self.say(Remb(1, kbps * 1000, (0,)))

    def luma(self) -> NDArray[np.uint8]:
        """The picture that is seen now, in grey; empty before there is one."""
        picture = self.look()
        grey = picture.to_ndarray(format="gray") if picture is not None else np.zeros((0, 0), np.uint8)
        return np.asarray(grey, dtype=np.uint8)


class Stand:
    """Cameras, a viewer, and what was told of the mosaic."""

    def __init__(self, mosaic: MosaicHandle, lumas: dict[str, int], turned: int = 0) -> None:
        ports = [media.remote.rtp.port for media in mosaic.inputs if media.remote]
        self.cameras = {
            name: Filmed(luma, port, turned) for (name, luma), port in zip(lumas.items(), ports, strict=False)
        }
        self.watcher = Watcher(mosaic.output.remote.rtp.port if mosaic.output.remote else 0)

    @property
    def inputs(self) -> dict[str, tuple[int, LocalEnd]]:
        return {name: (number, one.pair.local) for number, (name, one) in enumerate(self.cameras.items())}

    async def film(self, seconds: float = 0.0) -> None:
        """Let all cameras make pictures for so long, 15 in a second; one picture at least."""
        until = time.monotonic() + seconds
        while True:
            for one in self.cameras.values():
                one.film()
            await asyncio.sleep(1 / 15)
            self.watcher.look()
            if time.monotonic() >= until:
                return

    def close(self) -> None:
        for pair in (*(one.pair for one in self.cameras.values()), self.watcher.pair):
            pair.close()


class Told:
    """What an engine told, and the means to wait for it."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self.came = asyncio.Event()

    def __call__(self, event: MediaEvent) -> None:
        self.events.append(event)
        self.came.set()
