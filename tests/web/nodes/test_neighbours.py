"""Two gateways: each shows and commands the calls of the other."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from splitter.calls.asks import TakeSnapshot
from splitter.calls.desks import ClientView, Desks
from splitter.calls.logins.access import ApiSettings
from splitter.calls.view import Notice
from splitter.cluster.nodes import NodeView
from splitter.media.ports.rooms import Snapshot
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from splitter.web.nodes import neighbours as module
from splitter.web.nodes.forward import HOP, Forwarder
from tests.patience import PATIENCE_S, until
from tests.telemetry.kit import VirtualClock
from tests.transport.pki import client, paper
from tests.web.kit import CALL, ended, web
from tests.web.nodes.kit import Book, Pair, node, pair

FAR = {"call_id": "8zz2m0000000", "short_code": "4712", "caller": "13900139000"}


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path) as one:
        await one.heard()
        yield one


async def frames(opened: Any, until_type: str = "ready") -> list[dict[str, Any]]:
    """What comes, up to a frame of this type."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not found or found[-1]["type"] != until_type:
            found.append(json.loads((await opened.receive()).data))
    return found


def listening(pair_node: Any, token: str = "reader", after: str = "") -> Any:
    url = f"{pair_node.outside.base}/v1/events?after={after}"
    return pair_node.outside.session.ws_connect(url, protocols=("splitter.v1", f"bearer.{token}"))


