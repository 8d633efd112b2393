"""Digits put into a voice stream as telephone events (RFC 4733). Pure: time is an argument, packets are buffers.

An event packet takes the place of a voice packet, with its sequence number and source. So nothing is added to the
stream and nothing is renumbered: when the digit is over, every packet is again the sender's own. RFC 4733 §2.5.1 lets a
source block its voice while it sends events, as most telephones do while a key is held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from struct import Struct

from splitter.rtp.packet import HEADER, HEADER_SIZE, VERSION, Buffer, timestamp_delta

KEYS = "0123456789*#ABCD"
"""The digits, each at the number of its event (RFC 4733 §3.2)."""

QUEUE_LIMIT = 32
STALE_S = 5.0  # without a voice packet for that time, what waits is dropped: it would come as a surprise

_EVENT = Struct("!BBH")
_END, _VOLUME = 0x80, 10  # -10 dBm0, as loud as telephones send them
_LONGEST = 0xFFFF  # §2.3.5: the duration has 16 bits
_ENDS = 3  # §2.5.1.4: the last packet is sent three times
_PAUSE = 3  # voice packets between two digits, or receivers take them for one
_MARKER = 0x80


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit for a stream.

    Attributes:
        event: 0 to 15, see KEYS.
        duration_ms: how long it lasts.
        payload_type, clock: of telephone-event, as the receiver of the stream asked for it.
    """

    event: int
    duration_ms: int
    payload_type: int
    clock: int

    @property
    def units(self) -> int:
        """The duration of the digit, in units of the timestamp."""
        return min(self.duration_ms * self.clock // 1000, _LONGEST)

    @property
    def step(self) -> int:
        """Units of 20 ms: what an event has lasted when its first packet goes."""
        return self.clock // 50


@dataclass(slots=True)
class _Playing:
    """A digit on its way. `start` is the timestamp of all its packets."""

    digit: Digit
    ssrc: int
    start: int
    packets: int = 0
    ends: int = _ENDS


class DigitStream:
    """The digits of one direction of a voice stream."""

    def __init__(self) -> None:
        self._waiting: deque[Digit] = deque()
        self._playing: _Playing | None = None
        self._pause = 0
        self._active = 0.0

    @property
    def idle(self) -> bool:
        """True where nothing is left to be sent: packets need not be shown any longer."""
        return not self._waiting and self._playing is None and not self._pause

    def push(self, digit: Digit, now: float) -> bool:
        """Send a digit after those that wait; False where too many do."""
        if self.idle:
            self._active = now
        if len(self._waiting) >= QUEUE_LIMIT:
            return False
        self._waiting.append(digit)
        return True

    def take(self, packet: Buffer, now: float) -> bytes | None:
        """What goes in place of this packet of the stream; None for the packet itself."""
        if not _is_rtp(packet):
            return None
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        if now - self._active > STALE_S:
            self._waiting.clear()
            self._playing, self._pause = None, 0
        self._active = now
        playing = self._playing or self._next(kind & 0x7F, timestamp, ssrc)
        if playing is None or kind & 0x7F == playing.digit.payload_type:
            return None  # an event of the sender's own goes through
        elapsed = timestamp_delta(timestamp, playing.start)
        if ssrc != playing.ssrc or elapsed < -playing.digit.clock:
            # Another source has taken over, or its clock was set back: the digit begins anew there.
            playing.ssrc, playing.start, playing.packets, playing.ends = ssrc, timestamp, 0, _ENDS
            elapsed = 0
        if elapsed < 0:
            return None  # it was overtaken, and belongs before the digit
        return self._event(playing, elapsed, sequence)

    def _next(self, kind: int, timestamp: int, ssrc: int) -> _Playing | None:
        if self._pause:
            self._pause -= 1
            return None
        if not self._waiting or kind == self._waiting[0].payload_type:
            return None
        self._playing = _Playing(self._waiting.popleft(), ssrc, timestamp)
        return self._playing

    def _event(self, playing: _Playing, elapsed: int, sequence: int) -> bytes:
        digit = playing.digit
        over = elapsed + digit.step >= digit.units
        duration = digit.units if over else elapsed + digit.step
        marker = 0 if playing.packets else _MARKER
        playing.packets += 1
        if over:
            playing.ends -= 1
            if not playing.ends:
                self._playing, self._pause = None, _PAUSE
        head = HEADER.pack(VERSION, marker | digit.payload_type, sequence, playing.start, playing.ssrc)
        return head + _EVENT.pack(digit.event, (_END if over else 0) | _VOLUME, duration)


def _is_rtp(packet: Buffer) -> bool:
    """RTP, and not RTCP on the same port (RFC 5761 §4)."""
    return len(packet) >= HEADER_SIZE and packet[0] >> 6 == 2 and not 192 <= packet[1] <= 223
