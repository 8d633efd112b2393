"""Who may use the API, and where it listens: what the operator sets. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem, suggest
from splitter.core.net import Address
from splitter.core.values import parse_address, parse_host, parse_network, parse_origin, split_port
from splitter.transport.settings import TlsSettings

_LONGEST_DISPOSITION = 40
SECRET_BYTES = 32
"""The least that tokens are signed with."""


class Scope(StrEnum):
    """What a token is good for."""

    READ = "calls:read"  # see every call, seat and trunk
    CONTROL = "calls:control"  # hang up, remove, bind and switch in every call
    JOIN = "calls:join"  # enter every call's picture, whosever it is
    SUPERVISE = "calls:supervise"  # look on in every call unseen, listen, whisper to its agent, take it over
    IDENTITY = "calls:identity"  # a desk sees of its calls what the network tells in confidence: number, cell, place
    UNBOUND = "calls:unbound"  # as a desk, be shown the calls that nobody has, where not every desk is
    DESK = "desk"  # be a desk: its extension's calls alone
    PICTURES = "pictures"  # put up and take down stills for every call
    RECORDINGS = "recordings:read"  # find and open recordings; each opening is noted
    OWN_RECORDINGS = "recordings:own"  # the same, of calls that its own extension had
    ADMIN = "admin"  # everything, making tokens included
    WEB = "web"  # make tokens for customers who call from a browser
    GUEST = "guest"  # the caller's own browser, in one call; only invitations have it
    CALLER = "caller"  # a web caller: to begin a call, or in its own call


ENTERS = frozenset({Scope.JOIN, Scope.CONTROL, Scope.ADMIN})
"""With one of these a desk enters other desks' calls without being let in; who may bind a call may take it anyway."""

OF_ACCOUNTS = (
    *(Scope.READ, Scope.JOIN, Scope.SUPERVISE, Scope.IDENTITY, Scope.UNBOUND, Scope.CONTROL, Scope.PICTURES),
    *(Scope.RECORDINGS, Scope.OWN_RECORDINGS),
)
"""What an account may be given beside its own desk: for supervisors."""


class UnboundShown(StrEnum):
    """The desks that are shown the calls which nobody has, beside those who see all calls."""

    DESKS = "desks"  # every desk
    GRANTED = "granted"  # desks with the scope calls:unbound
    NOBODY = "nobody"


