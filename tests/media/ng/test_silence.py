"""A side of which an rtpengine counts nothing more."""

from __future__ import annotations

from splitter.media.ng.silence import Heard, RelaySilences
from splitter.media.ports.events import PeerClaim, VoiceMissed, VoiceReturned


def looked(
    silences: RelaySilences, at: float, caller: int, centre: int, reports: int = 0, pointed: bool = True
) -> object:
    sides = Heard(caller, 0, True), Heard(centre, reports, pointed)
    events = silences.look(sides, at, 1000 + at)
    return events[0] if events else None


class TestASilentSide:
    def test_is_told_at_the_next_look_and_when_it_is_back(self) -> None:
        silences = RelaySilences("call", ("caller", "centre"))
        assert looked(silences, 0, 10, 10) is None
        assert looked(silences, 20, 900, 500) is None
        assert looked(silences, 40, 1900, 500) == VoiceMissed("call", "centre", 1020, 20, False, PeerClaim.NOTHING)
        assert looked(silences, 60, 2900, 600) == VoiceReturned("call", "centre", 1060)
        assert looked(silences, 80, 3900, 1600) is None

    def test_that_was_never_heard_is_said(self) -> None:
        silences = RelaySilences("call", ("caller", "centre"))
        looked(silences, 0, 10, 0)
        assert looked(silences, 20, 900, 0) == VoiceMissed("call", "centre", 1000, 20, True, PeerClaim.NOTHING)

    def test_that_reports_is_quiet(self) -> None:
        silences = RelaySilences("call", ("caller", "centre"))
        looked(silences, 0, 10, 10, reports=1)
        assert looked(silences, 20, 900, 10, reports=5) == VoiceMissed(
            "call", "centre", 1000, 20, False, PeerClaim.QUIET
        )

    def test_that_points_nowhere_is_nobody(self) -> None:
        silences = RelaySilences("call", ("caller", "centre"))
        for at in range(0, 100, 20):
            assert looked(silences, at, at, 10, pointed=False) is None
