"""A receiver's jitter buffer: packets in the order in which they were sent (RFC 3550 §6.4.1, A.1). Pure.

Nothing is delayed as long as all is in order. Behind a hole packets wait for what is missing, since whoever sends them
may have asked for it again; then the hole is given up.
"""

from __future__ import annotations

from splitter.lab.wire import LabPacket, newer

WAIT_S = 0.2
_MOST = 512
_RESTART = 3000  # a jump so far is no hole (RFC 3550 A.1: MAX_DROPOUT)


class JitterBuffer:
    """The jitter buffer of one stream.

    Attributes:
        late: packets that came when they had been given up, or twice.
        mended: packets that came after a later one, and in time.
    """

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self.late = 0
        self.mended = 0
        self._wait_s = wait_s
        self._expected: int | None = None
        self._source = 0
        self._waiting: dict[int, LabPacket] = {}
        self._since = 0.0  # when the hole at the front was seen

    def push(self, packet: LabPacket, now: float) -> list[LabPacket]:
        """Take a packet; returns those that are next, in order. What was given up is missing among them."""
        step = newer(packet.sequence, self._expected) if self._expected is not None else 0
        if self._expected is None or packet.ssrc != self._source or abs(step) > _RESTART:
            self._waiting.clear()
            self._source, self._expected, step = packet.ssrc, packet.sequence, 0
        if step < 0 or packet.sequence in self._waiting:
            self.late += 1
            return []
        if step > 0:
            if not self._waiting:
                self._since = now
            self.mended += any(newer(packet.sequence, other) < 0 for other in self._waiting)
        else:
            self.mended += bool(self._waiting)
        self._waiting[packet.sequence] = packet
        ready = self._ready(now)
        while self._waiting and (now - self._since >= self._wait_s or len(self._waiting) > _MOST):
            assert self._expected is not None
            front = self._expected
            self._expected = min(self._waiting, key=lambda sequence: newer(sequence, front))
            ready += self._ready(now)
        return ready

    def _ready(self, now: float) -> list[LabPacket]:
        """Those at the front; a hole behind them is seen now."""
        assert self._expected is not None
        ready = []
        while self._expected in self._waiting:
            ready.append(self._waiting.pop(self._expected))
            self._expected = (self._expected + 1) & 0xFFFF
        if ready:
            self._since = now
        return ready
