"""Listens on the lab's bridge: who sent RTP to whom, and the longest silence of each stream. Does I/O: a raw socket."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import defaultdict
from dataclasses import dataclass, field

_ETH_P_IP, _UDP = 0x0800, 17
_TICK_S = 0.02
_RECORDED = 2_000_000


@dataclass
class Stream:
    """Packets from one address to another, each side with its port."""

    packets: int = 0
    last_at: float = 0.0
    gap_s: float = 0.0
    macs: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Sniffer:
    """Everything that an address has sent by UDP, but for SIP.

    Attributes:
        stall_s: how long this process itself, in which handsets and seats live, stood still at most.
    """

    def __init__(self, interface: str, source: str, sip: tuple[int, ...]) -> None:
        self.stall_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._source = socket.inet_aton(source)
        self._sip = sip
        self.streams: dict[tuple[int, str, int], Stream] = defaultdict(Stream)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setblocking(False)
        self._socket.bind((interface, 0))

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        self._tick(time.monotonic())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def reset(self) -> None:
        """Measure from now on."""
        self.stall_s = 0.0
        for stream in self.streams.values():
            stream.gap_s, stream.packets = 0.0, 0
            stream.macs.clear()

    def steady(self, least: int = 5) -> dict[tuple[int, str, int], Stream]:
        """Streams that are no single report."""
        return {key: one for key, one in self.streams.items() if one.packets >= least}

    def _tick(self, due: float) -> None:
        now = time.monotonic()
        self.stall_s = max(self.stall_s, now - due)
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick, now + _TICK_S)

    def _read(self) -> None:
        for _ in range(256):
            try:
                frame = self._socket.recv(128)
            except OSError:
                return
            if len(frame) < 42 or frame[23] != _UDP or frame[26:30] != self._source:
                continue
            head = 14 + (frame[14] & 15) * 4
            source, target = struct.unpack_from(">HH", frame, head)
            if source in self._sip or target in self._sip or source % 2:  # odd ones are RTCP
                continue
            now = time.monotonic()
            stream = self.streams[source, socket.inet_ntoa(frame[30:34]), target]
            if stream.last_at:
                stream.gap_s = max(stream.gap_s, now - stream.last_at)
            stream.last_at = now
            stream.packets += 1
            stream.macs[frame[6:12].hex(":")] += 1
