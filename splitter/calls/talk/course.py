"""When a call got how far, who was in it and how long pictures were there: what its record says of it later. Pure.

Nobody tells this anything: each time that a call's view is told, it is compared with what was known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from splitter.calls.parties import Party
from splitter.calls.states import PartyState
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.room import PICTURE, SLATE
from splitter.calls.view import CourseView, StayView
from splitter.core.text import plain

STAYS_KEPT = 64
LINKS_KEPT = 32
_NOBODY = ("", "none", SLATE)


@dataclass(slots=True)
class Span:
    """How long something was so. `since`: Unix seconds; None while it is not."""

    total_s: float = 0.0
    since: float | None = None

    def be(self, so: bool, wall: float) -> None:
        """Note whether it is so now."""
        if so and self.since is None:
            self.since = wall
        elif not so and self.since is not None:
            self.total_s += max(0.0, wall - self.since)
            self.since = None


@dataclass(slots=True)
class Course:
    """The course of one call. Unix seconds; None where it has not happened.

    Attributes:
        rang_at: the other side rang. bound_at: an agent had it for the first time.
        stays: who was in it, and when.
        from_caller, to_caller: pictures of a person that came from, and were shown to, the caller.
        links: sent to the caller's browser and to others: what became of each, by its id.
    """

    rang_at: float | None = None
    bound_at: float | None = None
    stays: list[StayView] = field(default_factory=list)
    from_caller: Span = field(default_factory=Span)
    to_caller: Span = field(default_factory=Span)
    links: dict[str, str] = field(default_factory=dict)

    def reach(self, rings: bool, bound: bool, wall: float) -> None:
        """Note how far the call got: the other side rings, an agent has it."""
        if rings and self.rang_at is None:
            self.rang_at = wall
        if bound and self.bound_at is None:
            self.bound_at = wall

    def see(self, sends: bool, showing: str, wall: float) -> None:
        """Note whether the caller's picture comes, and what the caller sees."""
        self.from_caller.be(sends, wall)
        self.to_caller.be(showing not in _NOBODY and not showing.startswith(PICTURE), wall)

    def stay(self, parties: Iterable[Party], phones: Iterable[Phone], wall: float) -> None:
        """Note who is there: parties that are connected, and phones in the voice."""
        there = {stay.name: stay for stay in map(_of_party, parties) if stay is not None}
        there |= {one.name: StayView(one.name, "phone", title=plain(one.number), hidden=one.hidden) for one in phones}
        for at, stay in enumerate(self.stays):
            if stay.left_at is not None:
                continue
            if (now := there.pop(stay.name, None)) is None:
                self.stays[at] = replace(stay, left_at=wall)
                continue
            hidden = stay.hidden and now.hidden  # whoever was seen once stays seen
            if (now.title, now.extension, hidden) != (stay.title, stay.extension, stay.hidden):
                self.stays[at] = replace(stay, title=now.title, extension=now.extension, hidden=hidden)
        if there:
            self.stays = [*self.stays, *(replace(one, joined_at=wall) for one in there.values())][-STAYS_KEPT:]

    def note_link(self, id: str, state: str) -> None:
        """Note what became of a link."""
        if id in self.links or len(self.links) < LINKS_KEPT:
            self.links[id] = state

    def view(self) -> CourseView:
        """The course as operators see it."""
        return CourseView(
            self.rang_at,
            self.bound_at,
            tuple(self.stays),
            round(self.from_caller.total_s, 1),
            round(self.to_caller.total_s, 1),
            tuple(self.links.values()),
        )


def _of_party(party: Party) -> StayView | None:
    if party.state is PartyState.JOINING:
        return None
    shown = party.view()
    return StayView(shown.name, shown.kind.value, shown.extension, shown.title, hidden=shown.hidden)
