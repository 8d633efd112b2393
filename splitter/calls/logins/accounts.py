"""What the operator sets about SIP seats: who may register, for how long, and with how many clients. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from splitter.calls.logins.access import OF_ACCOUNTS, AccountRole, Scope
from splitter.calls.logins.hashes import parse_argon2
from splitter.calls.logins.totp import parse_totp
from splitter.core.keys import Key, Uptake, ValueProblem, optional, suggest
from splitter.sip.digest import ALGORITHMS, secret_of

_DAY_S = 86_400
_BYTES = {"MD5": 16}
_REALM = re.compile(r"[^\x00-\x1f\x7f\"\\]*")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/%-]+")  # RFC 3261 §25.1: user
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


def parse_user(text: str) -> str:
    """The user part of a SIP address."""
    if not _USER.fullmatch(text):
        raise ValueProblem(f'"{text}" cannot be the user part of a SIP address', 'write it such as "8001"')
    return text


def parse_algorithm(text: str) -> str:
    """The name of a hash that we know."""
    if text.upper() not in ALGORITHMS:
        raise ValueProblem(f'"{text}" is no algorithm that we know', suggest(text.upper(), ALGORITHMS))
    return text.upper()


def parse_hash(text: str) -> tuple[str, str]:
    """ "SHA-256:…": an algorithm, and a hash in hexadecimal digits."""
    name, colon, digits = text.partition(":")
    if not colon:
        raise ValueProblem("the hash does not name its algorithm", 'write it such as "SHA-256:…"')
    algorithm = parse_algorithm(name)
    wanted = 2 * _BYTES.get(algorithm, 32)
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{wanted}}}", digits):
        raise ValueProblem(f"the {algorithm} hash has not {wanted} hexadecimal digits", "make it as the reference says")
    return algorithm, digits.lower()


def parse_realm(text: str) -> str:
    """What a login is for: a quoted string of Digest."""
    if not _REALM.fullmatch(text):
        raise ValueProblem(f'"{text}" cannot be a realm', "leave out quotes, backslashes and control characters")
    return text


def parse_domain(text: str) -> str:
    """A host name or an address, without a port."""
    if not _DOMAIN.fullmatch(text):
        raise ValueProblem(f'"{text}" is no domain', 'write it such as "example.org", without a port')
    return text


def _parse_right(text: str) -> Scope:
    if text not in OF_ACCOUNTS:
        raise ValueProblem(f'"{text}" is nothing that an account may be given', suggest(text, OF_ACCOUNTS))
    return Scope(text)


@dataclass(frozen=True, slots=True)
class Account:
    """A user of SIP seats."""

    user: Annotated[
        str,
        Key(parse=parse_user, missing="add the name that the seat logs in with", example='"8001"', taken=Uptake.LIVE),
    ]
    """The name that the seat logs in with, and that it calls and registers as."""
    password: Annotated[str, Key(secret=True, example='"change this example"', taken=Uptake.LIVE)] = field(
        default="", repr=False
    )
    """Its password. It stands in no log, trace or status."""
    ha1: Annotated[Mapping[str, str], Key(parse=parse_hash, taken=Uptake.LIVE)] = field(
        default_factory=dict, repr=False
    )
    """Instead of the password, its hash for each algorithm of the trunks: H(user:realm:password), such as from
      printf '8002:seats.example.org:PASSWORD' | sha256sum           (openssl dgst -sha512-256; md5sum)
    Whoever reads a hash can log in with it, but not learn the password."""
    argon2: Annotated[str, Key(parse=optional(parse_argon2), secret=True, taken=Uptake.LIVE)] = field(
        default="", repr=False
    )
    """Instead of the password, its hash for the console and the API: splitter account add USER makes it. Nobody who
    reads it can log in with it. A SIP seat of the same account needs an ha1 beside it."""
    totp: Annotated[str, Key(parse=optional(parse_totp), secret=True, taken=Uptake.LIVE)] = field(
        default="", repr=False
    )
    """A second factor at the console and the API: the secret of an app that shows six digits (RFC 6238); splitter
    account add USER --totp makes it, and shows it as a QR code. SIP seats are not asked for it."""
    role: Annotated[AccountRole, Key(taken=Uptake.LIVE)] = AccountRole.AGENT
    """What it is for: "agent", the calls of its own desk; "supervisor", a desk with all that `may` can give; "auditor",
    no desk, sees all calls and recordings and changes nothing; "admin", everything."""
    extension: Annotated[str, Key(parse=optional(parse_user), example='"8001"', taken=Uptake.LIVE)] = ""
    """The extension of the same desk in the voice centre; the seat may call and register as this too."""
    may: Annotated[frozenset[Scope], Key(parse=_parse_right, taken=Uptake.LIVE)] = frozenset()
    """What it may do beyond its role: "calls:read", see all calls; "calls:join",
    enter the picture of any call, which others do by consent of the desk that has it; "calls:supervise", listen to any
    call by one's own phone, whisper to its agent, take it over; "calls:identity", see of its own calls
    hidden numbers, cells and places, as emergency desks may; "calls:unbound", be shown the calls that nobody has, where
    api.unbound_calls is "granted"; "calls:control", hang up, remove and bind too;
    "pictures", put up stills for all calls; "recordings:read", find and open recordings of all calls;
    "recordings:own", of the desk's own."""

    @property
    def scopes(self) -> frozenset[Scope]:
        """The rights of its logins."""
        return self.role.scopes | self.may

    def secret(self, algorithm: str, realm: str) -> str:
        """H(user:realm:password); empty where only hashes of other algorithms are known."""
        if self.password:
            return secret_of(algorithm, self.user, realm, self.password)
        return self.ha1.get(algorithm, "")

    @property
    def proof(self) -> tuple[str, str, dict[str, str]]:
        """What a login of it proves: whoever logged in by another one has to do so again."""
        return self.user, self.password, dict(self.ha1)

    @property
    def names(self) -> frozenset[str]:
        """The names that it may call itself in To and From."""
        return frozenset((self.user, self.extension)) - {""}


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """Bounds on registrations of seats."""

    min_expires_s: Annotated[int, Key(1, _DAY_S, taken=Uptake.LIVE)] = 60
    """The shortest and the longest registration. A seat that asks for less is told to ask for the first; one that asks
    for more, or names no time, gets the second."""
    max_expires_s: Annotated[int, Key(1, _DAY_S, taken=Uptake.LIVE)] = 3600
    contacts: Annotated[int, Key(1, 100, taken=Uptake.LIVE)] = 5
    """The most Contacts of one seat; a further one replaces the one that was refreshed longest ago."""
    seats: Annotated[int, Key(1, 1_000_000, taken=Uptake.LIVE)] = 10_000
    """The most seats that are registered at a time."""
