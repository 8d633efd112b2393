"""One identity provider: where it is, which keys it signs with, and who a code of it is for. Does I/O through aiohttp.

OpenID Connect Core 1.0, the authorization code flow (§3.1) with PKCE (RFC 7636). What the provider signs is judged by
joserfc; see docs/decisions/0048.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from splitter.calls.logins.openid import OpenIdSettings
from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE
from splitter.core.net import is_loopback

LIMIT_S = 10.0
_MOST_BYTES, _READ_BYTES = 1_000_000, 65_536
_KNOWN_FOR_S = 3600.0  # what the provider says of itself; keys change more often, and are asked for when one is missing
_AGAIN_AFTER_S = 5.0
_LEEWAY_S = 60
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]

log = structlog.get_logger(__name__)


class OpenIdFault(Exception):
    """What keeps a person from being let in by this provider.

    Attributes:
        away: the provider does not answer as it should, whoever asks.
    """

    def __init__(self, words: str, away: bool = False) -> None:
        super().__init__(words)
        self.away = away


class _Provider(msgspec.Struct):
    """What a provider says of itself (OpenID Connect Discovery 1.0 §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Granted(msgspec.Struct):
    id_token: str
    access_token: str = ""


T = TypeVar("T")


class OpenIdProvider:
    """Asks the provider of these settings. What it says of itself is asked for once an hour."""

    def __init__(self, settings: OpenIdSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._provider: _Provider | None = None
        self._keys: KeySet | None = None
        self._turn = asyncio.Lock()  # to ask what it says of itself: whoever comes meanwhile hears it too
        self._asked_at = self._keys_at = self._failed_at = float("-inf")

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to log in. Raises OpenIdFault."""
        settings, provider = self.settings, await self._known()
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": settings.url,
            "scope": " ".join(dict.fromkeys(("openid", *settings.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(provider.authorization_endpoint).query else "?"
        return f"{provider.authorization_endpoint}{joint}{urlencode(asked)}"

    async def person(self, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """The claims about whom a code is for. Raises OpenIdFault."""
        provider = await self._known()
        granted = await self._redeem(provider, code, verifier)
        claims = await self._judge(provider, granted.id_token, nonce)
        told = provider.userinfo_endpoint and granted.access_token
        if told and claim(claims, self.settings.groups_claim) is None:
            bearer = {"Authorization": f"Bearer {granted.access_token}"}
            more = await self._ask("GET", provider.userinfo_endpoint, dict[str, Any], headers=bearer)
            if more.get("sub") != claims["sub"]:  # OpenID Connect Core §5.3.2
                raise OpenIdFault("the provider tells of somebody else than it has signed for")
            claims = {**more, **claims}
        return claims

    async def _redeem(self, provider: _Provider, code: str, verifier: str) -> _Granted:
        settings = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.url,
            "client_id": settings.client_id,
            "code_verifier": verifier,
        }
        headers = {}
        if settings.client_secret:
            if "client_secret_basic" in provider.token_endpoint_auth_methods_supported:
                login = _form(settings.client_id), _form(settings.client_secret)  # RFC 6749 §2.3.1
                headers["Authorization"] = aiohttp.encode_basic_auth(*login)
            else:
                form["client_secret"] = settings.client_secret
        return await self._ask("POST", provider.token_endpoint, _Granted, data=form, headers=headers)

    async def _judge(self, provider: _Provider, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is as OpenID Connect Core §3.1.3.7 wants it."""
        try:
            found = await self._opened(provider, token)
            wanted = jwt.JWTClaimsRegistry(
                now=int(self._clock.wall()),
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": provider.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            wanted.validate(found)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise OpenIdFault(f"the provider's token is not to be believed: {error}"[:200]) from error
        if found.get("azp", self.settings.client_id) != self.settings.client_id:
            raise OpenIdFault("the provider's token was made for another program")
        return found

    async def _opened(self, provider: _Provider, token: str) -> dict[str, Any]:
        """What stands in a token that the provider has signed; its keys are asked for anew where they do not fit."""
        keys = await self._signing(provider)
        try:
            return jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            if (fresh := await self._signing(provider, anew=True)) is keys:
                raise
            return jwt.decode(token, fresh, algorithms=_ALGORITHMS).claims

    async def _signing(self, provider: _Provider, anew: bool = False) -> KeySet:
        now = self._clock.now()
        age_s = now - self._keys_at
        if self._keys is None or age_s > _KNOWN_FOR_S or (anew and age_s > _AGAIN_AFTER_S):
            self._keys = _keys_of(await self._ask("GET", provider.jwks_uri, dict[str, Any]))
            self._keys_at = now
        return self._keys

    async def _known(self) -> _Provider:
        async with self._turn:
            now = self._clock.now()
            if self._provider is not None and now - self._asked_at < _KNOWN_FOR_S:
                return self._provider
            if now - self._failed_at < _AGAIN_AFTER_S:
                raise OpenIdFault("the provider did not answer just now", away=True)
            try:
                self._provider = await self._discover()
            except OpenIdFault:
                self._failed_at = self._clock.now()
                raise
            self._asked_at = now
            return self._provider

    async def _discover(self) -> _Provider:
        issuer = self.settings.issuer
        said = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", _Provider)
        if said.issuer.rstrip("/") != issuer.rstrip("/"):
            raise OpenIdFault(f"the provider calls itself {said.issuer[:100]}, not {issuer}", away=True)
        for url in filter(
            None, (said.authorization_endpoint, said.token_endpoint, said.jwks_uri, said.userinfo_endpoint)
        ):
            parts = urlsplit(url)
            if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
                raise OpenIdFault(f"the provider names {url[:100]}, which is not https", away=True)
        return said

    async def _ask(self, method: str, url: str, shape: type[T], **more: Any) -> T:
        """One request, and what its answer says. Raises OpenIdFault."""
        try:
            tls = ssl.create_default_context(cafile=self.settings.ca) if self.settings.ca else True
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=LIMIT_S), connector=aiohttp.TCPConnector(ssl=tls)
                ) as session,
                session.request(method, url, allow_redirects=False, **more) as answer,
            ):
                body = await _whole(answer)
            if answer.status == 400 and method == "POST":
                raise OpenIdFault("the provider does not know this login any more: begin anew")
            if answer.status != 200:
                raise OpenIdFault(f"the provider answered {answer.status} at {urlsplit(url).path}", away=True)
            return msgspec.json.decode(body, type=shape)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise OpenIdFault(
                f"the provider does not answer: {error or type(error).__name__}"[:200], away=True
            ) from error
        except UNREADABLE as error:
            raise OpenIdFault(f"the provider's answer cannot be read: {error}"[:200], away=True) from error


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """All that an answer says, within limits. Raises OpenIdFault."""
    body = b""
    async for part in answer.content.iter_chunked(_READ_BYTES):
        body += part
        if len(body) > _MOST_BYTES:
            raise OpenIdFault("the provider's answer is too long", away=True)
    return body


def _keys_of(said: Mapping[str, Any]) -> KeySet:
    """The keys of a provider, but for those of a kind that we do not know (RFC 7517 §5). Raises OpenIdFault."""
    keys, found = said.get("keys"), []
    for one in keys if isinstance(keys, list) else ():
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            found += KeySet.import_key_set({"keys": [one]}).keys
    if not found:
        raise OpenIdFault("the provider names no key that could be read", away=True)
    return KeySet(found)


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """What claims say under a name such as "groups" or "realm_access.roles"; None for nothing."""
    if path in claims:  # such as "https://example.org/groups", which has dots of its own
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _challenge(verifier: str) -> str:
    """S256 of RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _form(text: str) -> str:
    return urlencode({"": text})[1:]
