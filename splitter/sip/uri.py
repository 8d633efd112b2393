"""SIP URIs and the name-addr form of From, To, Contact and Route (RFC 3261 §19.1, §20.10). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote as unescape

from splitter.core.errors import PeerError
from splitter.sip.grammar import (
    BLANK,
    close_quote,
    parse_params,
    quote,
    remembered,
    shown,
    split_host,
    unquote,
    write_host,
    write_params,
)

# Quoted values of parameters are none of a URI (§25.1), but older OpenSIPS write them, to hide a topology.
_QUOTED = r"(?:(?<==)\"[^\x00-\x20\x7f<>\"@?\\]*+\"[^\x00-\x20\x7f<>\"@]*+)*"
_URI_TEXT = r"[A-Za-z][A-Za-z0-9+.-]*+:[^\x00-\x20\x7f<>\"]++" + _QUOTED
_URI = re.compile(_URI_TEXT)
_NAME_ADDR = re.compile(  # possessive quantifiers: nothing is tried twice. RFC 4475 §3.1.2.14 allows blanks in brackets
    rf"""(?: ("(?:[^"\\]|\\.)*+") [ \t]*+ | ([^"<>]*+) )
         < [ \t]*+ ({_URI_TEXT}) [ \t]*+ > [ \t]*+ (?: ; (.*+) )?""",
    re.VERBOSE | re.DOTALL,
)
# Marks within the quotes that nobody escaped: "John "Johnny" Doe" <sip:…>, and ""unknown"" of older Cisco phones.
_UNESCAPED = re.compile(
    rf"""" ([^<>]*) " [ \t]*+ < [ \t]*+ ({_URI_TEXT}) [ \t]*+ > [ \t]*+ (?: ; (.*+) )?""", re.VERBOSE | re.DOTALL
)
_MARKS = frozenset('"<>')
_SEPARATORS = str.maketrans("", "", "-.() ")
_NUMBER = re.compile(r"\+?[0-9*#().-]+")


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


@remembered
def parse_uri(text: str) -> SipUri:
    """Read a sip: or sips: URI; see `SipUri.parse`."""
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if not _URI.fullmatch(text):
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


@remembered
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


class _Tagged:
    """The tag of an address, which is asked for at each step of a message; as a field it would have to be given.

    Attributes:
        tag: the tag parameter; None where it is missing or empty.
    """

    __slots__ = ("tag",)

    tag: str | None


@dataclass(frozen=True, slots=True)
class NameAddr(_Tagged):
    """An address with a display name and header parameters: From, To, Contact, Route, P-Asserted-Identity.

    Attributes:
        display: the display name, without quotes and escapes; empty where there is none.
        uri: the URI as written, of any scheme; `*` in a Contact that unregisters all.
        params: header parameters; names in lower case, values as written.
    """

    display: str
    uri: str
    params: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", self.params.get("tag") or None)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read `"Display" <uri>;param` or `uri;param`.

        Raises:
            PeerError: unbalanced quotes or brackets, no URI, or something after the brackets that is no parameter.
        """
        return parse_name_addr(text)

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

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        display = quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri}>{write_params(self.params)}"


@remembered
def parse_name_addr(text: str) -> NameAddr:
    """Read a name-addr or an addr-spec with header parameters; see `NameAddr.parse`."""
    match = _NAME_ADDR.fullmatch(text)
    if match is None and (match := _UNESCAPED.fullmatch(text)):
        display, uri, params = match.groups()
        return NameAddr(display, uri, parse_params(params) if params else {})
    if match is None:
        return _parse_addr_spec(text)
    quoted, tokens, uri, params = match.groups()
    display = tokens.rstrip(BLANK) if quoted is None else unquote(quoted)
    return NameAddr(display, uri, parse_params(params) if params else {})


def _parse_addr_spec(text: str) -> NameAddr:
    """The form without brackets: what follows the semicolon belongs to the header, not to the URI (§20.10)."""
    uri, _, params = text.partition(";")
    uri = uri.rstrip(BLANK)
    if not _MARKS.isdisjoint(uri + _without_quoted(params)):  # but ;+sip.instance="<urn:uuid:…>"
        raise PeerError(f"not an address: {shown(text)}: {_fault(text)}")
    if uri == "*":
        return NameAddr("", uri, parse_params(params))
    if "?" in uri:
        raise PeerError(f"a URI with '?' must stand in angle brackets: {shown(text)}")
    if not _URI.fullmatch(uri):
        raise PeerError(f"not a URI: {shown(uri)}")
    return NameAddr("", uri, parse_params(params))


def _without_quoted(text: str) -> str:
    """The text without its quoted strings. No pattern: it would try each mark of one that never ends as a beginning."""
    left, at = "", 0
    while (start := text.find('"', at)) >= 0:
        left += text[at:start]
        at = close_quote(text, start) + 1
    return left + text[at:]


def _fault(text: str) -> str:
    """What keeps a text with quotes or brackets from being an address, in plain words."""
    rest = text
    if text.startswith('"'):
        try:
            rest = text[close_quote(text, 0) + 1 :]
        except PeerError:
            return "the quoted display name never ends"
    before, opened, rest = rest.partition("<")
    uri, closed, rest = rest.partition(">")
    if not opened or not closed:
        return "the angle brackets do not match"
    if before.strip(BLANK) and (text.startswith('"') or '"' in before):
        return "unexpected text beside the display name"
    if not _URI.fullmatch(uri.strip(BLANK)):
        return "no URI in the angle brackets"
    return "unexpected text after the URI"
