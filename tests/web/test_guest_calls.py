"""What a guest's page is told of its call, and what it says of its camera."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import pytest

from splitter.calls.asks import Denial, Desk, Holder, TellCamera
from splitter.calls.logins.access import Scope
from splitter.calls.states import CallState, CameraState, PartyKind, PartyState, RecordingState
from splitter.calls.view import CallView, PartyView, RecordingView
from splitter.web.access.bearer import Bearer, mint
from splitter.web.guests.calls import PROTOCOL, TOLD
from splitter.web.guests.feed import MOST_OF_CALL, FullFeed, GuestFeed
from splitter.web.guests.view import AgentSight, GuestCallView, Shown, for_guest
from tests.patience import patient
from tests.web.kit import CALL, SECRET, Gateway, Web, ended

OWN = f"/v1/calls/{CALL.call_id}/guest"
CAMERA = f"/v1/calls/{CALL.call_id}/parties/guest-1/camera"
NAME = "guest m1"
GUEST = Bearer(NAME, frozenset({Scope.GUEST}), call_id=CALL.call_id)
DESK = PartyView("desk-1", PartyKind.WEBRTC, "501", "tab", PartyState.CONNECTED, sends=True)
MINE = PartyView("guest-1", PartyKind.GUEST, "", "phone", PartyState.CONNECTED, sends=True, showing="desk-1")
OTHER = PartyView("guest-2", PartyKind.GUEST, "", "pad", PartyState.CONNECTED, sends=True)
DESKS = {
    "desk-1": Desk("tab", "501", holder=Holder("8001")),
    "guest-1": Desk("phone", "", "guest", holder=Holder(NAME)),
    "guest-2": Desk("pad", "", "guest", holder=Holder("guest m2")),
}


def live(*parties: PartyView) -> CallView:
    return replace(CALL, extension="501", parties=parties)


def token(parts: Gateway, **more: Any) -> str:
    return mint(SECRET, replace(GUEST, **more), parts.clock.wall() + 60)


def begin(parts: Gateway, *parties: PartyView) -> None:
    parts.calls.add(live(*parties))
    parts.calls.desks[CALL.call_id] = dict(DESKS)


class TestTheView:
    def test_is_of_the_own_browsers_alone(self) -> None:
        found = for_guest(live(DESK, MINE, OTHER), DESKS, GUEST)
        assert [party.name for party in found.parties] == ["guest-1"]
        assert (found.agent, found.parties[0].receives, found.parties[0].shown) == (AgentSight.SENDS, True, Shown.VIDEO)
        text = msgspec.json.encode(found).decode()
        assert CALL.caller not in text and "501" not in text and "tab" not in text

    @pytest.mark.parametrize(
        ("showing", "shown"),
        [
            ("none", Shown.NOTHING),
            ("slate", Shown.WAITING),
            ("picture:0a1b", Shown.IMAGE),
            ("desk-1", Shown.VIDEO),
        ],
    )
    def test_says_what_is_seen(self, showing: str, shown: Shown) -> None:
        assert for_guest(live(replace(MINE, showing=showing)), DESKS, GUEST).parties[0].shown is shown

    def test_says_whether_somebody_looks(self) -> None:
        boss = replace(DESK, name="onlooker-1", kind=PartyKind.ONLOOKER)
        assert for_guest(live(MINE, boss), DESKS, GUEST).agent is AgentSight.AWAY, "who only looks on is not told of"
        assert for_guest(live(replace(DESK, sends=False)), DESKS, GUEST).agent is AgentSight.CONNECTED
        assert for_guest(live(replace(DESK, state=PartyState.LEFT)), DESKS, GUEST).agent is AgentSight.AWAY

    @pytest.mark.parametrize("state", RecordingState)
    def test_says_whether_the_call_is_recorded(self, state: RecordingState) -> None:
        call = replace(live(DESK, MINE), recording=RecordingView(state, "c-1", "begun by 8001"))
        found = for_guest(call, DESKS, GUEST)
        assert found.recorded is (state is RecordingState.RECORDING)
        assert "8001" not in msgspec.json.encode(found).decode()
        assert not for_guest(ended(call), DESKS, GUEST).recorded

    def test_has_nobody_once_it_is_over_or_who_was_removed(self) -> None:
        gone = replace(MINE, state=PartyState.LEFT)
        assert for_guest(live(gone), DESKS, GUEST).parties == ()
        assert for_guest(ended(live(DESK, MINE)), DESKS, GUEST) == GuestCallView(
            CALL.call_id, CallState.ENDED, AgentSight.AWAY
        )


class TestAsking:
    async def test_is_for_the_guest_of_that_call(self, parts: Gateway, outside: Web) -> None:
        begin(parts, DESK, MINE)
        status, body = await outside.ask("GET", OWN, token(parts))
        assert (status, body["state"], body["parties"][0]["name"]) == (200, "connected", "guest-1")
        other = token(parts, call_id="8zz2m0000000")
        assert await outside.code("GET", OWN, other) == (403, "not-your-call")
        assert await outside.code("GET", OWN, "desk") == (403, "wrong-scope")
        assert await outside.code("GET", OWN) == (401, "no-token")

    async def test_is_for_the_devices_that_may_use_the_link(self, parts: Gateway, outside: Web) -> None:
        begin(parts, MINE)
        links = parts.ports.inviting.links
        await links.make("m1", CALL.call_id, parts.clock.wall() + 60)
        assert await links.admit("m1", "a" * 32)
        assert (await outside.ask("GET", OWN, token(parts, link="m1", device="a" * 32)))[0] == 200
        stranger = token(parts, link="m1", device="b" * 32)
        assert await outside.code("GET", OWN, stranger) == (403, "other-device")
        assert await outside.code("GET", f"{OWN}/events", stranger) == (403, "other-device")

    async def test_of_a_call_that_is_over_says_so(self, parts: Gateway, outside: Web) -> None:
        parts.save(ended(CALL))
        assert await outside.code("GET", OWN, token(parts)) == (409, "call-ended")


class TestTheSocket:
    async def test_tells_of_removal_and_end_as_they_happen(self, parts: Gateway, outside: Web) -> None:
        begin(parts, DESK, MINE)
        feed, protocols = parts.ports.guests, (PROTOCOL, f"bearer.{token(parts)}")
        async with outside.session.ws_connect(f"{outside.base}{OWN}/events", protocols=protocols) as socket:
            first = await socket.receive_json(timeout=patient(5))
            assert (socket.protocol, [one["name"] for one in first["parties"]]) == (PROTOCOL, ["guest-1"])
            feed.on_call(live(DESK))
            assert (await socket.receive_json(timeout=patient(5)))["parties"] == []
            feed.on_call(ended(live(DESK)))
            assert (await socket.receive_json(timeout=patient(5)))["state"] == "ended"
            assert (await socket.receive(timeout=patient(5))).type is aiohttp.WSMsgType.CLOSE
        async with asyncio.timeout(patient(5)):
            while len(feed):  # noqa: ASYNC110 — the handler ends by itself
                await asyncio.sleep(0.01)

    async def test_is_closed_once_the_link_is_taken_back(self, parts: Gateway, outside: Web) -> None:
        begin(parts, DESK, MINE)
        protocols = (PROTOCOL, f"bearer.{token(parts)}")
        async with outside.session.ws_connect(f"{outside.base}{OWN}/events", protocols=protocols) as socket:
            await socket.receive_json(timeout=patient(5))
            await parts.ports.revoked.revoke(NAME)
            parts.ports.guests.on_call(live(DESK))
            message = await socket.receive(timeout=patient(5))
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4001)

    async def test_is_no_ordinary_request(self, parts: Gateway, outside: Web) -> None:
        begin(parts, MINE)
        headers = {"Sec-WebSocket-Protocol": f"bearer.{token(parts)}"}
        assert await outside.code("GET", f"{OWN}/events", headers=headers) == (426, "no-websocket")
        assert not len(parts.ports.guests)


class TestTheFeed:
    async def test_keeps_the_newest_view_alone(self) -> None:
        feed = GuestFeed()
        queue = feed.watch(CALL)
        for at in range(100):
            feed.on_call(replace(CALL, showing=f"desk-{at}"))
        assert (queue.qsize(), queue.get_nowait().showing) == (1, "desk-99")

    async def test_has_limits_and_leaves_nothing(self) -> None:
        feed = GuestFeed()
        queues = [feed.watch(CALL) for _ in range(MOST_OF_CALL)]
        with pytest.raises(FullFeed):
            feed.watch(CALL)
        for queue in queues:
            feed.unwatch(CALL.call_id, queue)
        assert len(feed) == 0
        feed.watch(CALL)


class TestTheCamera:
    async def test_is_told_of_the_own_party(self, parts: Gateway, outside: Web) -> None:
        begin(parts, DESK, MINE, OTHER)
        status, _ = await outside.ask("PUT", CAMERA, token(parts), json={"state": "denied"})
        assert status == 204
        assert parts.calls.asked == [(CALL.call_id, TellCamera("guest-1", CameraState.DENIED))]
        others = CAMERA.replace("guest-1", "guest-2")
        assert await outside.code("PUT", others, token(parts), json={"state": "on"}) == (403, "not-your-party")

    @pytest.mark.parametrize("body", [{"state": "<b>"}, {"state": "x" * 300}, {}, {"state": "on", "more": 1}])
    async def test_is_one_of_a_few_words(self, body: dict[str, str], parts: Gateway, outside: Web) -> None:
        begin(parts, MINE)
        assert (await outside.code("PUT", CAMERA, token(parts), json=body))[0] in (400, 413)
        assert not parts.calls.asked

    async def test_is_not_told_all_the_time(self, parts: Gateway, outside: Web) -> None:
        begin(parts, MINE)
        for _ in range(TOLD):
            await outside.ask("PUT", CAMERA, token(parts), json={"state": "on"})
        assert await outside.code("PUT", CAMERA, token(parts), json={"state": "on"}) == (429, "too-many")

    async def test_of_one_who_has_left_is_nobodys(self, parts: Gateway, outside: Web) -> None:
        begin(parts, MINE)
        parts.calls.answers[TellCamera] = Denial(404, "no-such-party", "gone")
        assert await outside.code("PUT", CAMERA, token(parts), json={"state": "on"}) == (404, "no-such-party")
