"""The document (OpenAPI 3.1): it has every route and no other, and what is answered is what it says."""

from __future__ import annotations

import asyncio
import compileall
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitter.calls.asks import (
    Desk,
    Holder,
    InvitePhone,
    MessagesRead,
    PhoneInvited,
    ReadMessages,
    Watched,
    WatchOthers,
    Write,
    Written,
)
from splitter.calls.browsers.path_checks import PathChecks
from splitter.calls.desks import ClientView, DeskView
from splitter.calls.logins.access import ApiSettings, Scope
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.routing import Routing
from splitter.calls.settings import Role, Trunk
from splitter.calls.states import CallState, PartyKind, PartyState, VideoState
from splitter.calls.talk.aside import ChatMessage, ChatSender
from splitter.calls.view import PartyView, TargetView, TrunkView, VideoView
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from splitter.store.photos import Photos
from splitter.transport.bans import Ban
from splitter.web import api
from splitter.web.access.bearer import Bearer, mint
from splitter.web.api import build, table
from splitter.web.door.precedence import Precedence
from splitter.web.field_words import words_of
from splitter.web.http.routes import GoodAnswer, Operation
from splitter.web.openapi import document as openapi
from splitter.web.operation_names import NAMES
from splitter.web.shapes import ErrorBody
from splitter.web.status.security import NoSecurity
from tests.media.record.kit import ABOUT, Stage, made_film, recordings_of
from tests.web.callers_kit import OFFER as CALL_OFFER
from tests.web.callers_kit import callers, wish
from tests.web.kit import CALL, SEAT, SECRET, Gateway, Web, web
from tests.web.test_callers_checks import asked
from tests.web.test_parties import ANSWER, OFFER
from tests.web.test_stills import image

Document = dict[str, Any]
FULL = replace(
    CALL,
    extension="501",
    bound_by="cti",
    facts=CallerFacts(latitude=39.9, longitude=116.4, video_capable=True),
    parties=(PartyView("seat-1", PartyKind.WEBRTC, "501", "tab", PartyState.CONNECTED, True, "caller"),),
    video=VideoView(VideoState.ON, "accepted", "", True, Limits(640, 480, 30, 960), True),
)
TARGET = TargetView("udp 10.1.0.20:5060", "up", "", 1.0, 2.5, None)
TRUNK = TrunkView("pbx", "centre", "up", "", 1.0, 3, 0, 0.0, "10.1.0.20", 2.5, 0.1, (TARGET,))
DESK = DeskView("501", "online", (ClientView("tab", "webrtc", 1.0, (CALL.call_id,)),))


class Banning(NoSecurity):
    def bans(self) -> list[tuple[Ban, float]]:
        return [(Ban("10.9.9.9", "flood", 3, 100.0), 60.0)]

    def lift_ban(self, host: str) -> bool:
        return True


async def document_of(outside: Web) -> Document:
    status, body = await outside.ask("GET", "/v1/openapi.json")
    assert status == 200
    assert isinstance(body, dict)
    return body


def operations(document: Document) -> dict[tuple[str, str], Document]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def plain(path: str) -> str:
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)


