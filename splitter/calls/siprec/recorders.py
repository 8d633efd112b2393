"""All recording sessions: what calls say, and what the forwarder sees, reaches the session that is meant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

import structlog

from splitter.calls.settings import Trunk
from splitter.calls.siprec.note import read_note
from splitter.calls.siprec.parts import SessionParts
from splitter.calls.siprec.session import RecordingSession
from splitter.calls.states import CallState
from splitter.calls.view import CallView
from splitter.core.errors import LocalError
from splitter.media.forward import protocol as f
from splitter.media.forward.client import ForwarderLink

log = structlog.get_logger(__name__)

_NOBODY = CallView("", "", CallState.ENDED, "", "", 0.0, None, None, "", 0, "", "none", ())


class Recorders:
    """The recording sessions of all calls.

    Args:
        parts: of sessions.
        link: the forwarder.
        pictures: whether they are recorded too.
        trunk: of a name. Raises LocalError where there is none.
        named: a call's Session-ID by its id, "" where it has none.
        fault: why no recorder can be had now, "" where one may.
    """

    def __init__(
        self,
        parts: SessionParts,
        link: ForwarderLink,
        pictures: bool,
        trunk: Callable[[str], Trunk],
        named: Callable[[str], str],
        fault: Callable[[], str],
    ) -> None:
        self._parts = parts
        self.link = link
        self._pictures = pictures
        self._trunk, self._named, self._fault = trunk, named, fault
        self._wanted: dict[str, bool] = {}  # by recording, whether it is to be paused
        self._sessions: dict[str, RecordingSession] = {}
        self._carrying: set[asyncio.Task[str]] = set()
        self._lines: dict[str, tuple[f.SeenLine, ...]] = {}

    def __len__(self) -> int:
        """The sessions that there are."""
        return len(self._sessions)

    @property
    def fault(self) -> str:
        """Why nothing can be recorded elsewhere now; "" where it can."""
        return self.link.fault or self._fault()

    def say(self, view: CallView, recording: str, paused: bool) -> Awaitable[str]:
        """Have a call recorded, or its recording paused. Returns: why not, or ""."""
        self._wanted[recording] = paused  # at once: it may be ended while the forwarder is waited for
        return self._say(view, recording)

    async def _say(self, view: CallView, recording: str) -> str:
        await self.link.arrived()
        if recording not in self._wanted:
            return ""
        session = self._sessions.get(recording) or self._begin(view, recording)
        session.pause(self._wanted[recording])
        return await self._carry(session, recording)

    async def _carry(self, session: RecordingSession, recording: str) -> str:
        try:
            answer = await self.link.ask(f.CarryRecording(recording, self._pictures))
        except LocalError as error:
            return str(error)
        if recording not in self._wanted:
            self.link.tell(f.ForgetRecording(recording))
        elif isinstance(answer, f.ForwarderAnswer) and answer.lines is not None:
            self._lines[recording] = answer.lines
            session.go_on(answer.lines)
        return session.fault

    def carry_again(self) -> None:
        """Have the forwarder, which can be asked again, carry all that it carried before."""
        for recording, session in self._sessions.items():
            task = asyncio.get_running_loop().create_task(self._carry(session, recording))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    def _begin(self, view: CallView, recording: str) -> RecordingSession:
        session = RecordingSession(self._parts, recording, view, self._named(view.call_id))
        self._sessions[recording] = session
        self._adopt(session, recording)
        return session

    def _adopt(self, session: RecordingSession, recording: str) -> None:
        """Go on with what a gateway before this one has left, where it has."""
        note = read_note(self.link.notes.pop(recording, b""))
        if note is None:
            return
        try:
            session.adopt(note, self._trunk(note.leg.trunk))
        except LocalError as error:
            log.warning("a recording session is begun anew", recording=recording, reason=str(error))

    def end(self, recording: str) -> None:
        """End a recording; again is no error."""
        self._lines.pop(recording, None)
        self._wanted.pop(recording, None)
        session = self._sessions.pop(recording, None)
        if session is not None:
            session.end()
        elif recording in self.link.left:
            self.link.tell(f.ForgetRecording(recording))

    def forget(self, recording: str) -> None:
        """End what a gateway before this one has left, and nobody has taken up: the recorder is told."""
        note = read_note(self.link.notes.get(recording, b""))
        if note is not None and recording not in self._sessions:
            parts = replace(self._parts, bind=lambda call_id, sip_call_id, tag: None)  # its trace is closed
            session = RecordingSession(parts, recording, replace(_NOBODY, call_id=note.call_id), "")
            self._sessions[recording] = session
            self._adopt(session, recording)
        self.end(recording)

    def follow(self, view: CallView) -> None:
        """A call has changed."""
        session = self._sessions.get(view.recording.id)
        if session is not None:
            session.follow(view, self._named(view.call_id))

    def lose(self, reason: str) -> None:
        """The forwarder is gone: nothing reaches any recorder; "" where it is back."""
        for recording in tuple(self._sessions) if reason else ():
            self._parts.said(recording, reason, True)

    # ---- what the forwarder says -----------------------------------------------------------------------------------

    def on_lines(self, recording: str, lines: tuple[f.SeenLine, ...]) -> None:
        """A recording has these lines."""
        session = self._sessions.get(recording)
        if session is not None:
            self._lines[recording] = lines
            session.see(lines)

    def names(self, recording: str, number: int) -> Iterable[str]:
        """Name those whose pictures the lines of this number are; -1: of all."""
        return [
            line.name
            for line in self._lines.get(recording, ())
            if line.kind == "picture" and number in (-1, line.number)
        ]
