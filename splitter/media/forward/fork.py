"""One call on its way to who listens to it: its streams, what is said of them, and what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog

from splitter.core.pauses import doubled_s
from splitter.media.forward.fork_queue import ForkQueue
from splitter.media.forward.fork_streams import KEY, ForkedPicture, ForkedUnit, ForkedVoice, frame
from splitter.media.forward.protocol import ForkPlace
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, TapPiece

STREAMS_LIMIT = 32
_KEY_FRAME_S = 2.0
_BAND_S = 1.0  # who changes codecs with each packet must not push out other words
_LAST_STILL_S = 600.0  # between two tries where none can be made
VERSION = 1

log = structlog.get_logger(__name__)


class MakesStills(Protocol):
    """What makes stills."""

    def ask(self, key_frame: bytes, made: Callable[[bytes], None]) -> bool:
        """Have one made; `made` is told it, b"" where that failed. Returns: whether there is room for it."""
        ...


class MediaFork:
    """The fork of one call.

    Args:
        call: what the receiver is told of it.
        began, wall: the begin, by the steady clock and by that of people.
        wanted: told whose picture wants a key frame. stills: makes stills of those.

    Attributes:
        paused: nothing of the media is sent.
    """

    def __init__(
        self,
        recording: str,
        to: ForkPlace,
        call: dict[str, Any],
        queue: ForkQueue,
        began: float,
        wall: float,
        wanted: Callable[[str], None],
        stills: MakesStills,
    ) -> None:
        self.recording, self.to = recording, to
        self.queue = queue
        self._call = call
        self._began, self._wall, self._wanted, self._stills = began, wall, wanted, stills
        self._streams: dict[tuple[str, str], ForkedVoice | ForkedPicture] = {}
        self._asked_at: dict[str, float] = {}
        self._now = began
        self._count = 0  # of the streams that are sent
        self._left_out: set[tuple[str, str]] = set()
        self._turn = 0  # how often it was paused, or went on
        self.paused = False

    @property
    def left_out(self) -> int:
        """Streams that are not sent, since there are too many."""
        return len(self._left_out)

    # ---- what is said ----------------------------------------------------------------------------------------------

    def start(self, again: int) -> dict[str, Any]:
        """The first words on a connection; `again`: how many there were before it."""
        for stream in self._streams.values():
            if isinstance(stream, ForkedPicture):
                stream.still_at = self._now
                self._want(stream.what.name, now=True)
        return {
            "type": "start",
            "version": VERSION,
            "recording": self.recording,
            "began": self._wall,
            "again": again,
            "paused": self.paused,
            "call": self._call,
            "streams": [shape for stream in self._streams.values() for shape in stream.shapes],
        }

    def tell(self, what: str, more: dict[str, Any], call: dict[str, Any], now: float) -> None:
        """Something has happened in the call, which is so now."""
        self._call = call
        self._event(what, more, now)

    def pause(self, paused: bool, now: float) -> None:
        """Send no media, or send them again."""
        if paused != self.paused:
            self.paused = paused
            self._turn += 1
            self.queue.clear_media(count=False)
            self._event("paused" if paused else "resumed", {}, now)
            for stream in () if paused else self._streams.values():
                if isinstance(stream, ForkedPicture):
                    self._want(stream.what.name)

    def stop(self, reason: str) -> dict[str, Any]:
        """The last words."""
        return {"type": "stop", "reason": reason, "sent": self.queue.sent, "dropped": self.queue.dropped}

    # ---- what taps send --------------------------------------------------------------------------------------------

    def describe(self, what: Described) -> None:
        """A stream of the call is there."""
        key = (what.kind, what.name)
        if (known := self._streams.get(key)) is not None:
            known.what = what
        elif what.kind == "voice":
            number = self._number(key) if self.to.has(*key) else None
            if number is not None or self.to.has("picture", what.name):
                self._add(key, ForkedVoice(number, what, self._began, self.to.rate))
        elif self.to.has(*key):
            voice = self._streams.get(("voice", what.name))
            leader = voice if isinstance(voice, ForkedVoice) else None
            number = self._number(key) if self.to.stills != "only" else None
            still = self._number(("still", what.name)) if self.to.stills != "none" else None
            if number is not None or still is not None:
                self._add(key, ForkedPicture(number, still, what, self._began, leader))
                self._want(what.name, now=True)

    def _number(self, key: tuple[str, str]) -> int | None:
        """The number of a new stream; None where there are too many, which is told once."""
        if self._count < STREAMS_LIMIT:
            self._count += 1
            return self._count - 1
        if key not in self._left_out:
            self._left_out.add(key)
            log.error("a stream is not forked", recording=self.recording, kind=key[0], of=key[1], limit=STREAMS_LIMIT)
            self.queue.say({"type": "left-out", "kind": key[0], "name": key[1], "limit": STREAMS_LIMIT})
        return None

    def _add(self, key: tuple[str, str], stream: ForkedVoice | ForkedPicture) -> None:
        self._streams[key] = stream
        self._say_shapes(stream)

    def _say_shapes(self, stream: ForkedVoice | ForkedPicture) -> None:
        for shape in stream.shapes:
            self.queue.say({"type": "stream", "stream": shape})

    def take(self, what: Described, piece: TapPiece) -> None:
        """Take in a piece of a stream. Raises PeerError, ValueError where it cannot be read."""
        self._now = max(self._now, piece.at)
        stream = self._streams.get((what.kind, what.name))
        match stream, piece.kind:
            case ForkedVoice(), Kind.RTP if not self.paused:
                self._voice(stream, piece)
            case ForkedVoice(), Kind.RTCP:
                stream.report(bytes(piece.data))
            case ForkedPicture(), Kind.PICTURE if not self.paused:
                self._picture(stream, piece)
            case ForkedPicture(), Kind.REPORT:
                stream.clock.report(*batch.read_report(piece.data))
            case _:
                pass

    def _voice(self, stream: ForkedVoice, piece: TapPiece) -> None:
        frames = stream.take(bytes(piece.data), piece.at)
        if stream.wide is not stream.told and self._now - stream.told_at >= _BAND_S and self.to.rate != 8000:
            stream.told, stream.told_at = stream.wide, self._now
            self._say_shapes(stream)
        for heard in frames:
            self.queue.put(heard)
        while stream.unavailable:
            name = stream.unavailable.pop()
            self.queue.say({"type": "unavailable", "stream": stream.number, "encoding": name})

    def _picture(self, stream: ForkedPicture, piece: TapPiece) -> None:
        broken, goes_on = stream.broken, True
        for unit in stream.take(batch.read_picture(piece.data), piece.at):
            if stream.number is not None:
                goes_on = self.queue.put(frame(stream.number, *unit[1:], unit.key)) and goes_on
            if unit.key and self.queue.is_open and stream.wants_still(self._now):
                self._make_still(stream, unit)
        misses = stream.number is not None and (not goes_on or stream.broken != broken)
        if misses or stream.wants_still(self._now):
            self._want(stream.what.name)

    def _make_still(self, stream: ForkedPicture, unit: ForkedUnit) -> None:
        number, turn = stream.still_number, self._turn
        assert number is not None
        stream.still_at = self._now + self.to.still_every_s

        def made(still: bytes) -> None:
            stream.making = False
            if turn != self._turn:
                return  # it was paused meanwhile
            stream.failed = 0 if still else stream.failed + 1
            if stream.failed:  # who sends what nobody can decode must not keep the stills of others waiting
                every_s = self.to.still_every_s
                stream.still_at = self._now + doubled_s(every_s, max(every_s, _LAST_STILL_S), stream.failed)
            if still:
                self.queue.put(frame(number, KEY, unit.degrees, unit.after_s, still, True))
            else:
                self.queue.miss(number)

        stream.making = self._stills.ask(unit.data, made)
        if not stream.making:
            self.queue.miss(number)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _event(self, what: str, more: dict[str, Any], now: float) -> None:
        time = max(0, round((now - self._began) * 1e6))
        self.queue.say({"type": "event", "what": what, "time": time, "more": more})

    def _want(self, name: str, now: bool = False) -> None:
        """Ask for a key frame, not too often: a phone pays for each."""
        if self.queue.is_open and (now or self._now - self._asked_at.get(name, float("-inf")) >= _KEY_FRAME_S):
            self._asked_at[name] = self._now
            self._wanted(name)
