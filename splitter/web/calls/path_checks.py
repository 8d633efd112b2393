"""A browser asks whether its pictures would find a way: /v1/path-checks. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.browsers.path_checks import ChecksFull, PathChecks
from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.errors import MediaError, MediaUnavailable, PeerError
from splitter.core.limits import KeyedBuckets
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError
from splitter.web.http.routes import SDP, SDP_BYTES, Body, GoodAnswer, Operation
from splitter.web.ports import Ports

CHECK_BODY = Body((SDP,), SDP_BYTES)
_AT_ONCE, _EACH_S = 6, 10.0


class PathCheckRoutes:
    """Handlers of /v1/path-checks.

    Args:
        checks: None where there are no media.
    """

    def __init__(self, checks: PathChecks | None, clock: Clock) -> None:
        self._checks, self._clock = checks, clock
        self._pace = KeyedBuckets(_AT_ONCE, _EACH_S)

    async def begin(self, request: web.Request) -> web.Response:
        """Answer an offer by a transport that leads nowhere."""
        bearer, data = bearer_of(request), await read_body(request, CHECK_BODY)
        if not self._pace.permit(_owner(bearer), self._clock.now()):
            raise ApiError(429, "too-many", "that was checked a moment ago", {"Retry-After": f"{_EACH_S:g}"})
        try:
            offer = parse(data)
        except PeerError as error:
            raise ApiError(422, "bad-offer", error.reason) from error
        id, answer = await begin_check(self._checks, _owner(bearer), offer)
        headers = {"Location": f"/v1/path-checks/{id}"}
        return web.Response(status=201, body=write(answer), content_type=SDP, headers=headers)

    async def end(self, request: web.Request) -> web.Response:
        """End one's own check."""
        if self._checks is not None:
            await self._checks.end(_owner(bearer_of(request)), request.match_info["check"])
        return web.Response(status=204)


async def begin_check(checks: PathChecks | None, owner: str, offer: Session, network: str = "") -> tuple[str, Session]:
    """Begin a check, as `PathChecks.begin` does; raises ApiError."""
    if checks is None:
        raise ApiError(503, "no-media", "there are no media")
    try:
        return await checks.begin(owner, offer, network)
    except PeerError as error:
        raise ApiError(422, "bad-offer", error.reason) from error
    except ChecksFull as error:
        raise ApiError(429, "too-many", str(error), {"Retry-After": f"{error.retry_after_s:g}"}) from error
    except MediaUnavailable as error:
        raise ApiError(503, "no-media", str(error), {"Retry-After": f"{error.retry_after_s:g}"}) from error
    except MediaError as error:
        raise ApiError(503, "no-media", str(error)) from error


def path_checks(ports: Ports) -> tuple[Operation, ...]:
    """The operations of checks."""
    routes = PathCheckRoutes(ports.paths, ports.clock)
    who = frozenset({Scope.DESK, Scope.GUEST})
    answered = GoodAnswer(201, "our SDP answer", kind=SDP, headers=("Location",))
    faults = ((422, "bad-offer"), (429, "too-many"), (503, "no-media"))
    return (
        Operation(
            *("POST", "/v1/path-checks", who, routes.begin, "See whether pictures would find a way", (answered,)),
            body=CHECK_BODY,
            faults=faults,
        ),
        Operation(
            *("DELETE", "/v1/path-checks/{check}", who, routes.end, "End a check"),
            answers=(GoodAnswer(204, "it is over", kind=""),),
        ),
    )


def _owner(bearer: Bearer) -> str:
    """Whose check it is: a login's, or a device's behind a link."""
    return f"{bearer.turn} {bearer.device}"
