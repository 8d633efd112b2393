"""The routes of web callers, as the API's table has them."""

from __future__ import annotations

from splitter.calls.browsers.view import WebCallView
from splitter.calls.logins.access import Scope
from splitter.web.callers.admission import CallerAdmission
from splitter.web.callers.callers import CALL_BODY, CAMERA_BODY, CUSTOMER_BODY, WEB_OFFER_BODY, CallerRoutes
from splitter.web.callers.checks import CallerCheckRoutes, caller_checks
from splitter.web.callers.events import CallerEvents
from splitter.web.callers.shapes import WebCall
from splitter.web.http.routes import GoodAnswer, Operation
from splitter.web.logins.shapes import Minted
from splitter.web.ports import Ports


def caller_routes(ports: Ports) -> tuple[Operation, ...]:
    """The operations of web callers."""
    admission = CallerAdmission(ports.door, ports.access, ports.revoked, ports.clock)
    callers = CallerRoutes(ports.door, ports.access, ports.clock, admission)
    every, one = "/v1/web/calls", "/v1/web/calls/{call}"
    caller, makers = frozenset({Scope.CALLER, Scope.CONTROL}), frozenset({Scope.WEB})
    made, gone = GoodAnswer(201, "the token", Minted), GoodAnswer(204, "it is over", kind="")
    begun = GoodAnswer(201, "the call, with our SDP answer", WebCall, headers=("Location",))
    shown = GoodAnswer(200, "how the call stands", WebCallView)
    switched = GoodAnswer(101, "a WebSocket of the subprotocol splitter.caller.v1", kind="")
    refused = ((401, "no-token"), (403, "wrong-origin"), (404, "no-such-number"), (422, "bad-offer"))
    busy = ((429, "too-many-calls"), (503, "no-media"), (503, "draining"))
    again = ((409, "call-ended"), (422, "bad-offer"), (429, "too-many"), (503, "no-media"))
    return (
        Operation(
            *("POST", "/v1/web/tokens", makers, callers.tokens, "Let a customer call from a browser", (made,)),
            body=CUSTOMER_BODY,
            faults=((404, "no-web-calls"),),
        ),
        Operation(
            *("POST", every, frozenset(), callers.call, "Call from a browser", (begun,)),
            body=CALL_BODY,
            faults=(*refused, *busy),
        ),
        Operation("GET", one, caller, callers.show, "How a web call stands", (shown,)),
        Operation(
            *("PUT", f"{one}/offer", caller, callers.offer, "Come back into a web call", (shown,)),
            body=WEB_OFFER_BODY,
            faults=again,
        ),
        Operation(
            *("PUT", f"{one}/camera", caller, callers.camera, "Show pictures to the agent, or not", (shown,)),
            body=CAMERA_BODY,
        ),
        Operation("DELETE", one, caller, callers.hang_up, "Hang up a web call", (gone,)),
        Operation(
            *(
                "GET",
                f"{one}/events",
                caller,
                CallerEvents(ports.door).handle,
                "A web call, as it changes",
                (switched,),
            ),
            from_protocol=True,
        ),
        *caller_checks(CallerCheckRoutes(ports.door, ports.caller_paths, admission, ports.access, ports.clock)),
    )
