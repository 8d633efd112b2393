"""Voices that should come and do not, by the counters that an rtpengine tells when a relay is looked at. Pure.

It is looked at seldom, so it is told late. rtpengine tells that RTCP comes, and not what that says of what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splitter.media.ports.events import PeerClaim, VoiceMissed, VoiceReturned

FIRST_S = 10.0
"""Of silence, before it is told."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Packets that came from a side until now; `pointed`: something is taken from it."""

    voice: int
    reports: int
    pointed: bool


@dataclass(slots=True)
class _Since:
    heard: Heard
    at: float
    wall: float
    told: bool = False


class RelaySilences:
    """The silences of one relay.

    Args:
        ends: what events call its sides.
    """

    def __init__(self, call_id: str, ends: Sequence[str]) -> None:
        self._call_id, self._ends = call_id, ends
        self._since: dict[int, _Since] = {}

    def look(self, sides: Sequence[Heard], now: float, wall: float) -> list[VoiceMissed | VoiceReturned]:
        """Compare with the looks before. Returns: what is to be told."""
        told: list[VoiceMissed | VoiceReturned] = []
        for number, heard in enumerate(sides):
            before = self._since.get(number)
            if before is None or not heard.pointed or heard.voice != before.heard.voice:
                if before is not None and before.told and heard.voice != before.heard.voice:
                    told.append(VoiceReturned(self._call_id, self._ends[number], wall))
                self._since[number] = _Since(heard, now, wall)
            elif (lasted_s := now - before.at) >= FIRST_S:
                before.told = True
                claim = PeerClaim.QUIET if heard.reports != before.heard.reports else PeerClaim.NOTHING
                never = not heard.voice
                told.append(VoiceMissed(self._call_id, self._ends[number], before.wall, lasted_s, never, claim))
        return told