class TestTheDocument:
    async def test_has_every_route_and_no_other(self, tmp_path: Path) -> None:
        async with web(tmp_path, events=_nobody) as (parts, outside):
            document = await document_of(outside)
            served = {
                (route.method, plain(route.resource.canonical))
                for route in build(parts.ports, Precedence()).router.routes()
                if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
            }
            assert set(operations(document)) == {(method, path) for method, path in served if path.startswith("/v1/")}

    async def test_is_written_once_however_many_ask_at_once(
        self, outside: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Anybody may ask, and each copy would take a good part of a tenth of a second from the calls."""
        written: list[int] = []

        def write(routes: tuple[Operation, ...]) -> dict[str, Any]:
            written.append(len(routes))
            return openapi(routes)

        monkeypatch.setattr(api, "document", write)
        asked = await asyncio.gather(*(document_of(outside) for _ in range(8)))
        assert len(written) == 1 and all(one == asked[0] for one in asked)

    async def test_says_who_may_do_what(self, parts: Gateway, outside: Web) -> None:
        found = operations(await document_of(outside))
        for route in table(parts.ports):
            if route.hidden:
                continue
            named = {requirement["bearer"][0] for requirement in _security(found, route) if "bearer" in requirement}
            assert named == {str(scope) for scope in route.scopes}, route.path
            assert ("401" in found[route.method, plain(route.path)]["responses"]) == bool(
                route.scopes or 401 in dict(route.faults)
            )

    async def test_is_whole(self, tmp_path: Path) -> None:
        """Every reference leads somewhere, every parameter is of its path, every name is there once."""

        async with web(tmp_path, events=_nobody) as (_, outside):
            document = await document_of(outside)
            assert document["openapi"] == "3.1.0"
            schemas = document["components"]["schemas"]
            references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
            assert references <= set(schemas) and "CallView" in references
            names = [operation["operationId"] for operation in operations(document).values()]
            assert len(set(names)) == len(names)
            for (method, path), operation in operations(document).items():
                inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
                assert inside == set(re.findall(r"\{(\w+)\}", path)), path
                assert operation["summary"] and operation["responses"], (method, path)
                assert all(response["description"] for response in operation["responses"].values())

    async def test_names_every_operation_and_tells_every_field(self, tmp_path: Path) -> None:
        async with web(tmp_path, events=_nobody) as (_, outside):
            document = await document_of(outside)
        found = {f"{method} {path}": one["operationId"] for (method, path), one in operations(document).items()}
        assert found == NAMES
        untold = {
            f"{name}.{field}"
            for name, schema in document["components"]["schemas"].items()
            for field, shown in schema.get("properties", {}).items()
            if not shown.get("description")
        }
        assert untold == set()

    async def test_has_an_example_of_all_that_is_sent_and_answered(self, parts: Gateway) -> None:
        """Each is what the type allows, and tells of each list what it holds."""
        told = json.loads(json.dumps(openapi(table(parts.ports))))
        for route in (one for one in table(parts.ports) if not one.hidden):
            operation = told["paths"][re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)][route.method.lower()]
            shown = [(answer.shape, operation["responses"][str(answer.status)]) for answer in route.answers]
            if route.body is not None:
                shown.append((route.body.shape, operation["requestBody"]))
            for shape, part in shown:
                for content in part["content"].values() if shape is not None else ():
                    msgspec.convert(content["example"], shape, strict=True)

    async def test_says_of_every_group_what_is_in_it(self, outside: Web) -> None:
        told = await document_of(outside)
        groups = {operation["tags"][0] for path in told["paths"].values() for operation in path.values()}
        assert {tag["name"] for tag in told["tags"]} == groups and all(tag["description"] for tag in told["tags"])

    def test_takes_what_a_type_says_of_its_fields_apart(self) -> None:
        @dataclass
        class Told:
            """What is told. `first`: give it as `other` next time; None for none. `second` is the one after.

            Attributes:
                third: what it is; empty: none. fourth, fifth: what they
                    are.
            """

            third: str
            fourth: str
            fifth: str

        told = {
            "first": "give it as `other` next time; null for none",
            "second": "the one after",
            "third": "what it is; empty: none",
        }
        assert words_of(Told) == told | dict.fromkeys(("fourth", "fifth"), "what they are")

    async def test_is_one_that_clients_are_generated_from(self, tmp_path: Path) -> None:
        """By openapi-python-client, which knows no tuples; its code is compiled."""
        async with web(tmp_path, events=_nobody) as (_, outside):
            (tmp_path / "openapi.json").write_text(json.dumps(await document_of(outside)))
        program = str(Path(sys.executable).with_name("openapi-python-client"))
        files = ["--path", str(tmp_path / "openapi.json"), "--output-path", str(tmp_path / "client")]
        command = [program, "generate", "--meta", "none", *files]
        made = await asyncio.to_thread(lambda: subprocess.run(command, capture_output=True, text=True))
        assert "Failed" not in made.stdout and "endpoint will be skipped" not in made.stdout, made.stdout
        calls = (tmp_path / "client" / "api" / "calls" / "list_calls.py").read_text()
        assert "CallList" in calls and compileall.compile_dir(tmp_path / "client", quiet=1)

    async def test_has_no_pattern_that_lets_a_line_end_through(self, tmp_path: Path) -> None:
        """What programs match by it may stand in a header or a line of a log."""
        async with web(tmp_path, door=callers().door) as (_, outside):
            found = set(re.findall(r'"pattern": ?("(?:[^"\\]|\\.)*")', json.dumps(await document_of(outside))))
        patterns = {json.loads(text) for text in found}
        assert len(patterns) >= 5
        assert not [one for one in patterns if "$" in one and not one.endswith(r"$(?!\n)")]

    async def test_is_for_everybody(self, outside: Web) -> None:
        assert "webrtc" not in json.dumps((await document_of(outside))["info"])  # nothing of this gateway's state


CODE = "7k2m9x4t0q"
GUEST = mint(SECRET, Bearer("guest m1", frozenset({Scope.GUEST}), call_id=CALL.call_id), 2e9)
EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("GET", "/v1/login", "", {}),
    ("POST", "/v1/login", "", {"json": {"user": "8001", "password": "red"}}),
    ("POST", "/v1/tokens", "admin", {"json": {"extension": "501"}}),
    ("GET", "/v1/me", "desk", {}),
    ("GET", "/v1/me", "reader", {}),
    ("GET", "/v1/cluster", "reader", {}),
    ("GET", "/v1/calls", "reader", {}),
    ("POST", "/v1/calls", "desk", {"json": {"number": "13900001111"}}),
    ("GET", "/v1/calls?ended=1", "reader", {}),
    ("GET", "/v1/calls/4711", "desk", {}),
    ("GET", "/v1/calls/4711/why", "reader", {}),
    ("PUT", "/v1/calls/old/wrap-up", "cti", {"json": {"note": "a leak"}}),
    ("GET", "/v1/calls/4711/quality", "desk", {}),
    ("DELETE", "/v1/calls/4711", "controller", {}),
    ("PUT", "/v1/calls/4711/desk", "controller", {"json": {"extension": "7"}}),
    ("DELETE", "/v1/calls/4711/desk", "controller", {}),
    ("POST", "/v1/calls/4711/admissions", "desk", {}),
    ("GET", "/v1/search?number=110", "reader", {}),
    ("GET", "/v1/unbound", "desk", {}),
    ("GET", "/v1/records?outcome=answered", "reader", {}),
    ("POST", "/v1/calls/4711/video", "desk", {}),
    ("GET", "/v1/calls/4711/parties/seat-1/streams", "desk", {}),
    ("GET", f"/v1/calls/{CALL.call_id}/guest", GUEST, {}),
    ("GET", "/v1/calls/4711/messages", "desk", {}),
    ("GET", "/v1/calls/4711/photos", "desk", {}),
    ("POST", f"/v1/calls/{CALL.call_id}/photos", GUEST, {"data": image(), "headers": {"Content-Type": "image/png"}}),
    ("POST", "/v1/calls/4711/messages", "desk", {"json": {"text": "hello"}}),
    ("PUT", "/v1/calls/4711/parties/seat-1/streams", "desk", {"json": {"offer": OFFER, "streams": []}}),
    ("DELETE", "/v1/calls/4711/video", "desk", {}),
    ("POST", "/v1/calls/4711/invitations", "desk", {}),
    ("GET", "/v1/calls/4711/invitations", "desk", {}),
    ("POST", "/v1/calls/4711/phones", "desk", {"json": {"number": "8002"}}),
    ("POST", "/v1/calls/4711/recording", "desk", {"json": {"action": "start"}}),
    ("POST", "/v1/calls/4711/fork", "controller", {"json": {"fork": "on"}}),
    ("GET", "/v1/recordings", "listener", {}),
    ("GET", "/v1/recordings/call-1", "listener", {}),
    ("POST", "/v1/recordings/call-1/film", "listener", {}),
    ("GET", "/v1/recordings/call-1/events", "listener", {}),
    ("GET", "/v1/recordings/call-2/peaks", "listener", {}),
    ("PUT", "/v1/recordings/call-1/hold", "admin", {"json": {"held": True}}),
    ("POST", "/v1/guests", "", {"json": {"code": CODE, "device": "0" * 32}}),
    ("POST", "/v1/web/tokens", "maker", {"json": {"customer": "C-1"}}),
    ("POST", "/v1/web/calls", "", wish()),
    ("POST", "/v1/web/path-checks", "", asked()),
    ("GET", "/v1/web/calls/4711", "cti", {}),
    ("PUT", "/v1/web/calls/4711/camera", "cti", {"json": {"on": True}}),
    ("POST", f"/v1/web/calls/{CALL.call_id}/messages", "admin", {"json": {"text": "hello"}}),
    ("GET", f"/v1/web/calls/{CALL.call_id}/messages", "admin", {}),
    ("PUT", "/v1/web/calls/4711/offer", "cti", {"json": {"sdp": CALL_OFFER}}),
    ("POST", "/v1/pictures", "painter", {"data": image(), "headers": {"Content-Type": "image/png"}}),
    ("GET", "/v1/pictures", "painter", {}),
    ("GET", "/v1/status", "reader", {}),
    ("GET", "/v1/trunks", "reader", {}),
    ("GET", "/v1/desks", "reader", {}),
    ("GET", "/v1/bans", "admin", {}),
    ("DELETE", "/v1/bans/10.9.9.9", "admin", {}),
    ("POST", "/v1/revocations", "admin", {"json": {"token": "8001"}}),
    ("POST", "/v1/test-calls", "admin", {"json": {"source": "192.0.2.10:40000", "trunk": "sbc"}}),
    ("POST", "/v1/reload", "admin", {}),
    ("POST", "/v1/drain", "admin", {}),
    ("DELETE", "/v1/drain", "admin", {}),
    ("POST", "/v1/restart", "admin", {}),
    ("POST", "/v1/hand-over", "admin", {}),
]


class TestAnswers:
    @pytest.mark.parametrize(("method", "path", "token", "more"), EXAMPLES)
    async def test_are_what_the_document_says(
        self, tmp_path: Path, method: str, path: str, token: str, more: dict[str, Any]
    ) -> None:
        settings = ApiSettings(guest_url="https://video.example/guest/")
        made = callers(anonymous=True)
        for call_id in ("4711", CALL.call_id):
            await made.open(call_id)
        stage = Stage(tmp_path / "recordings")
        recordings, _, _ = recordings_of(stage)
        stage.studio.begin(ABOUT)
        made_film(stage, "call-2")
        ports: dict[str, Any] = {
            "security": Banning(),
            "desks": lambda: [DESK],
            "door": made.door,
            "caller_paths": PathChecks(made.adapters, "web", IdSource()),
            "recordings": recordings,
            "photos": Photos(tmp_path / "photos", SystemClock()),
            "lender": Routing({"sbc": Trunk("sbc", Role.ACCESS, "access", ())}, ()),
        }
        async with web(tmp_path, settings, **ports) as (parts, outside):
            parts.calls.add(FULL, replace(CALL, call_id="9yy2m0000000", short_code="0815", caller="13700137000"))
            guest = Desk("phone", "", "guest", holder=Holder("guest m1"))
            parts.calls.desks[FULL.call_id] = {"guest-1": guest}
            parts.save(replace(FULL, call_id="old", state=CallState.ENDED, ended_at=2.0))
            parts.trunks, parts.seats = [TRUNK], [SEAT]
            parts.calls.answers[WatchOthers] = Watched(parse(ANSWER), ())
            links = parts.ports.inviting.links
            code = iter(CODE)
            links._choose = lambda letters: next(code)
            await links.make("m1", FULL.call_id, parts.clock.wall() + 100)
            links._choose = lambda letters: letters[0]
            parts.calls.answers[Write] = Written(1)
            parts.calls.answers[ReadMessages] = MessagesRead((ChatMessage(1, 1.0, ChatSender.GUEST, "", "hello"),))
            parts.calls.answers[InvitePhone] = PhoneInvited("phone-1")
            status, body = await outside.ask(method, path, token, **more)
            answer = _answer(table(parts.ports), method, path, status)
            assert answer.shape is not None
            msgspec.convert(body, answer.shape, strict=True)
            assert set(body) <= _fields(answer.shape), "nothing that the document does not tell"

    async def test_in_json_are_all_tried_above(self, parts: Gateway) -> None:
        told = {
            (route.method, route.path)
            for route in table(parts.ports)
            if any(answer.shape not in (None, dict) for answer in route.answers)
        }
        tried = {(method, _route(table(parts.ports), method, path).path) for method, path, _, _ in EXAMPLES}
        elsewhere = {("POST", "/v1/login/openid/begin"), ("POST", "/v1/login/openid")}  # test_openid
        assert tried == told - elsewhere

    async def test_that_refuse_have_their_shape_too(self, outside: Web) -> None:
        for method, path, token in [
            ("GET", "/v1/calls/none", "reader"),
            ("GET", "/v1/calls", ""),
            ("POST", "/v1/login", ""),
            ("GET", "/nowhere", ""),
            ("PATCH", "/v1/calls", "reader"),
        ]:
            status, body = await outside.ask(method, path, token)
            refusal = msgspec.convert(body, ErrorBody)
            assert refusal.error.status == status and refusal.error.code and refusal.error.message

    async def test_to_a_wrong_method_name_the_right_ones(self, outside: Web) -> None:
        async with outside.request("POST", "/v1/status", "reader") as response:
            assert response.status == 405 and response.headers["Allow"] == "GET,HEAD"


async def _nobody(request: Any) -> Any:
    raise AssertionError("not asked here")


def _security(found: dict[tuple[str, str], Document], route: Operation) -> list[Document]:
    requirements: list[Document] = found[route.method, plain(route.path)]["security"]
    return requirements


def _route(routes: tuple[Operation, ...], method: str, path: str) -> Operation:
    """The most particular one that fits."""
    fitting = [
        route
        for route in routes
        if route.method == method and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", route.path), path.partition("?")[0])
    ]
    return max(fitting, key=lambda route: (-route.path.count("{"), len(route.path)))


def _answer(routes: tuple[Operation, ...], method: str, path: str, status: int) -> GoodAnswer:
    found = {answer.status: answer for answer in _route(routes, method, path).answers}
    assert status in found, f"{status} is not in the document"
    return found[status]


def _fields(shape: Any) -> set[str]:
    schema = msgspec.json.schema(shape)
    name = schema["$ref"].rpartition("/")[2]
    return set(schema["$defs"][name]["properties"])
