"""The video of one call: the caller and the parties, and who is shown what; see `layout`.

Nobody sees black: a viewer gets the slate at once and another picture from its first key frame on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.ids import IdSource
from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.recording import RecordingTap
from splitter.media.ports.rooms import ParticipantMedia, ParticipantReport, RoomReport, Snapshot
from splitter.media.record.outlets import TapOutlet
from splitter.media.room.layout import CALLER, SLATE, is_callers, is_tile, source_for
from splitter.media.room.participant import Participant
from splitter.media.room.pictures import Pictures
from splitter.media.room.snapshot import Snapshots
from splitter.media.room.surroundings import Surroundings
from splitter.media.room.taps import RoomTaps
from splitter.media.room.times import RoomTimes
from splitter.media.slate.slate import Slate
from splitter.media.slate.still import Still
from splitter.media.wire.bundle import Bundle, Strand, StreamKey
from splitter.media.wire.ends import BundledWire, WireEnd
from splitter.media.wire.host import Host, Timer
from splitter.media.wire.plain import PlainWire
from splitter.media.wire.secure import SecureWire
from splitter.sdp.video import VideoFormat, limits_of
from splitter.sdp.webrtc import SecureLocal

_NEVER = float("inf")
_LEAST_KBPS = 32  # no viewer makes a source send less: it would be no picture


class Room:
    """A room. All methods are called on the loop's thread; none of them waits."""

    def __init__(
        self,
        call_id: str,
        room_id: str,
        loop: Host,
        slate: Slate,
        emit: Callable[[MediaEvent], None],
        times: RoomTimes | None = None,
        ids: IdSource | None = None,
        form: Form | None = None,
    ) -> None:
        self.call_id = call_id
        self.room_id = room_id
        self._loop = loop
        self._slate = slate
        self._emit = emit
        self._times = times or RoomTimes()
        self._ids = ids or IdSource()
        self._form = form or PlainForm()
        self._cname = f"video-{self._ids.tag()}"
        self._participants: dict[str, Participant] = {}
        self._chosen: dict[str, str] = {}
        self._pictures = Pictures(loop, self._on_still_ready)
        self._snapshots = Snapshots(loop, self._times.snapshot_limit_s)
        self._taps: RoomTaps | None = None
        self._timer: Timer | None = None
        self._timer_at = _NEVER

    # ---- what calls ask for ---------------------------------------------------------------------------------------

    def join(self, name: str, host: str, port: int = 0) -> tuple[int, int]:
        """Bind a participant's ports on our address `host`; `port` and the one above, if it had these before.

        Returns: (RTP port, RTCP port).
        Raises:
            LocalError: the name is taken, or not one that a participant can have.
            MediaUnavailable: no port is free, or not these.
        """
        return self._join(name, lambda end: PlainWire(end, self._loop, host, self._times, port)).wire.ports

    def join_secure(self, name: str, host: str, advertised: str) -> tuple[int, SecureLocal]:
        """Like `join` for WebRTC: one port on `host`, and our side of its transport, whose candidate is `advertised`.

        Raises: as `join`.
        """
        self._join(
            name,
            lambda end: SecureWire(
                end, self._loop, host, advertised, name=name, call_id=self.call_id, emit=self._emit, form=self._form
            ),
        )
        return self._secure_end(name)

    def join_beside(self, name: str, other: str) -> tuple[int, str]:
        """Let a participant in whose stream comes on the wire of `other`, bundled with that one's (RFC 8843).

        What happens to their transport is told of the one who came first.

        Returns: the SSRC and the CNAME of what it is sent.
        Raises:
            LocalError: as `join`; or there is no `other`.
        """
        one = self._admit(name, self.participant(other).wire.bundle.attach)
        one.beside = other
        return one.view.out.switch.ssrc, self._cname

    def restart_ice(self, name: str) -> tuple[int, SecureLocal]:
        """New ICE credentials and another port; the path before carries on until the new one is there.

        Raises:
            LocalError: there is no such participant, or it has no ICE.
            MediaUnavailable: no port is free, or the transport has failed for good.
        """
        self._secure_wire(name).restart()
        return self._secure_end(name)

    def _secure_end(self, name: str) -> tuple[int, SecureLocal]:
        wire, numbers = self._secure_wire(name), self.participant(name).view.out.switch
        return wire.ports[0], replace(wire.local, ssrc=numbers.ssrc, cname=self._cname)

    def _secure_wire(self, name: str) -> SecureWire:
        wire = self.participant(name).wire.bundle.wire
        if not isinstance(wire, SecureWire):
            raise LocalError(f"room {self.room_id}: {name!r} has no ICE")
        return wire

    def _join(self, name: str, wire: Callable[[WireEnd], BundledWire]) -> Participant:
        """Let somebody in on a wire of its own."""
        return self._admit(name, lambda key, end: Bundle(wire).attach(key, end))

    def _admit(self, name: str, attach: Callable[[StreamKey, WireEnd], Strand]) -> Participant:
        if name in self._participants or name in (SLATE, "none", ""):
            raise LocalError(f"room {self.room_id}: {name!r} cannot join")
        around = Surroundings(
            call_id=self.call_id,
            cname=self._cname,
            loop=self._loop,
            ids=self._ids,
            times=self._times,
            form=self._form,
            stills=partial(self._still, name),
            emit=self._emit,
            changed=self._on_changed,
            wake=self._on_wake,
        )
        participant = self._participants[name] = Participant(name, around, attach)
        if self._taps is not None:
            self._taps.follow(self._participants)
        return participant

    def participant(self, name: str) -> Participant:
        """Find who has this name. Raises LocalError if nobody in the room has."""
        found = self._participants.get(name)
        if found is None:
            raise LocalError(f"room {self.room_id}: there is no {name!r}")
        return found

    def set_participant(self, name: str, media: ParticipantMedia | None) -> None:
        """Start, change or (None) pause a participant's media. Raises LocalError if it is not in the room."""
        participant = self.participant(name)
        participant.configure(media, self._loop.now())
        self._select("answered" if media is not None else f"{name} paused")
        self._arm()

    def show(self, viewer: str, source: str) -> None:
        """Choose what `viewer` is shown: a participant's name, "slate", "picture:ID", or "" for the room's own choice.

        Who has left in the meantime is no error: the choice is then without effect.
        """
        if source:
            self._chosen[viewer] = source
        else:
            self._chosen.pop(viewer, None)
        self._select("asked for")
        self._arm()

    def put_picture(self, picture_id: str, image: bytes, done: Callable[[Exception | None], None]) -> None:
        """Make a picture known as "picture:ID"; `done` is told None, or why it cannot be used."""

        def put(outcome: Exception | None) -> None:
            done(outcome)
            self._select("the picture is there")
            self._arm()

        self._pictures.put(picture_id, image, put)

    def snapshot(self, name: str, taken: Callable[[Snapshot | Exception], None]) -> None:
        """Take a still of what a participant sends; `taken` is told it, or why there is none.

        Raises:
            MediaUnavailable: it sends nothing.
        """
        participant = self._participants.get(name)
        if participant is None or not participant.sends:
            raise MediaUnavailable(f"{name} sends no picture")
        self._snapshots.take(participant.stream, taken)
        participant.way.touch()
        self._arm()

    def request_key_frame(self, name: str) -> None:
        """`name` asked for a key frame of what it is shown (SIP INFO, RFC 5168)."""
        participant = self._participants.get(name)
        if participant is not None:
            participant.key_frame_wanted(self._loop.now())

    def ask_sender(self, name: str) -> None:
        """Ask `name` for a key frame of what it sends: somebody who gets copies wants one."""
        participant = self._participants.get(name)
        if participant is not None and participant.stream.alive:
            participant.stream.broker.want()
            self._arm()

    def record(self, tap: RecordingTap | None, line: TapOutlet | None = None) -> None:
        """Copy what everybody sends, and what the caller is shown, to a recorder; None: no longer."""
        before = self._taps
        if before is not None and before.tap == tap:
            return
        if before is not None:
            before.close()
        self._taps = RoomTaps(tap, line, self._loop) if tap is not None and line is not None else None
        if self._taps is not None:
            self._taps.follow(self._participants)
        self._arm()

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
        self._snapshots.lose(name, f"{name} left")
        for other in self._participants.values():
            other.view.lose(participant.stream, f"{name} left", now)
        if self._taps is not None:
            self._taps.follow(self._participants)
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
        self.record(None)
        self._snapshots.close()
        self._pictures.close()
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
        for one in self._participants.values():
            one.way.touch()
        now = self._loop.now()
        for viewer in self._participants.values():
            if not viewer.watches:
                continue
            source = self._source_for(viewer)
            if isinstance(source, Participant):
                viewer.view.want(source.stream, reason, now)
            else:
                viewer.view.want_still(source, reason, now)
        self._limit_sources()

    def _source_for(self, viewer: Participant) -> Participant | str:
        """Who is to be shown to `viewer`, or the name of a still."""
        return source_for(viewer, self._chosen.get(viewer.name, ""), self._participants, self._pictures)

    def _limit_sources(self) -> None:
        """Tell each source the least of what those who watch it can take: what SDP said, and what they told since.

        A seat that nobody watches is bound by the caller, who may be shown it at any time.
        """
        limits: dict[str, int] = {}
        for viewer in self._participants.values():
            kbps = _limit_of(viewer)
            source = self._source_for(viewer) if kbps is not None else None
            if kbps is not None and isinstance(source, Participant):
                limits[source.name] = min(limits.get(source.name, kbps), kbps)
        caller = self._participants.get(CALLER)
        unwatched = _limit_of(caller) if caller is not None else None
        for one in self._participants.values():
            one.limit_kbps = limits.get(one.name, None if one is caller else unwatched)

    def _on_still_ready(self) -> None:
        now = self._loop.now()
        for viewer in self._participants.values():
            viewer.way.touch()
            viewer.view.still_ready(now)
        self._arm()

    def _on_wake(self) -> None:
        self._limit_sources()
        self._arm()

    def _on_changed(self, name: str, sends: bool, reason: str) -> None:
        """A participant's stream began or ended."""
        now = self._loop.now()
        participant = self._participants.get(name)
        if participant is None:
            return
        if not sends:
            self._snapshots.lose(name, f"{name}: {reason}")
            for other in self._participants.values():
                other.view.lose(participant.stream, f"{name}: {reason}", now)
        self._select(f"{name} {reason}")
        self._arm()

    def _still(self, viewer: str, name: str, negotiated: VideoFormat) -> Still | None:
        if is_tile(viewer):
            return None  # a mosaic has something of its own for who sends nothing
        if name == SLATE:
            return self._slate.still(negotiated, for_seat=not is_callers(viewer))
        return self._pictures.still(name, negotiated)

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
        participants = list(self._participants.values())
        reporting = any(one.reports(now) for one in participants)
        try:
            for participant in participants:
                if participant.stream.silent(now, self._times):
                    participant.stopped(f"no packet for {now - participant.stream.coming.last_at:.0f} s")
                participant.on_timeout(now, reporting)
        finally:
            self._arm()


def _limit_of(viewer: Participant) -> int | None:
    """The bit rate in kbit/s that a participant can be sent; None where it is to be sent nothing."""
    if viewer.media is None or not viewer.media.sending:
        return None
    kbps = limits_of(viewer.media.send_format).bitrate_kbps
    return kbps if viewer.told_kbps is None else max(_LEAST_KBPS, min(kbps, viewer.told_kbps))
