"""A party's video: test pictures out, sight in, key frame requests both ways (RFC 6184, 4585, 5104). Does I/O.

stream = await VideoStream.open("127.0.0.1", VideoSettings(sender=7), clock)
... stream.ports goes into SDP; the peer's SDP gives `remote` ...
stream.connect(remote, payload_type=123, mode=1)
... stream.sight, stream.counts ...
await stream.close()
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.codec import CLOCK_RATE, Decoder, Encoder, VideoShape
from splitter.lab.jitter import JitterBuffer
from splitter.lab.payload import IDR, Depayloader, kind_of, payloads_of
from splitter.lab.picture import draw
from splitter.lab.ports import PortPair
from splitter.lab.sight import Sight
from splitter.lab.wire import (
    FullIntra,
    LabPacket,
    PictureLoss,
    SenderClock,
    full_intra,
    is_rtcp,
    newer,
    picture_loss,
    reports,
    sender_report,
    unpack,
)

_REPORT_INTERVAL_S = 1.0
_REQUEST_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """What a party sends and how it asks for key frames.

    Attributes:
        sender: its id in the test picture.
        shape: of its coding.
        request: "pli", "fir" or "none".
        orientation_id: RFC 8285 id of urn:3gpp:video-orientation; None leaves the extension away.
        orientation: its value, TS 26.114 §7.4.5: 0 upright, 1..3 turned.
    """

    sender: int
    shape: VideoShape = field(default_factory=VideoShape)
    request: str = "pli"
    orientation_id: int | None = None
    orientation: int = 0


@dataclass(slots=True)
class VideoCounts:
    """What happened on the wire.

    Attributes:
        key_frames_out, key_frames_in: pictures that anyone could start at.
        requests_in: PLI, FIR and INFO that reached us; `fir_in` and `pli_in` are parts of it.
        lost: sequence numbers that never came, or too late (`late`); `mended`: came after a later one, and in time.
        `sources`: SSRCs seen; `backward`: timestamps that went back.
        orientations: values of the orientation extension that were seen.
    """

    packets_out: int = 0
    packets_in: int = 0
    frames_out: int = 0
    key_frames_out: int = 0
    requests_in: int = 0
    pli_in: int = 0
    fir_in: int = 0
    requests_out: int = 0
    lost: int = 0
    late: int = 0
    mended: int = 0
    backward: int = 0
    foreign: int = 0
    sources: set[int] = field(default_factory=set)
    orientations: set[int] = field(default_factory=set)
    reports_in: int = 0


class VideoStream:
    """Sends one party's test picture and looks at what comes back."""

    def __init__(self, settings: VideoSettings, clock: Clock, ids: IdSource) -> None:
        self.settings = settings
        self.sight = Sight()
        self.counts = VideoCounts()
        self.decoder = Decoder()
        self.sending = True
        self._clock = clock
        self._encoder = Encoder(settings.shape)
        self._depayloader = Depayloader()
        self._ports: PortPair | None = None
        self._remote: tuple[Address, Address] | None = None
        self._payload_type, self._mode = 0, 1
        self._ssrc, self._sequence = ids.number(1 << 32), ids.number(1 << 16)
        self._first_timestamp = ids.number(1 << 32)
        self._cname = f"lab-{settings.sender}"
        self._counter = 0
        self._octets = 0
        self.key_wanted = True
        self._media_source = 0
        self._expected: int | None = None
        self._jitter = JitterBuffer()
        self._timestamp_in: int | None = None
        self._fir_in = self._fir_out = -1
        self._asked_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, host: str, settings: VideoSettings, clock: Clock | None = None, ids: IdSource | None = None
    ) -> VideoStream:
        """Bind the ports; nothing is sent before `connect`."""
        stream = cls(settings, clock or SystemClock(), ids or IdSource())
        stream._ports = await PortPair.open(host, stream._on_rtp, stream.on_rtcp)
        return stream

    @property
    def ports(self) -> PortPair:
        assert self._ports is not None
        return self._ports

    def connect(self, rtp: Address, rtcp: Address, payload_type: int, mode: int = 1) -> None:
        """Say where to send, with which payload type and packetization mode; sending begins with a key frame."""
        self._remote = (rtp, rtcp)
        self._payload_type, self._mode = payload_type, mode
        self.key_wanted = True
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def disconnect(self) -> None:
        """Stop sending (hold, or video removed); what arrives is still looked at."""
        self._remote = None

    def request_arrived(self) -> None:
        """The peer asked for a key frame by other means than RTCP (SIP INFO, RFC 5168)."""
        self.counts.requests_in += 1
        self.key_wanted = True

    def ask(self) -> None:
        """Ask the peer for a key frame, at most once a second."""
        now = self._clock.now()
        if self._remote is None or now - self._asked_at < _REQUEST_INTERVAL_S or self.settings.request == "none":
            return
        self._asked_at = now
        self.counts.requests_out += 1
        if self.settings.request == "fir":
            self._fir_out += 1
            data = full_intra(self._ssrc, self._media_source, self._fir_out, self._cname)
        else:
            data = picture_loss(self._ssrc, self._media_source, self._cname)
        self.ports.send_rtcp(data, self._remote[1])

    async def close(self) -> None:
        """Stop and free the ports."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._ports:
            self._ports.close()

    # ---- sending ----

    async def _run(self) -> None:
        interval = 1 / self.settings.shape.frames_per_s
        due = self._clock.now()
        reported_at = due
        while True:
            if self._remote and self.sending:
                self._send_frame(self._remote[0])
            now = self._clock.now()
            if self._remote and now - reported_at >= _REPORT_INTERVAL_S:
                reported_at = now
                self._send_report(self._remote[1])
            if self.decoder.waiting and self.counts.packets_in:
                self.ask()
            due = max(due + interval, now - interval)  # after a stall go on, without a burst
            await asyncio.sleep(max(0.0, due - self._clock.now()))

    def _send_frame(self, to: Address) -> None:
        shape = self.settings.shape
        now = self._clock.now()
        timestamp = int(now * CLOCK_RATE)
        picture = draw(self.settings.sender, self._counter, int(self._clock.wall() * 1000), shape.width, shape.height)
        units = self._encoder.encode(picture, timestamp, self.key_wanted)
        self._counter += 1
        self.counts.frames_out += 1
        if any(kind_of(unit) == IDR for unit in units):
            self.key_wanted = False
            self.counts.key_frames_out += 1
        payloads = payloads_of(units, self._mode)
        for number, payload in enumerate(payloads):
            self._send_packet(payload, timestamp, number == len(payloads) - 1, to)

    def _send_packet(self, payload: bytes, timestamp: int, last: bool, to: Address) -> None:
        orientation_id = self.settings.orientation_id
        extension: tuple[tuple[int, bytes], ...] = ()
        if last and orientation_id is not None:  # TS 26.114 §7.4.5: on the last packet of a picture
            extension = ((orientation_id, bytes((self.settings.orientation,))),)
        stamp = (timestamp + self._first_timestamp) & 0xFFFFFFFF
        packet = LabPacket(self._payload_type, last, self._sequence, stamp, self._ssrc, payload, extension)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.counts.packets_out += 1
        self._octets += len(payload)
        self.ports.send_rtp(packet.pack(), to)

    def _send_report(self, to: Address) -> None:
        stamp = (int(self._clock.now() * CLOCK_RATE) + self._first_timestamp) & 0xFFFFFFFF
        report = SenderClock(self._ssrc, self._clock.wall(), stamp, self.counts.packets_out, self._octets)
        self.ports.send_rtcp(sender_report(report, self._cname), to)

    # ---- receiving ----

    def on_rtcp(self, data: bytes, source: Address) -> None:
        for report in reports(data):
            match report:
                case PictureLoss():
                    self.counts.pli_in += 1
                    self.request_arrived()
                case FullIntra(sequence=sequence) if sequence != self._fir_in:
                    self._fir_in = sequence
                    self.counts.fir_in += 1
                    self.request_arrived()
                case SenderClock():
                    self.counts.reports_in += 1

    def _on_rtp(self, data: bytes, source: Address) -> None:
        if is_rtcp(data):
            self.on_rtcp(data, source)
            return
        packet = unpack(data)
        if packet is None or packet.payload_type != self._payload_type:
            self.counts.foreign += 1
            return
        self.counts.packets_in += 1
        self.counts.sources.add(packet.ssrc)
        self._media_source = packet.ssrc
        for one in self._jitter.push(packet, self._clock.now()):
            self._play(one)
        self.counts.late, self.counts.mended = self._jitter.late, self._jitter.mended

    def _play(self, packet: LabPacket) -> None:
        """The next packet of those that came."""
        self._follow(packet)
        if self._timestamp_in is not None and packet.timestamp != self._timestamp_in:
            self._finish_picture()  # its last packet was lost
        self._timestamp_in = packet.timestamp
        for element_id, value in packet.extension:
            if element_id == self.settings.orientation_id and value:
                self.counts.orientations.add(value[0])
        self._depayloader.payload(packet.payload)
        if packet.marker:
            self._finish_picture()

    def _follow(self, packet: LabPacket) -> None:
        """Follow the sequence: what is missing now will not come."""
        step = newer(packet.sequence, self._expected) if self._expected is not None else 0
        if step > 0:
            self.counts.lost += step
            self._depayloader.lost()
            self.ask()
        if self._timestamp_in is not None and (packet.timestamp - self._timestamp_in) & 0xFFFFFFFF >= 1 << 31:
            self.counts.backward += 1
        self._expected = (packet.sequence + 1) & 0xFFFF

    def _finish_picture(self) -> None:
        units = self._depayloader.take()
        if not units:
            return
        for luma in self.decoder.decode(units):
            self.sight.frame(luma, self._clock.now(), int(self._clock.wall() * 1000))
