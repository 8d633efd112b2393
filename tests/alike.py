"""Whether two values are the same through and through: kinds, and what a dataclass does not compare, as well."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any


def alike(one: object, other: object) -> bool:
    """The same kinds with the same content, however deep; much faster than two `asdict`."""
    if type(one) is not type(other):
        return False
    if names := _names(one.__class__):
        return all(alike(getattr(one, name), getattr(other, name)) for name in names)
    match one, other:
        case (list() | tuple() as mine, list() | tuple() as theirs):
            return len(mine) == len(theirs) and all(map(alike, mine, theirs))
        case (dict() as mine, dict() as theirs):
            return mine.keys() == theirs.keys() and all(alike(mine[key], theirs[key]) for key in mine)
    return one == other


_NAMES: dict[object, tuple[str, ...]] = {}  # by class


def _names(kind: type[Any]) -> tuple[str, ...]:
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
    return _NAMES[kind]
