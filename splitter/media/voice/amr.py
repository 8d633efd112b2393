"""AMR in RTP, in either of its forms (RFC 4867 §4.3, §4.4), as frames of the storage format (§5.3). Pure."""

from __future__ import annotations

BITS = (95, 103, 118, 134, 148, 159, 204, 244)
"""Bits of a frame of 20 ms, by mode."""

WIDE_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
"""Likewise of AMR-WB; the last is silence (3GPP TS 26.201 §4.1)."""

RATES = (4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200)
"""Bits a second, by mode."""

_SILENCE, _SILENCE_BITS = 8, 39
_LOST, _NO_DATA = 14, 15
_GOOD = 0x04  # the Q bit: the frame is not damaged
_ANY_MODE = 15  # we ask for none
_FRAMES_LIMIT = 12  # of a packet: 240 ms


def _bits_of(kind: int, wide: bool = False) -> int:
    """Raises ValueError for a type that there is not."""
    if wide:
        if kind < len(WIDE_BITS):
            return WIDE_BITS[kind]
        if kind in (_LOST, _NO_DATA):
            return 0
        raise ValueError(f"AMR-WB has no frames of type {kind}")
    if kind < len(BITS):
        return BITS[kind]
    if kind == _SILENCE:
        return _SILENCE_BITS
    if kind == _NO_DATA:
        return 0
    raise ValueError(f"AMR has no frames of type {kind}")


def frames(payload: bytes, aligned: bool, wide: bool = False) -> list[bytes]:
    """Take a payload apart; those without data are left out.

    Args:
        aligned: octet-aligned, else bandwidth-efficient.
        wide: it is AMR-WB.
    Raises:
        ValueError: it contradicts itself.
    """
    size = 8 * len(payload)
    value = int.from_bytes(payload, "big")

    def read(at: int, count: int) -> int:
        if at + count > size:
            raise ValueError("an AMR payload that ends too soon")
        return value >> (size - at - count) & ((1 << count) - 1)

    at = 8 if aligned else 4
    entry = 8 if aligned else 6
    kinds: list[int] = []
    more = True
    while more:
        head = read(at, 6)
        at += entry
        more = bool(head & 0x20)
        kinds.append(head)
        if len(kinds) > _FRAMES_LIMIT:
            raise ValueError("an AMR payload of too many frames")
    found = []
    for head in kinds:
        kind = head >> 1 & 0x0F
        bits = _bits_of(kind, wide)
        data = read(at, bits)
        octets = -(-bits // 8)
        at += 8 * octets if aligned else bits
        if bits and head & 1:
            found.append(bytes((kind << 3 | _GOOD,)) + (data << (8 * octets - bits)).to_bytes(octets, "big"))
    return found


def payload(frame: bytes, aligned: bool) -> bytes:
    """Write a payload of one frame. Raises ValueError where it is none."""
    kind = frame[0] >> 3 & 0x0F if frame else _NO_DATA
    bits = _bits_of(kind)
    if len(frame) < 1 + -(-bits // 8):
        raise ValueError("an AMR frame that ends too soon")
    if aligned:
        return bytes((_ANY_MODE << 4, kind << 3 | _GOOD)) + frame[1 : 1 + -(-bits // 8)]
    data = int.from_bytes(frame[1:], "big") >> (8 * (len(frame) - 1) - bits)
    value, size = (_ANY_MODE << 6 | kind << 1 | 1) << bits | data, 10 + bits
    octets = -(-size // 8)
    return (value << (8 * octets - size)).to_bytes(octets, "big")


def modes_of(mode_set: str) -> tuple[int, ...]:
    """The modes that a peer takes, the poorest first, as SDP has them: "0,2,4,7", or "" for all."""
    named = {int(one) for one in mode_set.split(",") if one.strip().isascii() and one.strip().isdigit()}
    return tuple(mode for mode in range(len(RATES)) if mode in named) or tuple(range(len(RATES)))


class ModeRequests:
    """The mode that a peer asks for with each packet of its own (RFC 4867 §4.3.1, CMR), and the way there.

    A peer may bear no change but to the next mode of its set, every other frame (§8.1: mode-change-neighbor,
    mode-change-period); all are served so.

    Args:
        modes: that it takes, the poorest first.
    """

    __slots__ = ("_changed", "_now", "_wanted", "modes")

    def __init__(self, modes: tuple[int, ...]) -> None:
        self.modes = modes
        self._now = self._wanted = len(modes) - 1
        self._changed = False

    def take(self, payload: bytes) -> None:
        """See what a payload asks for; a mode that the peer does not take, or that there is not, is no request."""
        asked = payload[0] >> 4 if payload else _SILENCE
        if asked == _ANY_MODE:
            self._wanted = len(self.modes) - 1
        elif asked in self.modes:
            self._wanted = self.modes.index(asked)

    def next(self) -> int:
        """The mode of the next frame."""
        self._changed = not self._changed and self._now != self._wanted
        if self._changed:
            self._now += 1 if self._wanted > self._now else -1
        return self.modes[self._now]
