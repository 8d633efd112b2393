"""A participant of a room: what it sends, what it is shown, and the feedback of its leg.

Feedback ends here (RFC 4585 works per leg): NACKs are answered from our own copies, requests for a key frame go to the
broker of what the participant is shown, reports are our own. Sends through the wire it is given; no other I/O.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.core.net import Address
from splitter.media.ports.ends import StreamCount
from splitter.media.ports.events import (
    KeysDoubted,
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    StrangerHeard,
)
from splitter.media.ports.rooms import ParticipantMedia, ParticipantReport
from splitter.media.room.feedback import Feedback
from splitter.media.room.outgoing import Outgoing
from splitter.media.room.stream import Stream
from splitter.media.room.surroundings import Surroundings
from splitter.media.room.view import View
from splitter.media.wire.bundle import Strand, StreamKey
from splitter.media.wire.ends import WireEnd
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import RtcpPacket
from splitter.rtp.switch import Switch

_HEEDED = 16  # messages of one RTCP datagram; an ordinary one has five
_GOODBYES_S = 1.0  # between two that are believed; who sends on after one is not gone


class Participant:
    """One member of a room.

    Attributes:
        name: "caller", or a seat's name.
        media: what was negotiated; None while paused.
        wire: the way to its peer; others may have the same one.
        beside: the one on whose wire it came in; "" for its own.
        stream: what it sends. view: what it is shown.
        way: its ends of the short ways of packets that need no thought.
    """

    def __init__(self, name: str, around: Surroundings, attach: Callable[[StreamKey, WireEnd], Strand]) -> None:
        """`attach` lets it on a wire, which may have to bind its ports first. Raises MediaUnavailable."""
        self.name = name
        self.beside = ""
        self.media: ParticipantMedia | None = None
        self._goodbye_at = float("-inf")
        self._around = around
        now = around.loop.now()
        ids, way = around.ids, around.form.way()
        numbers = Switch(ids.number(1 << 32), ids.number(1 << 15), ids.number(1 << 32), now, way.going)
        self.way = way
        self.wire = attach(StreamKey.sent_with(numbers.ssrc), self)
        self.stream = Stream(name, self._on_started, way.coming)
        self.view = View(
            Outgoing(numbers, way, around.form, self.wire.send_rtp, self.wire.packet_limit, self.wire.seal_rtp),
            around.stills,
            self._on_shown,
            self._on_unfit,
            around.times,
        )
        self._feedback = Feedback(
            name, around, self.wire, self.stream, self.view, self.view.key_frame_wanted, self._on_goodbye
        )

    # ---- what the room says ---------------------------------------------------------------------------------------

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Start, change or (None) pause. What is there already has its peer's ports learned anew, and goes on."""
        self.wire.configure(media, now)
        if media is not None and media == self.media:
            return
        self.media, self.view.out.seal = media, self.wire.seal_rtp
        if media is None:
            self._stop_stream("paused")
            self.view.pause()
            self._feedback.pause()
            return
        self.view.out.to = self.wire.to
        self.stream.configure(media.receive_format)
        self._feedback.configure(media.receive_format, now)
        if media.receiving:
            self.stream.broker.want(burst=True)
        else:
            self._stop_stream("sends no video")
        self.view.configure(media.send_format, now, any_profile=media.secure is not None)
        if not media.sending:
            self.view.pause()

    @property
    def told_kbps(self) -> int | None:
        """Bit rate that it can receive, as it told since SDP (TMMBR, REMB, losses); None while nothing limits it."""
        return self._feedback.capacity.kbps

    @property
    def limit_kbps(self) -> int | None:
        """Bit rate that it may send: those who watch it can take no more. None while nobody watches. It is told."""
        return self._feedback.allowance.limit_kbps

    @limit_kbps.setter
    def limit_kbps(self, kbps: int | None) -> None:
        self._feedback.limit(kbps)

    def key_frame_wanted(self, now: float) -> None:
        """Pass on that it asked for a key frame of what it is shown."""
        self.view.key_frame_wanted(now)
        self._around.wake()

    @property
    def sends(self) -> bool:
        """Whether it can be shown to others."""
        return self.media is not None and self.media.receiving and self.stream.alive

    @property
    def first(self) -> bool:
        """Whether it is the host's."""
        return self.media is not None and self.media.first

    @property
    def aside(self) -> bool:
        """Whether others see it by choice alone."""
        return self.media is not None and self.media.aside

    @property
    def watches(self) -> bool:
        """Whether it is to be shown something."""
        return self.media is not None and self.media.sending

    def close(self) -> None:
        """Say goodbye, give the ports back, and let go of all that knows it: it is freed at once."""
        if self.media is not None and self.view.out.going.packets:
            self._feedback.goodbye()
        self.stream.stop()
        self.view.end()
        self.media = None
        self.way.close()
        self.wire.close()
        del self.wire, self.stream, self.view, self._feedback

    def report(self) -> ParticipantReport:
        """Say its counters now."""
        stream, out, feedback = self.stream, self.view.out, self._feedback
        count = StreamCount(
            packets_in=stream.coming.packets,
            bytes_in=stream.coming.octets,
            packets_out=out.going.packets,
            bytes_out=out.going.octets,
            lost=stream.lost,
            rejected=self.wire.rejected,
            jitter_ms=stream.reception.jitter_ms if stream.reception else -1.0,
            lost_there=feedback.lost_there,
            jitter_there_ms=feedback.jitter_there_ms,
            transit_s=feedback.transit.least_s,
            cname=feedback.cname,
        )
        return ParticipantReport(
            self.name,
            count,
            self.view.shown,
            stream.key_frames,
            stream.broker.asked,
            stream.shape.width if stream.shape else 0,
            stream.shape.height if stream.shape else 0,
            stream.frame_rate,
            self.view.unfit,
            rtt_ms=-1.0 if feedback.rtt_s is None else 1000 * feedback.rtt_s,
            loss_reported=-1.0 if feedback.loss is None else feedback.loss,
            told_kbps=feedback.capacity.kbps or 0,
        )

    # ---- packets --------------------------------------------------------------------------------------------------

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be a packet of its stream."""
        return self.stream.plausible(data)

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of its stream."""
        if self.way.take(data, now):
            return
        media = self.media
        if media is None or not media.receiving:
            return
        self.way.unsettle()
        stream = self.stream
        stream.receive(data, now)
        if stream.wake:
            stream.wake = False
            self._around.wake()
        if stream.settled:
            outlets = [one.out for one in stream.watchers if isinstance(one, View) and one.shows_all(stream)]
            if len(outlets) == len(stream.watchers):
                self.way.settle(outlets)

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        """Take what it reports and asks."""
        if self.media is None:
            return
        for message in messages[:_HEEDED]:
            self._feedback.take(message, now)
        if self._feedback.wake:
            self._feedback.wake = False
            self._around.wake()

    @property
    def taken(self) -> int:
        """Packets of its stream so far."""
        return self.stream.coming.packets

    def on_stranger(self, source: Address, packets: int) -> None:
        """Tell of somebody who sends in its place."""
        self._around.emit(StrangerHeard(self._around.call_id, "video", self.name, source, packets))

    def on_doubt(self, source: Address) -> None:
        """Tell that its packets cannot be decrypted."""
        self._around.emit(KeysDoubted(self._around.call_id, "video", self.name, source))

    def on_path(self, to: Address, now: float) -> None:
        """Send elsewhere from now on: the packets before went where nobody listens."""
        self.view.out.to = to
        if to.port:
            self.view.key_frame_wanted(now, burst=True)
            self._around.wake()

    def on_lost(self, reason: str) -> None:
        """Take its connection for interrupted."""
        self._stop_stream(reason)

    # ---- time -----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float:
        """When to call `on_timeout`."""
        stream = self.stream
        due = self._feedback.due
        times = [self.view.next_timeout(), stream.losses.next_timeout()]
        if stream.alive:
            times.append(stream.broker.next_timeout())
            times.append(stream.coming.last_at + self._around.times.silence_s)
        for at in times:
            if at is not None and at < due:
                due = at
        return due

    def reports(self, now: float) -> bool:
        """Whether a report to it is due."""
        return self._feedback.report_at <= now

    def on_timeout(self, now: float, others_report: bool) -> None:
        """Do what is due: the slate's next picture, requests to the source, a report; see `Feedback.on_timeout`."""
        self.view.on_timeout(now)
        self._feedback.on_timeout(now, others_report)

    # ---- what happened --------------------------------------------------------------------------------------------

    def _on_started(self) -> None:
        self._around.emit(MediaStarted(self._around.call_id, "video", self.name, self.wire.to))
        self._around.changed(self.name, True, "sends video")

    def _on_shown(self, shown: str, reason: str) -> None:
        self._feedback.hurry(self._around.loop.now())
        self._around.emit(SourceShown(self._around.call_id, self.name, shown, reason))

    def _on_unfit(self, source: str, reason: str) -> None:
        self._around.emit(SourceUnfit(self._around.call_id, self.name, source, reason))

    def _on_goodbye(self) -> None:
        now = self._around.loop.now()
        if now - self._goodbye_at >= _GOODBYES_S:
            self._goodbye_at = now
            self.stopped("said goodbye")

    def stopped(self, reason: str) -> None:
        """Tell the call that no packets come any more, which nobody has asked for."""
        if self.stream.alive:
            self._around.emit(PictureStopped(self._around.call_id, self.name, reason))
        self._stop_stream(reason)

    def _stop_stream(self, reason: str) -> None:
        was_alive = self.stream.alive
        self.stream.stop()
        if was_alive:
            self._around.changed(self.name, False, reason)
