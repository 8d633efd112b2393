"""Messages of people in a call, and where the caller is. Does I/O through aiohttp.

POST   /v1/calls/{ref}/messages         write to the others; a web caller: /v1/web/calls/{call}/messages
GET    /v1/calls/{ref}/messages         what was written; ?after= the number of the last message that is known
PUT    /v1/calls/{ref}/guest/location   the caller's browser says where it is, and says so anew when it moves
DELETE /v1/calls/{ref}/guest/location   it says so no longer

What is written is told by these answers alone: events, webhooks, traces and the log have no more than how many messages
there are. It lives with its call.
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import Locate, MessagesRead, ReadMessages, Write, Written
from splitter.calls.browsers.door import WebDoor
from splitter.calls.logins.access import Scope
from splitter.calls.states import Side
from splitter.calls.talk.aside import ChatSender
from splitter.calls.view import CallView, LocationView
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.core.text import plain
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.access.links import Links
from splitter.web.callers.callers import own_line
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.guests.shapes import LocationTold, MessageList, MessageWish, MessageWritten
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, Body
from splitter.web.ports import LiveCalls

MESSAGE_BODY = Body((JSON,), 16_384, MessageWish)
LOCATION_BODY = Body((JSON,), 512, LocationTold)
OF_ONE, OF_ONE_FADE_S = 6, 1.0
OF_CALL, OF_CALL_FADE_S = 20, 0.5


class ChatRoutes:
    """Handlers of the above.

    Args:
        links: say which device may use which link.
        door: of web callers; None where browsers cannot call.
    """

    def __init__(self, calls: LiveCalls, finder: Finder, links: Links, door: WebDoor | None, clock: Clock) -> None:
        self._calls = calls
        self._door = door
        self._find = finder
        self._links = links
        self._clock = clock
        self._of_one = KeyedBuckets(OF_ONE, OF_ONE_FADE_S)
        self._of_call = KeyedBuckets(OF_CALL, OF_CALL_FADE_S)
        self._places = KeyedBuckets(OF_ONE, OF_ONE_FADE_S)

    async def write(self, request: web.Request) -> web.Response:
        """Write to the others."""
        wish = await read_json(request, MESSAGE_BODY, MessageWish)  # first: whoever writes may be removed meanwhile
        bearer, call = bearer_of(request), await self._own(request)
        party = self._inside(call, bearer)
        sender = ChatSender(bearer.guest) if bearer.link or bearer.call_id else ChatSender.DESK
        name = bearer.title if sender is not ChatSender.DESK else (bearer.extension or said_by(bearer))
        return await self._write(wish, bearer, call.call_id, sender, party, name)

    async def write_as_caller(self, request: web.Request) -> web.Response:
        """Write to the others, from the browser that calls."""
        wish = await read_json(request, MESSAGE_BODY, MessageWish)
        return await self._write(wish, bearer_of(request), self._called(request), ChatSender.CALLER, Side.CALLER, "")

    async def _write(
        self, wish: MessageWish, bearer: Bearer, call_id: str, sender: ChatSender, party: str, name: str
    ) -> web.Response:
        text = plain(wish.text.strip().replace("\r", "").replace("\n", " "))
        if not text:
            raise ApiError(400, "bad-body", "a message has letters")
        now = self._clock.now()
        if not self._of_one.permit((call_id, bearer.turn, bearer.device), now):
            raise _too_many("you write too often")
        if not self._of_call.permit(call_id, now):
            raise _too_many("too much is written in this call")
        written = await self._calls.ask(call_id, Write(sender, party, plain(name), text, self._clock.wall()))
        assert isinstance(written, Written)
        return json_response(MessageWritten(written.number), 201)

    async def read(self, request: web.Request) -> web.Response:
        """Say what was written, to those who are in the call."""
        call = await self._own(request)
        self._inside(call, bearer_of(request))
        return await self._read(request, call.call_id)

    async def read_as_caller(self, request: web.Request) -> web.Response:
        """Say what was written, to the browser that calls."""
        return await self._read(request, self._called(request))

    async def _read(self, request: web.Request, call_id: str) -> web.Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 10):
            raise ApiError(400, "bad-query", "after must be the number of a message")
        found = await self._calls.ask(call_id, ReadMessages(int(after)))
        assert isinstance(found, MessagesRead)
        return json_response(MessageList(found.messages))

    async def locate(self, request: web.Request) -> web.Response:
        """Take where the caller's browser is."""
        told = await read_json(request, LOCATION_BODY, LocationTold)
        call, _ = await self.caller_of(request)
        if not self._places.permit(call.call_id, self._clock.now()):
            raise _too_many("the location changes too often")
        place = LocationView(
            round(told.latitude, 6), round(told.longitude, 6), round(told.accuracy_m, 1), self._clock.wall()
        )
        await self._calls.ask(call.call_id, Locate(place))
        return web.Response(status=204)

    async def withdraw(self, request: web.Request) -> web.Response:
        """Forget where the caller's browser is."""
        call, _ = await self.caller_of(request)
        await self._calls.ask(call.call_id, Locate(None))
        return web.Response(status=204)

    def _called(self, request: web.Request) -> str:
        """The call of the path, for the browser that calls. Raises ApiError where it has not begun, or is over."""
        line = own_line(self._door, request)
        if line.ended or self._calls.get(line.view.call_id) is None:
            raise ApiError(409, "call-ended", "there is nobody to write to, or nobody any more")
        return line.view.call_id

    async def _own(self, request: web.Request) -> CallView:
        """The call of the path, for those who act in it: guests with the device that was let in."""
        bearer, call = bearer_of(request), await self._find.to_change(request, Scope.CONTROL)
        if bearer.link and not self._links.uses(bearer.link, bearer.device):
            raise ApiError(403, "other-device", "this device is not in the call by this link")
        return call

    def _inside(self, call: CallView, bearer: Bearer) -> str:
        """The party by which who asks is in the video; "" for a desk that is not. Raises ApiError for such a guest."""
        party = _party_of(call, bearer, self._calls)
        if not party and bearer.call_id:
            raise ApiError(403, "not-in-call", "whoever has left the call, or was removed, has no say in it")
        return party

    async def caller_of(self, request: web.Request) -> tuple[CallView, str]:
        """The call of the path and the party that asks: the caller's own browser. Raises ApiError for anybody else."""
        call = await self._own(request)
        if bearer_of(request).guest != ChatSender.GUEST:
            raise ApiError(403, "not-the-caller", "only the caller's own browser may do that")
        return call, self._inside(call, bearer_of(request))


def _party_of(call: CallView, bearer: Bearer, calls: LiveCalls) -> str:
    """The party by which who writes is in the video; "" for none."""
    for name, desk in calls.desks_of(call.call_id).items():
        if desk.holder is not None and desk.holder.name == bearer.name and desk.extension == bearer.extension:
            return name
    return ""


def _too_many(text: str) -> ApiError:
    metrics.api.REFUSED.labels("rate").inc()
    return ApiError(429, "too-many", text, {"Retry-After": "2"})
