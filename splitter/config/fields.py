"""Reads a table by what the fields of a settings class declare (`splitter.core.keys`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from splitter.config.reader import Table
from splitter.core.keys import Key, words_of

T = TypeVar("T")
_CONTAINERS: dict[object, Callable[[list[Any]], object]] = {tuple: tuple, frozenset: frozenset, Mapping: dict}


@dataclass(frozen=True, slots=True)
class Declared:
    """A field that is a key.

    Attributes:
        field: its name in the settings.
        kind: its type, such as `float` or `tuple[Peer, ...]`.
        default: None where it has none.
    """

    field: str
    kind: Any
    key: Key
    default: Any

    @property
    def name(self) -> str:
        """The key's name in the file."""
        return self.key.name or self.field


@cache
def declared(kind: type) -> tuple[Declared, ...]:
    """The keys of a settings class, in its order."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in fields(kind):
        key = next((extra for extra in get_args(hints[field.name]) if isinstance(extra, Key)), None)
        if key is not None:
            default = field.default if field.default_factory is MISSING else field.default_factory()
            default = None if default is MISSING else default
            found.append(Declared(field.name, get_args(hints[field.name])[0], key, default))
    return tuple(found)


def read(table: Table, kind: type[T], *checks: Callable[[Table, T], None], **given: object) -> T:
    """Read one table of the file as its settings.

    Args:
        checks: look at what was read, and add their problems to the table.
        given: fields that are no keys of this table.
    """
    settings = kind(**read_fields(table, kind), **given)
    for check in checks:
        check(table, settings)
    table.finish()
    return settings


def read_fields(table: Table, kind: type, name: str = "") -> dict[str, Any]:
    """Read the fields of a class whose keys stand in one table.

    Args:
        name: of that table, where it is not that of the other fields.
    """
    items = [item for item in declared(kind) if item.key.table == name]
    values = {item.field: _value(table, item) for item in items}
    for item in items:
        if item.key.missing and item.name not in table:
            table.problem(item.name, "is missing", item.key.missing)
    return values


def _value(table: Table, item: Declared) -> object:
    name, key, kind = item.name, item.key, item.kind
    default = _nothing(kind) if item.default is None else item.default
    if make := _CONTAINERS.get(get_origin(kind)):
        values = table.take_list(name, key.parse or _one_of(kind, key))
        if name not in table or (key.filled and not values):
            return default
        return make(list(dict.fromkeys(values)) if key.unique else values)
    if key.parse:
        return table.take_parsed(name, key.parse, default)
    if key.secret:
        return table.take_secret(name)
    if kind is bool:
        return table.take_flag(name, default)
    if kind is int:
        return table.take_integer(name, default, int(key.low), int(key.high))
    if kind is float:
        return table.take_number(name, default, key.low, key.high)
    if issubclass(kind, StrEnum):
        return kind(table.take_text(name, default, key.choices or tuple(kind)))
    text = table.take_text(name, default, key.choices)
    if not key.file or text == key.not_a_file:
        return text
    if not text and default:  # empty means none, but here there is always one
        table.problem(name, "is empty", f"name a path, or leave {name} out for {default}")
        text = default
    return str(table.base / text) if text else ""


def _one_of(kind: Any, key: Key) -> Callable[[str], object]:
    """What reads an element of a list that has no parser: any text, or one of few words."""
    element = get_args(kind)[0]
    if isinstance(element, type) and issubclass(element, StrEnum):
        return words_of(key.choices or tuple(element), element)
    return words_of(key.choices) if key.choices else str


def _nothing(kind: Any) -> Any:
    """What stands for a value that should be there and is not, so that the rest can be read."""
    origin = get_origin(kind)
    if make := _CONTAINERS.get(origin):
        return make([])
    if origin is re.Pattern:
        return re.compile("")
    if origin is not None:
        return None
    return next(iter(kind)) if issubclass(kind, StrEnum) else ""
