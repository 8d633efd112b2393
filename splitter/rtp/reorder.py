"""A short wait for packets that overtook each other, where order matters: reassembly. Pure."""

from __future__ import annotations

from typing import NamedTuple

_HELD = 64  # packets
_DROPOUT, _MISORDER = 3000, 100  # RFC 3550 A.1


def begins_anew(step: int) -> bool:
    """Tell whether a stream whose numbers went so far has begun anew; else all that follows would be late."""
    return not -_MISORDER <= step <= _DROPOUT


class OrderedPacket(NamedTuple):
    """A packet in order. `gap`: packets are missing right before it."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    gap: bool


class Reorder:
    """Gives packets out in the order of their extended sequence numbers.

    A missing packet is waited for until `wait_s` have passed since a later one came, or too many are held; looked at
    when a packet arrives, so nothing needs a timer.
    """

    __slots__ = ("_held", "_next", "_since", "_wait_s")

    def __init__(self, wait_s: float = 0.15) -> None:
        self._wait_s = wait_s
        self._next: int | None = None
        self._held: dict[int, OrderedPacket] = {}
        self._since = 0.0

    def restart(self) -> None:
        """The stream begins anew with the next packet."""
        self._next = None
        self._held.clear()

    def push(self, packet: OrderedPacket, now: float) -> list[OrderedPacket]:
        """Take a packet; returns those that are in order now. A packet that is too late is dropped."""
        if self._next is None or packet.sequence == self._next:
            self._next = packet.sequence + 1
            return [packet, *self._follow()] if self._held else [packet]
        if packet.sequence < self._next:
            return []
        if not self._held:
            self._since = now
        self._held[packet.sequence] = packet
        if now - self._since < self._wait_s and len(self._held) < _HELD:
            return []
        first = min(self._held)
        ready = [self._held.pop(first)._replace(gap=True)]
        self._next = first + 1
        ready += self._follow()
        self._since = now
        return ready

    def _follow(self) -> list[OrderedPacket]:
        ready = []
        while self._next is not None and (packet := self._held.pop(self._next, None)) is not None:
            ready.append(packet)
            self._next += 1
        return ready
