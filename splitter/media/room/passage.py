"""The way of a stream that is shown: its packets under our numbers, in what the viewer can take. No I/O.

What is missing before a packet is put in: an end of the picture that the source does not tell, parameter sets before a
key frame. What is too large is divided; a viewer of packetization-mode 0 gets single NAL units.
"""

from __future__ import annotations

from splitter.media.room.lens import PPS_SEEN, SPS_SEEN
from splitter.media.room.outgoing import NO_PAYLOAD, Outgoing
from splitter.media.room.stream import UNENDED, Stream
from splitter.rtp import h264
from splitter.rtp.markers import END_OF_PICTURE
from splitter.rtp.reorder import OrderedPacket
from splitter.rtp.repacketise import SingleUnits, Unit

_DATAGRAM_LIMIT = 65_000
_ALL_SETS = SPS_SEEN | PPS_SEEN
_PIECES = 3  # of a packet that is divided, and so numbers kept for one that is missing


class Passage:
    """What becomes of the packets of the stream that is shown."""

    __slots__ = ("_going", "_out", "_unit_sets", "_unit_timestamp", "_units")

    def __init__(self, out: Outgoing) -> None:
        self._out, self._going = out, out.going
        self._unit_timestamp = -1
        self._unit_sets = 0
        self._units: SingleUnits | None = None

    @property
    def whole(self) -> bool:
        """Whether packets pass as they are, as long as they are not too large."""
        return self._units is None

    def begin(self, sequence: int, timestamp: int, now: float) -> None:
        """Another stream begins with this packet."""
        self._going.open_timestamp = self._unit_timestamp = -1
        self._going.orientation_due = True
        mode = self._out.format.packetization_mode if self._out.format else 1
        self._units = SingleUnits() if mode == 0 else None
        self._out.switch.begin(sequence, timestamp, now)

    def stop(self) -> None:
        """Show no stream."""
        self._units = None
        self._out.way.touch()

    def forward(self, stream: Stream, now: float) -> None:
        """The packet in hand of the stream."""
        if stream.late:
            if self._units is None:
                self._forward_late(stream)
            else:
                self._forward_units(stream, now)
            return
        out = self._out
        switch = out.switch
        payload = stream.payload
        if not payload:
            if self._units is None:
                switch.drop(stream.sequence)
            else:
                self._forward_units(stream, now)
            return
        if stream.sets or stream.starts:
            self._before(stream, now)
        self._going.open_timestamp = -1 if stream.marker else stream.timestamp
        if self._units is not None:
            self._forward_units(stream, now)
            return
        sequence = switch.map_sequence(stream.sequence)
        if sequence is None:
            return
        timestamp = switch.map_timestamp(stream.timestamp, now)
        orientation = stream.orientation
        if self._going.orientation_due and (stream.marker or orientation is not None):
            self._going.orientation_due = False
            if orientation is None:
                orientation = stream.last_orientation or 0
        if len(payload) <= out.going.payload_limit:
            out.emit(sequence, timestamp, stream.marker, payload, orientation)
        else:
            self._emit_large(stream, sequence, timestamp, orientation)

    def _forward_late(self, stream: Stream) -> None:
        """A packet that was overtaken or sent again takes the numbers that were left open for it, and fills them all.

        There are none where it has come before, or is from before the stream was shown.
        """
        out = self._out
        numbers = out.switch.late(stream.sequence)
        if not numbers:
            return
        timestamp = out.switch.translate(stream.timestamp)
        pieces = h264.within(stream.payload, out.going.payload_limit)
        if len(pieces) > len(numbers):
            pieces = h264.into(stream.payload, len(numbers))
        out.oversize += sum(len(piece) > out.going.payload_limit for piece in pieces)
        last = len(pieces) - 1
        for index, number in enumerate(numbers):
            if index > last or not pieces[index]:
                out.emit(number, timestamp, False, NO_PAYLOAD)
            elif index < last:
                out.emit(number, timestamp, False, pieces[index])
            else:
                out.emit(number, timestamp, stream.marker, pieces[index], stream.orientation)

    def _before(self, stream: Stream, now: float) -> None:
        """Send what is missing before the packet in hand: a marker, parameter sets."""
        switch = self._out.switch
        if stream.sets & UNENDED and self._going.open_timestamp >= 0:
            number = switch.insert(stream.sequence) if self._units is None else switch.take()
            self._out.emit(number, switch.translate(self._going.open_timestamp), True, END_OF_PICTURE)
        if self._units is None:
            self._sets_before(stream, now)

    def _sets_before(self, stream: Stream, now: float) -> None:
        """Put the parameter sets before a key frame whose access unit has not brought them.

        Not while packets are missing before it: they may bring others, and will find their place.
        """
        if stream.timestamp != self._unit_timestamp:
            self._unit_timestamp = stream.timestamp
            self._unit_sets = 0
        self._unit_sets |= stream.sets & _ALL_SETS
        if not stream.starts or self._unit_sets == _ALL_SETS or not stream.decodable:
            return
        self._unit_sets = _ALL_SETS
        timestamp = self._out.switch.map_timestamp(stream.timestamp, now)
        for nal in stream.lens.units():
            for piece in h264.within(nal, self._out.going.payload_limit):
                self._out.emit(self._out.switch.insert(stream.sequence), timestamp, False, piece)

    def _emit_large(self, stream: Stream, sequence: int, timestamp: int, orientation: int | None) -> None:
        """A packet over the limit is divided; what is missing of such a stream will need as many numbers."""
        switch = self._out.switch
        pieces = h264.within(stream.payload, self._out.going.payload_limit)
        if len(pieces) == 1:
            self._out.oversize += 1
        elif switch.width < len(pieces) <= _PIECES:
            switch.width = len(pieces)
        for piece in pieces[:-1]:
            self._out.emit(sequence, timestamp, False, piece)
            sequence = switch.insert(stream.sequence + 1)
        self._out.emit(sequence, timestamp, stream.marker, pieces[-1], orientation)

    def _forward_units(self, stream: Stream, now: float) -> None:
        """For a viewer of packetization-mode 0: single NAL units with numbers of our own."""
        assert self._units is not None
        if stream.orientation is not None:
            self._going.orientation_due = True
        held = OrderedPacket(stream.sequence, stream.timestamp, stream.marker, bytes(stream.payload), False)
        for unit in self._units.push(held, now):
            self._emit_unit(stream, unit, now)

    def _emit_unit(self, stream: Stream, unit: Unit, now: float) -> None:
        switch = self._out.switch
        timestamp = switch.map_timestamp(unit.timestamp, now)
        if unit.gap or len(unit.payload) > _DATAGRAM_LIMIT:
            switch.skip()
            stream.broker.want()  # the stream may be whole by now, for those who did not have to wait
            stream.wake = True
        if unit.timestamp != self._unit_timestamp:
            self._unit_timestamp = unit.timestamp
            self._unit_sets = 0
        kind = unit.payload[0] & 0x1F
        if kind == h264.SPS:
            self._unit_sets |= SPS_SEEN
        elif kind == h264.PPS:
            self._unit_sets |= PPS_SEEN
        elif kind == h264.IDR and self._unit_sets != _ALL_SETS:
            self._unit_sets = _ALL_SETS
            for nal in stream.lens.units():
                self._out.emit(switch.take(), timestamp, False, nal)
        if len(unit.payload) > self._out.going.payload_limit:
            self._out.oversize += 1
            if len(unit.payload) > _DATAGRAM_LIMIT:
                return
        orientation = None
        if unit.marker and self._going.orientation_due:
            self._going.orientation_due = False
            orientation = stream.last_orientation or 0
        self._out.emit(switch.take(), timestamp, unit.marker, unit.payload, orientation)
