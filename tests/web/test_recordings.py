"""Recordings over HTTP: who may do what, and what stands in the ledger of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitter.calls.asks import ForkCall, LeaveOut, RecordCall, TakeSnapshot
from splitter.calls.logins.access import ApiSettings
from splitter.calls.recording.changes import changes
from splitter.calls.recording.recordings import Recordings
from splitter.calls.states import ForkWish, PartyKind, PhonePart, PhoneState, RecordingAction
from splitter.calls.view import PartyView, PhoneView
from splitter.media.ports.rooms import Snapshot
from splitter.media.record.about import RecordedOutcome
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.seal_keys import SealKeys, Seals, add_key
from splitter.media.record.settings import Rendering
from splitter.media.record.shelf import RecordingShelf
from splitter.web.ports import NodeAnswer
from splitter.web.recordings.recordings import merged
from splitter.web.recordings.shapes import RecordingList
from tests.media.record.kit import ABOUT, FILM, HandLink, Stage, made_film, recordings_of
from tests.web.kit import CALL, Gateway, Web, web


class Served:
    """A gateway with one recording that has ended."""

    def __init__(self, parts: Gateway, outside: Web, stage: Stage, link: HandLink, recordings: Recordings) -> None:
        self.parts, self.outside, self.stage, self.link, self.recordings = parts, outside, stage, link, recordings

    @property
    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        read = [read_line(line) for _, line in lines(self.stage.folder)]
        return [(entry.kind, entry.about) for entry in read if entry is not None]


async def served_in(tmp_path: Path, api: ApiSettings | None = None, /, **rules: object) -> AsyncIterator[Served]:
    seal = str(rules.get("seal_key", ""))
    stage = Stage(tmp_path / "recordings", seals=Seals(SealKeys(seal)) if seal else None)
    stage.studio.begin(ABOUT)
    stage.voice("caller").talk(1.0)
    stage.studio.end("call-1")
    recordings, link, _ = recordings_of(stage, **rules)
    async with web(tmp_path, api, recordings=recordings) as (parts, outside):
        parts.calls.add(replace(CALL, extension="501"))
        yield Served(parts, outside, stage, link, recordings)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async for one in served_in(tmp_path):
        yield one


RECORD = "/v1/calls/4711/recording"


class TestALiveCall:
    @pytest.mark.parametrize(("token", "may_end"), [("desk", False), ("controller", True)])
    async def test_is_recorded_by_who_has_it(self, served: Served, token: str, may_end: bool) -> None:
        for action in RecordingAction:
            status, _ = await served.outside.ask("POST", RECORD, token, json={"action": action})
            assert status == 200
        asked = [ask for _, ask in served.parts.calls.asked if isinstance(ask, RecordCall)]
        assert [(ask.action, ask.may_end) for ask in asked] == [(action, may_end) for action in RecordingAction]

    async def test_is_nobodys_else_to_record(self, served: Served) -> None:
        for token in ("reader", "listener", "painter"):
            assert await served.outside.code("POST", RECORD, token, json={"action": "start"}) == (403, "wrong-scope")

    async def test_is_given_to_who_listens_by_operators_alone(self, served: Served) -> None:
        path = "/v1/calls/4711/fork"
        for token in ("desk", "reader", "listener"):
            assert await served.outside.code("POST", path, token, json={"fork": "on"}) == (403, "wrong-scope")
        for wish in ForkWish:
            assert (await served.outside.ask("POST", path, "controller", json={"fork": wish}))[0] == 200
        asked = [ask for _, ask in served.parts.calls.asked]
        assert asked == [ForkCall(wish, "controller") for wish in ForkWish]

    async def test_leaves_out_whom_the_desk_names(self, served: Served) -> None:
        for body in ({"action": "exclude"}, {"action": "pause", "party": "caller"}):
            assert await served.outside.code("POST", RECORD, "desk", json=body) == (400, "bad-body")
        for action in ("exclude", "include"):
            await served.outside.ask("POST", RECORD, "desk", json={"action": action, "party": "phone-1"})
        asked = [ask for _, ask in served.parts.calls.asked if isinstance(ask, LeaveOut)]
        assert [(ask.party, ask.out) for ask in asked] == [("phone-1", True), ("phone-1", False)]

    async def test_tells_no_desk_of_a_hidden_supervisor(self, served: Served) -> None:
        listens = PhoneView("phone-1", "500", state=PhoneState.JOINED, part=PhonePart.LISTENS, hidden=True)
        served.parts.calls.add(replace(CALL, extension="501", phones=(listens,)))
        for action in ("exclude", "include"):
            body = {"action": action, "party": "phone-1"}
            assert await served.outside.code("POST", RECORD, "desk", json=body) == (404, "no-such-party")
            assert (await served.outside.ask("POST", RECORD, "controller", json=body))[0] == 200

    async def test_desks_may_be_kept_from_that_but_for_the_pause(self, tmp_path: Path) -> None:
        async for served in served_in(tmp_path, on_demand=False):
            for action, status in (("start", 403), ("pause", 200), ("resume", 200), ("stop", 403)):
                got, _ = await served.outside.ask("POST", RECORD, "desk", json={"action": action})
                assert got == status, action


class TestFiles:
    async def test_are_found_and_opened_and_the_ledger_says_by_whom(self, served: Served) -> None:
        status, found = await served.outside.ask("GET", "/v1/recordings?number=12345&agent=8001", "listener")
        assert status == 200 and [row["id"] for row in found["recordings"]] == ["call-1"]
        status, data = await served.outside.ask("GET", "/v1/recordings/call-1/files/1", "listener")
        assert status == 200 and data == served.stage.files[0].read_bytes()
        kind, about = served.entries[-1]
        assert (kind, about["by"], about["recording"]) == ("opened", "listener", "call-1")

    async def test_come_in_ranges_which_are_one_opening(self, served: Served) -> None:
        whole = served.stage.files[0].read_bytes()
        for first in (0, 100, 5000):
            headers = {"Range": f"bytes={first}-{first + 99}"}
            status, data = await served.outside.ask("GET", "/v1/recordings/call-1/files/1", "listener", headers=headers)
            assert (status, data) == (206, whole[first : first + 100])
        assert [kind for kind, _ in served.entries].count("opened") == 1

    async def test_that_others_ask_for_by_the_same_token_are_another_opening_also_behind_a_proxy(
        self, tmp_path: Path
    ) -> None:
        async for served in served_in(tmp_path, ApiSettings(proxies=(ip_network("127.0.0.1/32"),))):
            for source in ("198.51.100.7", "198.51.100.8", "198.51.100.7"):
                headers = {"X-Forwarded-For": source, "Range": "bytes=0-99"}
                await served.outside.ask("GET", "/v1/recordings/call-1/files/1", "listener", headers=headers)
            found = [about["from"] for kind, about in served.entries if kind == "opened"]
            assert found == ["198.51.100.7", "198.51.100.8"]

    async def test_that_are_sealed_are_opened_whole_and_in_ranges(self, tmp_path: Path) -> None:
        add_key(tmp_path / "seal.key")
        async for served in served_in(tmp_path, seal_key=str(tmp_path / "seal.key")):
            path = "/v1/recordings/call-1/files/1"
            status, whole = await served.outside.ask("GET", path, "listener")
            assert status == 200 and whole.startswith(b"\x1a\x45\xdf\xa3")
            for asked, expected in (
                ("bytes=100-199", (206, whole[100:200])),
                ("bytes=16380-", (206, whole[16_380:])),
                ("bytes=-50", (206, whole[-50:])),
                ("bytes=oops", (200, whole)),
                ("bytes=9000000-", (416, b"")),
                ("bytes=-0", (416, b"")),
            ):
                assert await served.outside.ask("GET", path, "listener", headers={"Range": asked}) == expected
            async with served.outside.request("HEAD", path, "listener", headers={"Range": "bytes=0-9"}) as head:
                assert (head.status, head.content_length) == (200, len(whole)), "ranges are of GET alone (§14.2)"
            (tmp_path / "seal.key").unlink()
            add_key(tmp_path / "seal.key")
            served.recordings.shelf = RecordingShelf(served.stage.folder, SealKeys(str(tmp_path / "seal.key")))
            assert await served.outside.code("GET", path, "listener") == (503, "unavailable")

    async def test_that_are_taken_out_of_the_house_are_so_in_the_ledger_however_soon(self, served: Served) -> None:
        for query in ("", "?export=1", "", "?export=1"):
            await served.outside.ask("GET", f"/v1/recordings/call-1/files/1{query}", "listener")
        assert [kind for kind, _ in served.entries][-2:] == ["opened", "exported"]

    async def test_are_given_to_nobody_whom_the_ledger_cannot_name(self, served: Served) -> None:
        served.link.fault = "the recorder is gone"
        code = await served.outside.code("GET", "/v1/recordings/call-1/files/1", "listener")
        assert code == (503, "no-recorder")

    async def test_are_for_those_alone_who_may_listen(self, served: Served) -> None:
        for token in ("reader", "controller", "desk", "painter"):
            for path in ("/v1/recordings", "/v1/recordings/call-1", "/v1/recordings/call-1/files/1"):
                assert await served.outside.code("GET", path, token) == (403, "wrong-scope")

    @pytest.mark.parametrize(
        "path", ["/v1/recordings/call-9", "/v1/recordings/call-1/files/2", "/v1/recordings/..%2fx"]
    )
    async def test_that_are_not_there(self, served: Served, path: str) -> None:
        assert await served.outside.code("GET", path, "listener") == (404, "no-such-recording")

    async def test_on_hold_are_not_deleted(self, served: Served) -> None:
        path = "/v1/recordings/call-1"
        await served.outside.ask("PUT", f"{path}/hold", "admin", json={"held": True, "reason": "case 7"})
        assert await served.outside.code("DELETE", path, "admin") == (409, "held")
        await served.outside.ask("PUT", f"{path}/hold", "admin", json={"held": False})
        assert (await served.outside.ask("DELETE", f"{path}?reason=asked", "admin"))[0] == 204
        assert await served.outside.code("GET", f"{path}/files/1", "listener") == (410, "gone")
        assert [kind for kind, _ in served.entries][-3:] == ["held", "released", "deleted"]
        assert served.entries[-1][1]["reason"] == "asked"


class TestReadings:
    async def test_of_traces_and_screenshots_stand_in_the_ledger_once_a_minute(self, served: Served) -> None:
        for _ in range(3):
            assert (await served.outside.ask("GET", "/v1/calls/4711/trace", "reader"))[0] == 200
        served.parts.calls.answers[TakeSnapshot] = Snapshot(b"PNG", 64, 48, 1.0)
        status, _ = await served.outside.ask("POST", "/v1/calls/4711/snapshots", "desk")
        assert status == 201
        read = [(kind, about["by"], about["call"]) for kind, about in served.entries if kind in ("trace", "screenshot")]
        assert read == [("trace", "reader", CALL.call_id), ("screenshot", "desk (501)", CALL.call_id)]

    async def test_that_cannot_be_entered_are_so_later_and_hold_up_nobody(self, served: Served) -> None:
        served.link.fault = "the recorder is gone"
        assert (await served.outside.ask("GET", "/v1/calls/4711/trace", "reader"))[0] == 200
        assert not [kind for kind, _ in served.entries if kind == "trace"]
        served.link.fault = ""
        served.recordings.on_back()
        assert [about["by"] for kind, about in served.entries if kind == "trace"] == ["reader"]


async def test_without_a_folder_nothing_is_recorded(tmp_path: Path) -> None:
    async with web(tmp_path) as (_, outside):
        assert await outside.code("GET", "/v1/recordings", "listener") == (409, "no-recording")


class FolderStore:
    """A store in a folder. As `RecordingStore`, as far as it is read. `asked`: which bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[tuple[str, int, int]]()

    def put(self, path: str, file: Path) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(file.read_bytes())

    def size(self, path: str) -> int:
        return (self.folder / path).stat().st_size

    def read(self, path: str, at: int, length: int) -> bytes:
        self.asked.append((path, at, length))
        return (self.folder / path).read_bytes()[at : at + length]


