"""The call that an INVITE wants to get into: of a seat, or of a leg of the centre that takes another one's place.

Short codes can be dialled, so they can be guessed: who names calls that are not there, or not its own, soon waits,
and is then told nothing of any call but its own. Time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from splitter.calls.call import Call
from splitter.calls.legs.port import Leg
from splitter.calls.peers.messages import Refusal
from splitter.calls.states import LegState
from splitter.core.errors import PeerError
from splitter.core.limits import KeyedBuckets
from splitter.core.numbers import WantedNumber
from splitter.sip.replaces import Replaces

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
        """The one call that is named: by its id, its short code, or the caller's number where that is one call's.

        Raises:
            Guess: none is, or it is another desk's.
            Refusal: 480 with Retry-After for those who have guessed too often.
            PeerError: 485, for never is it guessed whose picture a desk gets.
        """
        found = [call for call in calls if name in (call.talk.call_id, call.talk.short_code)]
        wanted = WantedNumber(name)  # as the desk's phone dials it, which may not be as the network writes it
        found = found or [call for call in calls if wanted.names(call.talk.number)]
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


def replaced_call(calls: Iterable[Call], wanted: Replaces, may_speak: Callable[[Leg], bool]) -> Call:
    """The call whose leg towards the centre an INVITE wants to replace (RFC 3891 §3).

    Args:
        may_speak: says whether requests in the dialog of a leg may come from where this INVITE came from.
    Raises:
        PeerError: 481 where there is none, or none that it may replace; 603 or 486 for one that is over or answered.
    """
    for call in calls:
        leg = call.centre
        if leg is None or not leg.is_in(wanted.dialog):
            continue
        if not may_speak(leg):
            break  # only who could send requests in that dialog may replace it
        if leg.state is LegState.ENDED:
            raise PeerError("that dialog is over", 603)
        if leg.state is LegState.EARLY and leg.key == call.talk.near:
            break  # an early dialog that its own side began cannot be replaced
        if leg.state is LegState.CONFIRMED and wanted.early_only:
            raise PeerError("that call was answered", 486)
        return call
    raise PeerError("no dialog of a live call is named by Replaces", 481)
