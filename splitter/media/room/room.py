"""The video of one call: the caller and the seats, and who is shown what.

    caller   sees the newest seat that sends a picture, else the slate
    a seat   sees the caller, and the slate while the caller sends nothing
    show()   overrules this for one viewer as long as the chosen source is in the room

Nobody sees black: a viewer gets the slate at once and another picture from its first key frame on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.media.engine import MediaEvent, ParticipantMedia, ParticipantReport, PictureStopped, RoomReport
from splitter.media.room.loop import Loop, Timer
from splitter.media.room.participant import Participant, Surroundings
from splitter.media.room.times import RoomTimes
from splitter.media.room.view import SLATE
from splitter.media.slate.slate import Slate
from splitter.media.slate.still import Still
from splitter.sdp.video import VideoFormat

CALLER = "caller"
_NEVER = float("inf")


class Room:
    """A room. All methods are called on the loop's thread; none of them waits."""

    def __init__(
        self,
        call_id: str,
        room_id: str,
        loop: Loop,
        slate: Slate,
        emit: Callable[[MediaEvent], None],
        times: RoomTimes | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self.call_id = call_id
        self.room_id = room_id
        self._loop = loop
        self._slate = slate
        self._emit = emit
        self._times = times or RoomTimes()
        self._ids = ids or IdSource()
        self._cname = f"video-{self._ids.tag()}"
        self._participants: dict[str, Participant] = {}
        self._chosen: dict[str, str] = {}
        self._timer: Timer | None = None
        self._timer_at = _NEVER

    # ---- what calls ask for ---------------------------------------------------------------------------------------

    def join(self, name: str, host: str) -> tuple[int, int]:
        """Bind a participant's ports on our address `host`.

        Returns: (RTP port, RTCP port).
        Raises:
            LocalError: the name is taken, or not one that a participant can have.
            MediaUnavailable: no port is free.
        """
        if name in self._participants or name in (SLATE, "none", ""):
            raise LocalError(f"room {self.room_id}: {name!r} cannot join")
        around = Surroundings(
            call_id=self.call_id,
            cname=self._cname,
            loop=self._loop,
            ids=self._ids,
            times=self._times,
            stills=partial(self._still, name),
            emit=self._emit,
            changed=self._on_changed,
            wake=self._arm,
        )
        participant = self._participants[name] = Participant(name, host, around)
        return participant.pair.rtp_port, participant.pair.rtcp_port

    def set_participant(self, name: str, media: ParticipantMedia | None) -> None:
        """Start, change or (None) pause a participant's media. Raises LocalError if it is not in the room."""
        participant = self._participants.get(name)
        if participant is None:
            raise LocalError(f"room {self.room_id}: there is no {name!r}")
        participant.configure(media, self._loop.now())
        self._select("answered" if media is not None else f"{name} paused")
        self._arm()

    def show(self, viewer: str, source: str) -> None:
        """Choose what `viewer` is shown: a participant's name, "slate", or "" for the room's own choice.

        Who has left in the meantime is no error: the choice is then without effect.
        """
        if source:
            self._chosen[viewer] = source
        else:
            self._chosen.pop(viewer, None)
        self._select("asked for")
        self._arm()

    def request_key_frame(self, name: str) -> None:
        """`name` asked for a key frame of what it is shown (SIP INFO, RFC 5168)."""
        participant = self._participants.get(name)
        if participant is not None:
            participant.key_frame_wanted(self._loop.now())

    def leave(self, name: str) -> ParticipantReport | None:
        """Take a participant out; who watched it sees the slate. None if it was not there."""
        participant = self._participants.pop(name, None)
        if participant is None:
            return None
        now = self._loop.now()
        self._chosen.pop(name, None)
        for viewer, source in list(self._chosen.items()):
            if source == name:
                del self._chosen[viewer]
        report = participant.report()
        for other in self._participants.values():
            other.view.lose(participant.stream, f"{name} left", now)
        participant.close()
        self._select(f"{name} left")
        self._arm()
        return report

    def report(self) -> RoomReport:
        """The counters now."""
        return RoomReport(self.room_id, tuple(one.report() for one in self._participants.values()))

    def close(self) -> RoomReport:
        """End it all; every port is given back."""
        report = self.report()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, _NEVER
        participants, self._participants = self._participants, {}
        for participant in participants.values():
            participant.close()
        return report

    # ---- who is shown what ------------------------------------------------------------------------------------------

    def _select(self, reason: str) -> None:
        """Bring every view in line with the choice and with who sends."""
        now = self._loop.now()
        for viewer in self._participants.values():
            if not viewer.watches:
                continue
            source = self._source_for(viewer.name)
            if source is None:
                viewer.view.want(None, reason, now)
            else:
                viewer.view.want(source.stream, reason, now)

    def _source_for(self, viewer: str) -> Participant | None:
        """Who is to be shown to `viewer`; None for the slate."""
        chosen = self._chosen.get(viewer)
        if chosen == SLATE:
            return None
        if chosen in self._participants:
            source = self._participants[chosen]
            return source if source.sends else None
        if viewer != CALLER:
            caller = self._participants.get(CALLER)
            return caller if caller is not None and caller.sends else None
        for name in reversed(self._participants):
            if name != CALLER and self._participants[name].sends:
                return self._participants[name]
        return None

    def _on_changed(self, name: str, sends: bool, reason: str) -> None:
        """A participant's stream began or ended."""
        now = self._loop.now()
        participant = self._participants.get(name)
        if participant is None:
            return
        if not sends:
            for other in self._participants.values():
                other.view.lose(participant.stream, f"{name}: {reason}", now)
        self._select(f"{name} {reason}")
        self._arm()

    def _still(self, viewer: str, negotiated: VideoFormat) -> Still:
        return self._slate.still(negotiated, for_seat=viewer != CALLER)

    # ---- time -----------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have `_on_timer` called when the first thing is due."""
        due = min((one.next_timeout() for one in self._participants.values()), default=_NEVER)
        if due == self._timer_at and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = due
        if due != _NEVER:
            self._timer = self._loop.call_later(max(0.0, due - self._loop.now()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        now = self._loop.now()
        try:
            for participant in list(self._participants.values()):
                if participant.stream.silent(now, self._times):
                    silent_s = now - participant.stream.last_at
                    self._emit(PictureStopped(self.call_id, participant.name, silent_s))
                    participant.stopped(f"no packet for {silent_s:.0f} s")
                participant.on_timeout(now)
        finally:
            self._arm()
