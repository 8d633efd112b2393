"""What the operator sets about SIP seats: who may register, for how long, and with how many clients. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from splitter.calls.logins.access import Scope
from splitter.sip.digest import secret_of


@dataclass(frozen=True, slots=True)
class Account:
    """A user of SIP seats.

    Attributes:
        user: for Digest, and the user part of its address of record.
        password: as it was written; empty where the hashes are given instead.
        ha1: algorithm → H(user:realm:password) in hexadecimal digits, for who wants no passwords in a file.
        extension: of the desk in the voice centre; the user may register and call as it too.
        may: what it may do beyond the calls of its own desk.
    """

    user: str
    password: str = field(default="", repr=False)
    ha1: Mapping[str, str] = field(default_factory=dict, repr=False)
    extension: str = ""
    may: frozenset[Scope] = frozenset()

    def secret(self, algorithm: str, realm: str) -> str:
        """H(user:realm:password); empty where only hashes of other algorithms are known."""
        if self.password:
            return secret_of(algorithm, self.user, realm, self.password)
        return self.ha1.get(algorithm, "")

    @property
    def names(self) -> frozenset[str]:
        """What it may call itself in To and From."""
        return frozenset((self.user, self.extension)) - {""}


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """Bounds on registrations of seats.

    Attributes:
        min_expires_s: a shorter time is answered with 423 and this one.
        max_expires_s: a longer time is cut to this one, which is also granted to who asks for none.
        contacts: the most of one seat; a further one replaces the one that was refreshed longest ago.
        seats: the most that are registered at a time, over all trunks.
    """

    min_expires_s: int = 60
    max_expires_s: int = 3600
    contacts: int = 5
    seats: int = 10_000
