"""One line of what `splitter doctor` says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How good something is."""

    GOOD = "good"
    DOUBT = "doubt"  # it works, and may not always
    BAD = "bad"  # it does not work


@dataclass(frozen=True, slots=True)
class Observation:
    """A subject, how it is, and what to do about it; `remedy` is empty where it is good."""

    subject: str
    grade: Grade
    what: str
    remedy: str = ""


def good(subject: str, what: str) -> Observation:
    """Observe that all is well."""
    return Observation(subject, Grade.GOOD, what)


def doubt(subject: str, what: str, remedy: str) -> Observation:
    """Observe something that may not always do."""
    return Observation(subject, Grade.DOUBT, what, remedy)


def bad(subject: str, what: str, remedy: str) -> Observation:
    """Observe something that does not do."""
    return Observation(subject, Grade.BAD, what, remedy)
