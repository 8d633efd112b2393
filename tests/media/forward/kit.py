"""A forwarder in memory: its ports are lists, and what taps would send is written by hand."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.media.forward import protocol as f
from splitter.media.forward.forks import Forks
from splitter.media.forward.forwarder import CopyForwarder
from splitter.media.forward.still_maker import StillMaker
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.protocol import RecorderAnswer, RecorderAsk, RecorderCall, write_line
from splitter.rtp import packet
from tests.patience import PATIENCE_S

WORKER = b"worker-1"
SPS = bytes.fromhex("6742c01e95a0280f6c")


@dataclass
class HandPorts:
    """Ports that note what is sent. `hear`: hands in what comes back."""

    port: int
    hear: Callable[[bytes, str], None]
    sent: list[tuple[bytes, str, int, bool]] = field(default_factory=list)
    full: bool = False
    closed: bool = False

    def send(self, data: bytes, host: str, port: int, rtcp: bool = False) -> bool:
        if not self.full:
            self.sent.append((data, host, port, rtcp))
        return not self.full

    def close(self) -> None:
        self.closed = True

    @property
    def packets(self) -> list[packet.Packet]:
        """The RTP that was sent."""
        return [packet.parse(data) for data, _, _, rtcp in self.sent if not rtcp]


class Hall:
    """A forwarder, its ports, and taps. `told`: what it has said to the gateway."""

    def __init__(self) -> None:
        self.ports: list[HandPorts] = []
        self.told: list[f.ForwarderAnswer] = []
        self.tell: Callable[[f.ForwarderAnswer], None] = self.told.append
        self.now = 100.0
        self._first = itertools.count(40_000, 2)
        self._numbers: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        """Another forwarder, which knows nothing."""
        self.ports.clear()
        ids = IdSource(random.Random(7))
        self.stills = StillMaker(first_limit_s=PATIENCE_S, limit_s=PATIENCE_S)
        around = lambda answer: self.tell(answer), lambda: self.now, lambda: self.now + 1e9
        forks = Forks(*around, stills=self.stills)
        self.forwarder = CopyForwarder(self._open, around[0], ids, *around[1:], forks=forks)

    def _open(self, hear: Callable[[bytes, str], None]) -> HandPorts:
        self.ports.append(ports := HandPorts(next(self._first), hear))
        return ports

    def ask(self, ask: RecorderAsk) -> f.ForwarderAnswer:
        """Ask it, over the wire as it were."""
        line = write_line(RecorderCall(1, ask))  # type: ignore[arg-type]
        return f.read_answer(write_line(self.forwarder.carry_out(f.read_call(line))))

    def piece(self, name: str, kind: Kind, data: bytes) -> None:
        """A piece of a stream."""
        number = self._numbers[name]
        head = batch.head(WORKER) + batch.piece(kind, number, self.now, len(data))
        self.forwarder.take(head + data)

    def describe(self, what: Described) -> str:
        """A tap says what it is. Returns: its name here."""
        name = f"{what.recording} {what.kind} {what.name}"
        self._numbers.setdefault(name, len(self._numbers) + 1)
        self.piece(name, Kind.DESCRIBED, batch.described(what))
        return name

    def voice(self, name: str, sequence: int, timestamp: int, ssrc: int = 1, payload_type: int = 8) -> None:
        """A packet of a voice."""
        self.piece(
            name, Kind.RTP, packet.build(packet.Packet(False, payload_type, sequence, timestamp, ssrc, b"voice"))
        )

    def picture(
        self, name: str, sequence: int, timestamp: int, payload: bytes = SPS, turned: int | None = None
    ) -> None:
        """A packet of a picture."""
        one = PicturePacket(sequence, timestamp, 1, True, turned, b"")
        self.piece(name, Kind.PICTURE, batch.picture_head(one) + payload)


class HandForwarder:
    """The gateway's end of it. As `ForwarderLink`, as far as calls know it."""

    taps = "forwarder-taps.sock"

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.fault = ""
        self.deaf = False  # nothing that it is told arrives
        self.left: frozenset[str] = frozenset()
        self.notes: dict[str, bytes] = {}
        self.asked: list[RecorderAsk] = []

    async def arrived(self) -> None: ...

    async def ask(self, ask: RecorderAsk, limit_s: float = 1.0) -> RecorderAnswer:
        if self.fault:
            raise LocalError(self.fault)
        self.asked.append(ask)
        return self.hall.ask(ask)

    def tell(self, ask: RecorderAsk) -> None:
        self.asked.append(ask)
        if not self.deaf:
            self.hall.ask(ask)

    def tap(self, recording: str) -> object:
        from splitter.media.ports.recording import RecordingTap

        return RecordingTap(recording, self.taps)
