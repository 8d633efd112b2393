"""Digits as they are heard in a stream (RFC 4733): told once each, when the key was let go. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.rtp.packet import timestamp_delta

_DIGITS = 16  # the events that are digits (RFC 4733 §3.2)
_END = 0x80
_BROKEN_OFF_S = 0.3  # without a packet for so long, it is over: those that said so are lost
_SEGMENT = 0xFFFF  # §2.5.1.3: an event that lasts longer goes on with another timestamp, so much later
_OVERTAKEN_S = 2  # a packet of a digit that is told may come so late, and is none of another


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A digit. `event`: 0 to 15."""

    event: int
    duration_ms: int


class KeyListener:
    """The digits of one stream. `clock_rate`: of its timestamps."""

    __slots__ = ("_before", "_clock_rate", "_duration", "_event", "_last_s", "_told", "_when")

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._event: int | None = None
        self._when = 0
        self._told: int | None = None
        self._duration = self._before = 0  # of the segment in hand, and of those before it
        self._last_s = 0.0

    def take(self, timestamp: int, payload: bytes, now: float) -> list[KeyPressed]:
        """What a packet tells of digits that are over; packets that are none, or too short, tell nothing."""
        if len(payload) < 4 or payload[0] >= _DIGITS or self._is_told(timestamp):
            return []
        over: list[KeyPressed] = []
        if self._event is not None and timestamp != self._when:
            if payload[0] == self._event and timestamp_delta(timestamp, self._when) == _SEGMENT:
                self._before, self._duration = self._before + _SEGMENT, 0
            else:
                over = self._over()
        self._event, self._when, self._last_s = payload[0], timestamp, now
        self._duration = max(self._duration, int.from_bytes(payload[2:4], "big"))
        return over + self._over() if payload[1] & _END else over

    def _is_told(self, timestamp: int) -> bool:
        """Whether a packet is of a digit that is told, or of one before that."""
        return self._told is not None and 0 <= timestamp_delta(self._told, timestamp) <= _OVERTAKEN_S * self._clock_rate

    def lapsed(self, now: float) -> list[KeyPressed]:
        """Tell what is over because nothing more was heard of it."""
        return self._over() if self._event is not None and now - self._last_s > _BROKEN_OFF_S else []

    def _over(self) -> list[KeyPressed]:
        event, self._event, self._told = self._event, None, self._when
        duration, self._duration, self._before = self._before + self._duration, 0, 0
        return [] if event is None else [KeyPressed(event, max(40, duration * 1000 // self._clock_rate))]
