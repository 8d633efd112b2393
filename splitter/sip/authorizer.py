"""The client's side of Digest (RFC 3261 §22.2, §22.3): gives a challenged request what was asked for. Pure.

authorizer = Authorizer(credentials, cnonce)
request = authorizer.answer(request, response)     # after a 401 or 407: the next request to send
request = authorizer.prepared(request)             # before any challenge: spares the round trip
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from splitter.core.errors import PeerError
from splitter.sip.digest import (
    ALGORITHMS,
    HEADERS,
    Challenge,
    Credentials,
    Proof,
    challenges_of,
    digest_of,
    function_of,
    proofs_of,
    secret_of,
)
from splitter.sip.message import Request, Response

K = TypeVar("K")
V = TypeVar("V")

TRIES = 3
"""So often one request is sent with new credentials: a cluster whose nodes do not know each other's nonces calls every
answer stale, and must not keep us without end."""
_REMEMBERED = 32  # challenged requests that are under way, and realms


@dataclass(slots=True)
class KnownChallenge:
    """A challenge that was answered, and how often."""

    challenge: Challenge
    count: int = 0


@dataclass(slots=True)
class ChallengeMemory:
    """What an authorizer remembers of its peer; plain data.

    Attributes:
        known: the latest challenge of each realm, by whether it is a proxy's.
        tries: by CSeq number of a request that was authorised, how often it had been sent.
    """

    known: dict[tuple[bool, str], KnownChallenge] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)


class Authorizer:
    """Answers challenges with one set of credentials: one per registration or per leg.

    Args:
        credentials: who we are.
        cnonce: makes a fresh unpredictable text each time.
        memory: what is remembered already.
    """

    def __init__(
        self, credentials: Credentials, cnonce: Callable[[], str], memory: ChallengeMemory | None = None
    ) -> None:
        self._credentials = credentials
        self._cnonce = cnonce
        memory = memory or ChallengeMemory()
        self._known, self._tries = memory.known, memory.tries

    def answer(self, request: Request, response: Response, number: int | None = None) -> Request:
        """The request to send after a 401 or 407: the same with credentials and the next CSeq number (§22.2).

        Inside a dialog, the dialog's own counter must follow.

        Args:
            request: what was challenged, without our Via; not modified.
            number: of CSeq, where requests that came after this one have used the next one already.
        Raises:
            PeerError: with the status of `response`, when nothing better can be sent; the reason in plain words.
        """
        asked, method = request.cseq
        number = asked + 1 if number is None else number
        tries = self._tries.pop(asked, 0)
        if tries >= TRIES:
            raise PeerError(f"{method} was challenged {tries + 1} times", response.status)
        usable = self._usable(response)
        # One realm after the other may ask (a proxy, then who is behind it); the same one twice means no.
        answered = _answered(request) if tries else set()
        for challenge in usable:
            if (challenge.proxy, challenge.realm) in answered and not challenge.stale:
                reason = f'user name or password is wrong for realm "{challenge.realm[:80]}"'
                raise PeerError(reason, response.status)
        for challenge in usable:
            self._known[challenge.proxy, challenge.realm] = KnownChallenge(challenge)
        authorised = self.prepared(request, number)
        self._tries[number] = tries + 1
        _bound(self._tries)
        _bound(self._known)
        return authorised

    def prepared(self, request: Request, number: int | None = None) -> Request:
        """The request with credentials for whoever has challenged us before; itself where nobody has.

        A challenge may still come, with a new nonce; `answer` it as if the request had been bare.

        Args:
            number: of CSeq; the request's own by default.
        """
        if not self._known and number in (None, request.cseq[0]):
            return request
        headers = request.headers.copy()
        for proxy in HEADERS:
            headers.remove(HEADERS[proxy][1])
        for (proxy, _), known in self._known.items():
            known.count += 1
            headers.add(HEADERS[proxy][1], str(self._proof(known, request)))
        if number is not None:
            headers.set("CSeq", f"{number} {request.method}")
        return Request(request.method, request.uri, headers, request.body)

    def _usable(self, response: Response) -> list[Challenge]:
        """The best challenge of each realm that is ours (RFC 8760 §2.4: by our own policy, the strongest)."""
        offered = challenges_of(response)
        best: dict[tuple[bool, str], Challenge] = {}
        for challenge in offered:
            if not challenge.usable or self._credentials.realm not in ("", challenge.realm):
                continue
            key = (challenge.proxy, challenge.realm)
            if key not in best or _strength(challenge) < _strength(best[key]):
                best[key] = challenge
        if not best:
            raise PeerError(_fault(offered, self._credentials), response.status)
        return list(best.values())

    def _proof(self, known: KnownChallenge, request: Request) -> Proof:
        challenge, who = known.challenge, self._credentials
        # auth-int only where nothing else is taken: whatever touches a body on its way (an SBC, an ALG) would break it
        qop = None if not challenge.qop else "auth" if "auth" in challenge.qop else "auth-int"
        proof = Proof(
            username=who.username,
            realm=challenge.realm,
            nonce=challenge.nonce,
            uri=request.uri,
            response="",
            algorithm=challenge.algorithm,
            qop=qop,
            nc=f"{known.count:08x}" if qop else "",
            cnonce=self._cnonce(),
            opaque=challenge.opaque,
        )
        secret = secret_of(challenge.algorithm, who.username, challenge.realm, who.password)
        return replace(proof, response=digest_of(proof, secret, request.method, request.body))


def _answered(request: Request) -> set[tuple[bool, str]]:
    """The realms that the request has credentials for."""
    return {(proxy, proof.realm) for proxy in HEADERS for proof in proofs_of(request, proxy)}


def _strength(challenge: Challenge) -> int:
    """Smaller is stronger."""
    return ALGORITHMS.index(function_of(challenge.algorithm) or "MD5")


def _fault(offered: list[Challenge], credentials: Credentials) -> str:
    if not offered:
        return "it asks for credentials without a Digest challenge"
    if not any(challenge.usable for challenge in offered):
        return f"it asks for Digest with {', '.join(sorted({c.algorithm[:20] for c in offered}))}, which we lack"
    realms = ", ".join(sorted({challenge.realm[:40] for challenge in offered}))
    return f'it asks for credentials of realm "{realms}", ours are for "{credentials.realm}"'


def _bound(table: dict[K, V]) -> None:
    """Whatever a server makes us remember is bounded; the oldest goes."""
    while len(table) > _REMEMBERED:
        del table[next(iter(table))]
