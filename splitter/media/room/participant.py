"""A participant of a room: what it sends, what it is shown, and the feedback of its leg.

Feedback ends here (RFC 4585 works per leg): NACKs are answered from our own copies, requests for a key frame go to the
broker of what the participant is shown, reports are our own. Sends through the wire it is given; no other I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.engine import (
    KeyFrameWanted,
    MediaEvent,
    MediaStarted,
    ParticipantMedia,
    ParticipantReport,
    SourceShown,
    SourceUnfit,
    StreamCount,
)
from splitter.media.room.loop import Loop
from splitter.media.room.outgoing import Outgoing
from splitter.media.room.stream import Stream
from splitter.media.room.times import RoomTimes
from splitter.media.room.view import View
from splitter.media.room.wire import Wire, WireEnd
from splitter.media.slate.still import Still
from splitter.rtp import rtcp
from splitter.rtp.broker import Ask, Means
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Tmmbn, Tmmbr
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import Bye, Description, Message, ReceiverReport, ReportBlock, SenderReport
from splitter.rtp.switch import Switch
from splitter.sdp.video import VideoFormat

_SAME_REQUEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a participant needs of its room.

    Attributes:
        cname: of the call, for SDES (RFC 7022).
        stills: the slate or a picture, by name, for a format; None while it is not there yet.
        changed: a stream began (True) or ended (False), with the reason: what others are shown may change.
        wake: something became due earlier than thought.
    """

    call_id: str
    cname: str
    loop: Loop
    ids: IdSource
    times: RoomTimes
    stills: Callable[[str, VideoFormat], Still | None]
    emit: Callable[[MediaEvent], None]
    changed: Callable[[str, bool, str], None]
    wake: Callable[[], None]


