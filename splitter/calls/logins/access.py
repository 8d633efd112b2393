"""Who may use the API, and where it listens: what the operator sets. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from splitter.core.net import Address
from splitter.transport.settings import TlsSettings

SECRET_BYTES = 32
"""The least that tokens are signed with."""


class Scope(StrEnum):
    """What a token is good for."""

    READ = "calls:read"  # see every call, seat and trunk
    CONTROL = "calls:control"  # hang up, take out, bind and switch in every call
    JOIN = "calls:join"  # enter every call's picture, whosever it is
    SEAT = "seat"  # be a desk: its extension's calls alone
    PICTURES = "pictures"  # put up and take down stills for every call
    ADMIN = "admin"  # everything, making tokens included
    GUEST = "guest"  # the caller's own browser, in one call; only invitations have it


ENTERS = frozenset({Scope.JOIN, Scope.CONTROL, Scope.ADMIN})
"""With one of these a desk enters other desks' calls without being let in; who may bind a call may take it anyway."""

OF_ACCOUNTS = (Scope.READ, Scope.JOIN, Scope.CONTROL, Scope.PICTURES)
"""What an account may be given beside its own desk: for supervisors."""

GRANTED = tuple(scope for scope in Scope if scope is not Scope.GUEST)
"""What the configuration, and whoever makes tokens, may grant."""


@dataclass(frozen=True, slots=True)
class Token:
    """A program, or a person, that may use the API.

    Attributes:
        name: for the trace and the log.
        sha256: of its bearer token, in hexadecimal digits; empty where it has a certificate instead.
        certificate: the common name of its client certificate; empty for none.
        scopes: see Scope.
        extension: of the desk that it is; needed for the scope `seat`.
    """

    name: str
    scopes: frozenset[Scope]
    sha256: str = field(default="", repr=False)
    certificate: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The API over the network; the control socket is always there.

    Attributes:
        listen: where; nowhere if empty.
        certificate, key: PEM files for TLS, as those of a network; without them it speaks plain HTTP.
        client_ca: authorities of client certificates; whoever shows one needs no token.
        insecure: listen without TLS where others can hear it: another program before us does the TLS.
        proxies: programs before us whose X-Forwarded-For is believed: it says who really asks.
        web_origins: pages of other sites whose scripts may use the API, such as a CRM's.
        media_network: the network that browsers' video comes in on; empty for the seats' own, or else the first.
        guest_url: where invitations of callers point to; empty where there are none.
        token_lifetime_s: how long a login lasts.
        secret_file: what tokens are signed with; empty for a file beside the store, which is made at the first start.
    """

    listen: tuple[Address, ...] = ()
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    insecure: bool = False
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    web_origins: tuple[str, ...] = ()
    media_network: str = ""
    guest_url: str = ""
    token_lifetime_s: int = 43_200
    secret_file: str = ""

    @property
    def tls(self) -> TlsSettings | None:
        """The files as every listener has them; None where it speaks plain HTTP."""
        return TlsSettings(self.certificate, self.key, self.client_ca) if self.certificate else None
