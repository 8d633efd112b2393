"""Pieces of grammar that many SIP headers share (RFC 3261 §25.1): quoted strings, parameters, numbers. Pure.

Every function is linear in the length of its input: text from the network never meets a backtracking pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from splitter.core.errors import PeerError
from splitter.core.net import numeric

T = TypeVar("T")

BLANK = " \t\r\n"
TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_UNQUOTED_STOP = {separator: re.compile(f'[{separator}"<]') for separator in ",;"}
_DIGITS = re.compile("[0-9]+")
_LONGEST_IPV6 = 45  # characters, with an IPv4 address at its end (RFC 4291 §2.2)
_QUOTED_STOP = re.compile(r'["\\]')
_REMEMBERED = 4096  # results of a function
_REMEMBERED_LENGTH = 200  # characters of a text whose result is kept


def remembered(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Keep the latest results of a pure function of a text: the addresses of a dialog come with its every message.

    What was found once is found again without a step of Python.
    """
    return _Remembered(parse).__getitem__


class _Remembered(dict[str, T]):
    """Results by text. The oldest go; long texts are not kept; otherwise a peer could fill our memory."""

    __slots__ = ("_parse",)

    def __init__(self, parse: Callable[[str], T]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> T:
        found = self._parse(text)
        if len(text) < _REMEMBERED_LENGTH:
            if len(self) >= _REMEMBERED:
                for old in list(self)[: _REMEMBERED // 2]:
                    self.pop(old, None)  # another thread may be here too
            self[text] = found
        return found


def close_quote(text: str, start: int) -> int:
    """The index of the quote that closes the one at `start`.

    Raises:
        PeerError: the quoted string never ends.
    """
    at = start + 1
    while stop := _QUOTED_STOP.search(text, at):
        if stop.group() == '"':
            return stop.start()
        at = stop.end() + 1  # a quoted pair: the character after the backslash is plain
    raise PeerError(f"quoted string never ends: {shown(text[start:])}")


def unquote(text: str) -> str:
    """The value of a quoted string, or the text itself where it is not quoted."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def quote(text: str) -> str:
    """The text as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at `separator` (comma or semicolon), but not inside quotes or angle brackets; parts are stripped.

    Raises:
        PeerError: a quote or an angle bracket is left open.
    """
    if '"' not in text and "<" not in text:
        return [part.strip(BLANK) for part in text.split(separator)]
    parts = []
    start = at = 0
    stops = _UNQUOTED_STOP[separator]
    while stop := stops.search(text, at):
        at = stop.start()
        match stop.group():
            case '"':
                at = close_quote(text, at)
            case "<":
                at = text.find(">", at)
                if at < 0:
                    raise PeerError(f"'<' without '>': {shown(text)}")
            case _:
                parts.append(text[start:at].strip(BLANK))
                start = at + 1
        at += 1
    parts.append(text[start:].strip(BLANK))
    return parts


def parse_params(text: str) -> dict[str, str | None]:
    """`a=1;b;c="x;y"` → names in lower case, values as written (quotes kept); None for a name without a value.

    The first of two equal names wins. Empty elements (`;;`) are passed over.
    """
    params: dict[str, str | None] = {}
    for part in text.split(";") if '"' not in text else split_outside_quotes(text, ";"):
        name, equals, value = part.partition("=")
        name = name.strip(BLANK).lower()
        if not name:
            if equals:
                raise PeerError(f"parameter without a name: {shown(text)}")
        elif name not in params:
            params[name] = value.strip(BLANK) if equals else None
    return params


def write_params(params: Mapping[str, str | None]) -> str:
    """The reverse of `parse_params`, each with its leading semicolon."""
    if not params:
        return ""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


def integer(text: str, what: str, maximum: int = 2**32 - 1) -> int:
    """A run of ASCII digits as a number, 0 to `maximum`.

    Args:
        text: the digits, with no space around them.
        what: the name of the field, for the reason.
    Raises:
        PeerError: not digits, or too large.
    """
    if not _DIGITS.fullmatch(text):
        raise PeerError(f"{what} is not a number: {shown(text)}")
    digits = text if len(text) <= 10 else text.lstrip("0") or "0"
    if len(digits) > 10 or (number := int(digits)) > maximum:
        raise PeerError(f"{what} is larger than {maximum}: {shown(text)}")
    return number


def split_host(text: str, what: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port` → the host without brackets, and the port if one is given.

    Raises:
        PeerError: no host, a host with characters no host has, or a port that is none.
    """
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        host = host.replace(":::", "::")  # RFC 5118 §4.10: the grammar of RFC 3261 let this be written before IPv4
        valid = bool(closed) and _is_ipv6(host)
        colon, port = rest[:1], rest[1:].strip(BLANK)
        if rest.strip(BLANK) and colon != ":":
            valid = False
    else:
        host, colon, port = text.partition(":")
        if colon:
            host, port = host.strip(BLANK), port.strip(BLANK)
        valid = host.isascii() and host.replace("-", "a").replace(".", "a").replace("_", "a").isalnum()
    if not valid:
        raise PeerError(f"{what} has no valid host: {shown(text)}")
    return host, integer(port, f"port of {what}", 65535) if colon == ":" else None


def _is_ipv6(host: str) -> bool:
    # What is left of it may be a zone, which means nothing to anybody else (RFC 4007 §11).
    if len(host) > _LONGEST_IPV6 or host.strip("0123456789abcdefABCDEF:."):
        return False
    try:
        return numeric(host).version == 6
    except ValueError:
        return False


def write_host(host: str, port: int | None) -> str:
    """The reverse of `split_host`."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def shown(text: str) -> str:
    """The text cut to a length that suits a log line, with its control characters made visible."""
    return repr(text if len(text) <= 60 else text[:60] + "...")
