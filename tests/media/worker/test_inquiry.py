"""When a worker is asked how it is, in virtual time."""

from __future__ import annotations

from splitter.media.worker.pulse import COUNTS_S, Inquiry

BEAT_S = 0.1


def asked(beats: int, replies_a_beat: int) -> int:
    """How often a worker is asked that answers every question within a beat, and so many requests of calls."""
    inquiry, replies, told, questions = Inquiry(), 0, False, 0
    for beat in range(1, beats + 1):
        replies += replies_a_beat + told
        inquiry.look(beat * BEAT_S, replies, told)
        told = inquiry.due(beat * BEAT_S)
        questions += told
    return questions


def test_one_that_says_nothing_else_is_asked_at_each_heartbeat() -> None:
    assert asked(beats=100, replies_a_beat=0) == 100


def test_one_that_talks_with_calls_is_asked_for_its_counts_alone() -> None:
    assert 0 < asked(beats=100, replies_a_beat=3) <= 100 * BEAT_S / COUNTS_S


def test_one_that_falls_silent_is_asked_at_the_next_heartbeat() -> None:
    inquiry = Inquiry()
    inquiry.look(0.1, 5, True)
    assert not inquiry.due(0.1), "it has just answered calls"
    inquiry.look(0.2, 5, False)
    assert inquiry.due(0.2)
