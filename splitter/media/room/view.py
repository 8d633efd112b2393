"""What one participant is shown: a still or another one's stream, one SSRC out, cut over at key frames. No I/O.

want_still(name)  the slate or a picture, once it is there and the picture under way has ended
want(stream)      what is shown stays until the stream's key frame begins; after `switch_limit_s` the slate steps in
lose(stream)      the slate, at once, where that stream was shown

A key frame is shown once all is there that it needs: its parameter sets may come late, or again. What comes of it
meanwhile is kept. A stream whose pictures the viewer cannot take (Fit) is not shown before they fit.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.media.room.awaited import AwaitedKeyFrame
from splitter.media.room.fit import Fit, Restless, misfit
from splitter.media.room.kept import replay
from splitter.media.room.lens import Shape
from splitter.media.room.outgoing import Outgoing
from splitter.media.room.passage import Passage
from splitter.media.room.player import StillPlayer
from splitter.media.room.stream import Stream
from splitter.media.room.times import RoomTimes
from splitter.media.slate.still import Still
from splitter.rtp.rtcp import ReportBlock, SenderReport, ntp_time
from splitter.sdp.video import VideoFormat

NOTHING, SLATE = "none", "slate"
_ENDING_S = 0.1  # how long a still waits for the end of a picture under way


class View:
    """One viewer.

    Attributes:
        out: the outgoing stream.
        shown: "none", "slate", "picture:ID" or the name of the participant that is shown.
    """

    __slots__ = (
        "_awaited",
        "_changed",
        "_deadline",
        "_due",
        "_due_by",
        "_fit",
        "_fitting",
        "_generation",
        "_held_up",
        "_key_frame",
        "_live",
        "_passage",
        "_player",
        "_reason",
        "_restless",
        "_stills",
        "_times",
        "_told_unfit",
        "out",
        "shown",
    )

    def __init__(
        self,
        out: Outgoing,
        stills: Callable[[str, VideoFormat], Still | None],
        changed: Callable[[str, str], None],
        told_unfit: Callable[[str, str], None],
        times: RoomTimes,
    ) -> None:
        """`stills` as in Surroundings; `changed` and `told_unfit` are told what is shown, or not, and why."""
        self.out = out
        self.shown = NOTHING
        self._stills = stills
        self._told_unfit = told_unfit
        self._due: tuple[str, str] | None = None  # the still that is to be shown, and why
        self._due_by: float | None = None  # when it does not wait any longer for the picture under way
        self._fit = Fit()
        self._fitting: Shape | None = None  # the latest shape that was found to fit
        self._restless = Restless()
        self._changed = changed
        self._times = times
        self._live: Stream | None = None
        self._generation = 0
        self._awaited: Stream | None = None
        self._reason = ""
        self._deadline: float | None = None
        self._player = StillPlayer(out, times.still_repeat_s)
        self._passage = Passage(out)
        self._key_frame = AwaitedKeyFrame()
        self._held_up = -1  # it is whole, and waits for the end of another picture; the timestamp it had come to

    @property
    def unfit(self) -> str:
        """Why the stream that was chosen is not shown; "" where it can be."""
        return self._fit.unfit

    # ---- what to show -------------------------------------------------------------------------------------------

    def configure(self, negotiated: VideoFormat, now: float, any_profile: bool = False) -> None:
        """Take what was negotiated (again); another payload type or mode takes effect with a key frame.

        Args:
            any_profile: the viewer decodes more profiles than the one that was agreed, as all browsers do.
        """
        before = self.out.format
        self.out.configure(negotiated)
        self._fit.any_profile, self._fitting = any_profile, None
        if before is None or before == negotiated:
            return
        if self._fit.refuses and self._awaited is not None:
            self._awaited.broker.want(burst=True)  # it may fit now
        if self._live is not None and before.packetization_mode != negotiated.packetization_mode:
            self._await(self._live, self._reason, now)
            self._generation = -1
        if self._player.playing:
            still = self._stills(self.shown, negotiated)
            if still is None:
                self._due = (self.shown, "it is there in the form that was negotiated")
                self._show_slate(f"{self.shown} in the form that was negotiated is not there yet", now)
            else:
                self._player.start(still, now)

    def want_still(self, name: str, reason: str, now: float) -> None:
        """Show the slate or a picture: as soon as it is there, and not in the middle of a picture under way."""
        before, self._awaited = self._awaited, None
        self._release(before)
        self._forget()
        self._deadline = None
        self._fit.again()
        if self.shown == name:
            self._due = self._due_by = None
            return
        if self._due is None or self._due[0] != name:
            self._due, self._due_by = (name, reason), None
        self._begin_due(now)
        if self._due is not None and self.shown == NOTHING:
            self._show_slate(f"{name} is not there yet", now)

    def still_ready(self, now: float) -> None:
        """A still is there that was not: perhaps the one that is to be shown."""
        self._begin_due(now)

    def _begin_due(self, now: float) -> bool:
        """Show the still that is due, if it is there and may be. Returns whether it did."""
        if self._due is None or self.out.format is None:
            return False
        name, reason = self._due
        still = self._stills(name, self.out.format)
        if still is None:
            return False
        if self._live is not None and self.out.going.open_timestamp >= 0:
            if self._due_by is None:
                self._due_by = now + _ENDING_S
            if now < self._due_by:
                return False
        self._show_still(name, still, reason, now)
        return True

    def want(self, stream: Stream, reason: str, now: float) -> None:
        """Show a stream from its next key frame on."""
        self._due = self._due_by = None
        if stream is self._awaited:
            return
        self._fit.again()
        if stream is self._live and stream.generation == self._generation:
            before, self._awaited = self._awaited, None
            self._forget()
            self._deadline = None
            self._release(before)
            return
        if self.shown == NOTHING:
            self._show_slate("waiting for a key frame of " + stream.name, now)
        self._await(stream, reason, now)

    def _await(self, stream: Stream, reason: str, now: float) -> None:
        before, self._awaited = self._awaited, stream
        self._forget()
        self._release(before)
        self._reason = reason
        self._deadline = now + self._times.switch_limit_s if self._live is not None else None
        if self not in stream.watchers:
            stream.watchers = (*stream.watchers, self)
        if self.out.to.port:  # else the key frame would be gone before there is a path, and the next one is late
            stream.broker.want(burst=True)

    def _forget(self) -> None:
        """Keep nothing of the awaited stream."""
        self._key_frame.clear()
        self._held_up = -1

    def _release(self, stream: Stream | None) -> None:
        """Watch a stream no longer unless it is still shown or awaited."""
        if stream is not None and stream is not self._live and stream is not self._awaited:
            stream.watchers = tuple(watcher for watcher in stream.watchers if watcher is not self)

    def lose(self, stream: Stream, reason: str, now: float) -> None:
        """A stream ended: whoever was shown it sees the slate at once."""
        if stream is self._awaited:
            self._awaited = None
            self._forget()
            self._deadline = None
            self._fit.again()
            self._release(stream)
        if stream is self._live:
            self._show_slate(reason, now)

    def pause(self) -> None:
        """Nothing is sent for now."""
        self.end()
        self._announce(NOTHING, "not receiving")

    def end(self) -> None:
        """Let go of all streams; nothing is announced."""
        before = (self._live, self._awaited)
        self._live = self._awaited = None
        for stream in before:
            self._release(stream)
        self._deadline = None
        self._due = self._due_by = None
        self._fit.again()
        self._player.stop()

    def key_frame_wanted(self, now: float, burst: bool = False) -> None:
        """The viewer asks for a key frame of what it is shown (PLI, FIR, INFO); `burst` when it begins to watch."""
        for stream in (self._live, self._awaited):
            if stream is not None:
                stream.broker.want(burst)
        self._player.key_frame_wanted(now)

    def _announce(self, shown: str, reason: str) -> None:
        if shown != self.shown:
            self.shown = shown
            self._changed(shown, reason)

    # ---- time -----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When to call `on_timeout`."""
        times = [at for at in (self._player.due, self._deadline, self._due_by) if at is not None]
        return min(times) if times else None

    def on_timeout(self, now: float) -> None:
        """Give up waiting, or play a still's next picture."""
        if self._due_by is not None and now >= self._due_by:
            self._begin_due(now)
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            name = self._awaited.name if self._awaited else "nobody"
            self._show_slate(f"no key frame from {name} within {self._times.switch_limit_s:g} s", now)
        if self._player.due is not None and now >= self._player.due:
            self._player.play(now)

    def _show_slate(self, reason: str, now: float) -> None:
        """Show the slate at once, or what is due where that is there: what was shown until now cannot be."""
        self.out.going.open_timestamp = -1
        if self._begin_due(now):
            return
        due = self._due
        still = self._stills(SLATE, self.out.format) if self.out.format is not None else None
        self._show_still(SLATE, still, reason, now)
        self._due = due  # a picture that is not there yet is still to be shown

    def _show_still(self, name: str, still: Still | None, reason: str, now: float) -> None:
        live, self._live = self._live, None
        if self._key_frame.start is not None and self._awaited is not None:
            self._awaited.broker.want(burst=True)  # the key frame that was put aside has lost its begin
        self._forget()
        self._release(live)
        self._deadline = self._due = self._due_by = None
        self._passage.stop()
        self._announce(name, reason)
        if still is not None:
            self._player.start(still, now)

    def _fits(self, stream: Stream, now: float) -> bool:
        """Whether the viewer can take a stream's pictures; if not, it is refused."""
        shape = stream.shape
        reason = "" if shape is None else misfit(shape, self.out.format, self._fit.any_profile)
        if shape is not None and reason:
            self._refuse(stream, shape, reason, now)
            return False
        self._fitting = shape
        return True

    def _refuse(self, stream: Stream, shape: Shape, reason: str, now: float) -> None:
        """A stream's pictures are nothing that the viewer can take: not shown until they fit."""
        if stream is self._awaited:
            self._deadline = None
            self._forget()
        if self._fit.refuse(stream.name, shape, reason, now):
            self._told_unfit(stream.name, reason)
        if stream is self._live:
            self._restless.note(stream, now)
            large = self.out.format is not None and shape.macroblocks > self.out.format.max_macroblocks
            what = "too large" if large else "one of another profile"
            self._show_slate(f"the picture of {stream.name} became {what}", now)
            if self._awaited is None and self._due is None:
                self._await(stream, "its picture fits again", now)
            stream.wake = True

    # ---- packets ----------------------------------------------------------------------------------------------------

    def shows_all(self, stream: Stream) -> bool:
        """Whether packets of this stream pass at once, and as they are unless they are too large."""
        waits = self._held_up >= 0 or self._due_by is not None or stream is self._restless.stream
        shown = stream is self._live and stream.generation == self._generation and stream.shape is self._fitting
        return shown and not waits and self._passage.whole

    def forward(self, stream: Stream, now: float) -> None:
        """The packet in hand of a stream that is shown or awaited."""
        if self.shows_all(stream):
            return self._passage.forward(stream, now)
        self.out.going.generation += 1
        if stream.shape is not self._fitting and not self._fits(stream, now):
            return
        if self._restless.keeps_out(stream, now):
            if stream.starts:
                stream.broker.want()  # the next one may be shown
                stream.wake = True
            return
        if stream is not self._live or stream.generation != self._generation:
            self._collect(stream, now)
            return
        if self._held_up < 0 and self._due_by is None:
            self._passage.forward(stream, now)  # in single units
        elif stream.timestamp != self.out.going.open_timestamp and not stream.late:
            self._begin_other(stream, now)
        else:
            self._passage.forward(stream, now)
            if stream.marker and self.out.going.open_timestamp < 0:
                self._begin_other(stream, now)

    def _begin_other(self, stream: Stream, now: float) -> None:
        """The picture under way has ended: what waited for that begins."""
        self.out.going.open_timestamp = -1
        if self._held_up >= 0 and self._awaited is not None:
            self._cut_over(self._awaited, now)
        else:
            self._begin_due(now)
            stream.wake = True

    def _collect(self, stream: Stream, now: float) -> None:
        """Keep the packet in hand of a stream that is awaited, and go over to it once a key frame can be shown."""
        if stream is self._live and self._awaited is None:
            self._await(stream, "the stream began anew", now)  # the last picture stands until the key frame comes
            stream.wake = True
        if stream is not self._awaited:
            return
        if stream.starts:
            self._held_up = -1
        if not self._key_frame.keep(stream):
            stream.broker.want()
            stream.wake = True
        if self._key_frame.start is None:
            return
        full = self._key_frame.overfull
        if not stream.decodable:
            if full:
                self._forget()
                stream.broker.want()
                stream.wake = True
            return
        if self._live is not None and self._live is not stream and self.out.going.open_timestamp >= 0 and not full:
            # The picture under way ends first, or a decoder would see half of it.
            if self._held_up < 0:
                self._held_up = stream.timestamp
            if self._held_up == stream.timestamp:
                return
        self._cut_over(stream, now)

    def _cut_over(self, stream: Stream, now: float) -> None:
        """Go over to the awaited stream, from the begin of its key frame on."""
        kept = self._key_frame.packets()
        self._forget()
        if not kept:
            return
        before, self._live = self._live, stream
        self._awaited = None
        self._release(before)
        self._deadline = None
        self._fit.again()
        self._player.stop()
        self._generation = stream.generation
        self._passage.begin(kept[0].sequence, kept[0].timestamp, now)
        self._announce(stream.name, self._reason)
        for _ in replay(stream, kept):
            self._passage.forward(stream, now)

    def sender_report(self, now: float, wall: float, blocks: tuple[ReportBlock, ...]) -> SenderReport | None:
        """An SR with the source's own NTP↔RTP mapping in our timestamps; None where the source told none.

        A mapping made up from arrival times would be worse than none: receivers delay the picture by its error.
        """
        if self._player.playing:
            return self.out.report(ntp_time(wall), self.out.switch.clock(now), blocks)
        live = self._live
        if live is None or live.mapping is None or live.generation != self._generation:
            return None
        return self.out.carry_report(live.mapping, now, self._times.report_age_s, blocks)
