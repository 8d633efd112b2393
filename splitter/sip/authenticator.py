"""The server's side of Digest (RFC 3261 §22, RFC 7616, RFC 8760): challenges, and judges what comes back. Pure.

judgement = authenticator.judge(request, source, now)
if judgement.verdict is not LoginVerdict.GRANTED:
    answer 401 with authenticator.challenges(source, salt, now, stale=judgement.verdict.stale)
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from splitter.sip.digest import HEADERS, Challenge, Proof, digest_of, function_of, proofs_of
from splitter.sip.message import Request
from splitter.sip.nonce import Nonces


class LoginVerdict(StrEnum):
    """What a request proves."""

    GRANTED = "granted"
    MISSING = "missing"  # no credentials for our realm: the ordinary beginning
    STALE = "stale"  # right, but for a nonce that is old, for another address, or from before a restart
    REPLAYED = "replayed"  # right, but used before
    WRONG = "wrong-password"
    UNKNOWN = "unknown-user"

    @property
    def stale(self) -> bool:
        """True for a client that knows the password and need not be asked for it again (RFC 7616 §3.3)."""
        return self in (LoginVerdict.STALE, LoginVerdict.REPLAYED)

    @property
    def hostile(self) -> bool:
        """True for what nobody sends who knows a password, but for a mistyped one."""
        return self in (LoginVerdict.WRONG, LoginVerdict.UNKNOWN, LoginVerdict.REPLAYED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the user name that was claimed; proved only where it is GRANTED."""

    verdict: LoginVerdict
    username: str = ""


class Authenticator:
    """One realm and its users.

    Args:
        realm: what the challenges name; the hashes below belong to it.
        secrets: user name → algorithm → H(user:realm:password).
        algorithms: offered in this order (RFC 8760 §2.3: the preferred one first); each user must have a hash of each.
        nonces: may be shared between realms.
        decoy: random text; what an unknown user's answer is compared with.
    """

    def __init__(
        self,
        realm: str,
        secrets: Mapping[str, Mapping[str, str]],
        algorithms: Sequence[str],
        nonces: Nonces,
        decoy: str,
    ) -> None:
        self._realm = realm
        self._secrets = secrets
        self._algorithms = tuple(algorithms)
        self._nonces = nonces
        self._decoys = dict.fromkeys(algorithms, decoy)

    def challenges(self, source: str, salt: int, now: float, *, stale: bool = False) -> list[tuple[str, str]]:
        """The lines of a 401, one per algorithm (RFC 8760 §2.3).

        Args:
            source: the address that will answer.
            salt: 64 random bits.
        """
        nonce = self._nonces.make(self._binding(source), salt, now)
        return [
            (HEADERS[False][0], str(Challenge(self._realm, nonce, algorithm, ("auth",), stale=stale)))
            for algorithm in self._algorithms
        ]

    def judge(self, request: Request, source: str, now: float) -> Judgement:
        """What the request's Authorization proves.

        The digest's own URI is not compared with the Request-URI: proxies change that one rightly (RFC 3261 §16.6).

        Raises:
            PeerError: the Authorization cannot be read.
        """
        proof = next((proof for proof in proofs_of(request) if proof.realm == self._realm), None)
        if proof is None:
            return Judgement(LoginVerdict.MISSING)
        if not self._right(proof, request):
            known = proof.username in self._secrets
            return Judgement(LoginVerdict.WRONG if known else LoginVerdict.UNKNOWN, proof.username)
        # The nonce comes last: stale is only for those who know the password, all others learn nothing from it.
        if not self._nonces.fresh(proof.nonce, self._binding(source), now):
            return Judgement(LoginVerdict.STALE, proof.username)
        if not self._nonces.take(proof.nonce, proof.count):
            return Judgement(LoginVerdict.REPLAYED, proof.username)
        return Judgement(LoginVerdict.GRANTED, proof.username)

    def _right(self, proof: Proof, request: Request) -> bool:
        """The digest is that of the user's password; an unknown user costs the same time."""
        function = function_of(proof.algorithm)
        if function not in self._algorithms or proof.qop not in (None, "auth", "auth-int"):
            return False
        secrets = self._secrets.get(proof.username)
        expected = digest_of(proof, (secrets or self._decoys)[function], request.method, request.body)
        same = hmac.compare_digest(expected.encode(), proof.response.encode())
        return same and secrets is not None

    def _binding(self, source: str) -> str:
        return f"{source} {self._realm}"
