"""The end of a picture for sources whose marker bit does not tell it (RFC 3550 §5.1, RFC 6184 §5.1). Pure.

Some encoders set it never, others on each slice, or on the first packet; browsers and some phones show nothing of that.
What ends a picture is known for certain when another timestamp comes, one picture too late. But most encoders make as
many slices of each picture: once that number has stood for a few pictures, the packet with the last one gets the
marker, and nothing is delayed.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.rtp import h264
from splitter.rtp.packet import Buffer

END_OF_PICTURE = b"\x0c\x80"
"""Filler data without a byte (H.264 §7.3.2.7), which may stand behind the slices of a picture: it carries a marker that
has to be added when the picture's own packets are gone."""

_ALIKE = 3  # pictures with one number of slices before the next is believed to have as many
_ALIKE_LIMIT = 1000
_RIGHT = 50  # pictures with the right markers before the source is believed again
_SLICES = (h264.SLICE, h264.IDR)


class Markers:
    """Mends the markers of one source. Packets come in order; those that come late have none.

    Attributes:
        mending: the source's markers are wrong.
    """

    __slots__ = (
        "_alike",
        "_count",
        "_ended",
        "_learned",
        "_marked",
        "_needed",
        "_right",
        "_stray",
        "_timestamp",
        "_unsure",
        "mending",
    )

    def __init__(self) -> None:
        self.mending = False
        self._timestamp = -1
        self._learned = self._alike = 0  # slices of a picture, and how many pictures in a row had as many
        self._needed = _ALIKE
        self._right = 0
        self._begin()

    def _begin(self) -> None:
        """Another picture."""
        self._count = 0  # slices that ended
        self._ended = False  # it got its marker
        self._unsure = False  # something of it was not seen
        self._marked = self._stray = False  # of the source's own: on the packet before; on one that was not the last

    def begin(self, timestamp: int) -> None:
        """Begin to mend: the picture with this timestamp had no marker, or one that did not end it."""
        self.mending = True
        self._timestamp = timestamp
        self._learned = self._alike = self._right = 0
        self._begin()
        self._unsure = True

    def push(self, payload: Buffer, timestamp: int, marker: bool, whole: bool) -> tuple[bool, bool]:
        """Take a packet.

        Args:
            marker: as the source set it. whole: nothing is missing before the packet.
        Returns: (whether it ends its picture as far as one can tell, whether the picture before it was not ended).
        """
        unended = False
        if timestamp != self._timestamp:
            unended = not self._ended
            self._learn()
            self._timestamp = timestamp
            self._begin()
        self._unsure = self._unsure or not whole
        self._stray = self._stray or self._marked
        self._marked = marker
        ends = slices_ended(payload)
        if ends and self._ended:  # more slices than were expected
            self._needed = min(4 * self._needed, _ALIKE_LIMIT)
            self._learned = self._alike = 0
            self._ended = False
        self._count += ends
        ended = ends > 0 and not self._unsure and self._alike >= self._needed and self._count == self._learned
        self._ended = self._ended or ended
        return ended, unended

    def _learn(self) -> None:
        """The picture is over: what does it say of the next one?"""
        self._right = self._right + 1 if self._marked and not self._stray and not self._unsure else 0
        if self._right >= _RIGHT:
            self.mending = False
        if self._unsure:
            return
        self._alike = self._alike + 1 if self._count == self._learned else 1
        self._learned = self._count


def slices_ended(payload: Buffer) -> int:
    """The number of slices that end in a payload."""
    kind = payload[0] & 0x1F
    if kind == h264.FU_A:
        return int(len(payload) > 1 and bool(payload[1] & 0x40) and payload[1] & 0x1F in _SLICES)
    if kind == h264.STAP_A:
        try:
            return sum(unit[0] & 0x1F in _SLICES for unit in h264.split_stap_a(payload))
        except PeerError:
            return 0
    return int(kind in _SLICES)


def begins_picture(payload: Buffer) -> bool:
    """Whether what begins in a payload belongs to another picture than what was before (H.264 §7.4.1.2.3)."""
    for unit in h264.begun(payload):
        kind = unit[0] & 0x1F
        if kind in (h264.SEI, h264.SPS, h264.PPS, h264.DELIMITER) or (kind in _SLICES and h264.begins_picture(unit)):
            return True
    return False
