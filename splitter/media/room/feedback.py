"""The feedback of one leg, both ways: it ends here (RFC 4585 works per leg). Sends through the wire; no other I/O.

NACKs are answered from our own copies, requests for a key frame go to the broker of what the participant is shown,
reports are our own. How much a peer may send is told by REMB or TMMBR, whichever it understands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from splitter.media.ports.events import KeyFrameWanted
from splitter.media.room.stream import Stream
from splitter.media.room.surroundings import Surroundings
from splitter.media.room.view import View
from splitter.media.wire.ends import Wire
from splitter.rtp import rtcp
from splitter.rtp.allowance import Allowance, Capacity
from splitter.rtp.broker import KeyFrameRequest, Means
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Remb, Tmmbn, Tmmbr
from splitter.rtp.rtcp import Bye, ReceiverReport, ReportBlock, RtcpPacket, SenderReport, SourceDescription
from splitter.rtp.transit import Transit
from splitter.sdp.video import VideoFormat

NEVER = float("inf")
_SAME_REQUEST_S = 2.0
_LIMIT_GAP_S = 0.25  # between two limits that are told; viewers may change their minds as often as they like
_OVERHEAD_BYTES = 40  # of a packet in TMMBR: RTP, UDP and IPv4 (RFC 5104 §4.2.1.2)
_REPORTS_KEPT = 4
_EARLY = 0.5  # of the interval: two that are drawn at the same time are sent at the same time
_ALIKE = 4  # reports with the clock before they may be fewer: browsers need two, and two more after a jump
_LONGEST_JITTER = 1 << 20  # timestamp units; whoever says more is not believed


class Feedback:
    """Reports and requests of one participant.

    Args:
        key_frame_wanted: called when the peer asks for a key frame.
        said_goodbye: called when the peer's stream ends by BYE.

    Attributes:
        allowance: what the peer may send. capacity: what it can receive.
        rtt_s: of the leg; None while unknown. loss: fraction of our packets that the peer missed; None while unknown.
        lost_there, jitter_there_ms: of all of them, as it says; -1 while unknown.
        transit, cname: of what it sends, by its reports; see `splitter.rtp.transit`.
        report_at: when the next report is due.
        wake: what the peer said changes what others are told, or makes something due; whoever arms timers looks here.
    """

    __slots__ = (
        "_alike",
        "_around",
        "_calm",
        "_clear",
        "_confirmed_kbps",
        "_description",
        "_fir",
        "_format",
        "_key_frame_wanted",
        "_limit_at",
        "_limited",
        "_limits",
        "_measured",
        "_name",
        "_reported_at",
        "_reports",
        "_said_goodbye",
        "_sent_kbps",
        "_stream",
        "_told_at",
        "_told_kbps",
        "_view",
        "_wire",
        "allowance",
        "capacity",
        "cname",
        "jitter_there_ms",
        "loss",
        "lost_there",
        "report_at",
        "rtt_s",
        "transit",
        "wake",
    )

    def __init__(
        self,
        name: str,
        around: Surroundings,
        wire: Wire,
        stream: Stream,
        view: View,
        key_frame_wanted: Callable[[float], None],
        said_goodbye: Callable[[], None],
    ) -> None:
        self._name, self._around, self._wire, self._stream, self._view = name, around, wire, stream, view
        self._key_frame_wanted, self._said_goodbye = key_frame_wanted, said_goodbye
        self._format: VideoFormat | None = None
        self.allowance, self.capacity = Allowance(), Capacity()
        self.rtt_s: float | None = None
        self.loss: float | None = None
        self.lost_there, self.jitter_there_ms = -1, -1.0
        self.transit, self.cname = Transit(), ""
        self.report_at = NEVER
        self._calm, self._reported_at = False, 0.0
        self._alike, self._clear = 0, False  # reports in a row with the clock of what the peer is shown, or without it
        self.wake = False
        self._description = rtcp.build([SourceDescription(view.out.switch.ssrc, around.cname)])
        self._limits: tuple[BitrateLimit, ...] = ()
        self._fir = (-1, 0.0)  # number of the last request, and until when its repetitions are ignored
        self._reports: dict[int, float] = {}  # NTP time of our latest sender reports (middle bits), and when they left
        self._measured = (0.0, 0, 0)  # when rates were measured, octets in and out at that time
        self._sent_kbps = 0.0
        self._limited = False  # it was told a limit below what SDP says
        self._limit_at, self._told_at = NEVER, 0.0
        self._told_kbps = self._confirmed_kbps = -1

    # ---- what the participant says --------------------------------------------------------------------------------

    def configure(self, negotiated: VideoFormat, now: float) -> None:
        """Begin, or take what was negotiated again: what the peer sends, and the feedback that it understands."""
        self._format = negotiated
        self._confirmed_kbps = -1
        self.hurry(now)

    def hurry(self, now: float) -> None:
        """Report soon: the peer is shown something else, whose clock it is to know."""
        self._calm, self._alike = False, 0
        if self._format is not None:
            self.report_at = min(self.report_at, now + 0.5 * self._around.times.report_interval_s)

    def pause(self) -> None:
        """Say nothing for now."""
        self._format = None
        self.report_at = self._limit_at = NEVER

    def limit(self, kbps: int | None) -> None:
        """The peer may send so much, because its viewers can take no more."""
        if kbps != self.allowance.limit_kbps:
            self.allowance.limit_kbps = kbps
            self._limit_at = self._told_at + _LIMIT_GAP_S

    def goodbye(self) -> None:
        """The stream that we send ends."""
        self._send([Bye((self._view.out.switch.ssrc,))])

    # ---- what the peer says ---------------------------------------------------------------------------------------

    def take(self, message: RtcpPacket, now: float) -> None:
        """One message of the peer."""
        ours = self._view.out.switch.ssrc
        if isinstance(message, SenderReport | ReceiverReport):
            if isinstance(message, SenderReport):
                self._stream.sender_report(message, now)
                self._time(message)
            for block in message.blocks:
                if block.ssrc == ours:
                    self._take_block(block, now)
        elif isinstance(message, SourceDescription):
            self.cname = message.cname or self.cname
        elif isinstance(message, Nack):
            if message.media == ours:
                self._view.out.resend(message.lost)
                self._stir()
        elif isinstance(message, Pli):
            # Whatever stream it names: there are border controllers that renumber RTP and not RTCP.
            self._key_frame_wanted(now)
            self.wake = True
        elif isinstance(message, Fir):
            self._take_fir(message, now)
        elif isinstance(message, Remb):
            before = self.capacity.kbps
            self.capacity.estimated(message.bits_per_s // 1000, self._sent_kbps, self._receivable_kbps)
            self.wake = self.wake or before != self.capacity.kbps
        elif isinstance(message, Tmmbr):
            self._take_limits(message)
        elif isinstance(message, Tmmbn):
            self._confirmed_kbps = min(
                (one.bits_per_s // 1000 for one in message.limits if one.ssrc == ours), default=-1
            )
        elif isinstance(message, Bye) and self._stream.ssrc in message.ssrcs and self._stream.alive:
            self._said_goodbye()

    @property
    def _receivable_kbps(self) -> int:
        return self._view.out.format.bitrate_kbps if self._view.out.format is not None else 0

    def _time(self, report: SenderReport) -> None:
        """See how long the picture beside a sender report was under way."""
        coming = self._stream.coming
        if report.ssrc == self._stream.ssrc:
            self.transit.report(report, coming.last_at, coming.timestamp, 90_000)

    def _take_block(self, block: ReportBlock, now: float) -> None:
        """How our stream arrives (RFC 3550 §6.4.1). Our reports carry the source's clock, so it is looked up."""
        self.loss = block.fraction_lost / 256
        self.lost_there, self.jitter_there_ms = max(block.lost, 0), min(block.jitter, _LONGEST_JITTER) / 90
        sent_at = self._reports.get(block.last_sr)
        if sent_at is not None:
            self.rtt_s = max(0.0, now - sent_at - block.delay / 65536)
            self._stream.losses.round_trip_s = self.rtt_s
        before = self.capacity.kbps
        self.capacity.report(self.loss, self._sent_kbps, self._receivable_kbps)
        if before != self.capacity.kbps:
            self.wake = True

    def _take_fir(self, message: Fir, now: float) -> None:
        """The same number again is the same request (RFC 5104 §4.3.1.2), unless so late that the peer never counts."""
        for _, number in message.requests:
            if not (self._fir[0] == number and now < self._fir[1]):
                self._fir = (number, now + _SAME_REQUEST_S)
                self._key_frame_wanted(now)
                self.wake = True
                return

    def _take_limits(self, message: Tmmbr) -> None:
        """Say which limit holds (RFC 5104 §4.2.2): the peer's own, as it is alone on its leg."""
        ours = self._view.out.switch.ssrc
        for limit in message.limits:
            if limit.ssrc == ours:
                self._limits = (BitrateLimit(message.sender, limit.bits_per_s, limit.overhead),)
                self.capacity.told(limit.bits_per_s // 1000)
        self._send([Tmmbn(ours, self._limits)])
        self.wake = True

    # ---- time -----------------------------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """When to call `on_timeout`."""
        return min(self.report_at, self._limit_at)

    def on_timeout(self, now: float, others_report: bool = False) -> None:
        """Send what is due: NACKs, the broker's request, limits, a report.

        Args:
            others_report: a report of another leg is due; one of ours that is due soon does not wake us again.
        """
        if self._stream.alive:
            self._ask(now)
        if self.report_at <= now + (_EARLY * self._interval_s if others_report else 0.0):
            self._report(now)
            self.report_at = now + self._interval_s * (0.75 + 0.5 * self._around.ids.fraction())
            self._view.out.permit_resends()
        elif now >= self._limit_at:
            self._send(list(self._limiting(now)))

    @property
    def _interval_s(self) -> float:
        times = self._around.times
        return times.calm_interval_s if self._calm else times.report_interval_s

    def _stir(self) -> None:
        """Report as often as losses want it."""
        self._calm = False
        at = self._reported_at + self._around.times.report_interval_s
        if at < self.report_at != NEVER:
            self.report_at, self.wake = at, True

    def _ask(self, now: float) -> None:
        """Send what the source must hear: NACKs, and the broker's request."""
        stream = self._stream
        lost, given_up = stream.losses.due(now)
        if given_up and stream.watchers:
            stream.broker.want()
        messages: list[RtcpPacket] = []
        if lost and stream.ssrc is not None:
            messages.append(Nack(self._view.out.switch.ssrc, stream.ssrc, tuple(lost)))
            self._stir()
        stream.judge_key(now)
        ask = stream.broker.poll(now)
        if ask is not None:
            messages.extend(self._asking(ask))
        if messages:
            self._send(messages)

    def _asking(self, ask: KeyFrameRequest) -> Iterable[RtcpPacket]:
        ours, theirs = self._view.out.switch.ssrc, self._stream.ssrc
        if ask.means is Means.INFO or theirs is None:
            self._around.emit(KeyFrameWanted(self._around.call_id, self._name))
            return ()
        if ask.means is Means.FIR:
            return (Fir(ours, ((theirs, ask.number),)),)
        return (Pli(ours, theirs),)

    def _report(self, now: float) -> None:
        self._stream.measure(now)
        reception = self._stream.reception if self._stream.alive else None
        block = reception.block(now) if reception else None
        self._measure(block, now)
        clear = self._send(list(self._limiting(now)), (block,) if block else ())
        self._alike, self._clear = self._alike + 1 if clear is self._clear else 1, clear
        lossy = block is not None and block.fraction_lost > 0
        self._calm = not lossy and not self.allowance.searching and self._alike >= _ALIKE
        self._reported_at = now

    def _measure(self, block: ReportBlock | None, now: float) -> None:
        """Rates of the last interval, and what they mean for the next one."""
        at, octets_in, octets_out = self._measured
        self._measured = (now, self._stream.coming.octets, self._view.out.going.octets)
        if now > at > 0:
            self._sent_kbps = (self._view.out.going.octets - octets_out) / (now - at) / 125
            if block is not None:
                self.allowance.report(
                    block.fraction_lost / 256, (self._stream.coming.octets - octets_in) / (now - at) / 125
                )

    def _limiting(self, now: float) -> Iterable[RtcpPacket]:
        """What the peer is told about its rate. TMMBR is confirmed and need not be said for ever; REMB has to be."""
        self._limit_at = NEVER
        kbps, theirs, negotiated = self.allowance.kbps, self._stream.ssrc, self._format
        if kbps is None or theirs is None or negotiated is None:
            return ()
        self._told_at = now
        ours = self._view.out.switch.ssrc
        if "goog-remb" in negotiated.feedback:
            return (Remb(ours, kbps * 1000, (theirs,)),)
        self._limited = self._limited or kbps < negotiated.bitrate_kbps
        if "ccm tmmbr" not in negotiated.feedback or not self._limited or self._confirmed_kbps == kbps:
            return ()
        return (Tmmbr(ours, (BitrateLimit(theirs, kbps * 1000, _OVERHEAD_BYTES),)),)

    def _send(self, messages: list[RtcpPacket], blocks: tuple[ReportBlock, ...] = ()) -> bool:
        """Send a compound packet: a report and the CNAME come first (RFC 3550 §6.1).

        Returns: whether the peer knows the clock of what it is sent, if anything.
        """
        if self._format is None:
            return True
        loop = self._around.loop
        now, ssrc = loop.now(), self._view.out.switch.ssrc
        report = self._view.sender_report(now, loop.wall(), blocks)
        if report is not None:
            self._reports[report.ntp >> 16 & 0xFFFF_FFFF] = now
            if len(self._reports) > _REPORTS_KEPT:
                del self._reports[next(iter(self._reports))]
        head = rtcp.build([report or ReceiverReport(ssrc, blocks)])
        self._wire.send_rtcp(b"".join((head, self._description, rtcp.build(messages))))
        return report is not None
