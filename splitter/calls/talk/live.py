"""A live call as a step sees it: its value, what is under way, the facts of its legs, and the time. Pure.

A step reads this, changes `talk` and `pending`, and acts by commands; see `commands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from splitter.calls.events import SeatArrived, SeatPlaced
from splitter.calls.leg_events import LegEvent
from splitter.calls.settings import CallSettings
from splitter.calls.states import Side
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.state import Talk
from splitter.core.errors import LocalError


@dataclass(slots=True)
class LiveCall:
    """One live call, for those who decide what happens next.

    Attributes:
        talk: all that is known of it and needed to carry it on. pending: what is under way.
        settings: what the operator has set.
        legs: all of them by key, also those that are about to be forgotten.
        now: the clock's time of the event that is looked at.
        takes_digits: the media engine can put a digit into the voice.
    """

    talk: Talk
    pending: Pending
    settings: CallSettings
    legs: Mapping[str, LegFacts]
    now: float = 0.0
    takes_digits: bool = False

    # ---- its legs ----

    @property
    def caller(self) -> LegFacts:
        """The leg of the caller. Raises LocalError before there is one: the centre calls outwards."""
        if (caller := self.legs.get(self.talk.caller)) is None:
            raise LocalError("a call outwards was used before it has a leg towards the network")
        return caller

    @property
    def centre(self) -> LegFacts | None:
        """The leg of the route being tried, or that carries the call."""
        return self.legs.get(self.talk.centre)

    @property
    def centre_leg(self) -> LegFacts:
        """The leg of the centre that carries the call. Raises LocalError while none is called."""
        if (centre := self.centre) is None:
            raise LocalError("a call was used before it has a leg towards the centre")
        return centre

    @property
    def newcomer(self) -> LegFacts | None:
        """A leg of the centre that is to take the place of the present one."""
        return self.legs.get(self.pending.newcomer)

    @property
    def seats(self) -> dict[str, LegFacts]:
        """The SIP seats in the call, by name."""
        return {name: self.legs[name] for name in self.talk.seats}

    @property
    def sides(self) -> tuple[LegFacts, ...]:
        """The caller, the centre and the seats, as far as they are there."""
        talking = (self.legs.get(self.talk.caller), self.centre)
        return (*(leg for leg in talking if leg is not None), *self.seats.values())

    def leg(self, name: str) -> LegFacts | None:
        """The leg of this name that is in the call; "centre" is whichever of the centre's legs carries it."""
        for leg in (*self.sides, *(self.legs[name] for name in self.pending.arriving)):
            if leg.name == name:
                return leg
        return self.centre if name == Side.CENTRE else None

    def leg_of(self, event: LegEvent | SeatArrived | SeatPlaced) -> LegFacts:
        """The leg that an event names, whether the call still needs it or not."""
        return self.legs[event.leg]

    def has(self, leg: LegFacts) -> bool:
        """True while the leg is in the call, or waits to be."""
        inside = (self.legs.get(self.talk.caller), self.centre, self.newcomer)
        return leg in inside or leg.name in self.talk.seats or leg.name in self.pending.arriving

    def other_side(self, leg: LegFacts) -> LegFacts:
        """The side that talks with this one."""
        return self.caller if leg is self.centre else self.centre_leg

    def sources(self, name: str) -> tuple[str, ...]:
        """Networks whose media are believed to be those of a leg's peer; see `Trunk.sources`."""
        leg = self.leg(name)
        return leg.trunk.sources if leg is not None else ()

    # ---- what it owes ----

    def owe(self, *legs: LegFacts | None) -> None:
        """Note that these legs need an offer with what stands now, once the call is answered.

        A leg that was told nothing yet hears it anyway.
        """
        owed = self.talk.exchange.owed
        owed.extend(leg.name for leg in legs if leg is not None and leg.terms.sent is not None and leg.name not in owed)

    # ---- its end ----

    @property
    def over(self) -> bool:
        """Somebody has ended it."""
        return bool(self.talk.end_reason)

    def conclude(self, reason: str, status: int) -> None:
        """The call is over for this reason; the first one counts."""
        if not self.talk.end_reason:
            self.talk.end_reason, self.talk.end_status = reason, status
