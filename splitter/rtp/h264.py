"""NAL units in RTP payloads: look inside, take apart, put together (RFC 6184, modes 0 and 1). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from splitter.core.errors import PeerError
from splitter.rtp.packet import Buffer

SLICE, IDR, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9
STAP_A, FU_A = 24, 28
_TYPE = 0x1F
BEFORE_SLICES = (SEI, SPS, PPS, DELIMITER, *range(13, 19))  # what begins a picture (H.264 §7.4.1.2.3)
IGNORED = (0, 30, 31)  # types that mean nothing: a receiver passes over them (RFC 6184 §5.2)
_START, _END = 0x80, 0x40  # of the FU header
_FIRST_MACROBLOCK = 0x80  # ue(v) of zero, the first field of a slice header: the slice begins its picture
_HEAD = 48  # bytes of a fragment that hold the begin of a slice's header
_NAL_LIMIT = 1 << 20  # bytes of one reassembled NAL unit; no level here allows a larger one


def split_stap_a(payload: Buffer) -> list[memoryview]:
    """The NAL units of an aggregation packet (RFC 6184 §5.7.1), as views into it.

    Zeros between and behind the units, as some encoders fill their packets up with, are left out.

    Raises:
        PeerError: empty, or a unit runs over the end.
    """
    view = memoryview(payload)
    units = []
    at = 1
    while at < len(view):
        if at + 2 > len(view):
            if view[at]:
                raise PeerError("H.264: STAP-A cut off in a length")
            break
        size = view[at] << 8 | view[at + 1]
        if at + 2 + size > len(view):
            raise PeerError("H.264: STAP-A with an impossible unit length")
        if size and 0 < view[at + 2] & _TYPE < STAP_A:  # RFC 6184 §5.7: it holds no aggregates and no fragments
            units.append(view[at + 2 : at + 2 + size])
        at += 2 + size
    if not units:
        raise PeerError("H.264: STAP-A without a unit")
    return units


def tidy(payload: Buffer) -> Buffer:
    """An aggregation packet without what is no NAL unit in it, for which browsers would refuse it whole.

    One that is broken stays as it is.
    """
    try:
        units = split_stap_a(payload)
    except PeerError:
        return payload
    if 1 + sum(2 + len(unit) for unit in units) == len(payload):
        return payload
    return bytes((payload[0],)) + b"".join(len(unit).to_bytes(2) + unit for unit in units)


def starts_idr(payload: Buffer) -> bool:
    """Whether a payload holds the first slice of an IDR picture: the place where a viewer can begin."""
    return any(kind == IDR and first for kind, first in slices(payload))


def slices(payload: Buffer) -> Iterator[tuple[int, bool]]:
    """The NAL units that begin in a payload: (type, whether its first macroblock is 0). Broken payloads give none."""
    for unit in begun(payload):
        yield unit[0] & _TYPE, begins_picture(unit)


def begun(payload: Buffer) -> Iterator[Buffer]:
    """The NAL units that begin in a payload, with their headers; of a fragmented one the first part."""
    kind = payload[0] & _TYPE if payload else 0
    if kind == FU_A:
        if len(payload) > 2 and payload[1] & _START:
            yield bytes((payload[0] & 0xE0 | payload[1] & _TYPE,)) + payload[2:_HEAD]
    elif kind == STAP_A:
        try:
            yield from split_stap_a(payload)
        except PeerError:
            return
    elif 0 < kind < STAP_A:
        yield payload


def begins_picture(unit: Buffer) -> bool:
    """Whether a slice is the first one of its picture: first_mb_in_slice is 0 (H.264 §7.3.3)."""
    return len(unit) > 1 and bool(unit[1] & _FIRST_MACROBLOCK)


def parameter_sets(payload: Buffer) -> list[bytes]:
    """The whole SPS and PPS in a payload: a single NAL unit or STAP-A. Fragments: `parameters.FragmentedSets`."""
    if not payload:
        return []
    kind = payload[0] & _TYPE
    if kind in (SPS, PPS):
        return [bytes(payload)]
    if kind != STAP_A:
        return []
    try:
        return [bytes(unit) for unit in split_stap_a(payload) if unit[0] & _TYPE in (SPS, PPS)]
    except PeerError:
        return []


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes, as encoders give it (H.264 annex B)."""
    return [unit for part in data.split(b"\x00\x00\x01") if (unit := part.rstrip(b"\x00"))]


