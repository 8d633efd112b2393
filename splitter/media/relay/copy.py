"""What one side sends, copied to another one as part of what that has heard before. Sends by the other one's port."""

from __future__ import annotations

import secrets

from splitter.core.net import Address
from splitter.media.relay.side import RelaySide
from splitter.media.voice import BLOCK
from splitter.media.voice.stream import Renumbering, VoiceStream
from splitter.rtp.packet import Buffer

_COMFORT_NOISE = 13  # everybody calls it the same (RFC 3551 §6)


def fresh_stream() -> VoiceStream:
    """A stream that nobody has heard of before."""
    return VoiceStream(secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))


def copy(source: RelaySide, target: RelaySide, rest: bytes = b"") -> None:
    """Copy what one side sends to another one from now on.

    Args:
        rest: what is to be heard before its first packet, as a payload of G.711.
    """
    if target.stream is None:
        target.stream = fresh_stream()
    target.copy_from(source, Copy(target, Renumbering(target.stream, _types(source, target)), rest))


class Copy:
    """Egress by which a side hears another one again, packet by packet; see `Egress`.

    Args:
        rest: as of `copy`.
    """

    __slots__ = ("_numbers", "_rest", "_side")

    def __init__(self, side: RelaySide, numbers: Renumbering, rest: bytes) -> None:
        self._side, self._numbers, self._rest = side, numbers, rest

    @property
    def destination(self) -> Address | None:
        return self._side.rtp.destination

    def send(self, data: Buffer, to: Address, /) -> bool:
        """Send a packet under the numbers of the stream."""
        if self._rest:
            self._send_rest(to)
        packet = self._numbers.pack(data)
        return packet is not None and self._side.rtp.send(packet, to)

    def _send_rest(self, to: Address) -> None:
        side, rest, self._rest = self._side, self._rest, b""
        format = side.remote.voice if side.remote is not None else None
        if format is None:
            return
        for at in range(0, len(rest), BLOCK):
            piece = rest[at : at + BLOCK]
            packet = self._numbers.stream.pack(format.payload_type, piece, len(piece))
            if side.rtp.send(packet, to):
                side.sent += 1
                side.sent_bytes += len(packet)


def _types(source: RelaySide, target: RelaySide) -> dict[int, int]:
    """The payload types of one side, each with what the other one calls it."""
    one = source.remote.voice if source.remote is not None else None
    other = target.remote.voice if target.remote is not None else None
    if one is None or other is None:
        return {kind: kind for kind in range(128)}
    types = {_COMFORT_NOISE: _COMFORT_NOISE, one.payload_type: other.payload_type}
    if one.digits_payload_type is not None and other.digits_payload_type is not None:
        types[one.digits_payload_type] = other.digits_payload_type
    return types | {ours: types[theirs] for ours, theirs in one.named_here if theirs in types}
