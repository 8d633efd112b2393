"""SIP URIs and the name-addr form of From, To, Contact and Route (RFC 3261 §19.1, §20.10). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote as unescape

from splitter.core.errors import PeerError
from splitter.sip.grammar import (
    BLANK,
    TOKEN,
    close_quote,
    integer,
    parse_params,
    quote,
    shown,
    split_host,
    unquote,
    write_host,
    write_params,
)

_SPACE = re.compile(r"[\s<>]")
_SEPARATORS = str.maketrans("", "", "-.() ")
_NUMBER = re.compile(r"\+?[0-9*#A-Da-d().-]+")


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip: or sips: URI.

    Attributes:
        scheme: "sip" or "sips".
        user: the part before the @ as written, escapes and password included; None where there is none.
        host: a name or a literal address; IPv6 without brackets.
        port: as written; None where it is left to the default.
        params: names in lower case, values as written.
        headers: what follows the question mark, as written.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Mapping[str, str | None] = field(default_factory=dict)
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read a URI.

        Raises:
            PeerError: status 416 for another scheme, 400 for a malformed URI.
        """
        return parse_uri(text)

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.params.get("transport")
        return value and value.lower()

    @property
    def loose(self) -> bool:
        """True for a loose router (the `lr` parameter, §19.1.1)."""
        return "lr" in self.params

    def __str__(self) -> str:
        user = "" if self.user is None else self.user + "@"
        tail = "?" + self.headers if self.headers else ""
        return f"{self.scheme}:{user}{write_host(self.host, self.port)}{write_params(self.params)}{tail}"


@lru_cache(maxsize=2048)
def parse_uri(text: str) -> SipUri:
    """Read a sip: or sips: URI; a dialog's URIs come again and again, so results are shared.

    Raises:
        PeerError: status 416 for another scheme, 400 for a malformed URI.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not rest or _SPACE.search(text):
        raise PeerError(f"not a URI: {shown(text)}")
    if scheme not in ("sip", "sips"):
        raise PeerError(f"URI scheme {shown(scheme)} is not sip or sips", 416)
    user, at, rest = rest.rpartition("@") if "@" in rest else ("", "", rest)
    rest, _, headers = rest.partition("?")
    place, _, params = rest.partition(";")
    if at and not user:
        raise PeerError(f"URI with an empty user: {shown(text)}")
    host, port = split_host(place, "URI")
    return SipUri(scheme, user if at else None, host, port, parse_params(params) if params else {}, headers)


def user_of(uri: str) -> str:
    """The number or name that a sip:, sips: or tel: URI stands for, without escapes and visual separators.

    `tel:+86-10-1234;phone-context=x` → `+86101234`; `sip:%2b8610;npdi@h;user=phone` → `+8610`. An empty string
    where there is no user.

    Raises:
        PeerError: a sip: URI that cannot be read.
    """
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "tel":
        user = rest
    else:
        raw = parse_uri(uri).user or ""
        user = unescape(raw.partition(":")[0])
    number = user.partition(";")[0]
    return number.translate(_SEPARATORS) if _NUMBER.fullmatch(number) else user


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address with a display name and header parameters: From, To, Contact, Route, P-Asserted-Identity.

    Attributes:
        display: the display name, without quotes and escapes; empty where there is none.
        uri: the URI as written, of any scheme; `*` in a Contact that unregisters all.
        params: header parameters; names in lower case, values as written.
    """

    display: str
    uri: str
    params: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read `"Display" <uri>;param` or `uri;param`.

        Raises:
            PeerError: unbalanced quotes or brackets, no URI, or something after the brackets that is no parameter.
        """
        display = ""
        if text.startswith('"'):
            end = close_quote(text, 0)
            display = unquote(text[: end + 1])
            text = text[end + 1 :].lstrip(BLANK)
            if not text.startswith("<"):
                raise PeerError(f"no <URI> after the display name: {shown(text)}")
        before, opened, rest = text.partition("<")
        if not opened:
            return cls._bare(text)
        uri, closed, rest = rest.partition(">")
        if before and not display:
            display = before.strip(BLANK)
            if '"' in display:
                raise PeerError(f"stray quote in a display name: {shown(text)}")
        if not closed:
            raise PeerError(f"'<' without '>': {shown(text)}")
        uri = uri.strip(BLANK)  # RFC 4475 §3.1.2.14 lets us be liberal
        return cls(display, _checked(uri), _params_after(rest) if rest else {})

    @classmethod
    def _bare(cls, text: str) -> NameAddr:
        """The form without brackets: what follows the semicolon belongs to the header, not to the URI (§20.10)."""
        uri, semicolon, params = text.partition(";")
        uri = uri.strip(BLANK)
        if "?" in uri:
            raise PeerError(f"a URI with '?' must stand in angle brackets: {shown(text)}")
        if uri == "*":
            return cls("", uri)
        return cls("", _checked(uri), parse_params(params) if semicolon else {})

    @property
    def tag(self) -> str | None:
        """The tag parameter; None where it is missing or empty."""
        return self.params.get("tag") or None

    @property
    def sip(self) -> SipUri:
        """The URI, read.

        Raises:
            PeerError: it is not a well-formed sip: or sips: URI.
        """
        return parse_uri(self.uri)

    @property
    def user(self) -> str:
        """The number or name of the URI; see `user_of`. Empty where the URI has none or cannot be read."""
        try:
            return user_of(self.uri)
        except PeerError:
            return ""

    def q(self) -> float:
        """The preference 0 to 1 of a Contact (§20.10); 1 where it is not given or not readable."""
        whole, _, part = (self.params.get("q") or "1").partition(".")
        try:
            return min(1.0, integer(whole or "0", "q") + (integer(part[:3], "q") / 10 ** len(part[:3]) if part else 0))
        except PeerError:
            return 1.0

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        display = quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri}>{write_params(self.params)}"


def _checked(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or not TOKEN.fullmatch(scheme):
        raise PeerError(f"not a URI: {shown(uri)}")
    if _SPACE.search(uri):
        raise PeerError(f"white space or bracket inside a URI: {shown(uri)}")
    return uri


def _params_after(rest: str) -> dict[str, str | None]:
    """The parameters that follow the closing bracket."""
    rest = rest.lstrip(BLANK)
    if rest and rest[0] != ";":
        raise PeerError(f"unexpected text after '>': {shown(rest)}")
    return parse_params(rest[1:])
