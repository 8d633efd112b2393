"""The routes of live calls: which there are, what happened to them, their video and who joins it."""

from __future__ import annotations

from splitter.calls.view import CallView
from splitter.sdp.fragment import CONTENT_TYPE as FRAGMENT
from splitter.web.access.scopes import (
    ACT,
    EVERYBODY,
    JOIN,
    LEAVE,
    READ,
    SEE,
)
from splitter.web.calls import shapes
from splitter.web.calls.calls import DESK_BODY, VIDEO_BODY, CallRoutes
from splitter.web.calls.display import DISPLAY_BODY, DisplayRoutes
from splitter.web.calls.find import Finder
from splitter.web.calls.parties import FRAGMENT_BODY, OFFER_BODY, PartyRoutes
from splitter.web.calls.placing import CALL_BODY, PlacingRoutes
from splitter.web.calls.readings import Readings
from splitter.web.calls.traces import NDJSON, TraceRoutes
from splitter.web.calls.watching import STREAMS_BODY, StreamRoutes
from splitter.web.calls.why import WhyRoutes
from splitter.web.events.unbound import UnboundCalls
from splitter.web.http.routes import CALL, LIMIT, NO_BODY, SDP, GoodAnswer, Operation, Query
from splitter.web.ports import Ports


def call_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Calls: which there are, what happened to them, and whose they are."""
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
        LIMIT,
        Query("before", "for paging: started_at of the last one, Unix seconds", "number"),
    )
    ways = (
        Query("raw", "1: with the bytes of messages (base64)", "integer"),
        Query("follow", "1: go on until the call is over", "integer"),
    )
    lines = GoodAnswer(200, "an event per line", kind=NDJSON)
    search = (Query("number", "a number, or its end"), LIMIT)
    ended = ((409, "call-ended"),)
    return (
        Operation("GET", "/v1/calls", SEE, calls.listed, "Calls", (listed,), which),
        Operation(
            *("POST", "/v1/calls", ACT, placing.place, "Call a number for a desk, whose phone rings first", (placed,)),
            body=CALL_BODY,
            faults=((403, "not-allowed"), (422, "no-extension"), (429, "too-many"), (503, "overload")),
        ),
        Operation("GET", CALL, SEE, calls.one, "One call, alive or ended", (view,)),
        Operation("DELETE", CALL, ACT, calls.hangup, "Hang up", (accepted,), faults=ended),
        Operation("GET", f"{CALL}/trace", READ, traces.trace, "What happened to a call", (lines,), ways),
        Operation(
            *("GET", f"{CALL}/quality", SEE, reasons.quality, "What its media carry, and how well"),
            (GoodAnswer(200, "by leg and party", shapes.CarriedShown),),
        ),
        Operation(
            *("GET", f"{CALL}/why", READ, reasons.why, "Why a call had no voice or no video"),
            (GoodAnswer(200, "a sentence on each, with its proof", shapes.DiagnosisShown),),
        ),
        Operation("PUT", f"{CALL}/desk", ACT, calls.bind, "Bind to a desk", (view,), body=DESK_BODY, faults=bound),
        Operation("DELETE", f"{CALL}/desk", ACT, calls.unbind, "Take the binding back", (view,)),
        Operation(
            *("GET", "/v1/unbound", SEE, calls.unbound, "Calls that nobody has, for a desk to take"),
            (GoodAnswer(200, "the oldest ones", UnboundCalls),),
        ),
        Operation("GET", "/v1/search", READ, calls.search, "Calls from or to a number", (listed,), search),
    )


def party_routes(ports: Ports, finder: Finder, parties: PartyRoutes) -> tuple[Operation, ...]:
    """Browsers that join with video, and what they see."""
    calls = CallRoutes(ports.calls, ports.archive, finder, ports.elsewhere)
    display, streams = DisplayRoutes(ports.calls, finder), StreamRoutes(ports.calls, parties)
    party, accepted = f"{CALL}/parties/{{party}}", GoodAnswer(202, "it is on its way", shapes.CallId)
    admitted = GoodAnswer(201, "our SDP answer", kind=SDP, headers=("Location", "ETag", "Splitter-Limits"))
    patched = (
        GoodAnswer(200, "ICE was restarted: our credentials and candidates", kind=FRAGMENT, headers=("ETag",)),
        GoodAnswer(204, "the candidates are known", kind=NO_BODY, headers=("ETag",)),
    )
    old, gone = ((412, "old-etag"), (428, "no-etag")), GoodAnswer(204, "it is gone", kind=NO_BODY)
    asked = ((409, "asking"), (409, "on"), (422, "unsupported"), (503, "no-media"), (503, "no-ports"))
    client = (
        Query("client", "the client's own id: the same one takes its old place again"),
        Query("consent", "of a guest: the version of the text that its user has agreed to"),
    )
    return (
        Operation(
            *("POST", f"{CALL}/video", ACT, calls.raise_video, "Ask the caller for video", (accepted,)),
            body=VIDEO_BODY,
            faults=asked,
        ),
        Operation("DELETE", f"{CALL}/video", ACT, calls.drop_video, "Back to voice", (accepted,)),
        Operation(
            *("POST", f"{CALL}/parties", JOIN, parties.join, "Join with video (WHIP, RFC 9725)", (admitted,), client),
            body=OFFER_BODY,
            faults=(
                (403, "not-admitted"),
                (403, "no-consent"),
                (406, "no-h264"),
                (409, "full"),
                (422, "bad-offer"),
                (429, "too-many"),
                (503, "no-media"),
                (503, "no-ports"),
            ),
        ),
        Operation("OPTIONS", f"{CALL}/parties", EVERYBODY, parties.options, hidden=True),
        Operation(
            "PATCH", party, JOIN, parties.restart, "Trickle ICE, or restart", patched, body=FRAGMENT_BODY, faults=old
        ),
        Operation("DELETE", party, LEAVE, parties.remove, "Leave, or remove a party", (gone,)),
        Operation(
            *("PUT", f"{party}/streams", JOIN, streams.watch, "See others in streams of their own"),
            (GoodAnswer(200, "our answer", shapes.StreamsShown),),
            body=STREAMS_BODY,
            faults=(
                (409, "full"),
                (409, "ice-changed"),
                (409, "media-lost"),
                (422, "bad-offer"),
                (503, "no-media"),
                (503, "no-ports"),
            ),
        ),
        Operation(
            *("GET", f"{party}/streams", JOIN, streams.listed, "Who can be seen, for this party"),
            (GoodAnswer(200, "everybody else", shapes.SourceList),),
        ),
        Operation(
            *("PUT", f"{CALL}/display", ACT, display.show, "Choose what a viewer sees"),
            (GoodAnswer(204, "it is on its way", kind=NO_BODY),),
            body=DISPLAY_BODY,
        ),
    )
