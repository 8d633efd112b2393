"""A live call as a step sees it: its value, what is under way, the facts of its legs, and the time. Pure.

A step reads this, changes `talk` and `pending`, and acts by commands; see `commands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from splitter.calls.events import SeatArrived, SeatPlaced
from splitter.calls.leg_events import LegEvent
from splitter.calls.settings import CallSettings
from splitter.calls.states import Side
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.state import Talk
from splitter.core.errors import LocalError
from splitter.media.record.settings import RecordingSettings
from splitter.sdp.voice import VoiceFormat


class VoiceAbilities(Protocol):
    """What the media engine can do with the voice of a call."""

    @property
    def takes_digits(self) -> bool:
        """True where it can put a digit into the voice."""

    @property
    def mixes(self) -> bool:
        """True where it can connect more than two voices."""

    @property
    def may_mix(self) -> bool:
        """True where it, or another engine, can connect more than two voices."""

    def can_mix(self, format: VoiceFormat) -> bool:
        """Tell whether a side that speaks this can be in a mix."""


@dataclass(slots=True)
class NoAbilities:
    """An engine that connects two voices and no more."""

    takes_digits: bool = False
    mixes: bool = False
    may_mix: bool = False

    def can_mix(self, format: VoiceFormat) -> bool:
        return False


@dataclass(slots=True)
class LiveCall:
    """One live call, for those who decide what happens next.

    Attributes:
        talk: all that is known of it and needed to carry it on. pending: what is under way.
        settings: what the operator has set.
        legs: all of them by key, also those that are about to be forgotten.
        now: the clock's time of the event that is looked at.
        abilities: what can be done with its voice.
        recorded: what the operator has set about recording.
        settled: what stood between caller and centre when neither had to be told anything; see `Agreement.unsettled`.
    """

    talk: Talk
    pending: Pending
    settings: CallSettings
    legs: Mapping[str, LegFacts]
    now: float = 0.0
    abilities: VoiceAbilities = field(default_factory=NoAbilities)
    recorded: RecordingSettings = field(default_factory=RecordingSettings)
    settled: tuple[object, ...] = ()

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
    def successor(self) -> LegFacts | None:
        """A leg of the centre that is called to take the place of the present one."""
        transfer = self.pending.transfer
        return self.legs.get(transfer.leg) if transfer is not None else None

    @property
    def seats(self) -> dict[str, LegFacts]:
        """The SIP seats in the call, by name."""
        return {name: self.legs[name] for name in self.talk.seats}

    @property
    def phones(self) -> dict[str, LegFacts]:
        """The phones that were invited and have answered, by name."""
        return {name: self.legs[phone.leg] for name, phone in self.talk.phones.items()}

    def phone_of(self, leg: LegFacts) -> Phone | None:
        """The phone that this leg is, in the call or being called; None for any other leg."""
        phone = self.talk.phones.get(leg.name) or self.pending.calling.get(leg.name)
        return phone if phone is not None and phone.leg == leg.key else None

    def voice(self, name: str) -> LegFacts | None:
        """The leg of a voice: "caller", "centre", or a phone that is in the call."""
        if name == Side.CALLER:
            return self.legs.get(self.talk.caller)
        return self.centre if name == Side.CENTRE else self.phones.get(name)

    def voice_name(self, leg: LegFacts) -> str:
        """The name of a leg's voice: the centre's is "centre", whichever of its legs carries the call."""
        return Side.CENTRE.value if leg is self.centre else leg.name

    def is_beside(self, leg: LegFacts) -> bool:
        """True for a seat or a phone: it is asked beside the two that talk, and the call goes on without it."""
        return leg.name in self.talk.seats or leg.name in self.talk.phones

    @property
    def sides(self) -> tuple[LegFacts, ...]:
        """The caller, the centre, the seats and the phones, as far as they are there."""
        talk, legs = self.talk, self.legs
        beside = (*talk.seats, *(phone.leg for phone in talk.phones.values())) if talk.seats or talk.phones else ()
        talking = (key for key in (talk.caller, talk.centre) if key in legs)
        return tuple([legs[key] for key in (*talking, *beside)])

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
        beside = leg.name in self.talk.seats or leg.name in self.pending.arriving
        return leg in inside or beside or self.phone_of(leg) is not None or leg is self.successor

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

    # ---- its recording ----

    @property
    def can_record(self) -> bool:
        """Tell whether there is a place for recordings."""
        return self.recorded.possible

    def recorded_by_rule(self) -> str:
        """Why the configuration wants it recorded; "" where it does not."""
        if not self.can_record:
            return ""
        trunks = tuple(leg.trunk.name for leg in (self.legs.get(self.talk.caller), self.centre) if leg is not None)
        return self.recorded.reason_for(trunks, self.talk.called_number, self.talk.extension)

    # ---- its end ----

    @property
    def over(self) -> bool:
        """Somebody has ended it."""
        return bool(self.talk.end_reason)

    def conclude(self, reason: str, status: int) -> None:
        """The call is over for this reason; the first one counts."""
        if not self.talk.end_reason:
            self.talk.end_reason, self.talk.end_status = reason, status
