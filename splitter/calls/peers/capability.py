"""What is known of a handset's video, and what a refusal of it means (RFC 3840, RFC 3264 §6). Pure.

Feature tags are hints: they are stripped and forgotten on the way, so that a phone without them is asked all the same.
Only its own answer counts: who refused the description itself (488, 415) would refuse it again.
"""

from __future__ import annotations

from splitter.calls.peers.facts import CallerFacts
from splitter.sdp.split import Plan

UNSUPPORTED, REFUSED, FAILED, WITHDRAWN = "unsupported", "refused", "failed", "withdrawn"

_ABOUT_THE_DESCRIPTION = frozenset({415, 488})
_ABOUT_THE_PERSON = frozenset({480, 486, 600, 603, 606})
DECLINED = frozenset({600, 603})
"""A person has said no (RFC 3261 §21.6.2)."""

_TERMINATED = 487  # without a CANCEL of ours: the phone is about to hang up, or has taken the question away


def at_first(facts: CallerFacts, plan: Plan | None) -> bool | None:
    """Whether the handset can do video, by its INVITE; None where that says nothing."""
    if plan is not None and plan.video is not None:
        return True
    return facts.video_capable


def outcome_of(status: int) -> str:
    """What the refusal of our offer of video means: the phone cannot, its user does not want, or something broke."""
    if status in _ABOUT_THE_DESCRIPTION:
        return UNSUPPORTED
    if status == _TERMINATED:
        return WITHDRAWN
    return REFUSED if status in _ABOUT_THE_PERSON else FAILED


def in_words(status: int, reason: str) -> str:
    """The reason of an outcome for people."""
    words = {
        415: "the phone does not take video",
        480: "the phone cannot be asked now",
        486: "the caller is busy with another call",
        487: "the phone took the question away",
        488: "the phone does not take this video",
        603: "the caller declined",
        606: "the phone does not take video now",
    }
    known = words.get(status)
    return f"{known} ({status})" if known else f"the phone refused: {status} {reason}"[:200]
