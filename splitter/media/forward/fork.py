"""One call on its way to who listens to it: its streams, what is said of them, and what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from splitter.media.forward.fork_queue import ForkQueue
from splitter.media.forward.fork_streams import ForkedPicture, ForkedVoice
from splitter.media.forward.protocol import ForkPlace
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, TapPiece

_STREAMS_LIMIT = 32
_KEY_FRAME_S = 2.0
VERSION = 1


class MediaFork:
    """The fork of one call.

    Args:
        call: what the receiver is told of it.
        began, wall: the begin, by the steady clock and by that of people.
        wanted: told whose picture wants a key frame.

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
    ) -> None:
        self.recording, self.to = recording, to
        self.queue = queue
        self._call = call
        self._began, self._wall, self._wanted = began, wall, wanted
        self._streams: dict[tuple[str, str], ForkedVoice | ForkedPicture] = {}
        self._asked_at: dict[str, float] = {}
        self._now = began
        self.paused = False

    # ---- what is said ----------------------------------------------------------------------------------------------

    def start(self, again: int) -> dict[str, Any]:
        """The first words on a connection; `again`: how many there were before it."""
        for stream in self._streams.values():
            if isinstance(stream, ForkedPicture):
                self._want(stream.what.name, now=True)
        return {
            "type": "start",
            "version": VERSION,
            "recording": self.recording,
            "began": self._wall,
            "again": again,
            "paused": self.paused,
            "call": self._call,
            "streams": [self._shape(stream) for stream in self._streams.values()],
        }

    def tell(self, what: str, more: dict[str, Any], call: dict[str, Any], now: float) -> None:
        """Something has happened in the call, which is so now."""
        self._call = call
        self._event(what, more, now)

    def pause(self, paused: bool, now: float) -> None:
        """Send no media, or send them again."""
        if paused != self.paused:
            self.paused = paused
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
            return
        if len(self._streams) >= _STREAMS_LIMIT:
            return
        number = len(self._streams)
        if what.kind == "voice":
            self._streams[key] = ForkedVoice(number, what, self._began)
        elif what.kind == "picture" and (self.to.pictures == "all" or (self.to.pictures, what.name) == ("caller",) * 2):
            voice = self._streams.get(("voice", what.name))
            leader = voice if isinstance(voice, ForkedVoice) else None
            self._streams[key] = ForkedPicture(number, what, self._began, leader)
            self._want(what.name, now=True)
        else:
            return
        self.queue.say({"type": "stream", "stream": self._shape(self._streams[key])})

    def take(self, what: Described, piece: TapPiece) -> None:
        """Take in a piece of a stream. Raises PeerError, ValueError where it cannot be read."""
        self._now = max(self._now, piece.at)
        stream = self._streams.get((what.kind, what.name))
        match stream, piece.kind:
            case ForkedVoice(), Kind.RTP if not self.paused:
                for frame in stream.take(bytes(piece.data), piece.at):
                    self.queue.put(frame)
                while stream.unavailable:
                    name = stream.unavailable.pop()
                    self.queue.say({"type": "unavailable", "stream": stream.number, "encoding": name})
            case ForkedVoice(), Kind.RTCP:
                stream.report(bytes(piece.data))
            case ForkedPicture(), Kind.PICTURE if not self.paused:
                self._picture(stream, piece)
            case ForkedPicture(), Kind.REPORT:
                stream.clock.report(*batch.read_report(piece.data))
            case _:
                pass

    def _picture(self, stream: ForkedPicture, piece: TapPiece) -> None:
        broken, goes_on = stream.broken, True
        for frame in stream.take(batch.read_picture(piece.data), piece.at):
            goes_on = self.queue.put(frame) and goes_on
        if not goes_on or stream.broken != broken:
            self._want(stream.what.name)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _event(self, what: str, more: dict[str, Any], now: float) -> None:
        time = max(0, round((now - self._began) * 1e6))
        self.queue.say({"type": "event", "what": what, "time": time, "more": more})

    def _shape(self, stream: ForkedVoice | ForkedPicture) -> dict[str, Any]:
        return {"id": stream.number, "name": stream.what.name, **stream.shape}

    def _want(self, name: str, now: bool = False) -> None:
        """Ask for a key frame, not too often: a phone pays for each."""
        if self.queue.is_open and (now or self._now - self._asked_at.get(name, float("-inf")) >= _KEY_FRAME_S):
            self._asked_at[name] = self._now
            self._wanted(name)
