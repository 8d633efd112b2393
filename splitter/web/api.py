"""The API, version 1: the table of its routes, and the application over it. /v1/openapi.json says the rest.

{ref} is a call's id, the beginning of it, its short code, or the caller's number, in any spelling, where that is one
call's alone; live calls go before ended ones. On the control socket nobody needs a token.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView
from splitter.sdp.fragment import CONTENT_TYPE as FRAGMENT
from splitter.web import shapes
from splitter.web.access.auth import Doorman, Strict, Trusting, guarded
from splitter.web.callers.routes import caller_routes
from splitter.web.calls.calls import DESK_BODY, VIDEO_BODY, CallRoutes
from splitter.web.calls.display import DISPLAY_BODY, DisplayRoutes
from splitter.web.calls.find import Finder
from splitter.web.calls.parties import FRAGMENT_BODY, OFFER_BODY, PartyRoutes
from splitter.web.calls.path_checks import path_checks
from splitter.web.calls.placing import CALL_BODY, PlacingRoutes
from splitter.web.calls.readings import Readings
from splitter.web.calls.traces import NDJSON, TraceRoutes
from splitter.web.calls.watching import STREAMS_BODY, StreamRoutes
from splitter.web.calls.why import WhyRoutes
from splitter.web.door.cors import Cors
from splitter.web.door.precedence import Precedence
from splitter.web.entries import admissions, phones, recordings
from splitter.web.events.unbound import UnboundCalls
from splitter.web.guests.guests import GUEST_BODY, LOGO, GuestRoutes
from splitter.web.guests.invitations import INVITATION_BODY, STATUS_BODY, InvitationRoutes
from splitter.web.guests.receipts import RECEIPT_BODY, ReceiptRoutes
from splitter.web.guests.routes import guest_routes
from splitter.web.guests.sharing import PATH, SHARED_BODY, LinkSharing
from splitter.web.http.documents import Document
from splitter.web.http.errors import border
from splitter.web.http.protection import protect
from splitter.web.http.routes import JSON, PICTURE_BYTES, SDP, GoodAnswer, Operation, Query
from splitter.web.logins.revoke import REVOCATION_BODY, RevocationRoutes
from splitter.web.logins.routes import login_routes
from splitter.web.logins.shapes import Revoked
from splitter.web.nodes.kept import KeptElsewhere
from splitter.web.openapi import document
from splitter.web.pages import FOLDERS, Pages
from splitter.web.ports import GatewayStatus, Ports
from splitter.web.records.records import RecordRoutes
from splitter.web.status import reloads
from splitter.web.status.gateway import GatewayRoutes
from splitter.web.status.lending import LOAN_BODY, LendingRoutes
from splitter.web.status.probes import Probes
from splitter.web.status.security import SecurityRoutes
from splitter.web.still_routes import stills

_EVERYBODY: frozenset[Scope] = frozenset()
_ANY = frozenset(Scope)
_READ = frozenset({Scope.READ, Scope.CONTROL})
_SEE = frozenset({Scope.READ, Scope.CONTROL, Scope.DESK})
_ACT = frozenset({Scope.CONTROL, Scope.DESK})
_JOIN = frozenset({Scope.DESK, Scope.GUEST})
_LEAVE = frozenset({Scope.CONTROL, Scope.DESK, Scope.GUEST})
_PICTURES = frozenset({Scope.PICTURES, Scope.DESK})
_SEE_PICTURES = _PICTURES | _READ
_ADMIN = frozenset({Scope.ADMIN})

_LIMIT = Query("limit", "how many at most; 50 where it is left out", "integer")
_CALL = "/v1/calls/{ref}"
_NO_BODY = ""


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
            and route.path.startswith(_CALL)
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
    routes = (*login_routes(ports), *_calls(ports, finder), *_video(ports, finder), *stills(ports, finder))
    routes = (*routes, *admissions(ports, finder), *_invitations(ports, finder), *phones(ports, finder))
    routes = (*routes, *recordings(ports, finder))
    return _document((*routes, *_gateway(ports), *_events(ports), *caller_routes(ports), *path_checks(ports)))


def _calls(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    calls = CallRoutes(ports.calls, ports.archive, finder, ports.elsewhere, lambda: ports.access.settings)
    reasons = WhyRoutes(ports.calls, ports.archive, finder)
    readings = Readings(ports.recordings, ports.clock)
    traces = TraceRoutes(ports.archive, ports.live, finder, ports.clock, ports.revoked, readings)
    view, listed = GoodAnswer(200, "the call", CallView), GoodAnswer(200, "calls, the newest first", shapes.CallList)
    accepted = GoodAnswer(202, "it is on its way", shapes.CallId)
    placing = PlacingRoutes(ports.calls, ports.clock)
    placed = GoodAnswer(201, "the agent's phone rings", shapes.CallId, headers=("Location",))
    bound = ((409, "bound-already"), (422, "no-extension"))
    which = (
        Query("number", "of the caller, or the called one"),
        Query("extension", "of the desk that has it"),
        Query("ended", "1: those that ended, instead of those that live", "integer"),
        _LIMIT,
        Query("before", "for paging: started_at of the last one, Unix seconds", "number"),
    )
    ways = (
        Query("raw", "1: with the bytes of messages (base64)", "integer"),
        Query("follow", "1: go on until the call is over", "integer"),
    )
    lines = GoodAnswer(200, "an event per line", kind=NDJSON)
    search = (Query("number", "a number, or its end"), _LIMIT)
    ended = ((409, "call-ended"),)
    return (
        Operation("GET", "/v1/calls", _SEE, calls.listed, "Calls", (listed,), which),
        Operation(
            *("POST", "/v1/calls", _ACT, placing.place, "Call a number for a desk, whose phone rings first", (placed,)),
            body=CALL_BODY,
            faults=((403, "not-allowed"), (422, "no-extension"), (429, "too-many"), (503, "overload")),
        ),
        Operation("GET", _CALL, _SEE, calls.one, "One call, alive or ended", (view,)),
        Operation("DELETE", _CALL, _ACT, calls.hangup, "Hang up", (accepted,), faults=ended),
        Operation("GET", f"{_CALL}/trace", _READ, traces.trace, "What happened to a call", (lines,), ways),
        Operation(
            *("GET", f"{_CALL}/quality", _SEE, reasons.quality, "What its media carry, and how well"),
            (GoodAnswer(200, "by leg and party", shapes.CarriedShown),),
        ),
        Operation(
            *("GET", f"{_CALL}/why", _READ, reasons.why, "Why a call had no voice or no video"),
            (GoodAnswer(200, "a sentence on each, with its proof", shapes.DiagnosisShown),),
        ),
        Operation("PUT", f"{_CALL}/desk", _ACT, calls.bind, "Bind to a desk", (view,), body=DESK_BODY, faults=bound),
        Operation("DELETE", f"{_CALL}/desk", _ACT, calls.unbind, "Take the binding back", (view,)),
        Operation(
            *("GET", "/v1/unbound", _SEE, calls.unbound, "Calls that nobody has, for a desk to take"),
            (GoodAnswer(200, "the oldest ones", UnboundCalls),),
        ),
        Operation(
            *("GET", "/v1/records", _READ, RecordRoutes(ports.archive, ports.elsewhere).listed),
            "Records of ended calls, a row for each",
            (GoodAnswer(200, "the newest first; CSV and JSON lines where that is asked for", shapes.RecordList),),
            (
                Query("number", "from or to this one, or what ends so"),
                Query("extension", "of the desk that had it"),
                Query("outcome", "answered, cancelled, busy, no-answer, refused or failed"),
                Query("since", "those that started then or later, Unix seconds", "number"),
                Query("before", "those that started before; for paging: `next` of the last answer", "number"),
                Query("format", "json, csv or jsonl"),
                _LIMIT,
            ),
        ),
        Operation("GET", "/v1/search", _READ, calls.search, "Calls from or to a number", (listed,), search),
    )


def _video(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    calls = CallRoutes(ports.calls, ports.archive, finder, ports.elsewhere)
    parties = PartyRoutes(ports.calls, finder, ports.network, ports.inviting.links, ports.access, ports.clock)
    guests = guest_routes(ports, finder, parties)
    display, streams = DisplayRoutes(ports.calls, finder), StreamRoutes(ports.calls, parties)
    party, accepted = f"{_CALL}/parties/{{party}}", GoodAnswer(202, "it is on its way", shapes.CallId)
    admitted = GoodAnswer(201, "our SDP answer", kind=SDP, headers=("Location", "ETag", "Splitter-Limits"))
    patched = (
        GoodAnswer(200, "ICE was restarted: our credentials and candidates", kind=FRAGMENT, headers=("ETag",)),
        GoodAnswer(204, "the candidates are known", kind=_NO_BODY, headers=("ETag",)),
    )
    old, gone = ((412, "old-etag"), (428, "no-etag")), GoodAnswer(204, "it is gone", kind=_NO_BODY)
    asked = ((409, "asking"), (409, "on"), (422, "unsupported"))
    client = (
        Query("client", "the client's own id: the same one takes its old place again"),
        Query("consent", "of a guest: the version of the text that its user has agreed to"),
    )
    return (
        Operation(
            *("POST", f"{_CALL}/video", _ACT, calls.raise_video, "Ask the caller for video", (accepted,)),
            body=VIDEO_BODY,
            faults=asked,
        ),
        Operation("DELETE", f"{_CALL}/video", _ACT, calls.drop_video, "Back to voice", (accepted,)),
        Operation(
            *("POST", f"{_CALL}/parties", _JOIN, parties.join, "Join with video (WHIP, RFC 9725)", (admitted,), client),
            body=OFFER_BODY,
            faults=(
                (403, "not-admitted"),
                (403, "no-consent"),
                (406, "no-h264"),
                (409, "full"),
                (422, "bad-offer"),
                (429, "too-many"),
                (503, "no-media"),
            ),
        ),
        Operation("OPTIONS", f"{_CALL}/parties", _EVERYBODY, parties.options, hidden=True),
        Operation(
            "PATCH", party, _JOIN, parties.restart, "Trickle ICE, or restart", patched, body=FRAGMENT_BODY, faults=old
        ),
        Operation("DELETE", party, _LEAVE, parties.remove, "Leave, or remove a party", (gone,)),
        Operation(
            *("PUT", f"{party}/streams", _JOIN, streams.watch, "See others in streams of their own"),
            (GoodAnswer(200, "our answer", shapes.StreamsShown),),
            body=STREAMS_BODY,
            faults=((409, "full"), (409, "ice-changed"), (409, "media-lost"), (422, "bad-offer"), (503, "no-media")),
        ),
        Operation(
            *("GET", f"{party}/streams", _JOIN, streams.listed, "Who can be seen, for this party"),
            (GoodAnswer(200, "everybody else", shapes.SourceList),),
        ),
        Operation(
            *("PUT", f"{_CALL}/display", _ACT, display.show, "Choose what a viewer sees"),
            (GoodAnswer(204, "it is on its way", kind=_NO_BODY),),
            body=DISPLAY_BODY,
        ),
        *guests,
    )


def _invitations(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    inviting = ports.inviting
    sharing = LinkSharing(inviting.links, ports.elsewhere)
    invite = InvitationRoutes(finder, ports.access, inviting, ports.revoked, sharing)
    guests = GuestRoutes(ports.calls, inviting, ports.guesses, ports.access, sharing, ports.clock)
    receipts = ReceiptRoutes(ports.services, inviting, ports.clock)
    every, one = f"{_CALL}/invitations", f"{_CALL}/invitations/{{invitation}}"
    made, gone = GoodAnswer(201, "a link", shapes.Invitation), GoodAnswer(204, "it is gone", kind=_NO_BODY)
    listed, noted = GoodAnswer(200, "the links", shapes.InvitationList), GoodAnswer(204, "noted", kind=_NO_BODY)
    known = ((404, "no-such-invitation"),)
    wrong = ((403, "other-device"), (404, "no-such-link"), (409, "call-ended"), (410, "link-over"), (429, "too-many"))
    return (
        Operation(
            *("POST", every, _ACT, invite.invite, "Invite the caller's browser", (made,)),
            body=INVITATION_BODY,
            faults=((422, "no-guest-page"), (429, "too-many")),
        ),
        Operation("GET", every, _ACT, invite.listed, "Links of a call, and their messages", (listed,)),
        Operation("DELETE", one, _ACT, invite.revoke, "Take a link back", (gone,), faults=known),
        Operation(
            *("POST", f"{one}/status", frozenset({Scope.CONTROL}), invite.status, "Tell what became of a message"),
            answers=(noted,),
            body=STATUS_BODY,
            faults=known,
        ),
        Operation(
            *("POST", "/v1/guests", _EVERYBODY, guests.login, "Be let in by the code of a link"),
            answers=(GoodAnswer(201, "a token for its call", shapes.GuestLogin),),
            body=GUEST_BODY,
            faults=wrong,
        ),
        Operation(
            *("POST", "/v1/sms/{carrier}/receipts/{key}", _EVERYBODY, receipts.take, "Receipts of an SMS service"),
            answers=(noted,),
            body=RECEIPT_BODY,
            faults=((404, "no-such-carrier"), (429, "too-many")),
        ),
        Operation("POST", PATH, _ADMIN, sharing.learn, "Know a link of another node", (noted,), body=SHARED_BODY),
        Operation("GET", "/g/{code}", _EVERYBODY, guests.lead, hidden=True),
    )


def _gateway(ports: Ports) -> tuple[Operation, ...]:
    gateway, security = GatewayRoutes(ports), SecurityRoutes(ports.security)
    revocations = RevocationRoutes(ports.revoked, ports.elsewhere)
    status, trunks = GoodAnswer(200, "how it is", GatewayStatus), GoodAnswer(200, "the neighbours", shapes.TrunkList)
    desks, bans = GoodAnswer(200, "every desk", shapes.DeskList), GoodAnswer(200, "who is banned", shapes.BanList)
    lifted, reloaded = GoodAnswer(200, "it is", shapes.Lifted), GoodAnswer(200, "what has changed", reloads.Reloaded)
    drained = GoodAnswer(200, "it is so", reloads.Drained)
    dry = Query("dry_run", "1: only tell what would happen", "integer")
    restarting = GoodAnswer(200, "it does in a moment", shapes.Restarting)
    handing = GoodAnswer(200, "it does in a moment", shapes.HandingOver)
    nodes = GoodAnswer(200, "every one of them", shapes.Cluster)
    probes, lending = Probes(ports.status), LendingRoutes(ports.lender, ports.clock)
    lent = GoodAnswer(201, "it may call", shapes.Loan)
    return (
        Operation("GET", "/healthz", _EVERYBODY, probes.live, hidden=True),
        Operation("GET", "/readyz", _EVERYBODY, probes.ready, hidden=True),
        Operation("GET", "/v1/status", _READ, gateway.status, "How the gateway is doing", (status,)),
        Operation("GET", "/v1/cluster", _READ, gateway.cluster, "The gateways of this cluster", (nodes,)),
        Operation("GET", "/v1/trunks", _READ, gateway.trunks, "The neighbours and their limits", (trunks,)),
        Operation("GET", "/v1/desks", _READ, gateway.desks, "Desks and their video clients", (desks,)),
        Operation("GET", "/v1/bans", _ADMIN, security.bans, "Sources that are banned", (bans,)),
        Operation("DELETE", "/v1/bans/{source:.+}", _ADMIN, security.lift, "Lift a ban", (lifted,)),
        Operation(
            *(
                "POST",
                "/v1/revocations",
                _ADMIN,
                revocations.revoke,
                "Revoke a token",
            ),
            answers=(GoodAnswer(200, "it is so from now on", Revoked),),
            body=REVOCATION_BODY,
        ),
        Operation(
            *("POST", "/v1/reload", _ADMIN, security.reload, "Take what has changed in the configuration"),
            answers=(reloaded,),
            query=(dry,),
        ),
        Operation(
            *("POST", "/v1/test-calls", _ADMIN, lending.lend, "Let a test caller in for a while", (lent,)),
            body=LOAN_BODY,
            faults=((422, "bad-source"), (422, "no-such-trunk"), (429, "too-many")),
        ),
        Operation("POST", "/v1/drain", _ADMIN, security.drain, "Take no new calls; those that live go on", (drained,)),
        Operation("DELETE", "/v1/drain", _ADMIN, security.fill, "Take new calls again", (drained,)),
        Operation("POST", "/v1/restart", _ADMIN, security.restart, "Begin anew; calls go on", (restarting,)),
        Operation("POST", "/v1/hand-over", _ADMIN, security.hand_over, "Give all calls to another host", (handing,)),
    )


def _events(ports: Ports) -> tuple[Operation, ...]:
    if ports.events is None:
        return ()
    switched = GoodAnswer(
        101, "a WebSocket of the subprotocol splitter.v1; see splitter.web.events.socket", kind=_NO_BODY
    )
    resume = (
        Query("client", "the client's own id"),
        Query("after", "the cursor of the last frame that was seen; or its number"),
        Query("epoch", "whose number it is, where it is one"),
    )
    about = "Events; the token comes as the subprotocol bearer.TOKEN"
    return (Operation("GET", "/v1/events", _SEE, ports.events, about, (switched,), resume, from_protocol=True),)


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
    every = (*routes, Operation("GET", "/v1/openapi.json", _EVERYBODY, serve, "This document", (answer,)))
    return every


def pages(pages: Pages) -> tuple[Operation, ...]:
    """What people see in a browser."""
    folders = [Operation("GET", f"/{name}", _EVERYBODY, pages.folder, hidden=True) for name in FOLDERS]
    files = [Operation("GET", f"/{name}/{{file:.*}}", _EVERYBODY, pages.file, hidden=True) for name in FOLDERS]
    logo = Operation("GET", LOGO, _EVERYBODY, pages.logo, hidden=True)
    return (Operation("GET", "/", _EVERYBODY, pages.index, hidden=True), logo, *folders, *files)
