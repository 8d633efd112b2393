"""Does this password belong to this account? Pure; takes as long for a wrong user as for a wrong password."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from splitter.calls.logins import hashes
from splitter.calls.logins.accounts import Account
from splitter.sip.digest import ALGORITHMS, secret_of


class Passwords:
    """Judges passwords that are shown as they are, such as in a login over TLS.

    Args:
        accounts: who may log in.
        realms: of the trunks that accounts log in at; an account that has hashes alone has them for one of these.
        decoy: what nobody knows: unknown users are judged against it.
    """

    def __init__(self, accounts: Sequence[Account], realms: Iterable[str], decoy: str) -> None:
        self._accounts = {account.user: account for account in accounts}
        self._realms = tuple(dict.fromkeys(realms))
        salt = hashlib.sha256(decoy.encode()).digest()[:16]
        self._hashed = hashes.hash_of(decoy, salt) if any(account.argon2 for account in accounts) else ""
        self._decoy = Account("", decoy)

    @property
    def slow(self) -> bool:
        """True where a hash is made to take long: whoever has something else to do asks in a thread."""
        return bool(self._hashed)

    def account(self, user: str, password: str) -> Account | None:
        """The account whose password it is; None for nobody's."""
        if not (_is_text(user) and _is_text(password)):
            return None
        known = self._accounts.get(user)
        right = self._proves(known or self._decoy, user, password)
        return known if right else None

    def _proves(self, account: Account, user: str, password: str) -> bool:
        """Every way is gone to its end, whichever is the account's own."""
        right = hmac.compare_digest(_digest(password), _digest(account.password)) and bool(account.password)
        if self._hashed:
            right |= hashes.proves(password, account.argon2 or self._hashed) and bool(account.argon2)
        for realm in self._realms:
            for algorithm in ALGORITHMS:
                shown = secret_of(algorithm, user, realm, password)
                known = account.ha1.get(algorithm, "")
                right |= hmac.compare_digest(shown, known or "0" * len(shown)) and bool(known)
        return right


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _is_text(text: str) -> bool:
    """False for halves of characters, which JSON can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
