"""Which call a seat's INVITE names, and how often a seat may name one that is not there. Time is an argument.

Short codes can be dialled, so they can be guessed: who names calls that are not there, or not its own, soon waits,
and is then told nothing of any call but its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from splitter.calls.call import Call
from splitter.calls.messages import Refusal
from splitter.core.errors import PeerError
from splitter.core.limits import KeyedBuckets

GUESSES, GUESS_FADE_S = 10, 10.0  # of one seat


@dataclass(frozen=True, slots=True)
class Entrant:
    """A seat that calls.

    Attributes:
        extension: of the desk that it is.
        by_rule: the configuration lets it into every call.
        source: what its guesses are counted by: the account that it has proved to be, or where it comes from.
    """

    extension: str
    by_rule: bool
    source: str


class Entrance:
    """Finds the calls of seats."""

    def __init__(self) -> None:
        self._guesses = KeyedBuckets(GUESSES, GUESS_FADE_S)

    def find(self, calls: Collection[Call], name: str, entrant: Entrant, now: float) -> Call:
        """The one call that is named: by its id, its short code, or the caller's number where that is one call's alone.

        Raises:
            Guess: none is, or it is another desk's.
            Refusal: 480 with Retry-After for those who have guessed too often.
            PeerError: 485, for never is it guessed whose picture a desk gets.
        """
        found = [call for call in calls if name in (call.talk.call_id, call.talk.short_code)]
        found = found or [call for call in calls if name and call.talk.number == name]
        own = [call for call in found if entrant.extension and call.talk.extension == entrant.extension]
        if not own and (wait_s := self._guesses.wait_s(entrant.source, now)) > 0:
            after = [("Retry-After", str(math.ceil(wait_s)))]
            raise Refusal(480, "too many calls were named that are not this seat's; wait", after)
        if len(found) == 1 and (own or not found[0].talk.extension or entrant.by_rule):
            return found[0]
        self._guesses.spend(entrant.source, now)
        if not found:
            raise Guess(f"no live call is named {name[:40]!r}", 404)
        if len(found) > 1:
            raise PeerError(f"{len(found)} live calls are from {name[:40]}: name one by its id or short code", 485)
        return found[0]


class Guess(PeerError):
    """A call was named that is not there."""
