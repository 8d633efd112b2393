"""Phones that are invited into the voice of a call, and who hears whom. Does I/O through aiohttp.

POST   /v1/calls/{ref}/phones                call a number, and connect it with those who talk, with video if wanted
PUT    /v1/calls/{ref}/phones/{phone}        let it talk, listen or whisper
DELETE /v1/calls/{ref}/phones/{phone}        call it no longer, or take it out
POST   /v1/calls/{ref}/phones/{phone}/video  ask it for its picture
DELETE /v1/calls/{ref}/phones/{phone}/video  back to its voice
PUT    /v1/calls/{ref}/voices/{voice}        let nobody hear a voice, or all again
DELETE /v1/calls/{ref}/voices/centre         the agent leaves, and the others go on
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import (
    InvitePhone,
    LeaveVoice,
    MuteVoice,
    PhoneInvited,
    RemovePhone,
    SetPart,
    SetPhoneVideo,
)
from splitter.calls.logins.access import Scope
from splitter.calls.states import PhonePart
from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.calls.shapes import PartWish, PhoneMade, PhoneWish, VoiceWish
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import LiveCalls

PART_BODY = Body((JSON,), JSON_BYTES, PartWish)
PHONE_BODY = Body((JSON,), JSON_BYTES, PhoneWish)
VOICE_BODY = Body((JSON,), JSON_BYTES, VoiceWish)
MOST, FADE_S = 5, 12.0  # of one desk: each rings somewhere, and may cost money


class PhoneRoutes:
    """Handlers of those above."""

    def __init__(self, calls: LiveCalls, finder: Finder, clock: Clock) -> None:
        self._calls = calls
        self._find = finder
        self._clock = clock
        self._made = KeyedBuckets(MOST, FADE_S)

    async def invite(self, request: web.Request) -> web.Response:
        wish, bearer = await read_json(request, PHONE_BODY, PhoneWish), bearer_of(request)
        part, number = PhonePart(wish.part), wish.number or bearer.extension
        listens = part is not PhonePart.TALKS
        call = await (self._to_supervise(request) if listens else self._find.to_own(request))
        if not number:
            raise ApiError(422, "no-extension", "say whom to call")
        if listens and not bearer.may(Scope.CONTROL) and number != bearer.extension:
            raise ApiError(403, "wrong-scope", f"{bearer.name} lets {bearer.extension or 'nobody'} listen in alone")
        if not self._made.permit(bearer.turn, self._clock.now()):
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "this desk has called often enough", {"Retry-After": "12"})
        made = await self._calls.ask(call.call_id, InvitePhone(number, said_by(bearer), part, wish.video))
        assert isinstance(made, PhoneInvited)
        response = json_response(PhoneMade(call.call_id, made.name), 201)
        response.headers["Location"] = f"/v1/calls/{call.call_id}/phones/{made.name}"
        return response

    async def set_part(self, request: web.Request) -> web.Response:
        """A supervisor goes from listening to whispering, and to talking."""
        wish, bearer = await read_json(request, PART_BODY, PartWish), bearer_of(request)
        call, name = await self._to_supervise(request), request.match_info["phone"]
        if not bearer.may(Scope.CONTROL) and not _is_own(call, name, bearer):
            raise ApiError(403, "wrong-scope", f"{name} is not the phone of {bearer.name}")
        await self._calls.ask(call.call_id, SetPart(name, PhonePart(wish.part), said_by(bearer)))
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        bearer, name = bearer_of(request), request.match_info["phone"]
        call = await self._find.to_change(request, Scope.SUPERVISE if bearer.may(Scope.SUPERVISE) else Scope.CONTROL)
        if not (bearer.may(Scope.SUPERVISE) and _is_own(call, name, bearer)):
            call = await self._find.to_own(request)
        await self._calls.ask(call.call_id, RemovePhone(name, said_by(bearer_of(request))))
        return web.Response(status=204)

    async def raise_video(self, request: web.Request) -> web.Response:
        return await self._set_video(request, wanted=True)

    async def drop_video(self, request: web.Request) -> web.Response:
        return await self._set_video(request, wanted=False)

    async def mute(self, request: web.Request) -> web.Response:
        wish = await read_json(request, VOICE_BODY, VoiceWish)
        call, name = await self._named(request, "voice")
        await self._calls.ask(call.call_id, MuteVoice(name, wish.muted, said_by(bearer_of(request))))
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        bearer = bearer_of(request)
        call = await (self._to_supervise(request) if bearer.may(Scope.SUPERVISE) else self._find.to_own(request))
        await self._calls.ask(call.call_id, LeaveVoice(said_by(bearer_of(request))))
        return web.Response(status=204)

    async def _set_video(self, request: web.Request, wanted: bool) -> web.Response:
        call, name = await self._named(request, "phone")
        await self._calls.ask(call.call_id, SetPhoneVideo(name, wanted, said_by(bearer_of(request))))
        return web.Response(status=204)

    async def _to_supervise(self, request: web.Request) -> CallView:
        """The live call of the path, for who may listen to any."""
        bearer = bearer_of(request)
        if not bearer.may(Scope.SUPERVISE, Scope.CONTROL):
            raise ApiError(403, "wrong-scope", f"{bearer.name} may not listen to calls")
        return await self._find.to_change(request, Scope.SUPERVISE if bearer.may(Scope.SUPERVISE) else Scope.CONTROL)

    async def _named(self, request: web.Request, what: str) -> tuple[CallView, str]:
        return await self._find.to_own(request), request.match_info[what]


def _is_own(call: CallView, name: str, bearer: Bearer) -> bool:
    """True for the phone of this bearer's own desk."""
    return bool(bearer.extension) and any(one.name == name and one.number == bearer.extension for one in call.phones)
