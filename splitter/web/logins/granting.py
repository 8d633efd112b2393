"""What every login ends with: a token, or the wish to wait. Does no I/O."""

from __future__ import annotations

import math

import structlog

from splitter.calls.logins.access import Scope
from splitter.calls.logins.limits import LoginLimits
from splitter.telemetry import metrics
from splitter.web.access.bearer import Bearer, id_of, mint
from splitter.web.access.terms import Access
from splitter.web.http.errors import ApiError
from splitter.web.logins.shapes import LoggedIn

log = structlog.get_logger(__name__)


def must_wait(limits: LoginLimits, user: str, source: str, now: float) -> None:
    """Raise ApiError where too many logins have failed."""
    wait_s = limits.wait_s(user, source, now)
    if wait_s > 0:
        metrics.api.LOGINS.labels("limited").inc()
        after = {"Retry-After": str(math.ceil(wait_s))}
        raise ApiError(429, "too-many-logins", "too many logins failed; wait before the next one", after)


def grant(
    access: Access,
    wall: float,
    user: str,
    scopes: frozenset[Scope],
    extension: str,
    *,
    login: str = "",
    source: str,
) -> LoggedIn:
    """A token for whoever has proved to be this user. `login`: see `bearer.login_mark`."""
    # A desk without an extension of its own is known to the centre by its user.
    desk = (extension or user) if Scope.DESK in scopes else ""
    expires_at = float(int(wall + access.settings.token_lifetime_s))
    token = mint(access.secret, Bearer(user, scopes, desk, login=login), expires_at, wall)
    metrics.api.LOGINS.labels("granted").inc()
    log.info("logged in", user=user, extension=desk, source=source, token=id_of(token))
    return LoggedIn(token, expires_at, user, desk, user)
