"""Digits as they are heard in a stream (RFC 4733): told once each, when the key was let go. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_DIGITS = 16  # the events that are digits (RFC 4733 §3.2)
_END = 0x80
_BROKEN_OFF_S = 0.3  # without a packet for so long, it is over: those that said so are lost


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A digit. `event`: 0 to 15."""

    event: int
    duration_ms: int


class KeyListener:
    """The digits of one stream. `clock_rate`: of its timestamps."""

    __slots__ = ("_clock_rate", "_duration", "_event", "_last_s", "_told", "_when")

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._event: int | None = None
        self._when = self._told = -1
        self._duration = 0
        self._last_s = 0.0

    def take(self, timestamp: int, payload: bytes, now: float) -> list[KeyPressed]:
        """What a packet tells of digits that are over; packets that are none, or too short, tell nothing."""
        if len(payload) < 4 or payload[0] >= _DIGITS or timestamp == self._told:
            return []
        over = self._over() if self._event is not None and timestamp != self._when else []
        self._event, self._when, self._last_s = payload[0], timestamp, now
        self._duration = max(self._duration, int.from_bytes(payload[2:4], "big"))
        return over + self._over() if payload[1] & _END else over

    def lapsed(self, now: float) -> list[KeyPressed]:
        """Tell what is over because nothing more was heard of it."""
        return self._over() if self._event is not None and now - self._last_s > _BROKEN_OFF_S else []

    def _over(self) -> list[KeyPressed]:
        event, self._event, self._told = self._event, None, self._when
        duration, self._duration = self._duration, 0
        return [] if event is None else [KeyPressed(event, max(40, duration * 1000 // self._clock_rate))]
