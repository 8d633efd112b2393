"""Phones that are invited into the voice of a call, and who hears whom. Does I/O through aiohttp.

POST   /v1/calls/{ref}/phones          call a number, and connect it with those who talk
DELETE /v1/calls/{ref}/phones/{phone}  call it no longer, or take it out
PUT    /v1/calls/{ref}/voices/{voice}  let nobody hear a voice, or all again
DELETE /v1/calls/{ref}/voices/centre   the agent leaves, and the others go on
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import InvitePhone, LeaveVoice, MuteVoice, PhoneInvited, RemovePhone
from splitter.calls.logins.access import Scope
from splitter.calls.states import PhonePart
from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.auth import bearer_of
from splitter.web.bodies import read_json
from splitter.web.calls import said_by
from splitter.web.errors import ApiError, json_response
from splitter.web.find import Finder
from splitter.web.ports import LiveCalls
from splitter.web.routes import JSON, JSON_BYTES, Body
from splitter.web.shapes import PhoneMade, PhoneWish, VoiceWish

PHONE_BODY = Body((JSON,), JSON_BYTES, PhoneWish)
VOICE_BODY = Body((JSON,), JSON_BYTES, VoiceWish)
MOST, FADE_S = 5, 12.0  # of one desk: each rings somewhere, and may cost money


class PhoneRoutes:
    """Handlers of the four above."""

    def __init__(self, calls: LiveCalls, finder: Finder, clock: Clock) -> None:
        self._calls = calls
        self._find = finder
        self._clock = clock
        self._made = KeyedBuckets(MOST, FADE_S)

    async def invite(self, request: web.Request) -> web.Response:
        wish = await read_json(request, PHONE_BODY, PhoneWish)
        call, bearer = await self._find.to_own(request), bearer_of(request)
        part = PhonePart(wish.part)
        if part is not PhonePart.TALKS and not bearer.may(Scope.CONTROL):
            raise ApiError(403, "wrong-scope", f"{bearer.name} may not let anybody listen in")
        if not self._made.permit(bearer.turn, self._clock.now()):
            metrics.API_REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "this desk has called often enough", {"Retry-After": "12"})
        made = await self._calls.ask(call.call_id, InvitePhone(wish.number, said_by(bearer), part))
        assert isinstance(made, PhoneInvited)
        response = json_response(PhoneMade(call.call_id, made.name), 201)
        response.headers["Location"] = f"/v1/calls/{call.call_id}/phones/{made.name}"
        return response

    async def remove(self, request: web.Request) -> web.Response:
        call, name = await self._named(request, "phone")
        await self._calls.ask(call.call_id, RemovePhone(name, said_by(bearer_of(request))))
        return web.Response(status=204)

    async def mute(self, request: web.Request) -> web.Response:
        wish = await read_json(request, VOICE_BODY, VoiceWish)
        call, name = await self._named(request, "voice")
        await self._calls.ask(call.call_id, MuteVoice(name, wish.muted, said_by(bearer_of(request))))
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        call = await self._find.to_own(request)
        await self._calls.ask(call.call_id, LeaveVoice(said_by(bearer_of(request))))
        return web.Response(status=204)

    async def _named(self, request: web.Request, what: str) -> tuple[CallView, str]:
        return await self._find.to_own(request), request.match_info[what]
