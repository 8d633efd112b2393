"""Requests written as templates: {name}, {name:filter:filter}, and how a value is escaped where it stands. Pure.

Only names that are known, or made by `sign`, are placeholders: other braces stay what they are, as in JSON.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as escape_xml

from splitter.core.errors import LocalError
from splitter.core.keys import ValueProblem, suggest

Value = str | bytes
Values = Mapping[str, Value]

PLACES = re.compile(r"\{([a-z_][a-z0-9_]*)((?::[a-z0-9]+)*)\}")


class Escape(StrEnum):
    """The kind of place that a value stands in."""

    NONE = "raw"
    PERCENT = "percent"
    FORM = "form"
    JSON = "json"
    XML = "xml"


def percent(text: str) -> str:
    """Percent-encoded as RFC 3986 §2.3 has it, and as signatures of cloud services want it."""
    return quote(text, safe="-_.~")


_ESCAPES: Mapping[Escape, Callable[[str], str]] = {
    Escape.NONE: str,
    Escape.PERCENT: percent,
    Escape.FORM: lambda text: quote_plus(text, safe="-_.~"),
    Escape.JSON: lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    Escape.XML: lambda text: escape_xml(text, {'"': "&quot;", "'": "&apos;"}),
}


def _bytes(value: Value) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: Value) -> str:
    """Bytes, such as those of a digest, are shown in hexadecimal digits unless a filter says otherwise."""
    return value if isinstance(value, str) else value.hex()


def _escaping(escape: Callable[[str], str]) -> Callable[[Value], Value]:
    return lambda value: escape(_text(value))


_FILTERS: Mapping[str, Callable[[Value], Value]] = {
    "hex": lambda value: _bytes(value).hex(),
    "base64": lambda value: base64.b64encode(_bytes(value)).decode(),
    "upper": lambda value: _text(value).upper(),
    "digits": lambda value: re.sub(r"\D", "", _text(value)),
    **{str(kind): _escaping(escape) for kind, escape in _ESCAPES.items()},
}
_ESCAPING = frozenset(Escape)


def names_in(template: str) -> set[str]:
    """The names that look like placeholders."""
    return {found[1] for found in PLACES.finditer(template)}


def parse_template(template: str) -> str:
    """The template, where its filters are known. Raises ValueProblem."""
    for found in PLACES.finditer(template):
        for name in found[2].split(":")[1:]:
            if name not in _FILTERS:
                raise ValueProblem(f'"{found[0]}" has an unknown filter', suggest(name, _FILTERS))
    return template


def unknown_names(template: str, known: Collection[str]) -> list[str]:
    """The placeholders that nothing fills."""
    return sorted(names_in(template) - set(known))


def fill(template: str, values: Values, place: Escape = Escape.NONE) -> str:
    """Put the values in.

    Args:
        place: how a value is escaped that names no way of its own.
    Raises:
        LocalError: a name has no value.
    """

    def put(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise LocalError(f"nothing fills {found[0]}")
        value, filters = values[found[1]], found[2].split(":")[1:]
        for name in filters:
            value = _FILTERS[name](value)
        text = _text(value)
        return text if _ESCAPING.intersection(filters) else _ESCAPES[place](text)

    return PLACES.sub(put, template)


def value_of(template: str, values: Values) -> Value:
    """Fill as `fill` does; a template that is one placeholder gives the value as it is, bytes of a digest too."""
    if (found := PLACES.fullmatch(template)) and not found[2] and found[1] in values:
        return values[found[1]]
    return fill(template, values)


def escape_of(content_type: str) -> Escape:
    """How values are escaped in a body of this type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return Escape.JSON
    if kind == "application/x-www-form-urlencoded":
        return Escape.FORM
    return Escape.XML if kind.endswith("xml") else Escape.NONE
