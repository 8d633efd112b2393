"""Calls that others listen to while they last: what the forwarder is told of them, and what it tells ([0049]).

A fork hangs on what is recorded: the same rules, demands and pauses. Nothing of a call waits for it.
[0049]: docs/decisions/0049-media-fork.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from splitter.calls.states import ForkWish, LegState, RecordingState, Side
from splitter.calls.view import CallView
from splitter.core.errors import LocalError
from splitter.media.forward import protocol as f
from splitter.media.forward.client import ForwarderLink
from splitter.media.forward.settings import ForkSettings
from splitter.telemetry import metrics


class CallForks:
    """The forks of all calls. As `ForkWatch`.

    Args:
        link: the forwarder.
        said: told the recording, what is the matter in words, and whether it is a fault.
        wanted: told the recording, and whose picture wants a key frame.
    """

    def __init__(
        self,
        settings: ForkSettings,
        link: ForwarderLink,
        said: Callable[[str, str, bool], None],
        wanted: Callable[[str, str], None],
    ) -> None:
        self._to = place_of(settings)
        self._rules, self._narrows = settings.rules, settings.narrows
        self.link = link
        self._said, self._wanted = said, wanted
        self._recorded: set[str] = set()  # what may be forked
        self._paused: dict[str, bool] = {}  # by recording, of all that are wanted
        self._calls: dict[str, dict[str, Any]] = {}  # what is told of them
        self._seen: dict[str, f.ForkSeen] = {}

    @property
    def fault(self) -> str:
        """The reason why nothing can be forked now; "" where it can."""
        return self.link.fault

    @property
    def alarm(self) -> str:
        """Everything that is wrong, in words; "" where nothing is."""
        down = [seen.words for id, seen in self._seen.items() if id in self._paused and seen.state is _DOWN]
        return self.link.fault or (f"{len(down)} of {len(self._paused)}, {down[-1]}" if down else "")

    def wants(self, view: CallView) -> bool:
        """Whether who listens gets a call, as long as it is recorded."""
        if (wish := view.recording.fork) is not ForkWish.BY_RULE:
            return wish is ForkWish.ON
        live = (leg for leg in view.legs if leg.state is LegState.CONFIRMED)
        sides = {leg.name.partition("-")[0]: leg.trunk for leg in live}
        trunks = tuple(sides[side] for side in (Side.CALLER, Side.CENTRE) if side in sides)
        return not self._narrows or bool(self._rules.which(trunks, view.called, view.extension))

    def say(self, view: CallView, recording: str, paused: bool) -> Awaitable[str]:
        """Have a call forked, or its fork paused. Returns: why not, or ""."""
        self._recorded.add(recording)
        if not self.wants(view):
            self._leave(recording, _UNWANTED)
            return _nothing()
        self._paused[recording] = paused  # at once: it may be ended while the forwarder is waited for
        self._calls[recording] = told_of(view)
        return self._say(recording)

    def _ask(self, recording: str) -> f.ForkRecording:
        return f.ForkRecording(recording, self._to, self._calls[recording], self._paused[recording])

    async def _say(self, recording: str) -> str:
        await self.link.arrived()
        if recording not in self._paused:
            return ""
        try:
            await self.link.ask(self._ask(recording))
        except LocalError as error:
            return str(error)
        if recording not in self._paused:
            self.link.tell(f.EndFork(recording, "the call has ended"))
        seen = self._seen.get(recording, _NOTHING)
        return seen.words if seen.state is _DOWN else ""

    def heed(self, view: CallView, said: Callable[[Awaitable[str]], None]) -> None:
        """Begin or end a fork where its call has become one that is to have one, or not.

        Args:
            said: takes what is under way.
        """
        recording = view.recording.id
        if not self.wants(view):
            self._leave(recording, _UNWANTED)
        elif recording in self._recorded and recording not in self._paused:
            said(self.say(view, recording, view.recording.state is RecordingState.PAUSED))

    def follow(self, view: CallView, what: str, more: dict[str, Any]) -> None:
        """Something has happened in a call."""
        if view.recording.id in self._paused:
            call = self._calls[view.recording.id] = told_of(view)
            self.link.tell(f.TellFork(view.recording.id, what, more, call))

    def end(self, recording: str, reason: str) -> None:
        """The recording of a call has ended; again is no error."""
        self._recorded.discard(recording)
        self._leave(recording, reason)

    def _leave(self, recording: str, reason: str) -> None:
        known = self._paused.pop(recording, None) is not None
        self._calls.pop(recording, None)
        if known or recording in self.link.left:
            self.link.tell(f.EndFork(recording, reason))

    def forget(self, recording: str) -> None:
        """End what a gateway before this one has left, and nobody has taken up."""
        self.end(recording, "its call has ended")

    # ---- what the forwarder says -----------------------------------------------------------------------------------

    def see(self, recording: str, seen: f.ForkSeen) -> None:
        """The fork of a recording is so now."""
        before = self._seen.pop(recording, _NOTHING)
        metrics.recordings.FORK_FRAMES.labels("sent").inc(max(0, seen.sent - before.sent))
        metrics.recordings.FORK_STREAMS_LEFT_OUT.inc(max(0, seen.left_out - before.left_out))
        metrics.recordings.FORK_FRAMES.labels("dropped").inc(max(0, seen.dropped - before.dropped))
        if seen.state is not f.ForkState.ENDED:
            self._seen[recording] = seen
        changed = (seen.state, seen.words) != (before.state, before.words)
        if changed and seen.words and recording in self._paused:
            down = seen.state is not f.ForkState.SENT
            if down:
                metrics.recordings.FORKS_FAILED.inc()
            self._said(recording, seen.words, down)

    def want(self, recording: str, name: str) -> None:
        """The picture that comes from there wants a key frame."""
        self._wanted(recording, name)

    def lose(self, reason: str) -> None:
        """The forwarder is gone; another one begins all anew."""
        for recording in self._seen:
            self._said(recording, reason, True)
        self._seen.clear()

    def go_on(self) -> None:
        """The forwarder can be asked: have it fork all that it forked before; again is no error."""
        for recording in self._paused:
            self.link.tell(self._ask(recording))
        for recording in self._recorded & self.link.left - self._paused.keys():
            self.link.tell(f.EndFork(recording, _UNWANTED))


async def _nothing() -> str:
    return ""


_UNWANTED = "this call is no longer forked"
_DOWN = f.ForkState.DOWN
_NOTHING = f.ForkSeen(f.ForkState.OPENING, "")


def place_of(settings: ForkSettings) -> f.ForkPlace:
    """Where forks go, and what they have, as the forwarder is told."""
    return f.ForkPlace(
        settings.url,
        settings.token,
        settings.ca,
        settings.pictures,
        settings.voices,
        16_000 if settings.wideband else 8000,
        settings.stills,
        settings.still_every_s,
    )


def told_of(view: CallView) -> dict[str, Any]:
    """The call, as its receiver is told of it."""
    return {
        "id": view.call_id,
        "short_code": view.short_code,
        "caller": view.caller,
        "called": view.called,
        "agent": view.extension,
        "route": view.route,
        "direction": view.direction.value,
        "video": view.video.state,
        "parties": [
            {"name": party.name, "kind": party.kind, "title": party.title, "state": party.state}
            for party in view.parties
        ],
        "phones": [{"name": phone.name, "number": phone.number, "state": phone.state} for phone in view.phones],
    }
