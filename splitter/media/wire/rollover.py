"""The rollover counter of a stream that was begun in another worker (RFC 3711 §3.3.1), found by trying. No I/O.

SRTP numbers packets by 48 bits, of which a packet carries 16. Who comes later does not know the others, and libsrtp
cannot be told them. But whoever has the key can make packets that lead a context there: a few of them, sealed and
opened here, go once around the 16 bits. So each value is tried against the peer's own packets, until one is authentic.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.media.wire.srtp import Cipher

TRIED_AT_ONCE = 16
"""Values for each packet: about a millisecond. A voice of a day has wrapped 66 times, a picture some hundred times."""

TRIED = 8192
"""Values in all, under one key: half a second. Strangers send too, and may not keep a worker busy."""

STREAMS = 4
"""SSRCs that are looked for at a time; one that has not come for the longest gives way."""

_BEHIND = 600  # of the packet in hand: no packet of the peer is still under way there
_STEP = 0x5555  # less than half of the numbers, or it would be taken for a step back


class _Search:
    """One SSRC: a context that has come to a value, and what leads it on."""

    def __init__(self, make: Callable[[], Cipher], ssrc: int, sequence: int) -> None:
        self._ssrc, self._sequence = ssrc, (sequence - _BEHIND) & 0xFFFF
        self._sealer, self._opener = make(), make()
        self._led = [self._seal(self._sequence)]
        self._lead(self._opener, self._led)

    def fits(self, packet: bytes) -> bool:
        """Whether the peer's counter stands here."""
        return self._opener.open_rtp(bytearray(packet)) > 0

    def go_round(self) -> None:
        """Come to the next value."""
        steps = [self._seal(self._sequence + _STEP * turn) for turn in (1, 2, 3)]
        self._led += steps
        self._lead(self._opener, steps)
        self._sequence = (self._sequence + 3 * _STEP) & 0xFFFF

    def bring(self, opener: Cipher) -> None:
        """Lead another context here."""
        self._lead(opener, self._led)

    def _seal(self, sequence: int) -> bytes:
        head = b"\x80\x00" + (sequence & 0xFFFF).to_bytes(2) + bytes(4) + self._ssrc.to_bytes(4)
        return bytes(self._sealer.seal_rtp(head) or b"")

    @staticmethod
    def _lead(opener: Cipher, packets: list[bytes]) -> None:
        for packet in packets:
            opener.open_rtp(bytearray(packet))


class RolloverSearch:
    """The search for all streams under one key.

    Args:
        make: makes a cipher that seals and opens by the peer's key.
        opener: what is to open the peer's packets.
    """

    def __init__(self, make: Callable[[], Cipher], opener: Cipher) -> None:
        self._make, self._opener = make, opener
        self._searches: dict[int, _Search] = {}  # the one that came last is the last
        self._left = TRIED

    def open(self, packet: bytes, data: bytearray | memoryview) -> int:
        """Open a packet that the opener did not, as it came, where it lies.

        Returns: its length; 0 where that cannot be done, or not yet.
        """
        if len(packet) < 12 or self._left <= 0:
            return 0
        ssrc, sequence = int.from_bytes(packet[8:12]), int.from_bytes(packet[2:4])
        search = self._searches.pop(ssrc, None) or _Search(self._make, ssrc, sequence)
        self._searches[ssrc] = search
        if len(self._searches) > STREAMS:
            del self._searches[next(iter(self._searches))]
        for _ in range(TRIED_AT_ONCE):
            self._left -= 1
            search.go_round()
            if search.fits(packet):
                del self._searches[ssrc]
                search.bring(self._opener)
                data[:] = packet
                return self._opener.open_rtp(data)
        return 0
