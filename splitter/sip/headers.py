"""The header lines of a SIP message: ordered and lossless (RFC 3261 §7.3). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView
from functools import lru_cache
from typing import Any, TypeVar

from splitter.core.errors import LocalError, PeerError
from splitter.sip.grammar import BLANK, TOKEN, shown, split_outside_quotes

T = TypeVar("T")

MAX_NAME = 256
"""Longer header names are refused; the longest registered one has 33 characters, RFC 4475 §3.1.1.7 has 92."""

_COMPACT = {  # RFC 3261 §7.3.3 and the registry that grew from it
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}


@lru_cache(maxsize=1024)
def canonical(name: str) -> str:
    """The key under which a header is found: lower case, long form. `V`, `via ` and `VIA` give `via`.

    Raises:
        PeerError: not a header name.
    """
    plain = name.rstrip(BLANK)  # "To : x" is legal (§7.3.1)
    if len(name) > MAX_NAME or not TOKEN.fullmatch(plain):
        raise PeerError(f"not a header name: {shown(name)}")
    plain = plain.lower()
    return _COMPACT.get(plain, plain)


NAMES = "call-id from to"
"""The place in `Headers.known` of what names the dialog of a message; no header is called so."""
_NAMING = frozenset(NAMES.split())

HeaderLine = tuple[str, str, str]
"""One header line: its key, its name as spelled, and all that follows the colon, folds and spaces included."""


class Headers:
    """The header lines of one message, in their order, as they were spelled.

    Names are found in any case and in compact form. Values are handed out stripped and unfolded; what is written
    again is what was read, byte for byte. Parsed values are kept (`typed`) until their header changes.

    Attributes:
        known: what was parsed, by key; read by those who ask for the same value at each step of a message.
        encoding: "utf-8", or "latin-1" for a message whose headers were not UTF-8 (§7.3.1): no byte gets lost.
    """

    __slots__ = ("_first", "_lines", "encoding", "known")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._lines: list[HeaderLine] = []
        self._first: dict[str, str] = {}
        self.known: dict[str, Any] = {}
        self.encoding = "utf-8"
        self.extend(pairs)

    @classmethod
    def of_lines(cls, lines: list[HeaderLine], encoding: str = "utf-8", first: dict[str, str] | None = None) -> Headers:
        """Headers of lines as they were read.

        Args:
            lines: taken over, as `first` is.
            first: by key, what follows the colon of its first line, if the caller has that already.
        """
        headers = cls.__new__(cls)
        headers._lines = lines
        headers._first = {key: raw for key, _, raw in lines[::-1]} if first is None else first
        headers.known = {}
        headers.encoding = encoding
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first line of this name, stripped and unfolded."""
        raw = self._first.get(canonical(name))
        if raw is None:
            return default
        return raw.strip(BLANK) if "\n" not in raw else _unfolded(raw)

    def get_all(self, name: str) -> list[str]:
        """The values of all lines of this name, one entry a line."""
        key = canonical(name)
        if key not in self._first:
            return []
        return [raw.strip(BLANK) if "\n" not in raw else _unfolded(raw) for k, _, raw in self._lines if k == key]

    def values(self, name: str) -> list[str]:
        """The elements of a comma-separated header over all its lines; quotes and angle brackets are respected.

        Raises:
            PeerError: a quote or an angle bracket is left open.
        """
        key = canonical(name)
        if key not in self._first:
            return []
        found = []
        for value in self.get_all(key):
            if "," in value:
                found += [part for part in split_outside_quotes(value, ",") if part]
            elif value:
                found.append(value)
        return found

    def typed(self, key: str, parse: Callable[[str], T]) -> T:
        """The first line's value through `parse`, kept until the header changes.

        Args:
            key: the canonical key (lower case, long form).
        Raises:
            PeerError: the header is missing, or `parse` refuses it.
        """
        known = self.known
        if key not in known:
            if key not in self._first:
                raise PeerError(f"the {key} header is missing")
            raw = self._first[key]
            known[key] = parse(raw.strip(BLANK) if "\n" not in raw else _unfolded(raw))
        found: T = known[key]
        return found

    def typed_all(self, key: str, parse: Callable[[str], T]) -> list[T]:
        """Every element of a comma-separated header through `parse`, kept until the header changes."""
        if key not in self._first:
            return []
        slot = key + ","
        if slot not in self.known:
            self.known[slot] = [parse(value) for value in self.values(key)]
        found: list[T] = self.known[slot]
        return found

    @property
    def media_type(self) -> str:
        """The `type/subtype` of Content-Type, in lower case, without parameters; empty where there is none."""
        if "content-type" not in self.known:
            if "content-type" not in self._first:
                return ""
            self.typed("content-type", _media_type)
        found: str = self.known["content-type"]
        return found

    def add(self, name: str, value: str) -> None:
        """Append a line."""
        self.extend(((name, value),))

    def extend(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Append lines, in their order."""
        lines, first = self._lines, self._first
        for name, value in pairs:
            if "\n" in value or "\r" in value:
                raise _smuggled(name, value)
            key, raw = canonical(name), " " + value
            lines.append((key, name, raw))
            if key not in first:
                first[key] = raw
            elif self.known:
                self._forget(key)

    def prepend(self, name: str, value: str) -> None:
        """Put a line before all others: where a new Via or Route belongs."""
        key, _, raw = line = _line(name, value)
        self._lines.insert(0, line)
        if key in self._first:
            self._forget(key)
        self._first[key] = raw

    def set(self, name: str, value: str) -> None:
        """Leave exactly one line of this name, where the first one stood, or at the end."""
        key, _, raw = line = _line(name, value)
        if key in self._first:
            at = self._find(key)
            self._lines = [old for old in self._lines if old[0] != key]
            self._lines.insert(at, line)
            self._forget(key)
        else:
            self._lines.append(line)
        self._first[key] = raw

    def set_top(self, name: str, value: str) -> None:
        """Replace the first element of a list header, e.g. the topmost Via; the others stay as they are."""
        key = canonical(name)
        if key not in self._first:
            return self.add(name, value)
        at = self._find(key)
        _, spelled, raw = self._lines[at]
        rest = split_outside_quotes(_unfolded(raw), ",")[1:]
        self._lines[at] = line = _line(spelled, ", ".join([value, *rest]))
        self._first[key] = line[2]
        return self._forget(key)

    def remove(self, name: str) -> None:
        """Take all lines of this name away."""
        key = canonical(name)
        if self._first.pop(key, None) is not None:
            self._lines = [line for line in self._lines if line[0] != key]
            self._forget(key)

    def keys(self) -> KeysView[str]:
        """The canonical keys of the headers that are there."""
        return self._first.keys()

    def lines(self) -> list[HeaderLine]:
        """The lines as they were read. Not to be changed."""
        return self._lines

    def items(self) -> Iterator[tuple[str, str]]:
        """Name as spelled and value, stripped and unfolded, line by line."""
        for _, name, raw in self._lines:
            yield name.rstrip(BLANK), _unfolded(raw)

    def know(self, other: Headers, keys: Iterable[str]) -> None:
        """Keep what was parsed of these headers in another message, which has the same lines of them."""
        known = other.known
        for key in keys:
            if key in known:
                self.known[key] = known[key]

    def copy(self) -> Headers:
        """An independent copy."""
        twin = Headers.of_lines(self._lines.copy(), self.encoding, self._first.copy())
        twin.known = self.known.copy()
        return twin

    def __contains__(self, name: str) -> bool:
        return canonical(name) in self._first

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and list(self.items()) == list(other.items())

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"

    def __str__(self) -> str:
        """The lines as they go on the wire, each with its CRLF."""
        return "".join([f"{name}:{raw}\r\n" for _, name, raw in self._lines])

    def _find(self, key: str) -> int:
        return next(at for at, line in enumerate(self._lines) if line[0] == key)

    def _forget(self, key: str) -> None:
        """Drop what was parsed of a header that was there; of one that was not, nothing can be known."""
        known = self.known
        for slot in (key, key + ",", NAMES if key in _NAMING else ""):
            if slot in known:
                del known[slot]


def _media_type(written: str) -> str:
    return "".join(written.partition(";")[0].split()).lower()


def _unfolded(raw: str) -> str:
    """The value of a line with folds, each of them worth one space (§7.3.1), and stripped."""
    return " ".join([part.strip(BLANK) for part in raw.split("\n")]).strip(BLANK)


def _line(name: str, value: str) -> HeaderLine:
    """A line of our own making."""
    if "\n" in value or "\r" in value:
        raise _smuggled(name, value)
    return canonical(name), name, " " + value


def _smuggled(name: str, value: str) -> LocalError:
    """A line break inside a line of ours would let a value smuggle in further headers."""
    return LocalError(f"line break in the value of {name}: {shown(value)}")
