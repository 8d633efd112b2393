"""A participant of a room: its ports, what it sends, what it is shown, and the feedback of its leg.

Feedback ends here (RFC 4585 works per leg): NACKs are answered from our own copies, requests for a key frame go to the
broker of what the participant is shown, reports are our own. Sends through the pair it is given; no other I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.engine import (
    KeyFrameWanted,
    MediaEvent,
    MediaStarted,
    ParticipantMedia,
    ParticipantReport,
    SourceShown,
    StreamCount,
)
from splitter.media.room.latch import Latch, Verdict, canonical
from splitter.media.room.loop import Loop
from splitter.media.room.outgoing import Outgoing
from splitter.media.room.stream import Stream
from splitter.media.room.times import RoomTimes
from splitter.media.room.view import View
from splitter.media.slate.still import Still
from splitter.rtp import rtcp
from splitter.rtp.broker import Ask, Means
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Tmmbn, Tmmbr
from splitter.rtp.rtcp import Bye, Description, Message, ReceiverReport, ReportBlock, SenderReport
from splitter.rtp.switch import Switch
from splitter.sdp.video import VideoFormat

_SAME_REQUEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a participant needs of its room.

    Attributes:
        cname: of the call, for SDES (RFC 7022).
        stills: the slate for a format, as this participant is to see it.
        changed: a stream began (True) or ended (False), with the reason: what others are shown may change.
        wake: something became due earlier than thought.
    """

    call_id: str
    cname: str
    loop: Loop
    ids: IdSource
    times: RoomTimes
    stills: Callable[[VideoFormat], Still]
    emit: Callable[[MediaEvent], None]
    changed: Callable[[str, bool, str], None]
    wake: Callable[[], None]


class Participant:
    """One member of a room.

    Attributes:
        name: "caller", or a seat's name.
        media: what was negotiated; None while paused.
        stream: what it sends. view: what it is shown.
    """

    def __init__(self, name: str, host: str, around: Surroundings) -> None:
        """Bind its ports. Raises MediaUnavailable."""
        self.name = name
        self.media: ParticipantMedia | None = None
        self.rejected = 0
        self.malformed = 0
        self._around = around
        now = around.loop.now()
        self.pair = around.loop.open_pair(host, self._on_rtp, self._on_rtcp)
        self.stream = Stream(name, self._on_started)
        numbers = Switch(around.ids.number(1 << 32), around.ids.number(1 << 15), around.ids.number(1 << 32), now)
        self.view = View(Outgoing(numbers, self.pair.send_rtp), around.stills, self._on_shown, around.times)
        self._latch = Latch(around.times.latch_window_s)
        self._rtcp_latch = Latch(2 * around.times.latch_window_s, in_a_row=1)
        self._held: list[bytes] = []
        self._hosts: frozenset[str] = frozenset()
        self._report_at = float("inf")
        self._limits: tuple[BitrateLimit, ...] = ()
        self._fir = (-1, 0.0)  # number of the last request, and until when its repetitions are ignored

    # ---- what the room says ---------------------------------------------------------------------------------------

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Start, change or (None) pause."""
        self.media = media
        self._held.clear()
        if media is None:
            self._stop_stream("paused")
            self.view.pause()
            self._report_at = float("inf")
            return
        self._hosts = frozenset((canonical(media.remote.rtp.host), canonical(media.remote.rtcp.host)))
        self._latch.expect(media.remote.rtp, now)
        self._rtcp_latch.expect(media.remote.rtcp, now)
        self.view.out.to = self._latch.source
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
        self.pair.close()

    def report(self) -> ParticipantReport:
        """Its counters now."""
        stream, out = self.stream, self.view.out
        count = StreamCount(
            packets_in=stream.packets,
            bytes_in=stream.octets,
            packets_out=out.packets,
            bytes_out=out.octets,
            lost=stream.lost,
            rejected=self.rejected,
            jitter_ms=stream.reception.jitter_ms if stream.reception else -1.0,
        )
        return ParticipantReport(self.name, count, self.view.shown, stream.key_frames, stream.broker.asked)

    # ---- packets --------------------------------------------------------------------------------------------------

    def _on_rtp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        if len(data) > 1 and 192 <= data[1] <= 223:  # multiplexed though it was not agreed (RFC 5761)
            self._on_rtcp(data, source, now)
            return
        if not (self._latch.settled and source == self._latch.source) and not self._admit(data, source, now):
            return
        stream = self.stream
        if self.media is None or not self.media.receiving:
            return
        stream.receive(data, now)
        if stream.wake:
            stream.wake = False
            self._around.wake()

    def _admit(self, data: bytearray | memoryview, source: Address, now: float) -> bool:
        """Judge a packet that is not from the settled source. Held packets are taken once their port is believed."""
        if self.media is None or not self.stream.plausible(data):
            self.rejected += 1
            return False
        verdict = self._latch.judge(source, now)
        if verdict is Verdict.ACCEPT:
            if self.view.out.to != self._latch.source:
                self.view.out.to = self._latch.source
                self.key_frame_wanted(now)  # the one before went where nobody listens
            held, self._held = self._held, []
            if self._latch.settled and self.media.receiving:
                for packet in held:
                    self.stream.receive(packet, now)
            return True
        if verdict is Verdict.HOLD:
            self._held = [*self._held[-2:], bytes(data)]
        else:
            self.rejected += 1
        return False

    def _on_rtcp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        media = self.media
        if media is None or source[0] not in self._hosts:
            self.rejected += 1
            return
        try:
            messages = rtcp.parse(data)
        except PeerError:
            self.malformed += 1
            return
        self._rtcp_latch.judge(source, now)  # where ours go; a report is believed from any port of the right host
        for message in messages:
            self._take(message, now)

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
        reception = self.stream.reception if self.stream.alive else None
        self._send_rtcp([], (reception.block(now),) if reception else ())

    def _send_rtcp(self, messages: list[Message], blocks: tuple[ReportBlock, ...] = ()) -> None:
        """Send a compound packet: a report and the CNAME come first (RFC 3550 §6.1)."""
        if self.media is None or not self._rtcp_latch.source.port:
            return
        loop = self._around.loop
        ssrc = self.view.out.switch.ssrc
        report = self.view.sender_report(loop.now(), loop.wall(), blocks) or ReceiverReport(ssrc, blocks)
        packet = rtcp.build([report, Description(ssrc, self._around.cname), *messages])
        self.pair.send_rtcp(packet, self._rtcp_latch.source)

    # ---- what happened --------------------------------------------------------------------------------------------

    def _on_started(self) -> None:
        self._around.emit(MediaStarted(self._around.call_id, "video", self.name, Address(*self._latch.source)))
        self._around.changed(self.name, True, "sends video")

    def _on_shown(self, shown: str, reason: str) -> None:
        self._around.emit(SourceShown(self._around.call_id, self.name, shown, reason))

    def stopped(self, reason: str) -> None:
        """No packets come any more."""
        self._stop_stream(reason)

    def _stop_stream(self, reason: str) -> None:
        was_alive = self.stream.alive
        self.stream.stop()
        if was_alive:
            self._around.changed(self.name, False, reason)