def without_start_codes(payload: Buffer) -> Buffer | None:
    """A payload that holds a piece of a byte stream (annex B), as some encoders put it there, as RTP has it.

    Returns: a NAL unit or an aggregate; None where it begins with no start code, or holds nothing.
    """
    if payload[:3] != b"\0\0\1" and payload[:4] != b"\0\0\0\1":
        return None
    units = split_annex_b(bytes(payload))
    if len(units) < 2:
        return units[0] if units else None
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes((importance | STAP_A,)) + b"".join(len(unit).to_bytes(2) + unit for unit in units)


def fragment(unit: Buffer, limit: int) -> list[bytes]:
    """One NAL unit as FU-A payloads of about equal size, none over `limit` bytes (RFC 6184 §5.8)."""
    indicator = unit[0] & 0x60 | FU_A
    kind = unit[0] & _TYPE
    body = memoryview(unit)[1:]
    count = max(2, -(-len(body) // (limit - 2)))
    step = -(-len(body) // count)
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    last = len(pieces) - 1
    return [
        bytes((indicator, (_START if index == 0 else 0) | (_END if index == last else 0) | kind)) + piece
        for index, piece in enumerate(pieces)
    ]


def within(payload: Buffer, limit: int) -> list[Buffer]:
    """A payload as several of at most `limit` bytes: for a path that carries less than the one it came by.

    Single NAL units and FU-A are fragmented, aggregates taken apart; whatever cannot be divided stays as it is.
    """
    kind = payload[0] & _TYPE if len(payload) > 2 else 0
    if len(payload) <= limit or kind == 0:
        return [payload]
    if kind < STAP_A:
        return list(fragment(payload, limit))
    if kind == FU_A:
        return list(_shorter(payload, limit))
    if kind != STAP_A:
        return [payload]
    try:
        return [piece for unit in split_stap_a(payload) for piece in within(unit, limit)]
    except PeerError:
        return [payload]


def into(payload: Buffer, count: int) -> list[Buffer]:
    """A payload as at most `count` of about equal size; as it is where it cannot be divided so."""
    if count < 2 or len(payload) < 2 * count + 2:
        return [payload]
    size = -(-len(payload) // count) + 2  # the FU header and indicator of each
    pieces = within(payload, size)
    return pieces if len(pieces) <= count else [payload]


def _shorter(payload: Buffer, limit: int) -> list[bytes]:
    """A FU-A as several: the first begins the NAL unit if it did, the last ends it if it did (RFC 6184 §5.8)."""
    indicator, header = payload[0], payload[1]
    pieces = fragment(bytes((indicator & 0x60 | header & _TYPE,)) + payload[2:], limit)
    first = bytes((indicator, pieces[0][1] & ~_START | header & _START)) + pieces[0][2:]
    last = bytes((indicator, pieces[-1][1] & ~_END | header & _END)) + pieces[-1][2:]
    return [first, *pieces[1:-1], last]


class Depacketiser:
    """Payloads in, whole NAL units out. Payloads come in the order of the stream; a gap is told with `gap`.

    Attributes:
        broken: units that were given up because a part was missing, and payloads that made no sense.
    """

    __slots__ = ("_parts", "_size", "broken")

    def __init__(self) -> None:
        self._parts: list[bytes] | None = None
        self._size = 0
        self.broken = 0

    def gap(self) -> None:
        """Packets are missing here: a unit in the making cannot be finished."""
        if self._parts is not None:
            self.broken += 1
        self._parts = None

    def push(self, payload: Buffer) -> list[Buffer]:
        """Take one payload; returns the units it completes. What makes no sense is counted and dropped."""
        kind = payload[0] & _TYPE if payload else 0
        if kind == FU_A:
            return self._fragment(payload)
        if payload and kind in IGNORED:
            return []
        self.gap()
        if 0 < kind < STAP_A:
            return [payload]
        if kind == STAP_A:
            try:
                return list(split_stap_a(payload))
            except PeerError:
                pass
        self.broken += 1
        return []

    def _fragment(self, payload: Buffer) -> list[Buffer]:
        if len(payload) < 2:  # a fragment without a byte is one (RFC 6184 §5.8)
            self.broken += 1
            return []
        head = payload[1]
        if head & _START:
            self.gap()
            if not 0 < head & _TYPE < STAP_A:  # RFC 6184 §5.8: a fragment of an aggregate or of a fragment is none
                self.broken += 1
                return []
            self._parts = [bytes((payload[0] & 0xE0 | head & _TYPE,))]
            self._size = 0
        if self._parts is None:  # its start was lost
            return []
        self._parts.append(bytes(payload[2:]))
        self._size += len(payload)
        if self._size > _NAL_LIMIT:
            self.gap()
            return []
        if not head & _END:
            return []
        unit = b"".join(self._parts)
        self._parts = None
        return [unit]