class TestCallsThatEnded:
    """They are kept by the node that had them."""

    def kept(self, two: Pair) -> None:
        far: dict[str, Any] = {**FAR, "node": "a", "started_at": 2000.0}
        two.a.parts.save(ended(replace(CALL, **far), at=2060.0))
        two.b.parts.save(ended(replace(CALL, node="b")))

    @pytest.mark.parametrize("path", ["?ended=1", "?ended=1&number=13900139000"])
    async def test_are_listed_at_every_node(self, path: str, two: Pair) -> None:
        self.kept(two)
        for one in (two.a, two.b):
            _, body = await one.outside.ask("GET", f"/v1/calls{path}", "reader")
            assert next(call["call_id"] for call in body["calls"]) == FAR["call_id"] and "missing" not in body

    async def test_are_found_by_their_number_at_every_node(self, two: Pair) -> None:
        self.kept(two)
        for one in (two.a, two.b):
            _, body = await one.outside.ask("GET", "/v1/search?number=3900139000", "reader")
            assert [call["call_id"] for call in body["calls"]] == [FAR["call_id"]]

    async def test_are_recorded_at_every_node(self, two: Pair) -> None:
        self.kept(two)
        for one in (two.a, two.b):
            _, body = await one.outside.ask("GET", "/v1/records?format=json", "reader")
            rows = [(row["call_id"], row["node"]) for row in body["records"]]
            assert rows == [(FAR["call_id"], "a"), (CALL.call_id, "b")]
            assert (body["missing"], body["next"]) == ([], None)

    @pytest.mark.parametrize("reference", [FAR["call_id"], "8zz2", "4712"])
    async def test_are_answered_for_by_the_node_that_kept_them(self, reference: str, two: Pair) -> None:
        self.kept(two)
        two.a.parts.begin(FAR["call_id"])
        _, body = await two.b.outside.ask("GET", f"/v1/calls/{reference}", "reader")
        assert (body["call_id"], body["state"]) == (FAR["call_id"], "ended")
        async with two.b.outside.request("GET", f"/v1/calls/{reference}/trace", "reader") as response:
            assert response.status == 200 and "routing to pbx" in await response.text()
        status, body = await two.b.outside.ask("GET", f"/v1/calls/{reference}/why", "reader")
        assert (status, body["call_id"]) == (200, FAR["call_id"])

    async def test_and_that_nobody_knows_are_none(self, two: Pair) -> None:
        assert await two.b.outside.code("GET", "/v1/calls/nobody", "reader") == (404, "no-such-call")

    @pytest.mark.parametrize("body", [b'{"rows": []}', b'{"calls": [7]}', b"<html>"])
    async def test_of_a_node_that_says_what_cannot_be_read_are_missing(
        self, body: bytes, two: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.kept(two)

        async def read(*_: object) -> tuple[int, bytes]:
            return 200, body

        monkeypatch.setattr(Forwarder, "read", read)
        for path in ("/v1/calls?ended=1", "/v1/search?number=13800138000", "/v1/records"):
            status, found = await two.b.outside.ask("GET", path, "reader")
            assert (status, found["missing"]) == (200, ["a"]), path

    async def test_of_a_node_that_is_away_are_said_to_be_missing(self, two: Pair) -> None:
        self.kept(two)
        await two.a.parts.store.flush()
        two.book.entries["a"] = replace(two.book.entries["a"], api_url="http://127.0.0.1:1", state="away")
        for path, name in (("/v1/calls?ended=1", "calls"), ("/v1/records", "records")):
            _, body = await two.b.outside.ask("GET", path, "reader")
            assert [one["call_id"] for one in body[name]] == [CALL.call_id] and body["missing"] == ["a"]
        status, body = await two.b.outside.ask("GET", f"/v1/calls/{FAR['call_id']}", "reader")
        assert (status, body["error"]["code"]) == (404, "no-such-call")
        assert body["error"]["message"].startswith(
            f"there is no call {FAR['call_id']} here; the gateway a does not answer"
        )
        assert (await two.b.outside.ask("GET", f"/v1/calls/{CALL.call_id}", "reader"))[0] == 200

    async def test_are_not_asked_for_by_desks(self, two: Pair) -> None:
        """Who may see its own calls alone learns nothing of what others have kept."""
        self.kept(two)
        assert await two.b.outside.code("GET", f"/v1/calls/{FAR['call_id']}", "desk") == (404, "no-such-call")


class TestCalls:
    async def test_of_every_node_are_listed_and_found_at_every_node(self, two: Pair) -> None:
        two.a.begin(**FAR)
        two.b.begin()
        await two.heard()
        for one in (two.a, two.b):
            status, body = await one.outside.ask("GET", "/v1/calls", "reader")
            assert status == 200
            assert {(call["call_id"], call["node"]) for call in body["calls"]} == {
                (FAR["call_id"], "a"),
                (CALL.call_id, "b"),
            }
            for reference in (FAR["call_id"], "4712", "13900139000", "8zz2"):
                status, body = await one.outside.ask("GET", f"/v1/calls/{reference}", "reader")
                assert (status, body["call_id"]) == (200, FAR["call_id"])

    async def test_a_desk_sees_its_own_alone(self, two: Pair) -> None:
        two.a.begin(**FAR, extension="501")
        two.a.begin(call_id="other", extension="502")
        await two.heard()
        _, body = await two.b.outside.ask("GET", "/v1/calls", "desk")
        assert [call["call_id"] for call in body["calls"]] == [FAR["call_id"]]
        assert await two.b.outside.code("GET", "/v1/calls/other", "desk") == (403, "not-your-call")

    async def test_are_commanded_by_the_node_that_has_them(self, two: Pair) -> None:
        two.a.begin(**FAR, extension="501")
        await two.heard()
        two.a.parts.calls.answers[TakeSnapshot] = Snapshot(b"png", 4, 4, 12.5)
        async with two.b.outside.request("POST", "/v1/calls/4712/snapshots", "desk") as response:
            assert (response.status, await response.read()) == (201, b"png")
            assert response.headers["Splitter-Taken-At"] == "12.500"
            location = response.headers["Location"]
        assert (await two.b.outside.ask("GET", location, "desk")) == (200, b"png")
        status, _ = await two.b.outside.ask("DELETE", "/v1/calls/4712", "cti")
        assert status == 202 and two.a.parts.calls.hung_up == [(FAR["call_id"], "hung up by cti")]

    async def test_are_taken_by_any_spelling_of_the_number(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        path = "/v1/calls/+86 139-0013-9000/desk"
        assert (await two.b.outside.ask("PUT", path, "desk"))[0] == 200
        two.b.begin(caller="+8613900139000")
        assert await two.b.outside.code("PUT", path, "desk") == (409, "several-calls")

    async def test_have_their_images_at_the_node_that_shows_them(self, two: Pair) -> None:
        two.a.begin(**FAR, extension="501")
        await two.heard()
        image = io.BytesIO()
        Image.new("RGB", (8, 6), "red").save(image, "PNG")
        more = {"data": image.getvalue(), "headers": {"Content-Type": "image/png"}}
        status, added = await two.b.outside.ask("POST", f"/v1/pictures?call={FAR['call_id']}", "desk", **more)
        assert (status, added["call_id"]) == (201, FAR["call_id"])
        _, body = await two.b.outside.ask("GET", f"/v1/pictures?call={FAR['call_id']}", "desk")
        assert [picture["id"] for picture in body["pictures"]] == [added["id"]]
        path = f"/v1/pictures/{added['id']}"
        assert (await two.b.outside.ask("GET", f"{path}?call={FAR['call_id']}", "desk"))[0] == 200
        assert await two.b.outside.code("GET", path, "desk") == (404, "no-such-picture"), "nobody knows whose it is"

    async def test_of_one_that_is_away_answer_so(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        two.book.entries["a"] = replace(two.book.entries["a"], api_url="http://127.0.0.1:1")
        async with two.b.outside.request("DELETE", "/v1/calls/4712", "cti") as response:
            assert response.status == 503 and response.headers["Retry-After"] == "2"
            assert (await response.json())["error"]["code"] == "node-away"

    async def test_that_share_a_code_are_no_ones(self, two: Pair) -> None:
        two.a.begin(**FAR | {"short_code": CALL.short_code})
        two.b.begin()
        await two.heard()
        assert await two.b.outside.code("GET", f"/v1/calls/{CALL.short_code}", "reader") == (409, "several-calls")

    async def test_what_was_passed_on_is_not_passed_on_again(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        headers = {HOP: "c"}
        assert await two.b.outside.code("GET", "/v1/calls/4712", "reader", headers=headers) == (404, "no-such-call")

    async def test_whoever_may_not_here_may_not_there(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        assert await two.b.outside.code("DELETE", "/v1/calls/4712", "reader") == (403, "wrong-scope")
        assert await two.b.outside.code("GET", "/v1/calls/4712", "stranger") == (401, "wrong-token")
        assert not two.a.parts.calls.hung_up


class TestEvents:
    async def test_go_on_at_the_other_node_with_every_number_once(self, two: Pair) -> None:
        async with listening(two.a) as opened:
            await frames(opened)
            view = two.a.begin(**FAR)
            two.b.begin()
            await two.heard()
            async with asyncio.timeout(PATIENCE_S):
                seen = [json.loads((await opened.receive()).data) for _ in range(2)]
        cursor = ",".join(f"{frame['stream']}:{frame['seq']}" for frame in seen)
        two.a.begin(**FAR, showing="seat-1")
        two.b.hub.notice(Notice(CALL.call_id, "video-refused", "the caller declined"))
        two.a.end(view)
        await two.heard()
        async with listening(two.b, after=cursor) as opened:
            [hello, *missed, ready] = await frames(opened)
        assert hello["resumed"] is True
        assert sorted((frame["stream"], frame["seq"]) for frame in missed) == [("a.e1", 2), ("a.e1", 3), ("b.e1", 2)]
        assert ready["after"] == "b.e1:2,a.e1:3"

    async def test_of_one_that_was_ahead_are_not_told_twice(self, two: Pair) -> None:
        """Its former node has told it more than this one has heard of that node yet."""
        await two.a.neighbours.stop(), await two.b.neighbours.stop()
        async with listening(two.b, after="b.e1:0,a.e1:2") as opened:
            assert (await frames(opened))[0]["resumed"] is True
            for seq in (1, 2, 3):
                two.b.hub.hear("a", seq, 5.0, replace(CALL, started_at=float(seq)))
            async with asyncio.timeout(PATIENCE_S):
                told = json.loads((await opened.receive()).data)
        assert (told["stream"], told["seq"]) == ("a.e1", 3)

    async def test_begin_anew_where_a_node_is_another_one(self, two: Pair, tmp_path: Path) -> None:
        """It was begun anew elsewhere, and what its listeners missed is known to nobody."""
        gone = two.a.begin(**FAR)
        await two.heard()
        async with listening(two.b) as opened:
            assert [frame["type"] for frame in await frames(opened)] == ["hello", "call", "ready"]
            async with node(tmp_path / "again", "a", two.book, two.clock, epoch="e9") as other:
                two.a.hub.close()
                told = await frames(opened)
                assert [frame["type"] for frame in told] == ["hello", "ready"] and told[0]["resumed"] is False
                assert "a.e9" in told[-1]["after"]
                other.begin(**FAR)
                async with asyncio.timeout(PATIENCE_S):
                    call = json.loads((await opened.receive()).data)
                assert (call["stream"], call["call"]["call_id"]) == ("a.e9", gone.call_id)

    async def test_are_not_echoed(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        assert (two.a.hub.seq, two.b.hub.seq) == (1, 0)

    async def test_what_was_missed_is_read_anew(self, two: Pair) -> None:
        """A node tells a number that does not follow."""
        two.a.begin(**FAR)
        await two.heard()
        two.a.hub._own.ring.skip()
        two.a.begin(**FAR, showing="seat-1")
        await two.heard()
        assert [view.showing for view in two.b.hub.far_calls()] == ["seat-1"]


class TestDesks:
    async def test_are_online_wherever_they_are_connected(self, two: Pair) -> None:
        two.a.desks.attach("key", "501", "tab-1", "webrtc", 5.0)
        await two.heard()
        assert two.b.desks.online("501") and two.b.desks.knows("501")
        _, body = await two.b.outside.ask("GET", "/v1/desks", "reader")
        assert [(desk["extension"], desk["state"]) for desk in body["desks"]] == [("501", "online")]
        two.a.desks.detach("key")
        await two.heard()
        assert not two.b.desks.online("501")

    async def test_that_move_are_never_told_to_be_offline_last(self, two: Pair) -> None:
        two.a.desks.attach("key", "501", "tab-1", "webrtc", 5.0)
        await two.heard()
        async with listening(two.b) as opened:
            await frames(opened)
            two.b.desks.attach("key", "501", "tab-1", "webrtc", 6.0)
            two.a.desks.detach("key")
            async with asyncio.timeout(PATIENCE_S):
                told = [json.loads((await opened.receive()).data) for _ in range(2)]
        assert [frame["desk"]["state"] for frame in told] == ["online", "online"]

    async def test_show_the_calls_of_other_nodes_that_they_are_in(self, two: Pair) -> None:
        from tests.web.hub_kit import PARTY

        two.b.desks.attach("key", "8001", "tab-1", "webrtc", 5.0)
        two.a.begin(**FAR, parties=(PARTY,))
        await two.heard()
        assert two.b.desks.view("8001").clients == (ClientView("tab-1", "webrtc", 5.0, (FAR["call_id"],)),)


class TestOverTls:
    @pytest.mark.parametrize("known", [True, False])
    async def test_the_certificate_that_a_node_tells_of_is_believed_and_no_other(
        self, tmp_path: Path, known: bool
    ) -> None:
        """Nobody else vouches for it."""
        mine = paper("IP:127.0.0.1")
        settings = ApiSettings(certificate=str(mine.certificate), key=str(mine.key))
        book, clock = Book(), VirtualClock()
        (tmp_path / "a").mkdir()
        hub = Hub(clock, "e1", None, "a")
        events = Events(hub, Desks((), hub.desk), clock).handle
        async with web(tmp_path / "a", settings, client(), events=events, clock=clock) as (parts, outside):
            fingerprint = parts.server.api.fingerprint if known else "ab" * 32
            book.entries["a"] = NodeView("a", outside.base, fingerprint, state="active")
            async with node(tmp_path / "b", "b", book, clock) as b:
                await b.neighbours.start()
                if known:
                    await until(lambda: b.hub.place_in("a"))
                else:
                    await until(lambda: "cannot be reached" in "".join(b.neighbours.alarms()))
                    assert not b.hub.place_in("a")
                await b.neighbours.stop()


class TestFaults:
    async def test_another_secret_is_an_alarm(self, tmp_path: Path) -> None:
        async with pair(tmp_path, (b"s" * 32, b"x" * 32)) as one:
            await until(lambda: any("same api.secret_file" in alarm for alarm in one.b.neighbours.alarms()))

    async def test_a_node_that_nobody_is_any_longer_is_forgotten(
        self, two: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_S", 0.01)
        two.a.begin(**FAR, extension="501")
        two.a.desks.attach("key", "501", "tab-1", "webrtc", 5.0)
        await two.heard()
        two.book.entries["a"] = replace(two.book.entries["a"], state="away", api_url="http://127.0.0.1:1")
        await two.a.parts.server.api.stop()
        await until(lambda: two.b.neighbours._feeds["a"].fault)
        two.b.neighbours._look()
        assert [*two.b.hub.far_calls()], "not at once: somebody may go on in its place"
        two.clock.time += module.FORGOTTEN_AFTER_S + 1
        two.b.neighbours._look()
        assert not [*two.b.hub.far_calls()] and not two.b.desks.online("501")
        del two.book.entries["a"]
        two.clock.time += module.FORGOTTEN_AFTER_S + 1
        two.b.neighbours._look()
        assert not two.b.neighbours._feeds, "it is dialled no longer"

    async def test_one_that_is_not_heard_is_an_alarm_and_harms_nobody(self, two: Pair) -> None:
        two.a.begin(**FAR)
        await two.heard()
        await two.a.parts.server.api.stop()
        await until(lambda: two.b.neighbours.alarms())
        status, body = await two.b.outside.ask("GET", "/v1/calls", "reader")
        assert status == 200 and len(body["calls"]) == 1, "as it was last heard"


class TestRevocations:
    async def test_hold_at_every_node(self, two: Pair) -> None:
        more = {"json": {"token": "reader"}}
        assert await two.b.outside.ask("POST", "/v1/revocations", "admin", **more) == (200, {"kept": False, "away": []})
        for one in (two.a, two.b):
            assert await one.outside.code("GET", "/v1/calls", "reader") == (401, "wrong-token")

    async def test_say_which_node_could_not_be_told(self, two: Pair) -> None:
        two.book.entries["a"] = replace(two.book.entries["a"], api_url="http://127.0.0.1:1")
        _, body = await two.b.outside.ask("POST", "/v1/revocations", "admin", json={"token": "reader"})
        assert body["away"] == ["a"]


class TestWhoIsThere:
    async def test_programs_are_told_where_else_they_may_ask(self, two: Pair) -> None:
        _, me = await two.b.outside.ask("GET", "/v1/me", "desk")
        assert me["gateways"] == [two.a.outside.base]
        _, body = await two.b.outside.ask("GET", "/v1/cluster", "reader")
        assert (body["node"], [one["node"] for one in body["nodes"]]) == ("b", ["a", "b"])

    async def test_pages_of_other_nodes_are_as_good_as_ours(self, two: Pair) -> None:
        headers = {"Origin": two.a.outside.base}
        async with two.b.outside.request("GET", "/v1/me", "desk", headers=headers) as response:
            assert response.headers["Access-Control-Allow-Origin"] == two.a.outside.base
        async with two.b.outside.request("GET", "/console/") as response:
            policy = response.headers["Content-Security-Policy"]
        assert f"{two.a.outside.base} ws{two.a.outside.base[4:]}" in policy
