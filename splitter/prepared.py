"""What parts of the gateway need of a configuration, read and made before any of it is taken. Does I/O: reads files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from splitter.calls.logins.passwords import Passwords
from splitter.calls.settings import Role
from splitter.config.model import Settings
from splitter.core.net import Address
from splitter.transport.tls import TlsIdentity, identities_of, tls_of
from splitter.web.access.bearer import login_mark
from splitter.web.door.listener import HttpIdentity, identity_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a change of the configuration needs, read and made.

    Attributes:
        networks, api: certificates.
        logins: the mark of each account.
    """

    networks: Mapping[str, TlsIdentity]
    api: HttpIdentity | None
    passwords: Passwords
    logins: Mapping[str, str]


def read(settings: Settings, secret: bytes) -> Prepared:
    """Read what a change needs; takes its time, and may be done in a thread.

    Args:
        secret: what logins are signed with.
    Raises:
        LocalError: a file cannot be used.
    """
    return Prepared(
        identities_of(tls_of(settings.networks)),
        identity_of(settings.api),
        passwords_of(settings, secret),
        login_marks(settings, secret),
    )


def login_marks(settings: Settings, secret: bytes) -> dict[str, str]:
    """The mark of each account, by its user; see `bearer.login_mark`."""
    return {account.user: login_mark(secret, account) for account in settings.accounts}


def extensions_of(settings: Settings) -> frozenset[str]:
    """The desks that there are even while nobody sits there."""
    return frozenset(account.extension or account.user for account in settings.accounts)


def passwords_of(settings: Settings, secret: bytes) -> Passwords:
    """The passwords of the accounts, for logins at the API."""
    realms = [trunk.realm or settings.calls.name for trunk in settings.trunks_of(Role.SEAT)]
    return Passwords(settings.accounts, [*realms, settings.calls.name], secret.hex())


def tls_names(settings: Settings) -> list[tuple[str, str, str]]:
    """Network, address and name of each trunk whose certificate is for another name than its address."""
    return [
        (trunk.network, trunk.address.host, trunk.tls_name)
        for trunk in settings.trunks.values()
        if trunk.tls_name and isinstance(trunk.address, Address)
    ]
