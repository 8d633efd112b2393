"""The recordings of live calls: what calls need of the recorder, and what they tell it. Does I/O (asyncio).

Calls go on whatever becomes of a recording. What a call is, and what happens in it, is told to the recorder as its view
changes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from splitter.calls.peers.messages import Refusal
from splitter.calls.recording.changes import about_of, changes, outcome_to_keep, told_by
from splitter.calls.recording.forks import CallForks
from splitter.calls.siprec.recorders import Recorders
from splitter.calls.states import CallState, RecordingState
from splitter.calls.view import CallView, Notice
from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.uploads import UploadKind
from splitter.media.ports.recording import MediaTaps, RecordingTap, takes
from splitter.media.record import protocol as p
from splitter.media.record.about import RecordingAbout
from splitter.media.record.client import RecorderLink
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.settings import RecordingSettings
from splitter.media.record.shelf import RecordingShelf
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

_OWED_LIMIT = 10_000


class LiveRecordings(Protocol):
    """The recorder, as a call needs it."""

    @property
    def settings(self) -> RecordingSettings:
        """The settings, as the operator has made them."""
        ...

    @property
    def fault(self) -> str:
        """Why nothing can be recorded now; "" where it can."""
        ...

    async def say(self, view: CallView, recording: str, paused: bool) -> str:
        """Have a call recorded, or its recording paused. Returns: why not, or ""."""
        ...

    def end(self, recording: str, reason: str) -> None:
        """End a recording; again is no error."""
        ...

    def note(self, recording: str, what: str, more: dict[str, Any]) -> None:
        """Write beside a recording what happened to its call."""
        ...

    async def tap(self, media_id: str, recording: str, left_out: tuple[str, ...] = ()) -> str:
        """Copy what a relay or room carries, but for these; "" as the recording: no longer. Returns: why not, or ""."""
        ...


class NoRecordings:
    """The recorder of a gateway that has none."""

    settings = RecordingSettings()
    fault = "recording is not configured: see [recording] folder"

    async def say(self, view: CallView, recording: str, paused: bool) -> str:
        return self.fault

    def end(self, recording: str, reason: str) -> None:
        pass

    def note(self, recording: str, what: str, more: dict[str, Any]) -> None:
        pass

    async def tap(self, media_id: str, recording: str, left_out: tuple[str, ...] = ()) -> str:
        return self.fault if recording else ""


class Recordings:
    """The recorder, for calls. As `LiveRecordings`.

    Args:
        settings: what the operator has set.
        link: the recorder, `recorders` those of others, `forks` those who listen; at least one of them is there.
        taps: those of the media.

    Attributes:
        shelf: where files are read.
    """

    def __init__(
        self,
        settings: RecordingSettings,
        link: RecorderLink | None,
        taps: MediaTaps,
        recorders: Recorders | None = None,
        forks: CallForks | None = None,
    ) -> None:
        self.settings = settings
        self._link, self._recorders, self._forks = link, recorders, forks
        self._others = tuple(other for other in (recorders, forks) if other is not None)
        keys = SealKeys(settings.seal_key, settings.seal_command)
        self.shelf = RecordingShelf(Path(settings.folder), keys, settings.store_place)
        self._taps = taps
        self._owed: deque[p.RecorderAsk] = deque(maxlen=_OWED_LIMIT)
        self._tapped: dict[str, set[str]] = {}  # by recording, relays and rooms
        self._known: dict[str, CallView] = {}
        self._saying: set[asyncio.Future[Any]] = set()

    def adopt(self, settings: RecordingSettings) -> None:
        """Go by these settings from now on."""
        self.settings = settings

    # ---- their life -------------------------------------------------------------------------------------------------

    @property
    def link(self) -> RecorderLink:
        """The recorder. Raises LocalError where all is recorded elsewhere."""
        if self._link is None:
            raise LocalError("nothing is kept here: see [recording] folder")
        return self._link

    @property
    def keeps(self) -> bool:
        """Tell whether recordings are kept here."""
        return self._link is not None

    @property
    def links(self) -> tuple[RecorderLink, ...]:
        """The processes that take copies, the recorder first."""
        return tuple(one for one in (self._link, *(other.link for other in self._others[:1])) if one is not None)

    def start(self) -> None:
        """Begin; calls do not wait for it."""
        if (link := self._link) is not None:
            metrics.recordings.KEPT_BYTES.set_function(lambda: link.kept_bytes)
            metrics.recordings.QUOTA_BYTES.set(self.settings.quota_gb * 1e9)
        for one in self.links:
            one.start()

    async def arrived(self) -> None:
        """Wait for the processes, within limits."""
        for link in self.links:
            await link.arrived()

    def leave(self) -> None:
        """Leave all to the next gateway."""
        for link in self.links:
            link.leave()

    async def stop(self) -> None:
        """End the processes, in order."""
        for link in self.links:
            await link.stop()

    # ---- what calls ask ---------------------------------------------------------------------------------------------

    @property
    def fault(self) -> str:
        if self._link is not None:
            return self._link.fault
        return self._others[0].fault if self._others else ""

    def alarms(self) -> list[str]:
        """Name what is wrong, in words."""
        found = []
        if self._link is not None:
            found += [f"nothing is recorded: {self._link.fault}"] if self._link.fault else []
            found += [f"{what}: {why}" for what, why in self._link.warnings.items()]
        if self._recorders is not None and (fault := self._recorders.fault):
            found.append(f"nothing is recorded elsewhere: {fault}")
        if self._forks is not None and (fault := self._forks.alarm):
            found.append(f"calls are not forked: {fault}")
        return found

    async def say(self, view: CallView, recording: str, paused: bool) -> str:
        self._known.setdefault(view.call_id, view)  # at once: it may have ended by the time of the answer
        saying = asyncio.gather(*(other.say(view, recording, paused) for other in self._others))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)
        if self._link is None:
            return (await saying)[0]
        fault = await self._say_here(view, recording, paused)
        if paused:  # nothing may be sent any more; else nobody waits for it
            await saying
        return fault

    def _go_on_saying(self, what: Awaitable[str]) -> None:
        """See to what nobody waits for."""
        saying = asyncio.gather(*(what,))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)

    async def _say_here(self, view: CallView, recording: str, paused: bool) -> str:
        """What is kept here waits for nobody else."""
        assert self._link is not None
        await self._link.arrived()
        try:
            await self._link.ask(p.BeginRecording(self._about(view, recording), paused, view.recording.reason))
        except LocalError as error:
            return str(error)
        return ""

    def end(self, recording: str, reason: str) -> None:
        if self._link is not None:
            self._link.tell(p.EndRecording(recording, reason))
        self._tapped.pop(recording, None)
        if self._recorders is not None:
            self._recorders.end(recording)
        if self._forks is not None:
            self._forks.end(recording, reason)

    def _tap(self, recording: str, left_out: tuple[str, ...]) -> RecordingTap | None:
        if not recording:
            return None
        first, *more = self.links
        without = (*self.settings.exclude, *left_out)
        return replace(first.tap(recording), also=tuple(link.taps for link in more), without=without)

    def _without(self, view: CallView) -> tuple[str, ...]:
        return (*self.settings.exclude, *view.recording.left_out)

    def _about(self, view: CallView, recording: str) -> RecordingAbout:
        return msgspec.structs.replace(about_of(view, recording), without=self._without(view))

    async def tap(self, media_id: str, recording: str, left_out: tuple[str, ...] = ()) -> str:
        tap = self._tap(recording, left_out)
        if recording and self._others:
            self._tapped.setdefault(recording, set()).add(media_id)
        try:
            await self._taps.tap(media_id, tap)
        except MediaUnavailable as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    # ---- what happens in calls --------------------------------------------------------------------------------------

    def on_call(self, view: CallView) -> None:
        """A call has changed; tell what is to stand beside its recording."""
        before, recording = self._known.get(view.call_id), view.recording
        if view.state is CallState.ENDED and recording.id and self._link is not None:
            self._tell_surely(p.ConcludeCall(view.call_id, outcome_to_keep(view)))
        if view.state is CallState.ENDED:
            self._known.pop(view.call_id, None)
        elif recording.state != RecordingState.OFF or before is not None:
            self._known[view.call_id] = view
        if before is None or not recording.id or recording.state == RecordingState.OFF:
            return
        if self._recorders is not None:
            self._recorders.follow(view)
        if self._forks is not None and view.state is not CallState.ENDED:
            self._forks.heed(view, self._go_on_saying)
        for happening in changes(before, view):
            self._note(view, *happening)
        if self._link is not None and (before.extension, before.route) != (view.extension, view.route):
            self._link.tell(p.ChangeRecording(self._about(view, recording.id)))

    def on_notice(self, notice: Notice) -> None:
        """People were told something; some of it stands beside the recording."""
        view, happening = self._known.get(notice.call_id), told_by(notice)
        if view is not None and happening is not None and view.recording.state == RecordingState.RECORDING:
            self._note(view, *happening)

    def note(self, recording: str, what: str, more: dict[str, Any]) -> None:
        if self._link is not None:
            self._link.tell(p.NoteInRecording(recording, what, more))

    def _note(self, view: CallView, what: str, more: dict[str, Any]) -> None:
        if self._forks is not None:
            self._forks.follow(view, what, more)
        self.note(view.recording.id, what, more)

    def on_still(self, call_id: str, number: int, png: bytes, of: str = "caller") -> None:
        """A screenshot was taken of somebody in a call: it is kept beside the recording, where one is being made."""
        if (view := self._recorded(call_id, of)) is not None and self._link is not None:
            self._link.tell(p.KeepStill(view.recording.id, number, png))

    def on_upload(self, call_id: str, kind: UploadKind, number: int, data: bytes) -> None:
        """The caller's browser has sent a photo or a PDF: it is kept beside the recording, where one is being made."""
        if (view := self._recorded(call_id, "guest")) is not None and self._link is not None:
            photo = kind is UploadKind.PHOTO
            self._link.tell((p.KeepPhoto if photo else p.KeepPdf)(view.recording.id, number, data))

    def _recorded(self, call_id: str, name: str) -> CallView | None:
        """The call, where this participant of it is being recorded now."""
        view = self._known.get(call_id)
        recorded = view is not None and view.recording.state == RecordingState.RECORDING
        return view if view is not None and recorded and takes(self._without(view), name) else None

    def forget_unclaimed(self, live: Iterable[CallView]) -> None:
        """End the recordings that the recorder makes since before and that no call wants any longer.

        The end of one whose call goes on may have been lost with the gateway that was to tell it.
        """
        wanted = {view.recording.id for view in live if view.recording.state != RecordingState.OFF}
        for recording in self._link.left - wanted if self._link is not None else ():
            self.end(recording, "its call was not taken up, or it had ended")
        for other in self._others:
            for recording in other.link.left - wanted:
                other.forget(recording)

    async def ask_key_frames(self, recording: str, number: int) -> None:
        """A recorder elsewhere wants a key frame of its line of this number; -1: of each picture."""
        names = list(self._recorders.names(recording, number)) if self._recorders is not None else []
        await self.ask_key_frames_of(recording, names)

    async def ask_key_frames_of(self, recording: str, names: Iterable[str]) -> None:
        """Ask those of these names for key frames."""
        for media_id in tuple(self._tapped.get(recording, ())):
            for name in names:
                with suppress(MediaUnavailable):  # a relay, or it has moved
                    await self._taps.key_frame(media_id, name)

    # ---- for the API ------------------------------------------------------------------------------------------------

    async def enter(self, kind: str, about: dict[str, Any]) -> None:
        """Note in the ledger who has opened, exported or listed what. Raises LocalError where it cannot be."""
        await self.link.ask(p.EnterInLedger(kind, about))

    async def make_film(self, recording: str) -> None:
        """Have a film of a recording made. Raises LocalError."""
        await self.link.ask(p.MakeFilm(recording))

    async def note_reading(self, kind: str, about: dict[str, Any]) -> None:
        """Note who has read what; where that cannot be now, it is noted as soon as it can be."""
        if self._link is None:
            return  # there is no ledger
        try:
            await self.enter(kind, about)
        except LocalError as error:
            self._owed.append(p.EnterInLedger(kind, about))
            log.warning("a reading is not in the ledger yet", reason=str(error), reading=kind, **about)

    def on_back(self) -> None:
        """The recorder can be asked again: note the readings, and ends of calls, that it could not note before."""
        while self._owed and self._link is not None and not self._link.fault:
            self._link.tell(self._owed.popleft())

    def _tell_surely(self, ask: p.RecorderAsk) -> None:
        """Tell the recorder, as soon as it can be told."""
        self._owed.append(ask)
        self.on_back()

    async def hold(self, recording: str, held: bool, by: str, reason: str) -> None:
        """Let nothing delete a recording, or let it be deleted again. Raises LocalError."""
        await self.link.ask(p.HoldRecording(recording, held, by, reason))

    async def delete(self, recording: str, by: str, reason: str) -> None:
        """Delete the files of a recording. Raises LocalError."""
        await self.link.ask(p.DeleteRecording(recording, by, reason))


def refuse_unrecorded(recordings: LiveRecordings, trunks: tuple[str, ...], called: str) -> None:
    """Raise Refusal for a call that must be recorded, and cannot be."""
    settings, fault = recordings.settings, recordings.fault
    if settings.required and fault and settings.reason_for(trunks, called, ""):
        metrics.calls.REJECTED.labels("no-recording").inc()
        raise Refusal(503, f"it must be recorded, and cannot be: {fault}", [("Retry-After", "10")])