class Participant:
    """One member of a room.

    Attributes:
        name: "caller", or a seat's name.
        media: what was negotiated; None while paused.
        wire: the way to its peer.
        stream: what it sends. view: what it is shown.
        told_kbps: what it said since that it can receive (TMMBR, REMB); None while it says nothing.
        limit_kbps: what those who watch it can take; None while nobody does.
    """

    def __init__(self, name: str, around: Surroundings, wire: Callable[[WireEnd], Wire]) -> None:
        """`wire` makes its wire, which binds the ports. Raises MediaUnavailable."""
        self.name = name
        self.media: ParticipantMedia | None = None
        self.told_kbps: int | None = None
        self.limit_kbps: int | None = None
        self._around = around
        now = around.loop.now()
        self.wire = wire(self)
        self.stream = Stream(name, self._on_started)
        numbers = Switch(around.ids.number(1 << 32), around.ids.number(1 << 15), around.ids.number(1 << 32), now)
        self.view = View(
            Outgoing(numbers, self.wire.send_rtp), around.stills, self._on_shown, self._on_unfit, around.times
        )
        self._report_at = float("inf")
        self._limits: tuple[BitrateLimit, ...] = ()
        self._fir = (-1, 0.0)  # number of the last request, and until when its repetitions are ignored

    # ---- what the room says ---------------------------------------------------------------------------------------

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Start, change or (None) pause."""
        self.wire.configure(media, now)
        self.media = media
        if media is None:
            self._stop_stream("paused")
            self.view.pause()
            self._report_at = float("inf")
            return
        self.view.out.to = self.wire.to
        self.stream.configure(media.receive_format)
        if media.receiving:
            self.stream.broker.want(burst=True)
        else:
            self._stop_stream("sends no video")
        self.view.configure(media.send_format, now)
        if not media.sending:
            self.view.pause()
        self._report_at = min(self._report_at, now + 0.5 * self._around.times.report_interval_s)

    def key_frame_wanted(self, now: float) -> None:
        """It asked for a key frame of what it is shown."""
        self.view.key_frame_wanted(now)
        self._around.wake()

    @property
    def sends(self) -> bool:
        """Whether it can be shown to others."""
        return self.media is not None and self.media.receiving and self.stream.alive

    @property
    def watches(self) -> bool:
        """Whether it is to be shown something."""
        return self.media is not None and self.media.sending

    def close(self) -> None:
        """Say goodbye and give the ports back."""
        if self.media is not None and self.view.out.packets:
            self._send_rtcp([Bye((self.view.out.switch.ssrc,))])
        self.stream.stop()
        self.view.end()
        self.media = None
        self.wire.close()

    def report(self) -> ParticipantReport:
        """Its counters now."""
        stream, out = self.stream, self.view.out
        count = StreamCount(
            packets_in=stream.packets,
            bytes_in=stream.octets,
            packets_out=out.packets,
            bytes_out=out.octets,
            lost=stream.lost,
            rejected=self.wire.rejected,
            jitter_ms=stream.reception.jitter_ms if stream.reception else -1.0,
        )
        return ParticipantReport(
            self.name,
            count,
            self.view.shown,
            stream.key_frames,
            stream.broker.asked,
            stream.width,
            stream.height,
            stream.frame_rate,
            self.view.unfit,
        )

    # ---- packets --------------------------------------------------------------------------------------------------

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be a packet of its stream."""
        return self.stream.plausible(data)

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of its stream."""
        media, stream = self.media, self.stream
        if media is None or not media.receiving:
            return
        stream.receive(data, now)
        if stream.wake:
            stream.wake = False
            self._around.wake()

    def on_rtcp(self, messages: list[Message], now: float) -> None:
        """What it reports and asks."""
        if self.media is not None:
            for message in messages:
                self._take(message, now)

    def on_path(self, to: Address, now: float) -> None:
        """It gets its packets elsewhere from now on: the ones before went where nobody listens."""
        self.view.out.to = to
        if to.port:
            self.key_frame_wanted(now)

    def on_lost(self, reason: str) -> None:
        """Its connection is interrupted."""
        self._stop_stream(reason)

    def _take(self, message: Message, now: float) -> None:
        ours = self.view.out.switch.ssrc
        if isinstance(message, SenderReport):
            self.stream.sender_report(message, now)
        elif isinstance(message, Nack):
            if message.media == ours:
                self.view.out.resend(message.lost)
        elif isinstance(message, Pli):
            if message.media in (ours, 0):
                self.key_frame_wanted(now)
        elif isinstance(message, Fir):
            self._take_fir(message, now)
        elif isinstance(message, Tmmbr):
            self._take_limits(message)
        elif isinstance(message, Bye) and self.stream.ssrc in message.ssrcs and self.stream.alive:
            self._stop_stream("said goodbye")

    def _take_fir(self, message: Fir, now: float) -> None:
        """The same number again is the same request (RFC 5104 §4.3.1.2), unless so late that the peer never counts."""
        for ssrc, number in message.requests:
            if ssrc in (self.view.out.switch.ssrc, 0) and not (self._fir[0] == number and now < self._fir[1]):
                self._fir = (number, now + _SAME_REQUEST_S)
                self.key_frame_wanted(now)

    def _take_limits(self, message: Tmmbr) -> None:
        """Say which limit holds (RFC 5104 §4.2.2): the peer's own, as it is alone on its leg."""
        ours = self.view.out.switch.ssrc
        for limit in message.limits:
            if limit.ssrc == ours:
                self._limits = (BitrateLimit(message.sender, limit.bits_per_s, limit.overhead),)
                self.told_kbps = limit.bits_per_s // 1000
        self._send_rtcp([Tmmbn(ours, self._limits)])

    # ---- time -----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float:
        """When to call `on_timeout`."""
        stream = self.stream
        due = self._report_at
        times = [self.view.next_timeout(), stream.losses.next_timeout()]
        if stream.alive:
            times.append(stream.broker.next_timeout())
            times.append(stream.last_at + self._around.times.silence_s)
        for at in times:
            if at is not None and at < due:
                due = at
        return due

    def on_timeout(self, now: float) -> None:
        """Do what is due: the slate's next picture, requests to the source, a report."""
        self.view.on_timeout(now)
        stream = self.stream
        if stream.alive:
            self._ask(now)
        if now >= self._report_at:
            self._report_at = now + self._around.times.report_interval_s * (0.75 + self._around.ids.number(500) / 1000)
            self._send_report(now)
            self.view.out.rotate()

    def _ask(self, now: float) -> None:
        """Send what the source must hear: NACKs, and the broker's request."""
        stream = self.stream
        lost, given_up = stream.losses.due(now)
        if given_up and stream.watchers:
            stream.broker.want()
        messages: list[Message] = []
        if lost and stream.ssrc is not None:
            messages.append(Nack(self.view.out.switch.ssrc, stream.ssrc, tuple(lost)))
        ask = stream.broker.poll(now)
        if ask is not None:
            messages.extend(self._asking(ask))
        if messages:
            self._send_rtcp(messages)

    def _asking(self, ask: Ask) -> Iterable[Message]:
        ours, theirs = self.view.out.switch.ssrc, self.stream.ssrc
        if ask.means is Means.INFO or theirs is None:
            self._around.emit(KeyFrameWanted(self._around.call_id, self.name))
            return ()
        if ask.means is Means.FIR:
            return (Fir(ours, ((theirs, ask.number),)),)
        return (Pli(ours, theirs),)

    # ---- reports --------------------------------------------------------------------------------------------------

    def _send_report(self, now: float) -> None:
        self.stream.measure(now)
        reception = self.stream.reception if self.stream.alive else None
        self._send_rtcp([], (reception.block(now),) if reception else ())

    def _send_rtcp(self, messages: list[Message], blocks: tuple[ReportBlock, ...] = ()) -> None:
        """Send a compound packet: a report and the CNAME come first (RFC 3550 §6.1)."""
        if self.media is None:
            return
        loop = self._around.loop
        ssrc = self.view.out.switch.ssrc
        report = self.view.sender_report(loop.now(), loop.wall(), blocks) or ReceiverReport(ssrc, blocks)
        packet = rtcp.build([report, Description(ssrc, self._around.cname), *messages])
        self.wire.send_rtcp(packet)

    # ---- what happened --------------------------------------------------------------------------------------------

    def _on_started(self) -> None:
        self._around.emit(MediaStarted(self._around.call_id, "video", self.name, self.wire.to))
        self._around.changed(self.name, True, "sends video")

    def _on_shown(self, shown: str, reason: str) -> None:
        self._around.emit(SourceShown(self._around.call_id, self.name, shown, reason))

    def _on_unfit(self, source: str, reason: str) -> None:
        self._around.emit(SourceUnfit(self._around.call_id, self.name, source, reason))

    def stopped(self, reason: str) -> None:
        """No packets come any more."""
        self._stop_stream(reason)

    def _stop_stream(self, reason: str) -> None:
        was_alive = self.stream.alive
        self.stream.stop()
        if was_alive:
            self._around.changed(self.name, False, reason)
