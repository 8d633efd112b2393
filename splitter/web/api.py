"""The API, version 1: the table of its routes, and the application over it. /v1/openapi.json says the rest.

{ref} is a call's id, the beginning of it, its short code, or the caller's number, in any spelling, where that is one
call's alone; live calls go before ended ones. On the control socket nobody needs a token.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from splitter.web.access.auth import Doorman, Strict, Trusting, guarded
from splitter.web.access.scopes import EVERYBODY
from splitter.web.callers.routes import caller_routes
from splitter.web.calls.find import Finder
from splitter.web.calls.parties import PartyRoutes
from splitter.web.calls.path_checks import path_checks
from splitter.web.calls.people_routes import admission_routes, phone_routes
from splitter.web.calls.routes import call_routes, party_routes
from splitter.web.door.cors import Cors
from splitter.web.door.precedence import Precedence
from splitter.web.events.routes import event_routes
from splitter.web.guests.guests import LOGO
from splitter.web.guests.link_routes import invitation_routes
from splitter.web.guests.routes import guest_routes
from splitter.web.http.documents import Document
from splitter.web.http.errors import border
from splitter.web.http.protection import protect
from splitter.web.http.routes import CALL, JSON, PICTURE_BYTES, GoodAnswer, Operation
from splitter.web.logins.routes import login_routes
from splitter.web.nodes.kept import KeptElsewhere
from splitter.web.openapi import document
from splitter.web.pages import FOLDERS, Pages
from splitter.web.ports import Ports
from splitter.web.recordings.routes import recording_routes
from splitter.web.records.routes import record_routes
from splitter.web.status.routes import gateway_routes
from splitter.web.stills.routes import still_routes


def build(ports: Ports, precedence: Precedence | None = None) -> web.Application:
    """The application, ready to be served.

    Args:
        precedence: of those who ask over the network, and must say who they are; the control socket trusts whoever may
            open it, and lets nobody wait.
    """
    access = ports.access
    doorman: Doorman = Strict(access, ports.clock, ports.revoked) if precedence is not None else Trusting()
    nodes = lambda: [node.api_url for node in ports.elsewhere.nodes() if node.api_url]  # noqa: E731
    door = ports.door
    callers = lambda: door.settings.origins if door is not None else ()  # noqa: E731
    cors, proxies = Cors(access, nodes, callers), access.proxies

    kept = KeptElsewhere(ports.calls, ports.archive, ports.elsewhere)

    async def pass_on(request: web.Request, route: Operation) -> web.StreamResponse | None:
        node = ports.elsewhere.owner_of(request, ports.calls)
        if (
            node is None
            and ports.elsewhere.own
            and route.path.startswith(CALL)
            and (route.kept or route.method == "GET")
        ):
            node = await kept.elsewhere(request)
        return await ports.elsewhere.forward(request, route, node) if node is not None else None

    in_turn = [] if precedence is None else [precedence.middleware(doorman)]
    app = web.Application(middlewares=[proxies.look, border, *in_turn, cors.preflight], client_max_size=PICTURE_BYTES)
    app.on_response_prepare.append(cors.on_prepare)
    app.on_response_prepare.append(protect)
    for route in (*table(ports), *pages(Pages(access, nodes=nodes))):
        app.router.add_route(route.method, route.path, guarded(route, doorman, pass_on))
        if route.method == "GET" and not route.from_protocol:
            app.router.add_route("HEAD", route.path, guarded(route, doorman, pass_on))
    return app


def table(ports: Ports) -> tuple[Operation, ...]:
    """Every operation, with the scopes that it needs; one of them is enough, and `admin` is always."""
    finder = Finder(ports.calls, ports.archive, ports.clock)
    parties = PartyRoutes(ports.calls, finder, ports.network, ports.inviting.links, ports.access, ports.clock)
    routes = (
        *login_routes(ports),
        *call_routes(ports, finder),
        *record_routes(ports, finder),
        *party_routes(ports, finder, parties),
        *guest_routes(ports, finder, parties),
        *still_routes(ports, finder),
        *admission_routes(ports, finder),
        *invitation_routes(ports, finder),
        *phone_routes(ports, finder),
        *recording_routes(ports, finder),
        *gateway_routes(ports),
        *event_routes(ports),
        *caller_routes(ports),
        *path_checks(ports),
    )
    return _document(routes)


def _document(routes: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The document of these routes, and of itself; written when somebody first asks for it, beside the loop."""
    shown: list[Document] = []
    writing = asyncio.Lock()  # who else asks meanwhile waits for the same one

    def write() -> Document:
        return Document(msgspec.json.encode(document(every)))

    async def serve(request: web.Request) -> web.Response:
        async with writing:
            if not shown:
                shown.append(await asyncio.to_thread(write))
        return shown[0].response(request, JSON, {"Cache-Control": "no-cache"})

    answer = GoodAnswer(200, "this document", dict)
    every = (*routes, Operation("GET", "/v1/openapi.json", EVERYBODY, serve, "This document", (answer,)))
    return every


def pages(pages: Pages) -> tuple[Operation, ...]:
    """What people see in a browser."""
    folders = [Operation("GET", f"/{name}", EVERYBODY, pages.folder, hidden=True) for name in FOLDERS]
    files = [Operation("GET", f"/{name}/{{file:.*}}", EVERYBODY, pages.file, hidden=True) for name in FOLDERS]
    logo = Operation("GET", LOGO, EVERYBODY, pages.logo, hidden=True)
    return (Operation("GET", "/", EVERYBODY, pages.index, hidden=True), logo, *folders, *files)
