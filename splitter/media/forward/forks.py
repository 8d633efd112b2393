"""All forks: what taps send and what the gateway says reaches the one that is meant, and how they are is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from splitter.core.errors import PeerError
from splitter.media.forward import protocol as p
from splitter.media.forward.fork import MediaFork
from splitter.media.forward.fork_queue import MEDIA_LIMIT_BYTES, ForkQueue
from splitter.media.forward.still_maker import StillMaker
from splitter.media.record.batch import Described, TapPiece

_FORKS_LIMIT = 2000

log = structlog.get_logger(__name__)


class _Way:
    """One fork, its connection, and what was told of it."""

    def __init__(self, tell: Callable[[p.ForkSeen], None]) -> None:
        from splitter.media.forward.fork_sender import ForkSender  # a forwarder without forks needs no HTTP

        self._tell = tell
        self._seen = p.ForkSeen(p.ForkState.OPENING, "")
        self.sender = ForkSender(self.said)
        self.fork: MediaFork | None = None

    def leave(self, reason: str) -> None:
        """End it, and say no more of it: another one has its place."""
        self._tell = lambda seen: None
        self.sender.end(reason)

    def said(self, state: p.ForkState, words: str) -> None:
        """It is so now."""
        self._seen = p.ForkSeen(state, words)
        self.report()

    def report(self) -> None:
        """Tell how it is."""
        assert self.fork is not None
        queue = self.fork.queue
        seen = p.ForkSeen(self._seen.state, self._seen.words, queue.sent, queue.dropped, self.fork.left_out)
        self._tell(seen)


class Forks:
    """The recordings that others listen to.

    Args:
        tell: takes what the gateway is to be told. clock, wall: of packets, and of people.
        limit_bytes: of media that wait for one receiver. stills: makes stills for all of them.
    """

    def __init__(
        self,
        tell: Callable[[p.ForwarderAnswer], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        limit_bytes: int = MEDIA_LIMIT_BYTES,
        stills: StillMaker | None = None,
    ) -> None:
        self._tell, self._clock, self._wall, self._limit_bytes = tell, clock, wall, limit_bytes
        self._stills = stills if stills is not None else StillMaker()
        self._live: dict[str, tuple[MediaFork, _Way]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = False

    @property
    def live(self) -> tuple[str, ...]:
        """The recordings that are sent."""
        return tuple(self._live)

    def begin(self, ask: p.ForkRecording, streams: Iterable[Described]) -> None:
        """Begin a fork, or go on with it; with other settings, anew. Raises OSError where there are too many."""
        known = self._live.get(ask.recording)
        if known is not None and known[0].to != ask.to:
            del self._live[ask.recording]
            known[1].leave("the gateway has other settings")
            known = None
        if known is None:
            known = self._open(ask)
            for what in streams:
                known[0].describe(what)
        known[0].pause(ask.paused, self._clock())
        known[1].report()

    def _open(self, ask: p.ForkRecording) -> tuple[MediaFork, _Way]:
        if len(self._live) >= _FORKS_LIMIT:
            raise OSError(0, "too many recordings are forked")
        recording = ask.recording
        one = _Way(lambda seen: self._tell(p.ForwarderAnswer(0, recording=recording, fork=seen)))
        queue = ForkQueue(one.sender.wake, self._limit_bytes)

        def wanted(name: str) -> None:
            self._tell(p.ForwarderAnswer(0, recording=recording, key_frame_of=name))

        began, wall = self._clock(), self._wall()
        fork = one.fork = MediaFork(recording, ask.to, ask.call, queue, began, wall, wanted, self._stills)
        task = one.sender.begin(fork)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(recording, done, one))
        self._live[recording] = fork, one
        return fork, one

    def _done(self, recording: str, task: asyncio.Task[None], one: _Way) -> None:
        self._tasks.discard(task)
        words = ""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a fork has failed", recording=recording, exc_info=error)
            words = f"a fault ended it: {type(error).__name__}"
        known = self._live.get(recording)
        if known is not None and known[1] is one:
            del self._live[recording]
        one.said(p.ForkState.ENDED, words)

    def tell(self, ask: p.TellFork) -> None:
        """Tell a receiver what has happened in its call."""
        if (known := self._live.get(ask.recording)) is not None:
            known[0].tell(ask.what, ask.more, ask.call, self._clock())

    def end(self, recording: str, reason: str) -> None:
        """End a fork; again is no error."""
        known = self._live.pop(recording, None)
        if known is not None:
            known[1].sender.end(reason)

    # ---- what taps send --------------------------------------------------------------------------------------------

    def describe(self, what: Described) -> None:
        """A stream is there."""
        if (known := self._live.get(what.recording)) is not None:
            known[0].describe(what)

    def take(self, what: Described, piece: TapPiece) -> None:
        """Take in a piece of a stream; what cannot be read is left out."""
        if (known := self._live.get(what.recording)) is not None:
            try:
                known[0].take(what, piece)
            except (PeerError, ValueError):
                pass
            except Exception:  # what comes with it is of other calls, and of recorders
                if not self._failed:
                    log.exception("media could not be forked")
                self._failed = True

    def report(self) -> None:
        """Tell how all are; called every few seconds."""
        for _, one in self._live.values():
            one.report()

    async def finish(self, reason: str, limit_s: float) -> None:
        """End all in order, within a limit."""
        for recording in self.live:
            self.end(recording, reason)
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=limit_s)
        await self._stills.finish()

    def close(self) -> None:
        """End all at once."""
        for task in tuple(self._tasks):
            task.cancel()
        self._stills.close()
        self._live.clear()