class TestFilms:
    async def test_are_made_on_demand_and_played_in_ranges_and_the_ledger_says_by_whom(self, served: Served) -> None:
        film = "/v1/recordings/call-1/film"
        assert await served.outside.code("GET", film, "listener") == (409, "no-film")
        status, row = await served.outside.ask("POST", film, "listener")
        assert (status, row["film"]["state"]) == (202, "waiting")
        data = made_film(served.stage)
        status, got = await served.outside.ask("GET", film, "listener", headers={"Range": "bytes=2-5"})
        assert (status, got) == (206, data[2:6])
        assert [kind for kind, _ in served.entries][-1] == "played"
        status, peaks = await served.outside.ask("GET", "/v1/recordings/call-1/peaks", "listener")
        assert (status, peaks) == (200, {"every_s": 0.05, "caller": [1], "agent": [2]})

    async def test_are_played_in_ranges_from_the_store(
        self, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, film = made_film(served.stage), served.stage.row().film
        assert film is not None
        store = FolderStore(tmp_path / "store")
        for path in served.stage.folder.glob("*/*"):
            store.put(str(path.relative_to(served.stage.folder)), path)
            path.unlink()
        monkeypatch.setattr("splitter.media.record.shelf.open_store", lambda place: store)
        status, got = await served.outside.ask(
            "GET", "/v1/recordings/call-1/film", "listener", headers={"Range": "bytes=2-5"}
        )
        assert (status, got) == (206, data[2:6]) and {path for path, _, _ in store.asked} == {film.path}
        status, peaks = await served.outside.ask("GET", "/v1/recordings/call-1/peaks", "listener")
        assert (status, peaks["caller"]) == (200, [1])

    async def test_of_another_content_are_given_whole(self, served: Served) -> None:
        """RFC 9110 §13.1.5: a range of what is not there any more would be put together with what is."""
        await served.outside.ask("POST", "/v1/recordings/call-1/film", "listener")
        data = made_film(served.stage)
        tag = served.stage.row().film.hash
        for if_range, expected in ((f'"{tag}"', (206, data[2:6])), ('"another"', (200, data))):
            headers = {"Range": "bytes=2-5", "If-Range": if_range}
            assert (
                await served.outside.ask("GET", "/v1/recordings/call-1/film", "listener", headers=headers) == expected
            )
        status, _ = await served.outside.ask(
            "GET", "/v1/recordings/call-1/film", "listener", headers={"Range": "bytes=999-"}
        )
        assert status == 416

    async def test_are_not_made_where_none_are_wanted(self, tmp_path: Path) -> None:
        async for served in served_in(tmp_path, render=Rendering.NONE):
            assert await served.outside.code("POST", "/v1/recordings/call-1/film", "listener") == (409, "no-films")

    async def test_have_what_happened_and_pictures_beside_them(self, served: Served) -> None:
        stage = served.stage
        stage.studio.begin(ABOUT)
        stage.studio.keep("photo", "call-1", 1, b"a photo")
        stage.studio.keep("pdf", "call-1", 2, b"a PDF")
        stage.studio.end("call-1")
        status, found = await served.outside.ask("GET", "/v1/recordings/call-1/events", "listener")
        assert status == 200 and [one["what"] for one in found["events"]].count("photo") == 1
        assert await served.outside.ask("GET", "/v1/recordings/call-1/beside/1", "listener") == (200, b"a photo")
        assert served.entries[-1][0] == "opened"
        async with served.outside.request("GET", "/v1/recordings/call-1/beside/2", "listener") as answer:
            assert answer.headers["Content-Disposition"].startswith("attachment;")  # also where nobody asked for it so
            assert (answer.content_type, answer.headers["X-Content-Type-Options"]) == ("application/pdf", "nosniff")
        code = await served.outside.code("GET", "/v1/recordings/call-1/beside/7", "listener")
        assert code == (404, "no-such-picture")

    async def test_are_played_by_a_cookie_that_is_good_for_nothing_else(self, served: Served) -> None:
        """A media element cannot say who asks in a header."""
        await served.outside.ask("POST", "/v1/recordings/call-1/film", "listener")
        made_film(served.stage)
        async with served.outside.request("POST", "/v1/recordings/call-1/play", "listener") as answer:
            assert answer.status == 204
            (cookie,) = answer.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/v1/recordings/call-1")
        served.outside.session.cookie_jar.clear()
        by_cookie: dict[str, Any] = {"headers": {"Cookie": f"{cookie.key}={cookie.value}"}}
        status, data = await served.outside.ask("GET", "/v1/recordings/call-1/film", **by_cookie)
        assert (status, data) == (200, FILM)
        kind, about = served.entries[-1]
        assert (kind, about["by"]) == ("played", "listener")
        for method, path in (("GET", "/v1/recordings"), ("GET", "/v1/calls"), ("POST", "/v1/recordings/call-1/play")):
            assert await served.outside.code(method, path, **by_cookie) == (401, "no-token")
        forged: dict[str, Any] = {"headers": {"Cookie": f"{cookie.key}={cookie.value[:-4]}AAAA"}}
        assert await served.outside.code("GET", "/v1/recordings/call-1/film", **forged) == (401, "wrong-token")

    async def test_are_for_those_alone_who_may_listen(self, served: Served) -> None:
        for path in ("film", "peaks", "events", "beside/1"):
            for token in ("reader", "controller", "desk", "painter"):
                code = await served.outside.code("GET", f"/v1/recordings/call-1/{path}", token)
                assert code == (403, "wrong-scope")


class TestASearch:
    async def test_stands_in_the_ledger_with_what_was_looked_for(self, served: Served) -> None:
        await served.outside.ask("GET", "/v1/recordings?number=12345&limit=5", "listener")
        kind, about = served.entries[-1]
        assert (kind, about["by"], about["for"]) == ("searched", "listener", {"number": "12345", "limit": "5"})
        served.link.fault = "the recorder is gone"
        assert await served.outside.code("GET", "/v1/recordings", "listener") == (503, "no-recorder")

    async def test_is_by_the_end_of_the_call_too(self, served: Served) -> None:
        served.stage.studio.conclude(ABOUT.call_id, RecordedOutcome("answered", "caller only", "refused", "over"))
        for query, count in (("video=caller%20only&state=ended", 1), ("consent=refused", 1), ("outcome=failed", 0)):
            _, found = await served.outside.ask("GET", f"/v1/recordings?{query}", "listener")
            assert len(found["recordings"]) == count, query


class TestAnAgent:
    """Whoever may see recordings of its own calls."""

    @pytest.mark.parametrize(("extension", "seen"), [("8001", True), ("8002", False), ("", False)])
    async def test_sees_those_of_its_own_extension_alone(self, served: Served, extension: str, seen: bool) -> None:
        wish = {"name": "one", "scopes": ["recordings:own"], "extension": extension}
        status, minted = await served.outside.ask("POST", "/v1/tokens", "admin", json=wish)
        assert status == 201
        token = minted["token"]
        _, found = await served.outside.ask("GET", "/v1/recordings?agent=8001", token)
        assert [row["id"] for row in found["recordings"]] == (["call-1"] if seen else [])
        for path in ("", "/files/1", "/events"):
            status, _ = await served.outside.ask("GET", f"/v1/recordings/call-1{path}", token)
            assert status == (200 if seen else 404)

    async def test_does_not_see_a_hidden_number_nor_finds_by_it_unless_it_may(self, served: Served) -> None:
        served.stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-2", private=True))
        served.stage.studio.end("call-2")
        for more, caller in (([], ""), (["calls:identity"], ABOUT.caller)):
            wish = {"name": "one", "scopes": ["recordings:own", *more], "extension": "8001"}
            _, made = await served.outside.ask("POST", "/v1/tokens", "admin", json=wish)
            _, told = await served.outside.ask("GET", "/v1/recordings", made["token"])
            assert {row["id"]: row["caller"] for row in told["recordings"]} == {
                "call-2": caller,
                "call-1": ABOUT.caller,
            }
            assert (await served.outside.ask("GET", "/v1/recordings/call-2", made["token"]))[1]["caller"] == caller
            _, told = await served.outside.ask("GET", f"/v1/recordings?number=%2B{ABOUT.caller[1:]}", made["token"])
            assert len(told["recordings"]) == (2 if caller else 1)
        [file] = served.stage.folder.glob("*/call-2.1.mkv")
        assert ABOUT.caller.encode() not in file.read_bytes()

    async def test_reads_nothing_of_a_supervisor_whom_desks_are_not_shown(self, served: Served) -> None:
        studio, hidden = served.stage.studio, PartyView("onlooker-1", PartyKind.ONLOOKER, "500", hidden=True)
        listens = PhoneView("phone-1", "500", part=PhonePart.LISTENS, hidden=True)
        before = replace(CALL, parties=(), phones=())
        studio.begin(msgspec.structs.replace(ABOUT, id="call-3", private=True))
        for what, more in changes(before, replace(before, parties=(hidden,), phones=(listens,), muted=("phone-1",))):
            studio.note("call-3", what, msgspec.to_builtins(more))
        studio.end("call-3")
        told = {}
        for scopes in (["recordings:own"], ["recordings:own", "calls:supervise"], ["recordings:read"]):
            wish = {"name": "one", "scopes": scopes, "extension": "8001"}
            _, made = await served.outside.ask("POST", "/v1/tokens", "admin", json=wish)
            _, found = await served.outside.ask("GET", "/v1/recordings/call-3/events", made["token"])
            told[scopes[-1]] = {
                one["what"]: one["more"].get("is", one["more"].get("caller")) for one in found["events"]
            }
        assert told["recordings:own"]["muted"] == [] and not told["recordings:own"].keys() & {"party", "phone"}
        assert [told[scope]["begun"] for scope in told] == ["", "", ABOUT.caller], "whose number is hidden, too"
        for scope in ("calls:supervise", "recordings:read"):
            assert told[scope]["muted"] == ["phone-1"] and {"party", "phone"} <= told[scope].keys()


class TestSeveralGateways:
    def test_give_one_list_with_who_keeps_each_and_who_said_nothing(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings")
        made_film(stage)
        stage.host.pass_time(60.0)
        made_film(stage, "call-2")
        (own, far) = (stage.row("call-1"), stage.row("call-2"))
        answers = [
            NodeAnswer("b", msgspec.json.encode(RecordingList([far]))),
            NodeAnswer("c", None, silent=True),
            NodeAnswer("d", None),  # it records nothing
        ]
        rows, missing = merged([own], answers, 10)
        assert [(row.id, row.node) for row in rows] == [("call-2", "b"), ("call-1", "")]
        assert missing == ("c",)
        assert [row.id for row in merged([own], answers, 1)[0]] == ["call-2"]
