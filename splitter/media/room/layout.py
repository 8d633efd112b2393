"""Layout of a room: who is shown what, by choice and without one. Pure.

    caller   the host's desk; while it sends nothing, whoever else is to be seen; else the slate. Of several the newest.
             Who is aside is seen by choice alone
    a guest  what the caller sees: it is the same person
    others   (desks, seats, experts) the caller; while the phone sends nothing, the caller's own browser; else the slate
    beside   (a further stream of one of them) what is chosen for it, else the slate
    tiles    (what takes pictures to a mosaic) what is chosen for it, else nothing

A choice counts as long as its source is in the room: a participant (the slate while it sends nothing), the slate, or a
picture that was put there. The mosaic is a participant like others, which is seen by choice alone; `in_mosaic` says
whose pictures are in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

CALLER, GUEST = "caller", "guest-"
SLATE = "slate"
MOSAIC, _TILE = "mosaic", "mosaic."


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


class Picturable(Protocol):
    """A candidate for a mosaic, as the layout sees it."""

    @property
    def name(self) -> str: ...

    @property
    def sends(self) -> bool: ...

    @property
    def first(self) -> bool: ...


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
    if source is not None or viewer.beside or is_tile(viewer.name):
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


def in_mosaic(
    present: Sequence[Picturable], wanted: Collection[str], viewers: Collection[str], speakers: Sequence[str], most: int
) -> tuple[str, ...]:
    """Say whose pictures are in a mosaic, in their order: the host's first, then as they came; () for fewer than two.

    Args:
        present: in the order in which they came.
        wanted: who was chosen to be in it; none for everybody, but whoever alone sees it.
        viewers: who is shown it.
        speakers: the latest first; they come before others where there are more than `most`.
    """
    callers = all(map(is_callers, viewers))
    itself = {one.name for one in present if tuple(viewers) == (one.name,) or (callers and is_callers(one.name))}
    found = [one for one in present if one.sends and (one.name in wanted if wanted else one.name not in itself)]
    heard = {name: at for at, name in enumerate(speakers)}
    ranked = sorted(found, key=lambda one: (not one.first, heard.get(one.name, len(heard))))[:most]
    kept = sorted((one for one in found if one in ranked), key=lambda one: not one.first)
    return tuple(one.name for one in kept) if len(kept) > 1 else ()


def tile_name(number: int) -> str:
    """The participant that takes a picture to an input of a mosaic."""
    return f"{_TILE}{number}"


def is_tile(name: str) -> bool:
    """True for what takes a picture to a mosaic."""
    return name.startswith(_TILE)
