"""Who asks, and the signed tokens that say so. Pure: time is an argument.

A token of ours is a sealed text (`sealed`) of JSON. Nothing is kept about it: it holds until it expires, over a restart
too, and on every node that has the same secret.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import msgspec

from splitter.calls.browsers.customer import NOBODY, Customer
from splitter.calls.logins.access import AccountRole, Scope, Token
from splitter.calls.logins.accounts import Account
from splitter.calls.view import CallView
from splitter.web.access.sealed import seal, unseal

LONGEST_TOKEN = 2048
_VERSION = "s1"
ID_LETTERS = 16


class TokenFault(Exception):
    """A token that is not to be believed.

    Attributes:
        kind: "malformed", "forged", "expired" or "revoked"; for the counter.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"the token is {kind}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Bearer:
    """The person or program that asks, and what it may do.

    Attributes:
        name: of the login or token, for the trace.
        extension: of the desk that it is; empty for none.
        expires_at: Unix seconds; None for never.
        call_id: the only call that it may touch; empty for those that its scopes reach.
        token_id: tells its token from others, and is no secret; empty for none.
        made_at: when its token was made, Unix seconds; None for one of the configuration.
        link, device: of a guest: the invitation that let it in, and what tells its device from others.
        guest, title: the kind of guest, "guest" or "expert", and what people call it; see `Desk`.
        login: the mark of the account that it logged in by; see `login_mark`. Empty for whoever did not log in.
        customer: of a web caller.
        certified: it showed a certificate instead of a token, which browsers do without being asked by a script.
    """

    name: str
    scopes: frozenset[Scope]
    extension: str = ""
    expires_at: float | None = None
    call_id: str = ""
    customer: Customer = NOBODY
    certified: bool = False
    link: str = ""
    device: str = ""
    guest: str = "guest"
    title: str = ""
    token_id: str = field(default="", compare=False)
    made_at: float | None = field(default=None, compare=False)
    login: str = field(default="", compare=False)

    @property
    def turn(self) -> str:
        """The name whose turn it takes where many ask: two guests, or two desks of one token, are not the same."""
        return f"{self.name} {self.extension} {self.call_id}"

    def may(self, *scopes: Scope) -> bool:
        """True where the bearer has one of these scopes, or all of them."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(scopes)

    def expired(self, wall: float) -> bool:
        """True for a token that held, and holds no longer."""
        return self.expires_at is not None and wall >= self.expires_at

    def owns(self, view: CallView) -> bool:
        """The call is bound to its extension."""
        return self.is_desk and view.extension == self.extension

    def takes_part(self, view: CallView) -> bool:
        """True for a bearer who may see the call and act in it: the call is its own, it was let in, or it is a party.

        A guest's is the one of its link.
        """
        if self.call_id:
            return self.call_id == view.call_id
        if not self.is_desk:
            return False
        return self._inside(view, onlooker=True) or self.owns(view) or self.extension in view.admitted

    def acts_in(self, view: CallView) -> bool:
        """True for a bearer that takes part and does not merely look on."""
        return self.takes_part(view) and (
            bool(self.call_id)
            or self.owns(view)
            or self.extension in view.admitted
            or self._inside(view, onlooker=False)
        )

    def _inside(self, view: CallView, onlooker: bool) -> bool:
        there = (one for one in view.parties if one.extension == self.extension and one.state != "left")
        return any(onlooker or one.kind != "onlooker" for one in there)

    @property
    def is_desk(self) -> bool:
        """True for the desk of an extension, which has the calls that are there."""
        return bool(self.extension) and Scope.DESK in self.scopes and not self.call_id


CONSOLE = Bearer("the operator", frozenset({Scope.ADMIN}))
"""Whoever may open the control socket."""


class _Claims(msgspec.Struct, omit_defaults=True):
    """What a token says; short names, since it goes with each request."""

    n: str
    s: list[str]
    e: int
    x: str = ""
    c: str = ""
    a: str = ""
    g: str = ""
    d: str = ""
    k: str = "guest"
    t: str = ""
    u: Customer = NOBODY
    m: int = 0  # milliseconds: whoever logs in again at once has a token that holds


def configured_bearer(token: Token, certified: bool = False) -> Bearer:
    """Whoever shows a token of the configuration, or its certificate."""
    token_id = certificate_id(token.certificate) if certified else token.sha256[:ID_LETTERS]
    return Bearer(token.name, token.scopes, token.extension, certified=certified, token_id=token_id)


def login_mark(secret: bytes, account: Account) -> str:
    """What logins by an account carry: another one once its password, or what it may do, is changed.

    It says nothing of the password to those who do not have the secret. It is the same in every version, so that nobody
    has to log in anew after an upgrade: what accounts get later has a part in it where it is set.
    """
    ha1, may = sorted(account.ha1.items()), sorted(account.may)
    first = (account.user, account.password, ha1, account.extension, may)
    role = () if account.role is AccountRole.AGENT else (account.role, *sorted(account.scopes))
    later = {"argon2": account.argon2, "totp": account.totp, "role": role}
    set_later = {name: value for name, value in later.items() if value}
    said = msgspec.json.encode((*first, set_later) if set_later else first)
    return hmac.digest(secret, said, hashlib.sha256).hex()[:ID_LETTERS]


def id_of(token: str) -> str:
    """The id of a token, which tells it from others and gives nothing of it away."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()[:ID_LETTERS]


def certificate_id(name: str) -> str:
    """The id of a client certificate, by its common name."""
    return f"certificate {name}"


def mint(secret: bytes, bearer: Bearer, expires_at: float, made_at: float = 0.0) -> str:
    """A token that says who this is, from one time to another (Unix seconds)."""
    made_ms = int(made_at * 1000)
    claims = _Claims(
        n=bearer.name,
        s=sorted(bearer.scopes),
        e=int(expires_at),
        x=bearer.extension,
        c=bearer.call_id,
        g=bearer.link,
        d=bearer.device,
        k=bearer.guest,
        t=bearer.title,
        u=bearer.customer,
        a=bearer.login,
        m=made_ms,
    )
    return seal(secret, _VERSION, msgspec.json.encode(claims))


def is_minted(token: str) -> bool:
    """True for what looks like a token of ours."""
    return token.startswith(f"{_VERSION}.")


def read(secret: bytes, token: str, wall: float) -> Bearer:
    """Read a token: the bearer who shows it.

    Raises:
        TokenFault: not ours, or no longer.
    """
    if len(token) > LONGEST_TOKEN:
        raise TokenFault("malformed")
    try:
        payload = unseal(secret, _VERSION, token)
    except ValueError as error:
        raise TokenFault(str(error)) from None
    try:
        claims = msgspec.json.decode(payload, type=_Claims)
        scopes = frozenset(Scope(scope) for scope in claims.s)
    except ValueError:  # signed by us, but by another version
        raise TokenFault("malformed") from None
    if wall >= claims.e:
        raise TokenFault("expired")
    made_at, token_id = claims.m / 1000, id_of(token)
    return Bearer(
        claims.n,
        scopes,
        claims.x,
        float(claims.e),
        claims.c,
        customer=claims.u,
        link=claims.g,
        device=claims.d,
        guest=claims.k,
        title=claims.t,
        token_id=token_id,
        made_at=made_at,
        login=claims.a,
    )
