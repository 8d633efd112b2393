"""A party sees others in streams of their own, on the transport that it has. Does I/O through aiohttp.

PUT /v1/calls/{ref}/parties/{party}/streams   another offer of the same session, and whom each further line is to show
GET of the same                               who can be seen, for those who have no event socket

The client always offers, and says all that it wants each time; see docs/decisions/0032.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from splitter.calls.asks import Watched, WatchOthers
from splitter.calls.states import PartyKind, PartyState, Side
from splitter.calls.view import CallView, PartyView
from splitter.core.errors import PeerError
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.web.calls.parties import PartyRoutes
from splitter.web.calls.shapes import SourceList, SourceView, StreamsShown, StreamsWish, StreamWish
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, SDP_BYTES, Body
from splitter.web.ports import LiveCalls

STREAMS_BODY = Body((JSON,), 2 * SDP_BYTES, StreamsWish)


class StreamRoutes:
    """Handlers of /v1/calls/{ref}/parties/{party}/streams."""

    def __init__(self, calls: LiveCalls, parties: PartyRoutes) -> None:
        self._calls = calls
        self._parties = parties

    async def watch(self, request: web.Request) -> web.Response:
        call, party = await self._parties.of_request(request)
        wish = await read_json(request, STREAMS_BODY, StreamsWish)
        try:
            offer = parse(wish.offer.encode())
        except PeerError as error:
            raise ApiError(400, "bad-sdp", error.reason) from error
        ask = WatchOthers(party, offer, tuple((one.mid, one.source) for one in wish.streams))
        watched = await self._calls.ask(call.call_id, ask)
        assert isinstance(watched, Watched)
        streams = [StreamWish(mid, source) for mid, source in watched.streams]
        return json_response(StreamsShown(write(watched.answer).decode(), streams))

    async def listed(self, request: web.Request) -> web.Response:
        call, party = await self._parties.of_request(request)
        own = next((one for one in call.parties if one.name == party), None)
        if own is None or own.kind == PartyKind.GUEST:
            raise ApiError(409, "one-stream", "the caller's own browser sees what is chosen for the caller")
        return json_response(SourceList(own.showing, list(_sources(call, party))))


def _sources(call: CallView, own: str) -> Iterator[SourceView]:
    """Everybody else in the picture; whoever asks is told no more of them than it needs to name them."""
    yield SourceView(Side.CALLER, "caller", "", call.video.sends)
    for party in call.parties:
        there = party.state in (PartyState.CONNECTED, PartyState.INTERRUPTED)
        if there and party.name != own and party.kind != PartyKind.ONLOOKER:
            yield SourceView(party.name, _kind(call, party), party.title, party.sends)


def _kind(call: CallView, party: PartyView) -> str:
    if PartyKind(party.kind).invited or party.kind == PartyKind.PHONE:
        return party.kind
    return "host" if party.extension and party.extension == call.extension else "desk"
