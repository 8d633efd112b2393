"""A party's voice: a tone out, an ear for the others' tones in, G.711 over RTP (RFC 3550, RFC 3551). Does I/O."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.ports import PortPair
from splitter.lab.tone import FRAME_S, FRAME_SAMPLES, PCMA, PCMU, RATE, Hearing, Tone, decode, encode
from splitter.lab.wire import LabPacket, SenderClock, is_rtcp, newer, reports, sender_report, unpack

_REPORT_INTERVAL_S = 1.0
_STALL_S = 0.2


@dataclass(slots=True)
class AudioCounts:
    """What happened on the wire. `foreign`: packets of a payload type that is not G.711; `sources`: SSRCs seen.

    `events`: of telephone events (RFC 4733), in order.
    """

    packets_out: int = 0
    packets_in: int = 0
    lost: int = 0
    late: int = 0
    foreign: int = 0
    reports_in: int = 0
    sources: set[int] = field(default_factory=set)
    longest_gap_s: float = 0.0
    events: list[int] = field(default_factory=list)


class AudioStream:
    """Speaks in one tone and listens for others.

    Attributes:
        tone: what is said; may be another one from the next frame on.
        hearing: which tones were heard and for how long.
        sending: False on hold.
    """

    def __init__(self, tone: Tone, listen_hz: tuple[float, ...], clock: Clock, ids: IdSource) -> None:
        self.hearing = Hearing(listen_hz)
        self.counts = AudioCounts()
        self.sending = True
        self.tone = tone
        self._clock = clock
        self._ports: PortPair | None = None
        self.remote: tuple[Address, Address] | None = None
        self._payload_type = PCMA
        self._ssrc, self._sequence = ids.number(1 << 32), ids.number(1 << 16)
        self._timestamp = ids.number(1 << 32)
        self._octets = 0
        self._expected: int | None = None
        self._last_in_at: float | None = None
        self._event_at: int | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        host: str,
        tone: Tone,
        listen_hz: tuple[float, ...],
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> AudioStream:
        """Bind the ports; nothing is sent before `connect`."""
        stream = cls(tone, listen_hz, clock or SystemClock(), ids or IdSource())
        stream._ports = await PortPair.open(host, stream._on_rtp, stream._on_rtcp)
        return stream

    @property
    def ports(self) -> PortPair:
        assert self._ports is not None
        return self._ports

    @property
    def timestamp(self) -> int:
        """The RTP time stamp of the frame that is said now."""
        return self._timestamp

    def connect(self, rtp: Address, rtcp: Address, payload_type: int = PCMA) -> None:
        """Say where to send and in which law: PCMA (8) or PCMU (0)."""
        self.remote = (rtp, rtcp)
        self._payload_type = payload_type
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def disconnect(self) -> None:
        """Stop sending."""
        self.remote = None

    async def close(self) -> None:
        """Stop and free the ports."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._ports:
            self._ports.close()

    async def _run(self) -> None:
        due = reported_at = self._clock.now()
        while True:
            self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
            if self.remote and self.sending:
                self._send_frame(self.remote[0])
            now = self._clock.now()
            if self.remote and now - reported_at >= _REPORT_INTERVAL_S:
                reported_at = now
                late = int((now - due) * RATE)  # both are to be of one moment (RFC 3550 §6.4.1)
                timestamp = (self._timestamp + late) & 0xFFFFFFFF
                report = SenderClock(self._ssrc, self._clock.wall(), timestamp, self.counts.packets_out, self._octets)
                self.ports.send_rtcp(sender_report(report, "lab-voice"), self.remote[1])
            due += FRAME_S
            if now - due > _STALL_S:  # the machine stood still: leave a hole, send no burst
                missed = int((now - due) / FRAME_S)
                due += missed * FRAME_S
                self._timestamp = (self._timestamp + missed * FRAME_SAMPLES) & 0xFFFFFFFF
            await asyncio.sleep(max(0.0, due - now))

    def _send_frame(self, to: Address) -> None:
        payload = encode(self.tone.frame(), self._payload_type)
        marker = self.counts.packets_out == 0  # RFC 3551 §4.1: the first packet of a talkspurt
        packet = LabPacket(self._payload_type, marker, self._sequence, self._timestamp, self._ssrc, payload)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.counts.packets_out += 1
        self._octets += len(payload)
        self.ports.send_rtp(packet.pack(), to)

    def _on_rtcp(self, data: bytes, source: Address) -> None:
        self.counts.reports_in += sum(isinstance(report, SenderClock) for report in reports(data))

    def _on_rtp(self, data: bytes, source: Address) -> None:
        if is_rtcp(data):
            self._on_rtcp(data, source)
            return
        packet = unpack(data)
        if packet is None or packet.payload_type not in (PCMA, PCMU):
            self.counts.foreign += 1
            if packet is not None and len(packet.payload) == 4 and packet.timestamp != self._event_at:
                self._event_at = packet.timestamp
                self.counts.events.append(packet.payload[0])
            return
        now = self._clock.now()
        if self._last_in_at is not None:
            self.counts.longest_gap_s = max(self.counts.longest_gap_s, now - self._last_in_at)
        self._last_in_at = now
        self.counts.packets_in += 1
        if packet.ssrc not in self.counts.sources:  # a new source has a sequence of its own
            self.counts.sources.add(packet.ssrc)
            self._expected = None
        step = newer(packet.sequence, self._expected) if self._expected is not None else 0
        if step < 0:
            self.counts.late += 1
            return
        self.counts.lost += step
        self._expected = (packet.sequence + 1) & 0xFFFF
        self.hearing.samples(decode(packet.payload, packet.payload_type))
