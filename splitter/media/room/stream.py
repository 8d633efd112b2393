"""What one participant sends: its packets are checked, counted and looked into, then handed to all who watch. No I/O.

The packet in hand is spread over the attributes of the stream instead of being an object: viewers read them during
`forward` and not later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.media.fast.state import Coming
from splitter.media.room.keyframe import LatestKeyFrame
from splitter.media.room.lens import H264Lens, Lens, Shape
from splitter.media.room.times import RoomTimes
from splitter.rtp import h264
from splitter.rtp.broker import KeyFrameBroker, means_for
from splitter.rtp.losses import Losses
from splitter.rtp.markers import Markers, begins_picture
from splitter.rtp.packet import HEADER, HEADER_SIZE, VERSION, Buffer, extension, payload_bounds, timestamp_delta
from splitter.rtp.rtcp import SenderReport
from splitter.rtp.statistics import Order, ReceivedStream
from splitter.sdp.video import VideoFormat

UNENDED = 4  # beside SPS_SEEN and PPS_SEEN
_MIDDLES = (h264.SLICE, h264.IDR)  # FU headers of by far the most packets: a slice goes on
_QUIET_S = 0.2  # an SSRC without a packet for so long is over
_PLAUSIBLE = 10 * 90_000  # how far a sender report may be from the packets, in timestamp units


class Watcher(Protocol):
    """Watcher that is handed the packets of a stream."""

    def forward(self, stream: Stream, now: float) -> None:
        """The packet in hand of `stream` is for you."""
        ...


class Stream:
    """One participant's video.

    Attributes:
        name: the participant.
        coming: the numbers that move with each packet.
        started: called when packets begin to come, before the first one is handed on.
        wake: something became due while a packet was taken; whoever arms timers looks here.
        watchers: who is handed the packets.
        alive: packets come, and came not too long ago.
        generation: moves when the stream begins anew (another SSRC, a jump): a viewer must wait for a key frame.
        sequence: extended sequence number of the packet in hand.
        timestamp, payload: of the packet in hand; the payload is empty for a packet that is not to be shown.
        late: it was overtaken by others, or sent again.
        idr: it holds (a part of) a key frame. starts: the first slice of a new one.
        marker: it ends its picture; mended where the source does not tell. mending: that is so.
        sets: SPS_SEEN | PPS_SEEN as it holds them, or the last fragment of one; UNENDED if the picture before it ended
            and nobody was told.
        key: the latest key frame.
        shape: of the pictures, by the SPS that key frames refer to; None while none is known.
        frame_rate: of late, by `measure`.
        orientation: its CVO byte, None if it has none; last_orientation is the latest of the stream.
    """

    __slots__ = (
        "_bare",
        "_format",
        "_gap",
        "_left",
        "_markers",
        "_measured",
        "_newest",
        "_orientation_id",
        "_other_number",
        "_sprop",
        "_suspect",
        "_suspect_key",
        "alive",
        "broker",
        "coming",
        "frame_rate",
        "generation",
        "idr",
        "key",
        "key_frames",
        "last_orientation",
        "late",
        "lens",
        "losses",
        "lost_before",
        "malformed",
        "mapping",
        "marker",
        "mending",
        "name",
        "orientation",
        "payload",
        "reception",
        "sequence",
        "sets",
        "shape",
        "started",
        "starts",
        "timestamp",
        "wake",
        "watchers",
        "wrong_payload_type",
    )

    def __init__(self, name: str, started: Callable[[], None], coming: Coming) -> None:
        self.name = name
        self.coming = coming
        self.started = started
        self.wake = False
        self.watchers: tuple[Watcher, ...] = ()
        self.alive = False
        self.generation = 0
        self.reception: ReceivedStream | None = None
        self.lens: Lens = H264Lens()
        self.broker = KeyFrameBroker(means_for(()))
        self.key = LatestKeyFrame(self.lens, self.broker, coming)
        self.losses = Losses(repair=False)
        self.mapping: tuple[int, int, float] | None = None  # NTP, RTP, when it came: the latest sender report
        self.last_orientation: int | None = None
        self.lost_before = 0  # by receptions that ended
        self.malformed = self.wrong_payload_type = self.key_frames = 0
        self.sequence = self.timestamp = self.sets = 0
        self.marker = self.late = self.idr = self.starts = False
        self.orientation: int | None = None
        self.payload: Buffer = b""
        self.shape: Shape | None = None
        self.frame_rate = 0.0
        self._measured = (0, 0.0)  # pictures, and when they were so many
        self._gap = (0, 0)  # the numbers before and after the latest gap
        self._left: int | None = None  # the SSRC before this one
        self._newest = 0  # timestamp of the latest packet that was not late
        self._markers = Markers()
        self.mending = False
        self._bare = 0  # the latest packet of what stands before slices
        self._format: VideoFormat | None = None
        self._other_number: int | None = None
        self._orientation_id: int | None = None
        self._sprop: tuple[bytes, ...] = ()
        self._suspect: bytes | None = None
        self._suspect_key = (0, 0)

    def configure(self, negotiated: VideoFormat) -> None:
        """Take what was negotiated (again). Parameter sets learned in-band stay unless SDP brings other ones."""
        self._format = negotiated
        self.coming.payload_type = negotiated.payload_type
        self.coming.generation += 1
        self._other_number = negotiated.other_number
        self._orientation_id = negotiated.orientation_id
        self.broker.set_means(means_for(negotiated.feedback))
        repair = "nack" in negotiated.feedback
        if repair is not self.losses.repair:
            self.losses = Losses(repair)
        if negotiated.parameter_sets != self._sprop:
            self._sprop = negotiated.parameter_sets
            for nal in negotiated.parameter_sets:
                self.lens.learn(nal, 0)
            self.shape = self.lens.shape

    def stop(self) -> None:
        """The participant sends no more for now; the next packet begins anew."""
        self.alive = False
        self.coming.generation += 1
        self.key.pause()
        self.broker.seen(float("inf"))
        self.losses.clear()
        self.mapping = None
        self.generation += 1

    @property
    def ssrc(self) -> int | None:
        """The SSRC in force."""
        return self.reception.ssrc if self.reception else None

    @property
    def lost(self) -> int:
        """Packets missing over all SSRCs that the participant used."""
        return self.lost_before + (self.reception.lost if self.reception else 0)

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be a packet of this stream; asked before its source is believed."""
        return payload_bounds(data) is not None and data[1] & 0x7F in (self.coming.payload_type, self._other_number)

    @property
    def settled(self) -> bool:
        """Whether the packet that is expected needs no thought, but for its begin."""
        return self.alive and self.reception is not None and not self.mending

    # ---- packets in -------------------------------------------------------------------------------------------

    def receive(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """Take one RTP packet from the participant; hands it to the watchers."""
        if len(data) < HEADER_SIZE:
            self.malformed += 1
            return
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        start, end = HEADER_SIZE, len(data)
        if first != VERSION:
            bounds = payload_bounds(data)
            if bounds is None:
                self.malformed += 1
                return
            start, end = bounds
        coming = self.coming
        wrong = second & 0x7F != coming.payload_type and not self._is_renamed(second & 0x7F)
        if wrong:
            self.wrong_payload_type += 1
        reception = self.reception
        if reception is None or reception.ssrc != ssrc:
            if wrong or not self._adopt(data, sequence, ssrc, now):
                return
            reception = self.reception
            assert reception is not None
        extended = reception.follow(sequence, timestamp, now)
        if extended:
            # Another timestamp without a marker, or a marker and no other timestamp: one of them is wrong.
            odd = coming.filled and not coming.late and (timestamp == coming.timestamp) is coming.marker
            before = coming.timestamp
            self.late = coming.suspected = False
        else:
            odd, before = False, timestamp
            newest = self._newest if coming.late else coming.timestamp
            order, extended = reception.order(sequence, timestamp_delta(timestamp, newest))
            if order is Order.JUMP:
                if not wrong:
                    self._jumped(data, sequence, ssrc, now)
                return
            if order is not Order.NEXT:
                self._disordered(order, extended, reception, now)
            reception.count(extended, timestamp, now)
            self.late = order is Order.LATE
            self._newest = newest
        coming.packets += 1
        coming.octets += end - start
        coming.last_at = now
        self.sequence = extended
        self.timestamp = timestamp
        self.marker = second >= 0x80
        self.idr = self.starts = False
        self.sets = 0
        self.orientation = None
        coming.pictures += self.marker
        if wrong or start == end:
            self.payload = b""
        else:
            if not self.alive:
                self.alive = True
                self.started()
            self.payload = data[start:end]
            kind = data[start] & 0x1F
            if first & 0x10 or (
                kind != h264.SLICE
                and not (kind == h264.FU_A and end - start > 1 and data[start + 1] & 0x9F in _MIDDLES)
            ):
                self._look(data, first, now)
            if odd or self.mending:
                self._mend(before)
        coming.timestamp, coming.late, coming.marker = timestamp, self.late, self.marker
        coming.filled = len(self.payload) > 0
        for watcher in self.watchers:
            watcher.forward(self, now)

    def _is_renamed(self, number: int) -> bool:
        """Whether the peer sends under the other number that its format has; what comes is expected so from now on."""
        if number != self._other_number:
            return False
        coming = self.coming
        coming.payload_type, self._other_number = number, coming.payload_type
        coming.generation += 1
        return True

    def _look(self, data: Buffer, first: int, now: float) -> None:
        """Find what matters in the packet in hand: key frames, parameter sets, orientation."""
        if first & 0x10 and self._orientation_id is not None:
            value = extension(data, self._orientation_id)
            if value:
                self.orientation = value[0]
                if not self.late:
                    self.last_orientation = value[0]
        seen = self.lens.examine(self.payload, self.sequence)
        if seen is None:
            return
        if not self.late:
            before, after = self._gap
            self.key.enter_picture(self.timestamp, before if after == self.sequence else self.sequence - 1)
        if seen.payload is None and not seen.sets:
            return  # a slice begins, of no key frame
        if seen.payload is not None:
            self.payload = seen.payload
        self.sets, self.idr, self.shape = seen.sets, seen.key, self.lens.shape
        if not seen.shows:
            self._lead()
        if seen.first is not None and self.sequence > self.key.start.sequence:
            self.starts = True
            self.key_frames += 1
            self.wake = self.key.begin(self.sequence, seen.first, self.losses, now) or self.wake
            self.shape = self.lens.shape

    def _lead(self) -> None:
        """Take what stands before slices, and ends no picture; some encoders put it behind them all the same."""
        coming = self.coming
        if not self.late:
            begun = self.timestamp == coming.timestamp and self._bare != self.sequence - 1
            if begun and not coming.marker:
                return
            self._bare = self.sequence
        coming.pictures -= self.marker
        self.marker = False

    def _mend(self, before: int) -> None:
        """Tell the end of pictures where the markers do not; `before` is the timestamp of the packet before."""
        markers, claimed = self._markers, self.marker
        if not self.mending:
            if self._bare == self.sequence - 1 or (before == self.timestamp and begins_picture(self.payload)):
                return  # parameter sets as a picture of their own; or two pictures with one timestamp
            markers.begin(before)
        if self.late:
            self.marker = False
        else:
            whole = self._gap[1] != self.sequence
            self.marker, unended = markers.push(self.payload, self.timestamp, claimed, whole)
            if unended:
                self.sets |= UNENDED
                self.coming.pictures += 1
        self.coming.pictures += self.marker - claimed
        self.mending = markers.mending

    @property
    def decodable(self) -> bool:
        """Whether the latest key frame can be shown."""
        return self.key.decodable(self.losses)

    def judge_key(self, now: float) -> None:
        """See whether the latest key frame can be shown by now."""
        if self.key.judge(self.losses, now):
            self.shape = self.lens.shape
            self.coming.generation += 1

    def measure(self, now: float) -> None:
        """Estimate the frame rate over the time since the last measurement; called about once a second."""
        pictures, at = self._measured
        self._measured = (self.coming.pictures, now)
        self.frame_rate = (self.coming.pictures - pictures) / (now - at) if self.alive and now > at > 0 else 0.0

    def _disordered(self, order: Order, extended: int, reception: ReceivedStream, now: float) -> None:
        if order is Order.LATE:
            self.losses.arrived(extended, now)
        else:
            self._gap = (reception.highest, extended)
            if not self.losses.gap(reception.highest + 1, extended - 1, now):
                self.broker.want()
            self.wake = True

    # ---- a stream that begins anew ------------------------------------------------------------------------------

    def _adopt(self, data: Buffer, sequence: int, ssrc: int, now: float) -> bool:
        """Another SSRC: taken at once where nothing else comes, else when two of its packets came in a row.

        The one that was left is not gone back to while packets of its successor come: these may be its last ones on
        their way, or the peer sends two streams, of which one is shown.
        """
        first: bytes | None = None
        if self.alive:
            if ssrc == self._left and now - self.coming.last_at < _QUIET_S:
                return False
            first = self._held_back(data, sequence, ssrc)
            if first is None:
                return False
        self._left = self.ssrc
        self._begin(ssrc, first, now)
        return True

    def _jumped(self, data: Buffer, sequence: int, ssrc: int, now: float) -> None:
        """The sequence numbers jumped: believed when the next one follows."""
        first = self._held_back(data, sequence, ssrc)
        if first is not None:
            self._begin(ssrc, first, now)
            self.receive(data, now)

    def _held_back(self, data: Buffer, sequence: int, ssrc: int) -> bytes | None:
        """The packet right before this one, if it was held back; else this one is."""
        if self.coming.suspected and self._suspect_key == (ssrc, sequence):
            return self._suspect
        self._suspect, self.coming.suspected = bytes(data), True
        self._suspect_key = (ssrc, (sequence + 1) & 0xFFFF)
        return None

    def _begin(self, ssrc: int, first: bytes | None, now: float) -> None:
        """A new reception; `first` was held back and comes before the packet at hand."""
        self._suspect, self.coming.suspected = None, False
        self.lost_before = self.lost
        self.reception = ReceivedStream(ssrc, numbers=self.coming)
        self.lens.restart()
        self._markers = Markers()
        self.mending = False
        self._bare = 0
        self.key.reset()
        self.late = self.coming.late = False
        self._gap = (0, 0)
        self.mapping = None
        self.losses.clear()
        self.generation += 1
        self.wake = True
        self.broker.want(burst=True)
        if first is not None:
            self.receive(first, now)

    def sender_report(self, report: SenderReport, now: float) -> None:
        """Keep the source's NTP↔RTP mapping, if it is about this stream and fits the packets."""
        reception = self.reception
        if reception is None or report.ssrc != reception.ssrc:
            return
        reception.sender_report(report.ntp, now)
        expected = self.coming.timestamp + int((now - self.coming.last_at) * 90_000)
        if report.ntp and abs(timestamp_delta(report.rtp, expected & 0xFFFF_FFFF)) < _PLAUSIBLE:
            self.mapping = (report.ntp, report.rtp, now)

    def silent(self, now: float, times: RoomTimes) -> bool:
        """Whether a stream that was alive has stopped."""
        return self.alive and now >= self.coming.last_at + times.silence_s  # as the timer is set, to the last bit
