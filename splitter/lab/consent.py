"""How the user of a simulated phone answers when it asks for video. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reaction(StrEnum):
    """What the user of a phone says when it asks for video."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # the phone answers port 0
    DECLINE = "decline"  # the phone answers 603
    CANNOT = "cannot"  # the phone answers 488
    IGNORE = "ignore"  # it is asked until the other side gives up


REFUSALS = {Reaction.DECLINE: 603, Reaction.CANNOT: 488}


@dataclass(frozen=True, slots=True)
class Consent:
    """How a re-INVITE that adds video is answered. `after_s`: the time to think, with 180 meanwhile."""

    answer: Reaction = Reaction.ACCEPT
    after_s: float = 0.0
