"""A browser asks whether a call from it would find a way: /v1/web/path-checks. Does I/O through aiohttp.

As /v1/path-checks, for those who have no login yet: they are let in as callers are, but for the captcha, which is good
for one call; so these checks have places of their own, and take none from desks and guests.
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.path_checks import PathChecks
from splitter.core.clock import Clock
from splitter.core.net import source_of
from splitter.sdp.write import write
from splitter.web.access.terms import Access
from splitter.web.callers.admission import CallerAdmission
from splitter.web.callers.callers import parse_offer
from splitter.web.callers.shapes import WebPathCheck, WebPathWish
from splitter.web.calls.path_checks import begin_check
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, SDP_BYTES, Body, GoodAnswer, Operation
from splitter.web.relays import relays_for

WEB_CHECK_BODY = Body((JSON,), 2 * SDP_BYTES, WebPathWish)
_RELAY_S = 60.0


class CallerCheckRoutes:
    """Handlers of /v1/web/path-checks.

    Args:
        door: None where browsers cannot call.
        checks: None where there are no media.
        admission: says who may call.
        access: the settings of relays.
    """

    def __init__(
        self, door: WebDoor | None, checks: PathChecks | None, admission: CallerAdmission, access: Access, clock: Clock
    ) -> None:
        self._door, self._checks = door, checks
        self._admission, self._access, self._clock = admission, access, clock

    async def begin(self, request: web.Request) -> web.Response:
        """Answer an offer by a transport that leads nowhere."""
        trunk = self._door.trunk if self._door is not None else None
        if trunk is None:
            raise ApiError(404, "no-web-calls", "browsers cannot call here; see [web_calls]")
        wish = await read_json(request, WEB_CHECK_BODY, WebPathWish)
        may_call = self._admission.admit_check(request)
        id, answer = await begin_check(self._checks, "", parse_offer(wish.sdp), trunk.network)
        wall = self._clock.wall()
        relays = relays_for(self._access.settings, f"check {source_of(remote_of(request))}", wall + _RELAY_S, wall)
        return json_response(WebPathCheck(id, write(answer).decode(), relays if may_call else []), 201)

    async def end(self, request: web.Request) -> web.Response:
        """End a check: whoever knows its id began it."""
        if self._checks is not None:
            await self._checks.end("", request.match_info["check"])
        return web.Response(status=204)


def caller_checks(routes: CallerCheckRoutes) -> tuple[Operation, ...]:
    """The operations of web callers' checks."""
    begun = GoodAnswer(201, "our SDP answer, and relays to try next", WebPathCheck)
    refused = ((401, "no-token"), (403, "wrong-origin"), (404, "no-web-calls"), (422, "bad-offer"))
    return (
        Operation(
            *("POST", "/v1/web/path-checks", frozenset(), routes.begin),
            about="See whether a web call would find a way",
            answers=(begun,),
            body=WEB_CHECK_BODY,
            faults=(*refused, (429, "too-many"), (503, "no-media")),
        ),
        Operation(
            *("DELETE", "/v1/web/path-checks/{check}", frozenset(), routes.end, "End a check of a web caller"),
            answers=(GoodAnswer(204, "it is over", kind=""),),
        ),
    )
