"""The lines of one recording: a pair of ports for each, and what becomes of packets. Does I/O by those ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.media.forward.line import CopiedLine
from splitter.media.forward.protocol import LineTarget, SeenLine
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, TapPiece

_LINES_LIMIT = 32
_KEY_FRAME_S = 1.0


class SendingPorts(Protocol):
    """A pair of ports that a line is sent from."""

    @property
    def port(self) -> int:
        """The port of RTP; RTCP has the next one."""
        ...

    def send(self, data: bytes, host: str, port: int, rtcp: bool = False) -> bool:
        """Send. Returns: whether it left."""
        ...

    def close(self) -> None: ...


OpenPorts = Callable[[Callable[[bytes, str], None]], SendingPorts]
"""Opens a pair; what comes back to either is handed in with the address of its sender. Raises OSError."""


class RecordingLines:
    """The lines of one recording.

    Args:
        pictures: whether there are lines for those too.
        seen: told that there is something new. wanted: told the line whose receiver wants a key frame.

    Attributes:
        note: what the next gateway has to know.
        dropped: packets that the kernel did not take.
    """

    def __init__(
        self,
        pictures: bool,
        open_ports: OpenPorts,
        ids: IdSource,
        seen: Callable[[], None],
        wanted: Callable[[int], None],
    ) -> None:
        self.pictures = pictures
        self._open, self._ids, self._seen, self._wanted = open_ports, ids, seen, wanted
        self._lines: dict[tuple[str, str], int] = {}
        self._all: list[CopiedLine] = []
        self._ports: list[SendingPorts] = []
        self._told: tuple[SeenLine, ...] = ()
        self._asked_at: dict[int, float] = {}
        self._now = 0.0
        self.note = b""
        self.dropped = 0

    def seen(self) -> tuple[SeenLine, ...]:
        """The lines that can be offered."""
        return tuple(
            SeenLine(number, line.what.name, line.kind, self._ports[number].port, line.encodings, line.turns)
            for number, line in enumerate(self._all)
            if line.encodings
        )

    def send_to(self, to: dict[int, LineTarget]) -> None:
        """Send lines there, and the others nowhere; a picture that begins wants a key frame."""
        for number, line in enumerate(self._all):
            before, line.target = line.target, to.get(number)
            if line.target is not None and before is None and line.kind == "picture":
                self._asked_at.pop(number, None)
                self._want(number)

    def describe(self, what: Described) -> None:
        """A stream of the recording is there."""
        if what.kind == "voice" or (what.kind == "picture" and self.pictures):
            number = self._number(what)
            if number is not None and self._all[number].learn(what):
                self._tell()

    def take(self, what: Described, piece: TapPiece) -> None:
        """Take in a piece of a stream. Raises PeerError where it cannot be read."""
        number = self._lines.get((what.kind, what.name))
        if number is None:
            return
        self._now = max(self._now, piece.at)
        line, data = self._all[number], None
        match piece.kind:
            case Kind.RTP if line.kind == "voice":
                data = line.voice(bytes(piece.data), piece.at)
            case Kind.RTCP if line.kind == "voice":
                line.voice_reports(bytes(piece.data))
            case Kind.PICTURE if line.kind == "picture":
                known = line.encodings, line.turns
                data = line.picture(batch.read_picture(piece.data), piece.at)
                if (line.encodings, line.turns) != known:
                    self._tell()
            case Kind.REPORT if line.kind == "picture":
                line.clock.report(*batch.read_report(piece.data))
            case _:
                pass
        if data is not None and line.target is not None:
            target = line.target
            if not self._ports[number].send(data, target.host, target.port):
                self.dropped += 1

    def send_reports(self, now: float, wall: float, cname: str) -> None:
        """Send what is due to those who receive."""
        for number, line in enumerate(self._all):
            data = line.report(now, wall, cname)
            if data is not None and line.target is not None:
                self._ports[number].send(data, line.target.host, line.target.rtcp_port, rtcp=True)

    def close(self) -> None:
        """Give the ports back."""
        for ports in self._ports:
            ports.close()

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _number(self, what: Described) -> int | None:
        key = (what.kind, what.name)
        if key in self._lines:
            return self._lines[key]
        if len(self._all) >= _LINES_LIMIT:
            return None
        number = len(self._all)
        ports = self._open(lambda data, host: self._heard(number, data, host))
        leader = self._lines.get(("voice", what.name)) if what.kind == "picture" else None
        ids = self._ids
        line = CopiedLine(
            what,
            ids.number(2**32),
            ids.number(2**15),
            ids.number(2**32),
            self._all[leader] if leader is not None else None,
        )
        self._lines[key] = number
        self._all.append(line)
        self._ports.append(ports)
        self._tell()
        return number

    def _tell(self) -> None:
        seen = self.seen()
        if seen != self._told:
            self._told = seen
            self._seen()

    def _heard(self, number: int, data: bytes, host: str) -> None:
        """RTCP of a receiver; what comes from elsewhere is nobody's."""
        line = self._all[number]
        if line.target is None or line.target.host != host:
            return
        try:
            asked = line.wants_key_frame(data)
        except PeerError:
            return
        if asked:
            self._want(number)

    def _want(self, number: int) -> None:
        """Ask for a key frame, not too often: the caller's phone pays for each."""
        if self._now - self._asked_at.get(number, float("-inf")) >= _KEY_FRAME_S:
            self._asked_at[number] = self._now
            self._wanted(number)
