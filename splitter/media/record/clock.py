"""RTP time stamps, sender reports and arrival made one clock: that of this machine. Pure.

A stream's time stamps say how its samples follow each other, in the sender's clock, which is a little fast or slow.
When they came says where they are on ours, but for what the network made of it. So a stream's offset follows the
earliest arrivals of the last seconds, slowly: what a player hears is even, and an hour does not drift.

Two streams of one sender, voice and picture, are bound to each other by their sender reports (RFC 3550 §6.4.1), which
say what both were at one time of the sender's clock: the picture takes longer to be made, and its lips would be late.
The voice leads. Reports that contradict the arrivals are not believed: there are senders with two clocks, and some
with none.
"""

from __future__ import annotations

from collections import deque
from statistics import median_low

WINDOW_S = 1.0
_WINDOWS = 8
_SLEW = 0.01  # so much faster or slower for a while: nobody hears it
_EARLY_S = 0.25  # no network is so much quicker all at once: the time stamps have jumped
_LATE_S = 1.0  # nor stays one so much slower
_PAUSE_S = 0.5  # without packets: the sender's clock may have stood meanwhile
_APART_S = 0.15  # as much may a pause differ from its time stamps
_ENCODING_S = 1.0  # the most that a picture is later than its voice
_AHEAD_S = 0.5  # or earlier
_REPORTS = 5  # of which the middle one counts: a busy sender says the time of a moment too late
_STEP_S = 0.25  # by which no busy sender is wrong: its clock was set


class StreamClock:
    """The clock of one stream.

    Args:
        rate: of its time stamps.
        leader: the voice of the same sender, whose reports are about the same clock; None for none.
    """

    __slots__ = (
        "_arrived",
        "_at",
        "_ends",
        "_leader",
        "_least",
        "_mapping",
        "_mappings",
        "_offset",
        "_rate",
        "_time",
        "_timestamp",
        "_windows",
    )

    def __init__(self, rate: int, leader: StreamClock | None = None) -> None:
        self._rate = rate
        self._leader = leader
        self._offset: float | None = None
        self._timestamp = 0
        self._time = 0  # the latest time stamp, unrolled
        self._arrived = 0.0
        self._at = 0.0  # when the offset was last moved
        self._least = float("inf")
        self._ends = 0.0
        self._windows: deque[float] = deque(maxlen=_WINDOWS)
        self._mapping: float | None = None  # the sender's clock less the time stamps, in seconds
        self._mappings: deque[float] = deque(maxlen=_REPORTS)  # as the last reports said

    def follow(self, rate: int) -> None:
        """Take in that its time stamps have another rate from now on."""
        if rate != self._rate:
            self._rate = rate
            self.restart()

    def restart(self) -> None:
        """Other time stamps begin: another source."""
        self._offset = self._mapping = None
        self._mappings.clear()

    def place(self, timestamp: int, arrival: float) -> float:
        """Say when this was, in seconds of our clock; `arrival` in the same."""
        if self._offset is None:
            self._timestamp, self._time = timestamp, timestamp
        delta = ((timestamp - self._timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        time = self._time + delta
        offset = arrival - time / self._rate
        if self._offset is None or self._jumped(delta, offset, arrival):
            self._anchor(offset, arrival)
        if delta >= 0:
            self._timestamp, self._time, self._arrived = timestamp, time, arrival
        self._learn(offset, arrival)
        assert self._offset is not None
        return self._offset + time / self._rate

    def report(self, ntp: int, rtp: int) -> None:
        """Take in a sender report: its NTP time (64 bits) and the time stamp of the same moment."""
        if self._offset is None or not ntp:
            return
        delta = ((rtp - self._timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        if abs(delta) < 60 * self._rate:
            said = ntp / 0x1_0000_0000 - (self._time + delta) / self._rate
            if self._mapping is not None and abs(said - self._mapping) > _STEP_S:
                self._mappings.clear()
            self._mappings.append(said)
            self._mapping = median_low(self._mappings)  # they err to one side

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _jumped(self, delta: int, offset: float, arrival: float) -> bool:
        assert self._offset is not None
        apart = offset - self._offset
        passed = arrival - self._arrived
        stood = passed > _PAUSE_S and abs(passed - delta / self._rate) > _APART_S
        return apart < -_EARLY_S or (stood and abs(apart) > _APART_S)

    def _anchor(self, offset: float, arrival: float) -> None:
        self._offset, self._at = offset, arrival
        self._windows.clear()
        self._least, self._ends = float("inf"), arrival + WINDOW_S

    def _learn(self, offset: float, arrival: float) -> None:
        self._least = min(self._least, offset)
        if arrival >= self._ends:
            self._windows.append(self._least)
            self._least, self._ends = float("inf"), arrival + WINDOW_S
        assert self._offset is not None
        earliest = min((*self._windows, self._least))
        if self._windows and min(self._windows[-1], self._least) - self._offset > _LATE_S:
            self._anchor(min(self._windows[-1], self._least), arrival)
            return
        wanted = self._by_reports(earliest)
        apart = wanted - self._offset
        most = _SLEW * max(0.0, arrival - self._at)
        if abs(apart) > _LATE_S / 2 and not self._windows:
            most = abs(apart)
        self._offset += max(-most, min(most, apart))
        self._at = max(self._at, arrival)

    def _by_reports(self, earliest: float) -> float:
        """The offset by the sender's own clock, where that can be believed; else that of arrival."""
        leader = self._leader
        if leader is None or leader._offset is None or leader._mapping is None or self._mapping is None:
            return earliest
        by_reports = leader._offset - leader._mapping + self._mapping
        return by_reports if -_AHEAD_S < earliest - by_reports < _ENCODING_S else earliest
