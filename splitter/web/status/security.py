"""The part of the API that is about hostile sources, certificates and restarts. Does I/O through aiohttp.

GET    /v1/bans           sources that are banned, and for how long yet
DELETE /v1/bans/{source}  lift a ban
POST   /v1/reload         take what has changed in the configuration, certificates included; ?dry_run=1 only tells
POST   /v1/drain          take no new calls; those that live go on
DELETE /v1/drain          take them again
POST   /v1/restart        begin anew with the configuration as it is now; calls go on
POST   /v1/hand-over      give this node, and its calls, to another host of the cluster
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from splitter.core.errors import LocalError
from splitter.transport.bans import Ban
from splitter.web.access.auth import bearer_of
from splitter.web.http.errors import ApiError, json_response
from splitter.web.status import reloads
from splitter.web.status.reloads import Drained

Change = reloads.Reloaded


class Security(Protocol):
    """The bans and the configuration of the gateway, as the API needs them."""

    def bans(self) -> list[tuple[Ban, float]]:
        """The bans, each with the seconds that it still lasts."""
        ...

    def lift_ban(self, host: str) -> bool:
        """False where there is no such ban."""
        ...

    async def reload(self, dry_run: bool, by: str) -> Change:
        """Take what has changed in the configuration.

        Raises:
            LocalError: it cannot be used; nothing has changed.
        """
        ...

    def drain(self, drain: bool, by: str) -> Drained:
        """Take no new calls, or take them again. Raises LocalError where the gateway is about to end."""
        ...

    def restart(self) -> None:
        """Begin anew in a moment. Raises LocalError where the configuration is faulty; nothing has changed then."""
        ...

    def hand_over(self) -> None:
        """Give this node to another host in a moment. Raises LocalError where nobody could take it."""
        ...


class NoSecurity:
    """A gateway where nobody is banned and there is nothing to reload."""

    def bans(self) -> list[tuple[Ban, float]]:
        return []

    def lift_ban(self, host: str) -> bool:
        return False

    async def reload(self, dry_run: bool, by: str) -> Change:
        return reloads.Reloaded(dry_run)

    def drain(self, drain: bool, by: str) -> Drained:
        return Drained(drain, None, 0)

    def restart(self) -> None:
        pass

    def hand_over(self) -> None:
        pass


class SecurityRoutes:
    """Handlers of the three above."""

    def __init__(self, security: Security) -> None:
        self._security = security

    async def bans(self, request: web.Request) -> web.Response:
        return json_response({"bans": [_shown(ban, left_s) for ban, left_s in self._security.bans()]})

    async def lift(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        if not self._security.lift_ban(source):
            raise ApiError(404, "no-such-ban", f"{source} is not banned")
        return json_response({"source": source})

    async def reload(self, request: web.Request) -> web.Response:
        dry_run = request.query.get("dry_run", "0") not in ("", "0")
        try:
            return json_response(await self._security.reload(dry_run, bearer_of(request).name))
        except LocalError as error:
            raise ApiError(409, "unusable", f"nothing has changed: {error}") from error

    async def drain(self, request: web.Request) -> web.Response:
        return self._drain(request, True)

    async def fill(self, request: web.Request) -> web.Response:
        return self._drain(request, False)

    def _drain(self, request: web.Request, drain: bool) -> web.Response:
        try:
            return json_response(self._security.drain(drain, bearer_of(request).name))
        except LocalError as error:
            raise ApiError(409, "unusable", str(error)) from error

    async def restart(self, request: web.Request) -> web.Response:
        try:
            self._security.restart()
        except LocalError as error:
            raise ApiError(409, "unusable", f"nothing has changed: {error}") from error
        return json_response({"restarting": "calls go on"})

    async def hand_over(self, request: web.Request) -> web.Response:
        try:
            self._security.hand_over()
        except LocalError as error:
            raise ApiError(409, "unusable", f"nothing has changed: {error}") from error
        return json_response({"handing_over": "calls go on, at another host"})


def _shown(ban: Ban, left_s: float) -> dict[str, object]:
    return {"source": ban.source, "reason": ban.reason, "offences": ban.offences, "expires_in_s": round(left_s, 1)}
