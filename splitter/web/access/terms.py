"""Who is let in and on what terms: logins, tokens and the settings of [api], which may change while it is served.

Does no I/O. Whoever needs one of them asks here each time, so that a change holds from the next request on.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.logins.passwords import Passwords
from splitter.web.access.used_codes import UsedCodes
from splitter.web.http.proxies import Proxies


@dataclass(slots=True)
class Access:
    """The logins and tokens that let somebody in, and what they are made of.

    Attributes:
        secret: that tokens are signed with.
        passwords: of the accounts.
        tokens: of the configuration.
        openid: the identity provider that people log in at.
        page: of guests, as far as it is the operator's own.
        codes: the second factors that were used.
        proxies: before us, whose word is believed.
    """

    secret: bytes
    passwords: Passwords
    tokens: tuple[Token, ...] = ()
    settings: ApiSettings = field(default_factory=ApiSettings)
    page: GuestPageSettings = field(default_factory=GuestPageSettings)
    openid: OpenIdSettings = field(default_factory=OpenIdSettings)
    codes: UsedCodes = field(default_factory=lambda: UsedCodes(None))
    proxies: Proxies = field(init=False)

    def __post_init__(self) -> None:
        self.proxies = Proxies(self.settings.proxies)

    def adopt(
        self,
        passwords: Passwords,
        tokens: tuple[Token, ...],
        settings: ApiSettings,
        page: GuestPageSettings,
        openid: OpenIdSettings,
    ) -> None:
        """Let these in from now on."""
        self.passwords, self.tokens, self.settings = passwords, tokens, settings
        self.page, self.openid = page, openid
        self.proxies.adopt(settings.proxies)


def closed() -> Access:
    """An access that lets nobody in, but for the control socket."""
    return Access(secrets.token_bytes(32), Passwords((), (), secrets.token_hex(16)))
