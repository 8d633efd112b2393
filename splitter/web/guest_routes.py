"""The routes of guests' pages beside their video, as the API's table has them."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.web.find import Finder
from splitter.web.guest_calls import CAMERA_TOLD_BODY, GuestCallRoutes
from splitter.web.guest_view import GuestCallView
from splitter.web.parties import PartyRoutes
from splitter.web.ports import Ports
from splitter.web.routes import GoodAnswer, Operation

_GUEST = frozenset({Scope.GUEST})
_CALL = "/v1/calls/{ref}"


def guest_routes(ports: Ports, finder: Finder, parties: PartyRoutes) -> tuple[Operation, ...]:
    """The operations of guests' pages."""
    links = ports.inviting.links
    guests = GuestCallRoutes(ports.calls, finder, parties, ports.guests, links, ports.revoked, ports.clock)
    own, events = f"{_CALL}/guest", f"{_CALL}/guest/events"
    shown = GoodAnswer(200, "how the call stands", GuestCallView)
    switched = GoodAnswer(101, "a WebSocket of the subprotocol splitter.guest.v1", kind="")
    done = GoodAnswer(204, "the desks know", kind="")
    busy = ((403, "other-device"), (409, "call-ended"), (429, "too-many"))
    return (
        Operation(*("GET", own, _GUEST, guests.show, "A guest's call"), answers=(shown,), faults=busy[:2]),
        Operation(
            *("GET", events, _GUEST, guests.events, "A guest's call, as it changes", (switched,)),
            faults=busy,
            from_protocol=True,
        ),
        Operation(
            *("PUT", f"{_CALL}/parties/{{party}}/camera", frozenset({Scope.DESK, Scope.GUEST}), guests.camera),
            about="Say how one's own camera is",
            answers=(done,),
            body=CAMERA_TOLD_BODY,
            faults=((404, "no-such-party"), (429, "too-many")),
        ),
    )
