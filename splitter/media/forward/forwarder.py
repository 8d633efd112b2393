"""All recordings that are sent on: what taps send reaches lines, and what is seen reaches the gateway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.media.forward import protocol as p
from splitter.media.forward.forks import Forks
from splitter.media.forward.lines import OpenPorts, RecordingLines
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, TapPiece
from splitter.media.record.protocol import RecorderAsk

_STREAMS_LIMIT = 20_000
_CARRIED_LIMIT = 10_000
_FINISH_S = 1.0

log = structlog.get_logger(__name__)


class CopyForwarder:
    """The recordings that are carried.

    Args:
        open_ports: for lines. tell: takes what the gateway is to be told.
        clock, wall: the time that packets are stamped with, and the one that people have.
        cname: names this gateway in reports.
        forks: the recordings that others listen to.

    Attributes:
        unknown: pieces that nobody could use.
    """

    def __init__(
        self,
        open_ports: OpenPorts,
        tell: Callable[[p.ForwarderAnswer], None],
        ids: IdSource,
        clock: Callable[[], float],
        wall: Callable[[], float],
        cname: str = "splitter",
        forks: Forks | None = None,
    ) -> None:
        self._open_ports, self._tell, self._ids = open_ports, tell, ids
        self._clock, self._wall, self._cname = clock, wall, cname
        self._streams: dict[tuple[bytes, int], Described] = {}
        self._carried: dict[str, RecordingLines] = {}
        self._forks = forks if forks is not None else Forks(tell, clock, wall)
        self._failed = False
        self.unknown = 0

    # ---- what the gateway asks -------------------------------------------------------------------------------------

    def carry_out(self, call: p.ForwarderCall) -> p.ForwarderAnswer:
        """Do what was asked; the answer says why not, where it was not done."""
        try:
            return self._carry_out(call.id, call.ask)
        except OSError as error:
            return p.ForwarderAnswer(call.id, f"no port could be opened: {error.strerror or error}")

    def _carry_out(self, id: int, ask: RecorderAsk) -> p.ForwarderAnswer:
        match ask:
            case p.CarryRecording():
                lines = self._carry(ask.recording, ask.pictures)
                return p.ForwarderAnswer(id, recording=ask.recording, lines=lines.seen())
            case p.SendLines():
                if (known := self._carried.get(ask.recording)) is not None:
                    known.send_to(ask.to)
            case p.NoteCarried():
                if (known := self._carried.get(ask.recording)) is not None:
                    known.note = ask.note
            case p.ForgetRecording():
                if (known := self._carried.pop(ask.recording, None)) is not None:
                    known.close()
            case p.ForkRecording():
                self._forks.begin(ask, self._of(ask.recording))
            case p.TellFork():
                self._forks.tell(ask)
            case p.EndFork():
                self._forks.end(ask.recording, ask.reason)
            case _:
                notes = {recording: lines.note for recording, lines in self._carried.items()}
                return p.ForwarderAnswer(id, states=dict.fromkeys((*notes, *self._forks.live), "carried"), notes=notes)
        return p.ForwarderAnswer(id)

    def _carry(self, recording: str, pictures: bool) -> RecordingLines:
        lines = self._carried.get(recording)
        if lines is None:
            if len(self._carried) >= _CARRIED_LIMIT:
                raise OSError(0, "too many recordings are carried")
            lines = RecordingLines(
                pictures,
                self._open_ports,
                self._ids,
                lambda: self._tell_seen(recording),
                lambda number: self._tell(p.ForwarderAnswer(0, recording=recording, wanted=number)),
            )
            self._carried[recording] = lines
            for what in self._of(recording):
                lines.describe(what)
        return lines

    def _of(self, recording: str) -> list[Described]:
        return [what for what in self._streams.values() if what.recording == recording]

    def _tell_seen(self, recording: str) -> None:
        lines = self._carried.get(recording)
        if lines is not None:
            self._tell(p.ForwarderAnswer(0, recording=recording, lines=lines.seen()))

    # ---- what taps send --------------------------------------------------------------------------------------------

    def take(self, datagram: bytes) -> None:
        """Take in a datagram of a tap, whatever a peer made of it; never raises."""
        try:
            worker, pieces = batch.pieces(datagram)
            for piece in pieces:
                self._take(worker, piece)
        except (PeerError, ValueError, OSError):
            self.unknown += 1
        except Exception:
            self.unknown += 1
            if not self._failed:
                log.exception("packets could not be forwarded")
            self._failed = True

    def _take(self, worker: bytes, piece: TapPiece) -> None:
        key = (worker, piece.stream)
        if piece.kind is Kind.DESCRIBED:
            what = self._streams[key] = batch.read_described(piece.data)
            if len(self._streams) > _STREAMS_LIMIT:  # of workers that were killed
                del self._streams[next(iter(self._streams))]
            if (lines := self._carried.get(what.recording)) is not None:
                lines.describe(what)
            self._forks.describe(what)
        elif piece.kind is Kind.ENDED:
            self._streams.pop(key, None)
        elif (known := self._streams.get(key)) is not None:
            if known.recording in self._carried:
                with suppress(PeerError, ValueError):
                    self._carried[known.recording].take(known, piece)
            self._forks.take(known, piece)

    # ---- its life --------------------------------------------------------------------------------------------------

    def send_reports(self) -> None:
        """Send RTCP for all lines, and tell what of forks was dropped; called every few seconds."""
        self._forks.report()
        now, wall = self._clock(), self._wall()
        for lines in self._carried.values():
            lines.send_reports(now, wall, self._cname)

    async def finish(self) -> None:
        """Let those who listen hear that it ends."""
        await self._forks.finish("the gateway has stopped", _FINISH_S)

    def close(self) -> None:
        """Give all ports back."""
        for lines in self._carried.values():
            lines.close()
        self._carried.clear()
        self._forks.close()
