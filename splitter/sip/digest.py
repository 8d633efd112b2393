"""Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): challenges, proofs, and the hashes between them. Pure.

Who answers challenges is in `authorizer`, who makes and judges them in `authenticator`.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field

from splitter.core.errors import PeerError
from splitter.sip.grammar import BLANK, TOKEN, quote, shown, split_outside_quotes, unquote
from splitter.sip.message import Request, Response

_HASHES = {"SHA-256": "sha256", "SHA-512-256": "sha512_256", "MD5": "md5"}
ALGORITHMS = tuple(name for name, function in _HASHES.items() if function in hashlib.algorithms_available)
"""What we know, best first (RFC 8760 §2.4); MD5 is broken and stands last. Some builds of Python lack SHA-512-256."""

HEADERS = {False: ("WWW-Authenticate", "Authorization"), True: ("Proxy-Authenticate", "Proxy-Authorization")}
"""By "is it a proxy's": the header of the challenge and that of its answer (RFC 3261 §22.2, §22.3)."""

_SESSION = "-SESS"
_COUNT = re.compile(r"[0-9A-Fa-f]{8}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*+(?:[ \t]++(?!=)|\Z)")
_TEXT_LIMIT = 4096  # a real header has about 400 characters


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate line.

    Attributes:
        realm: whose passwords are meant.
        nonce: to be hashed into the answer.
        algorithm: as written; MD5 where the line has none.
        qop: "auth", "auth-int", as offered; empty from servers of RFC 2069.
        opaque: to be given back as it is.
        stale: the answer was right but for its nonce.
        proxy: it came in Proxy-Authenticate.
    """

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False
    proxy: bool = False

    @classmethod
    def parse(cls, text: str, proxy: bool = False) -> Challenge:
        """Read the value of one line.

        Raises:
            PeerError: another scheme than Digest, no realm or nonce, or no such grammar.
        """
        params = _params(text)
        return cls(
            realm=_needed(params, "realm"),
            nonce=_needed(params, "nonce"),
            algorithm=params.get("algorithm", "MD5"),
            qop=tuple(part.strip(BLANK).lower() for part in params.get("qop", "").split(",") if part.strip(BLANK)),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
            proxy=proxy,
        )

    @property
    def usable(self) -> bool:
        """True where we know the algorithm, and a quality of protection that is offered."""
        if function_of(self.algorithm) is None:
            return False
        if not self.qop:  # as of RFC 2069; the session variants need the cnonce, which came with qop
            return not self.algorithm.upper().endswith(_SESSION)
        return "auth" in self.qop or "auth-int" in self.qop

    def __str__(self) -> str:
        parts = [f"Digest realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Proof:
    """One Authorization or Proxy-Authorization line: that somebody knows the password.

    Attributes:
        uri: what the client took for the Request-URI.
        response: the digest, in lower-case hexadecimal digits.
        qop: "auth" or "auth-int"; None from clients of RFC 2069, which count nothing either.
        nc: how often the client used the nonce, 8 hexadecimal digits as written.
        cnonce: the client's own nonce.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    nc: str = ""
    cnonce: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read the value of one line.

        Raises:
            PeerError: another scheme than Digest, something is missing, or no such grammar.
        """
        params = _params(text)
        qop = params.get("qop")
        nc = params.get("nc", "")
        if qop is not None and not _COUNT.fullmatch(nc):
            raise PeerError(f"nc is not 8 hexadecimal digits: {shown(nc)}")
        return cls(
            username=_needed(params, "username"),
            realm=_needed(params, "realm"),
            nonce=_needed(params, "nonce"),
            uri=_needed(params, "uri"),
            response=_needed(params, "response").lower(),
            algorithm=params.get("algorithm", "MD5"),
            qop=qop if qop is None else qop.lower(),
            nc=nc,
            cnonce=params.get("cnonce", "") if qop is None else _needed(params, "cnonce"),
            opaque=params.get("opaque"),
        )

    @property
    def count(self) -> int:
        """How often the nonce was used, this time included; 1 where the client does not count."""
        return int(self.nc, 16) if self.qop is not None else 1

    def __str__(self) -> str:
        names = ("username", "realm", "nonce", "uri", "response")
        parts = [f"{name}={quote(getattr(self, name))}" for name in names]
        parts.append(f"algorithm={self.algorithm}")
        if self.qop is not None:
            # RFC 7616 §3.4: neither qop nor nc is quoted here; strict servers insist
            parts += [f"cnonce={quote(self.cnonce)}", f"qop={self.qop}", f"nc={self.nc}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The user name and password that we show to a peer that challenges us.

    Attributes:
        realm: the only realm that gets an answer; empty for any.
    """

    username: str
    password: str = field(repr=False)
    realm: str = ""


def function_of(algorithm: str) -> str | None:
    """The name of the algorithm's hash, in our spelling: `sha-256-sess` → `SHA-256`; None for one that we lack."""
    name = algorithm.upper().removesuffix(_SESSION)
    return name if name in ALGORITHMS else None


def secret_of(algorithm: str, username: str, realm: str, password: str) -> str:
    """The hash that stands for a password on the server's side: H(username:realm:password) (RFC 7616 §3.4.2)."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def digest_of(proof: Proof, secret: str, method: str, body: bytes = b"") -> str:
    """The response that `proof` ought to have (RFC 7616 §3.4.1–§3.4.3).

    Args:
        proof: its `response` is not looked at; its algorithm must be known.
        secret: of `secret_of`, for the proof's algorithm.
        method, body: of the request.
    """
    algorithm = proof.algorithm
    if algorithm.upper().endswith(_SESSION):
        secret = _hash(algorithm, f"{secret}:{proof.nonce}:{proof.cnonce}")
    request = f"{method}:{proof.uri}"
    if proof.qop == "auth-int":
        request += f":{_hash(algorithm, body)}"
    if proof.qop is None:
        return _hash(algorithm, f"{secret}:{proof.nonce}:{_hash(algorithm, request)}")
    counted = f"{proof.nonce}:{proof.nc}:{proof.cnonce}:{proof.qop}"
    return _hash(algorithm, f"{secret}:{counted}:{_hash(algorithm, request)}")


def challenges_of(response: Response) -> list[Challenge]:
    """The Digest challenges of a 401 or 407, topmost first; those of other schemes or that we cannot read are left out.

    Each has a line of its own (RFC 3261 §7.3.1); several in one, as HTTP allows them, are taken apart.
    """
    found = []
    for proxy, (header, _) in HEADERS.items():
        for text in response.headers.get_all(header):
            for one in apart(text):
                with suppress(PeerError):
                    found.append(Challenge.parse(one, proxy))
    return found


def apart(line: str) -> list[str]:
    """The challenges of one line: a new one begins where a scheme stands before a parameter."""
    if len(line) > _TEXT_LIMIT:
        return []
    found: list[list[str]] = []
    with suppress(PeerError):
        for part in split_outside_quotes(line, ","):
            if not found or _SCHEME.match(part):
                found.append([])
            found[-1].append(part)
    return [", ".join(parts) for parts in found]


def proofs_of(request: Request, proxy: bool = False) -> list[Proof]:
    """The Digest proofs in a request; lines of other schemes are left out (RFC 4475 §3.3.7).

    Raises:
        PeerError: a Digest line cannot be read.
    """
    lines = request.headers.get_all(HEADERS[proxy][1])
    return [Proof.parse(line) for line in lines if line[:7].lower().rstrip(BLANK) == "digest"]


def _hash(algorithm: str, data: str | bytes) -> str:
    name = function_of(algorithm)
    if name is None:
        raise PeerError(f"unknown digest algorithm {shown(algorithm)}")
    raw = data.encode() if isinstance(data, str) else data
    return hashlib.new(_HASHES[name], raw, usedforsecurity=False).hexdigest()  # so that MD5 is there in FIPS mode too


def _params(text: str) -> dict[str, str]:
    """The parameters after `Digest`: names in lower case, values without their quotes."""
    if len(text) > _TEXT_LIMIT:
        raise PeerError(f"an authentication header of {len(text)} characters")
    if "\r" in text or "\n" in text:  # we echo some of it
        raise PeerError("a line break inside an authentication header")
    scheme, *rest = text.split(None, 1)[:2] or [""]
    if scheme.lower() != "digest":
        raise PeerError(f"authentication scheme {shown(scheme)} is not Digest")
    params: dict[str, str] = {}
    for part in split_outside_quotes(rest[0], ",") if rest else ():
        if not part:
            continue  # the list syntax of HTTP allows empty elements
        name, equals, value = part.partition("=")
        name, value = name.rstrip(BLANK).lower(), value.lstrip(BLANK)
        if not equals or not TOKEN.fullmatch(name):
            raise PeerError(f"not a parameter: {shown(part)}")
        if name in params:
            # Two readers could each believe another one.
            raise PeerError(f"{name} stands there twice")
        params[name] = unquote(value)
    return params


def _needed(params: dict[str, str], name: str) -> str:
    value = params.get(name)
    if value is None:
        raise PeerError(f"{name} is missing in the authentication header")
    return value
