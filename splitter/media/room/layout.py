"""Layout of a room: who is shown what, by choice and without one. Pure.

    caller   the host's desk; while it sends nothing, whoever else is to be seen; else the slate. Of several the newest.
             Who is aside is seen by choice alone
    a guest  what the caller sees: it is the same person
    others   (desks, seats, experts) the caller; while the phone sends nothing, the caller's own browser; else the slate
    beside   (a further stream of one of them) what is chosen for it, else the slate

A choice counts as long as its source is in the room: a participant (the slate while it sends nothing), the slate, or a
picture that was put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

CALLER, GUEST = "caller", "guest-"
SLATE = "slate"


class Attendee(Protocol):
    """What the layout asks of a participant; see `ParticipantMedia`."""

    @property
    def name(self) -> str: ...

    @property
    def sends(self) -> bool: ...

    @property
    def first(self) -> bool: ...

    @property
    def aside(self) -> bool: ...

    @property
    def beside(self) -> str: ...


class Stills(Protocol):
    """The names of the pictures that a room has."""

    def __contains__(self, source: str, /) -> bool: ...


A = TypeVar("A", bound=Attendee)


def source_for(viewer: A, chosen: str, present: Mapping[str, A], stills: Stills) -> A | str:
    """Say who is to be shown to a viewer, or which still.

    Args:
        chosen: for this viewer; "" for nothing.
        present: the participants by name, in the order in which they came.
        stills: the pictures that the room has.
    """
    if chosen == SLATE or chosen in stills:
        return chosen
    source = present.get(chosen)
    if source is not None or viewer.beside:
        return source if source is not None and source.sends else SLATE
    own = is_callers(viewer.name)
    others = [one for one in present.values() if one.sends and is_callers(one.name) != own]
    if own:
        seen = [one for one in others if one.first] or [one for one in others if not one.aside]
        return seen[-1] if seen else SLATE
    phone = next((one for one in others if one.name == CALLER), None)
    return phone or (others[-1] if others else SLATE)


def is_callers(name: str) -> bool:
    """True for the caller's side: the phone, and the caller's own browsers."""
    return name == CALLER or name.startswith(GUEST)
