"""Voices that should come and do not: a look at the counters of a relay every other second. Does no I/O.

Whether a side has reason to be silent (hold, a muted phone, pauses of the codec) only the call knows. So its silence is
told with what its RTCP says, and told again as it lasts: whoever could not judge it at first can later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from splitter.media.ports.events import PeerClaim, VoiceMissed, VoiceReturned
from splitter.media.relay.side import RelaySide
from splitter.media.wire.host import Host, Timer

LOOK_S = 2.0
"""Between two looks."""

FIRST_S = 5.0
"""Of silence, before it is told; and then after twice as long, and so on."""

AGAIN_S = 30.0
"""At most, between two times that it is told."""

_ASLEEP_S = 3 * LOOK_S  # who was away for so long himself has not listened
_PROOF = 25  # packets, of which none came: a half second of voice


class _Silence:
    """Knowledge of one side."""

    __slots__ = ("claim_from", "due_s", "packets", "since", "told")

    def __init__(self, packets: int, since: float) -> None:
        self.packets, self.since = packets, since
        self.due_s = FIRST_S
        self.told = False
        self.claim_from = -1  # what the peer said it had sent, when it said so first in this silence


class SilenceWatch:
    """The silences of one relay.

    Args:
        call_id, emit: for VoiceMissed and VoiceReturned.
        host: timers and clocks.
        sides: those that are there, by number; they come and go.
    """

    def __init__(
        self,
        call_id: str,
        host: Host,
        sides: Mapping[int, RelaySide],
        emit: Callable[[VoiceMissed | VoiceReturned], None],
    ) -> None:
        self._call_id, self._host, self._sides, self._emit = call_id, host, sides, emit
        self._silences: dict[int, _Silence] = {}
        self._looked_at = 0.0
        self._timer: Timer | None = None

    def expect(self, side: RelaySide) -> None:
        """Expect a voice from now on: the signalling has named, or named again, where a side is."""
        now = self._host.now()
        known = self._silences.get(side.number)
        if known is None or not known.told:
            self._silences[side.number] = _Silence(side.rtp.packets, now)
        else:
            known.since, known.due_s, known.claim_from = now, FIRST_S, -1
        if self._timer is None:
            self._looked_at = now
            self._timer = self._host.call_later(LOOK_S, self._look)

    def close(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._silences.clear()

    def _look(self) -> None:
        now = self._host.now()
        asleep, self._looked_at = now - self._looked_at > _ASLEEP_S, now
        for number, silence in list(self._silences.items()):
            side = self._sides.get(number)
            if side is None or side.remote is None:
                del self._silences[number]
            elif side.rtp.packets != silence.packets:
                self._heard(side, silence, now)
            elif asleep:
                silence.since = now
            else:
                self._not_heard(side, silence, now)
        self._timer = self._host.call_later(LOOK_S, self._look) if self._silences else None

    def _heard(self, side: RelaySide, silence: _Silence, now: float) -> None:
        self._silences[side.number] = _Silence(side.rtp.packets, now)
        if silence.told:
            self._emit(VoiceReturned(self._call_id, side.name, self._host.wall()))

    def _not_heard(self, side: RelaySide, silence: _Silence, now: float) -> None:
        claim = self._claim(side, silence)
        lasted_s = now - silence.since
        if lasted_s < silence.due_s:
            return
        silence.due_s = lasted_s + min(lasted_s, AGAIN_S)
        silence.told = True
        never = not side.rtp.packets
        since = self._host.wall() - lasted_s
        self._emit(VoiceMissed(self._call_id, side.name, since, round(lasted_s, 1), never, claim))

    def _claim(self, side: RelaySide, silence: _Silence) -> PeerClaim:
        """The word of its RTCP, as far as it is of this time."""
        reports = side.reports
        if reports.heard_at is None or reports.heard_at < silence.since:
            return PeerClaim.NOTHING
        if silence.claim_from < 0:
            silence.claim_from = max(reports.sent, 0) if side.rtp.packets else 0
        return PeerClaim.SENDS if reports.sent - silence.claim_from >= _PROOF else PeerClaim.QUIET
