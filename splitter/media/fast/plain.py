"""The short way in Python. No I/O: what leaves is handed to those who send it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from splitter.core.net import Address
from splitter.media.fast.state import OUTLETS, PACKET_LIMIT, Coming, Going
from splitter.media.fast.way import CipherCounts, Ciphered, OpenedHandler, Outlet, PreparedStill
from splitter.rtp.cache import SentPackets
from splitter.rtp.h264 import FU_A, IDR, SLICE
from splitter.rtp.packet import HEADER, HEADER_SIZE, VERSION, Buffer
from splitter.rtp.switch import AHEAD_LIMIT, BACK_LIMIT, CLOCK_RATE

_MASK = 0xFFFF_FFFF
_SIGN = 0x8000_0000
_FU_BEGIN = 0x80
_SLICE_BEGINS = _FU_BEGIN | SLICE
_GOES_ON = (SLICE, IDR)


class PlainWay:
    """One participant's ends of short ways, in Python. As `ShortWay`."""

    __slots__ = ("_outlets", "coming", "going")

    def __init__(self) -> None:
        self.coming, self.going = Coming(), Going()
        self._outlets: tuple[tuple[Going, int, Callable[[int, bytes], None]], ...] = ()

    def touch(self) -> None:
        self.coming.generation += 1
        self.going.generation += 1

    def settle(self, outlets: Sequence[Outlet]) -> None:
        if len(outlets) <= OUTLETS:
            self._outlets = tuple((one.way.going, one.way.going.generation, one.dispatch) for one in outlets)
            self.coming.settled = self.coming.generation

    def unsettle(self) -> None:
        self.coming.settled = 0
        self._outlets = ()

    def close(self) -> None:
        self.touch()
        self.unsettle()

    def ride(self, port: Any, on_opened: OpenedHandler | None = None) -> None: ...

    def leave(self, port: Any) -> None: ...

    def admit(self, source: Address) -> None: ...

    def doubt(self) -> None: ...

    def encrypt(self, cipher: Ciphered | None) -> None: ...

    def keep(self, copies: SentPackets | None) -> None: ...

    def reach(self, line: Any, peer: Address | None) -> None: ...

    def reaches(self, to: Address) -> bool:
        return False

    def aim(self, to: Address) -> None: ...

    def show(self, still: PreparedStill | None, block: bytes, dispatch: Callable[[int, bytes], None]) -> None: ...

    def plays(self) -> bool:
        return False

    def play(self, now: float) -> bool:
        return False

    def schedule(self) -> None: ...

    def take(self, data: Buffer, now: float) -> bool:
        coming = self.coming
        size = len(data)
        if coming.settled != coming.generation or not HEADER_SIZE + 2 <= size <= PACKET_LIMIT:
            return False
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        extended = coming.highest + 1
        if (
            first != VERSION
            or second & 0x7F != coming.payload_type
            or ssrc != coming.ssrc
            or sequence != extended & 0xFFFF
            or extended == 1
        ):
            return False
        begins = False
        kind = data[HEADER_SIZE] & 0x1F
        if kind != SLICE:
            head = data[HEADER_SIZE + 1] & (_FU_BEGIN | 0x1F)
            begins = head == _SLICE_BEGINS
            if kind != FU_A or not (begins or head in _GOES_ON):
                return False
        # Another timestamp without a marker, or a marker and no other timestamp: one of them is wrong.
        if coming.filled and not coming.late and (timestamp == coming.timestamp) == coming.marker:
            return False
        marker = second >= 0x80
        length = size - HEADER_SIZE
        for going, generation, _ in self._outlets:
            if going.generation != generation or not _passes(going, extended, timestamp, length, marker, now):
                return False
        _count(coming, extended, timestamp, length, marker, begins, now)
        payload = data[HEADER_SIZE:]
        for going, _, dispatch in self._outlets:
            number, mapped = _number(going, timestamp, length, marker, now)
            kind = going.payload_type | 0x80 if marker else going.payload_type
            dispatch(number, HEADER.pack(VERSION, kind, number, mapped, going.ssrc) + payload)
        return True


def _passes(going: Going, extended: int, timestamp: int, length: int, marker: bool, now: float) -> bool:
    """Whether the packet goes on under the next number, at a plausible time, whole, and with nothing added."""
    if (
        extended < going.boundary
        or extended + going.shift != going.sequence + 1
        or length > going.payload_limit
        or going.unnamed
        or not going.port
        or (marker and going.orientation_due)
    ):
        return False
    mapped = timestamp + going.timestamp_shift & _MASK
    if mapped == going.timestamp:
        return True
    ahead = (mapped - going.timestamp + _SIGN & _MASK) - _SIGN
    return -BACK_LIMIT < ahead <= (now - going.at) * CLOCK_RATE + AHEAD_LIMIT


def _count(coming: Coming, extended: int, timestamp: int, length: int, marker: bool, begins: bool, now: float) -> None:
    coming.highest = extended
    coming.received += 1
    transit = now * CLOCK_RATE - timestamp
    if coming.timed:
        change = abs(transit - coming.transit)
        if change <= _SIGN:  # else the timestamp wrapped
            coming.jitter += (change - coming.jitter) / 16
    coming.transit, coming.timed = transit, True
    coming.packets += 1
    coming.octets += length
    coming.pictures += marker
    coming.last_at = now
    coming.timestamp, coming.marker = timestamp, marker
    coming.late = coming.suspected = False
    coming.filled = True
    if begins and timestamp != coming.picture_timestamp:
        coming.picture_timestamp, coming.picture_after = timestamp, extended - 1


def _number(going: Going, timestamp: int, length: int, marker: bool, now: float) -> tuple[int, int]:
    """Give out the next number. Returns: it, and the timestamp, as they go over the wire."""
    going.sequence += 1
    mapped = timestamp + going.timestamp_shift & _MASK
    if mapped != going.timestamp and mapped - going.timestamp & _SIGN == 0:
        going.timestamp, going.at = mapped, now
    going.open_timestamp = -1 if marker else timestamp
    going.packets += 1
    going.octets += length
    return going.sequence & 0xFFFF, mapped


class PlainForm:
    """The short way in Python. As `Form`."""

    name = "python"

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def way(self) -> PlainWay:
        return PlainWay()

    def lane(self) -> None:
        return None

    def copies(self) -> SentPackets:
        return SentPackets()

    def cipher(self, incoming: int, outgoing: int) -> CipherCounts:
        return CipherCounts()

    def engine(self, epoll_fd: int) -> None:
        return None