class AccountRole(StrEnum):
    """The purpose of an account, which says what it may do; `Account.may` can add to it."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """The rights of whoever has this role."""
        return _SCOPES[self]


_SCOPES = {
    AccountRole.AGENT: frozenset({Scope.DESK}),
    # Not what it sees anyway, by calls:read: a scope more ends all its logins, at an upgrade and at a way back.
    AccountRole.SUPERVISOR: frozenset({Scope.DESK, *OF_ACCOUNTS}) - {Scope.UNBOUND},
    AccountRole.AUDITOR: frozenset({Scope.READ, Scope.RECORDINGS}),
    AccountRole.ADMIN: frozenset({Scope.DESK, Scope.ADMIN}),
}

GRANTED = tuple(scope for scope in Scope if scope not in (Scope.GUEST, Scope.CALLER))
"""What the configuration, and whoever makes tokens, may grant."""

_NAME = re.compile(r"[\w.@ -]{1,64}")


def _parse_listen(text: str) -> Address:
    if "://" in text:
        remedy = 'write address and port alone, such as "10.0.0.5:8443"; it is https where there is a certificate'
        raise ValueProblem(f'"{text}" is an address of a page', remedy)
    return parse_address(text)


def _parse_proxy(text: str) -> IPv4Network | IPv6Network:
    if "/" in text:
        return parse_network(text)
    host, port = split_port(text)
    network = ip_network(parse_host(host))
    if port is not None:
        raise ValueProblem(f'"{text}" has a port', "write its address alone: it comes to us from any port")
    return network


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueProblem(f'"{text[:80]}" is no name', "use up to 64 letters, digits, and . @ _ -")
    return text


def _parse_scope(text: str) -> Scope:
    if text not in GRANTED:
        raise ValueProblem(f'"{text}" is nothing that a token may do', suggest(text, GRANTED))
    return Scope(text)


def _parse_digest(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise ValueProblem("has not 64 hexadecimal digits", 'write what "splitter token NAME" prints')
    return text.lower()


def _parse_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", text):
        raise ValueProblem(f'"{text}" is no address of a page', 'write it such as "https://video.example/guest/"')
    return text


@dataclass(frozen=True, slots=True)
class Token:
    """A program, or a person, that may use the API."""

    name: Annotated[
        str,
        Key(
            parse=_parse_name,
            missing="add whose it is; the log and the traces of calls tell it",
            example='"crm"',
            taken=Uptake.LIVE,
        ),
    ]
    """Whose it is; the log and the traces of calls tell it."""
    scopes: Annotated[
        frozenset[Scope], Key(parse=_parse_scope, example='["calls:read", "calls:control"]', taken=Uptake.LIVE)
    ]
    """What it may do: "calls:read", see all calls; "calls:control", hang up, remove and bind too, and admit desks
    into calls; "desk", be a desk; "calls:join", enter calls of other desks without their consent, as a desk;
    "calls:supervise", look on in any call unseen, listen to it by one's own phone, whisper to its agent, take it over;
    "calls:identity", as a desk, see of its calls hidden numbers, cells and places; "calls:unbound", as a desk, be shown
    the calls that nobody has, where api.unbound_calls is "granted";
    "pictures", put up stills; "recordings:read", find and open recordings; "recordings:own", those of calls that its
    own extension had; "web", make tokens for customers who call from a browser; "admin", everything, making tokens for
    others included."""
    sha256: Annotated[
        str,
        Key(
            parse=_parse_digest,
            example='"f6dd3e33c1ba68ae9ad4a52a01d4e6ff9a3a9d5bbd4ea1e2ad7f5a4dfb0e7f11"',
            taken=Uptake.LIVE,
        ),
    ] = field(default="", repr=False)
    """The hash of its bearer token: splitter token NAME makes both."""
    certificate: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """The common name of its client certificate, instead of a token."""
    extension: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """The desk that it is, for the scope "desk"."""


def _parse_turn(text: str) -> str:
    """The URL of a TURN server (RFC 7065)."""
    found = re.fullmatch(
        r"turns?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?(\?transport=(udp|tcp))?", text
    )
    if found is None or not 0 < int(found["port"] or 3478) < 65_536:
        raise ValueProblem(
            f'"{text[:80]}" is no TURN server', 'write it such as "turns:turn.example.org:443?transport=tcp"'
        )
    return text


def _parse_disposition(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_DISPOSITION or not text.isprintable():
        raise ValueProblem("is nothing to choose", f"write 1 to {_LONGEST_DISPOSITION} letters in one line")
    return text


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The API over the network; the control socket is always there.

    Attributes:
        freebind: see `TransportSettings`.
    """

    listen: Annotated[
        tuple[Address, ...], Key(parse=_parse_listen, example='["127.0.0.1:8443"]', taken=Uptake.RESTART)
    ] = ()
    """Where browsers and other programs reach the API, the agents' console and the SDK, such as "10.1.0.10:8443".
    Without the table: nowhere but at the control socket."""
    certificate: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """Our certificate followed by those up to the authority, and its key, as of a network. Browsers give camera and
    screen to pages that came by HTTPS alone. After a renewal: splitter reload."""
    key: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    client_ca: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """Authorities of client certificates: whoever shows one that a [[token]] below names needs no bearer token."""
    insecure: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Listen on outer addresses without TLS, where another program before the gateway does that, such as
    sipconf/nginx."""
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], Key(parse=_parse_proxy, taken=Uptake.LIVE)] = ()
    """Proxies before us whose word is believed on who asks (X-Forwarded-For) and whether by TLS (X-Forwarded-Proto):
    "ADDRESS" or "NETWORK/BITS", such as "127.0.0.1". Without it all who come through a proxy are one source, and
    whoever guesses passwords there makes others wait."""
    web_origins: Annotated[tuple[str, ...], Key(parse=parse_origin, taken=Uptake.LIVE)] = ()
    """Pages of other sites whose scripts may use the API, and which may frame the console, such as
    "https://crm.example". Empty: our own pages alone."""
    media_network: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """The network whose address browsers send their video to. Empty: that of the seats, or else the first."""
    guest_url: Annotated[str, Key(parse=_parse_url, taken=Uptake.LIVE)] = ""
    """The page that callers are invited to when their phone has no video, as the internet sees it, such as
    "https://video.example.org/guest/"; https, for phones give no camera otherwise. Empty: no invitations. See
    docs/desk.md."""
    link_url: Annotated[str, Key(parse=_parse_url, taken=Uptake.LIVE)] = ""
    """Where short links begin, as the internet sees it, such as "https://v.example/g/"; it leads to /g/ of this
    gateway. Empty: beside that page. The shorter, the more text fits into a message."""
    link_lifetime_s: Annotated[int, Key(60, 86_400, taken=Uptake.LIVE)] = 3600
    """How long a link holds; it ends with its call as well."""
    turn_servers: Annotated[tuple[str, ...], Key(parse=_parse_turn, unique=True, taken=Uptake.LIVE)] = ()
    """Relays (TURN, RFC 8656) for browsers in networks that let no UDP through to us: "turn:HOST:PORT",
    "turns:HOST:PORT" for TLS, with "?transport=tcp" for TCP. Desks and guests are told of them, with a password that
    ends when their login does. They send to us by UDP. See docs/firewalls.md."""
    turn_secret: Annotated[str, Key(secret=True, taken=Uptake.LIVE)] = field(default="", repr=False)
    """What their passwords are made with: static-auth-secret of coturn."""
    token_lifetime_s: Annotated[int, Key(60, 30 * 86_400, taken=Uptake.LIVE)] = 43_200
    """How long a login lasts, in seconds."""
    secret_file: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """What logins are signed with: a file of 32 random bytes or more; another one ends all logins. Empty: "api-secret"
    beside the store, made at the first start."""
    dispositions: Annotated[tuple[str, ...], Key(parse=_parse_disposition, unique=True, taken=Uptake.LIVE)] = ()
    """What agents choose from when a call is over, such as ["solved", "call back"]; at most 40 letters each. Empty:
    they write a note alone."""
    unbound_calls: Annotated[UnboundShown, Key(taken=Uptake.LIVE)] = UnboundShown.DESKS
    """Who is shown answered calls that the centre has named no agent for, with number and waiting time, so that one
    takes it: "desks", every desk; "granted", those with "calls:unbound" (`may` of an account, scopes of a token);
    "nobody". Hidden numbers stay hidden; whoever may read all calls sees these too."""
    freebind: bool = False

    @property
    def links(self) -> str:
        """Where short links begin."""
        if self.link_url:
            return self.link_url if self.link_url.endswith("/") else f"{self.link_url}/"
        return f"{self.guest_url.removesuffix('/').removesuffix('/guest')}/g/"

    @property
    def tls(self) -> TlsSettings | None:
        """The files as every listener has them; None where it speaks plain HTTP."""
        return TlsSettings(self.certificate, self.key, self.client_ca) if self.certificate else None
