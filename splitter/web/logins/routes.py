"""The routes of logins, as the API's table has them."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.web.http.routes import GoodAnswer, Operation
from splitter.web.logins import shapes
from splitter.web.logins.login import LOGIN_BODY, TOKEN_BODY, LoginRoutes
from splitter.web.logins.openid_login import OPENID_BODY, PATH, OpenIdRoutes
from splitter.web.logins.revoke import REVOCATION_BODY, RevocationRoutes
from splitter.web.ports import Ports


def login_routes(ports: Ports) -> tuple[Operation, ...]:
    """The operations of logging in, and of who one is."""
    login, openid = LoginRoutes(ports.access, ports.clock, ports.elsewhere), OpenIdRoutes(ports.access, ports.clock)
    revocations = RevocationRoutes(ports.revoked, ports.elsewhere)
    everybody, late = frozenset[Scope](), (429, "too-many-logins")
    wrong = ((401, "wrong-login"), (401, "code-needed"), (401, "wrong-code"), (403, "no-passwords"), late)
    none, away = (404, "no-openid"), (503, "no-provider")
    back = ((401, "wrong-login"), (403, "no-role"), none, (409, "login-not-begun"), late, away)
    granted = GoodAnswer(200, "a token for this account's desk", shapes.LoggedIn)
    ways, there = GoodAnswer(200, "the ways", shapes.LoginWays), GoodAnswer(200, "where", shapes.OpenIdAddress)
    minted, you = GoodAnswer(201, "the token", shapes.Minted), GoodAnswer(200, "you", shapes.Me)
    return (
        Operation("GET", "/v1/login", everybody, openid.ways, "How one may log in", (ways,)),
        Operation("POST", "/v1/login", everybody, login.login, "Log in", (granted,), body=LOGIN_BODY, faults=wrong),
        Operation(
            *("POST", f"{PATH}/begin", everybody, openid.begin, "Begin a login at the identity provider", (there,)),
            faults=(none, away),
        ),
        Operation(
            *("POST", PATH, everybody, openid.finish, "End a login at the identity provider", (granted,)),
            body=OPENID_BODY,
            faults=back,
        ),
        Operation(
            *("POST", "/v1/tokens", frozenset({Scope.ADMIN}), login.tokens, "Make a token", (minted,)), body=TOKEN_BODY
        ),
        Operation(
            *("POST", "/v1/revocations", frozenset({Scope.ADMIN}), revocations.revoke, "Revoke a token"),
            answers=(GoodAnswer(200, "it is so from now on", shapes.Revoked),),
            body=REVOCATION_BODY,
        ),
        Operation("GET", "/v1/me", frozenset(Scope), login.me, "Who asks", (you,)),
    )
