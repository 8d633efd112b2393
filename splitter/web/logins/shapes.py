"""What requests and answers about logins and tokens look like in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from splitter.calls.logins.access import GRANTED
from splitter.web.shapes import IceServer, Name


class Login(Struct, forbid_unknown_fields=True):
    """The name and password of an [[account]], and the six digits of its authenticator app where it has one."""

    user: Annotated[str, Meta(min_length=1, max_length=128)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]
    code: Annotated[str, Meta(max_length=16)] = ""


class LoggedIn(Struct):
    """A token, and its owner. Times are seconds since the Unix epoch."""

    token: str
    expires_at: float
    user: str
    extension: str
    name: str


class LoginWays(Struct):
    """How one may log in: by password, and by an identity provider, whose name is for a button; empty for none."""

    password: bool
    openid: str = ""


class OpenIdAddress(Struct):
    """Where the browser is to go to log in."""

    url: str


class OpenIdCode(Struct, forbid_unknown_fields=True):
    """What the identity provider has sent the browser back with."""

    code: Annotated[str, Meta(min_length=1, max_length=4096)]
    state: Annotated[str, Meta(min_length=1, max_length=128)]


class TokenWish(Struct, forbid_unknown_fields=True):
    """A wish for a token: for whom, and for how long at most."""

    extension: Name = ""
    scopes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=len(GRANTED))] = ("desk",)
    expires_in_s: Annotated[int, Meta(ge=1, le=2_592_000)] = 3600
    name: Name = ""


class Minted(Struct):
    """A new token."""

    token: str
    expires_at: float


class Revocation(Struct, forbid_unknown_fields=True):
    """A token, its id, or a name: of a [[token]], a login or an extension, all of whose tokens until now are meant."""

    token: Annotated[str, Meta(min_length=1, max_length=2048)]


class Revoked(Struct):
    """`kept`: it will be remembered after a restart. `away`: other gateways that could not be told."""

    kept: bool
    away: list[str] = []


class Me(Struct):
    """The bearer who asks. `expires_at` is null where the token never ends; `call_id` is a guest's only call.

    `gateways`: URLs of others of the cluster, which do as well as this one. `ice_servers`: for RTCPeerConnection.
    `dispositions`: what an agent chooses from when a call is over.
    """

    name: str
    extension: str
    scopes: list[str]
    expires_at: float | None
    call_id: str = ""
    gateways: list[str] = []
    ice_servers: list[IceServer] = []
    dispositions: list[str] = []
