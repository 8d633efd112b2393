"""Logins by the operator's own identity provider (OpenID Connect): which one, and what its groups may do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from splitter.calls.logins.access import AccountRole, Scope
from splitter.core.keys import Key, Uptake, ValueProblem, optional
from splitter.core.net import is_loopback

_LONGEST_NAME = 40


def _parse_secure(text: str) -> str:
    found = re.fullmatch(r"(https?)://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(/[^\s?#]*)?", text)
    if found is None:
        raise ValueProblem(f'"{text[:80]}" is no address', 'write it such as "https://login.example.org/realms/bank"')
    if found[1] == "http" and not is_loopback(found[2].strip("[]")):
        raise ValueProblem(
            f'"{text[:80]}" is not https', "others could read what proves who somebody is: write https://…"
        )
    return text


def _parse_name(text: str) -> str:
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise ValueProblem("is no name for a button", f"write at most {_LONGEST_NAME} letters")
    return text


def _parse_claim(text: str) -> str:
    if not re.fullmatch(r"[^\s.]+(\.[^\s.]+)*", text):
        raise ValueProblem(f'"{text[:80]}" is no claim', 'write it such as "groups" or "realm_access.roles"')
    return text


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """The identity provider that people of this house log in at."""

    issuer: Annotated[str, Key(parse=optional(_parse_secure), taken=Uptake.LIVE)] = ""
    """Your provider, such as "https://login.example.org/realms/bank" (Keycloak, Entra ID, ADFS, Authing, …): the issuer
    of its tokens, below which /.well-known/openid-configuration stands. LDAP is the provider's business. Empty: none.
    See docs/logins.md."""
    client_id: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """What this gateway is registered as there, and its secret; empty for a public client."""
    client_secret: Annotated[str, Key(secret=True, taken=Uptake.LIVE)] = field(default="", repr=False)
    url: Annotated[str, Key(parse=optional(_parse_secure), taken=Uptake.LIVE)] = ""
    """The console as browsers see it, such as "https://desk.example.org:8443/console/": registered there as redirect
    URI, letter for letter."""
    name: Annotated[str, Key(parse=_parse_name, taken=Uptake.LIVE)] = "Company login"
    """What the button in the console says."""
    ca: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """Authorities that the provider's certificate may come from, where they are your own."""
    scopes: Annotated[tuple[str, ...], Key(taken=Uptake.LIVE, unique=True)] = ("openid", "profile")
    """What it is asked to tell of a person; some tell groups only if they are asked for, such as by "groups"."""
    user_claim: Annotated[str, Key(parse=_parse_claim, taken=Uptake.LIVE)] = "preferred_username"
    """Where it says who somebody is, the extension of the desk, and the groups; "a.b" is b within a. Without an
    extension the user is the desk, as of an [[account]]."""
    extension_claim: Annotated[str, Key(parse=_parse_claim, taken=Uptake.LIVE)] = "extension"
    groups_claim: Annotated[str, Key(parse=_parse_claim, taken=Uptake.LIVE)] = "groups"
    agents: Annotated[tuple[str, ...], Key(taken=Uptake.LIVE, unique=True)] = ()
    """The groups of each role, such as agents = ["video-agents"]; "*" is everybody. Who is in none
    of them is not let in."""
    supervisors: Annotated[tuple[str, ...], Key(taken=Uptake.LIVE, unique=True)] = ()
    auditors: Annotated[tuple[str, ...], Key(taken=Uptake.LIVE, unique=True)] = ()
    admins: Annotated[tuple[str, ...], Key(taken=Uptake.LIVE, unique=True)] = ()
    passwords: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Whether an [[account]] may still log in by its password at the console and the API."""

    def scopes_of(self, groups: Iterable[str]) -> frozenset[Scope]:
        """The rights of members of these groups; none where no group of theirs has a role."""
        found = {*groups, "*"}
        granted: frozenset[Scope] = frozenset()
        for role, named in self._roles:
            if not found.isdisjoint(named):
                granted |= role.scopes
        return granted

    @property
    def _roles(self) -> tuple[tuple[AccountRole, tuple[str, ...]], ...]:
        return (
            (AccountRole.AGENT, self.agents),
            (AccountRole.SUPERVISOR, self.supervisors),
            (AccountRole.AUDITOR, self.auditors),
            (AccountRole.ADMIN, self.admins),
        )
