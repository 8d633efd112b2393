"""The route of the event socket."""

from __future__ import annotations

from splitter.web.access.scopes import (
    SEE,
)
from splitter.web.http.routes import NO_BODY, GoodAnswer, Operation, Query
from splitter.web.ports import Ports


def event_routes(ports: Ports) -> tuple[Operation, ...]:
    """The event socket, where there is one."""
    if ports.events is None:
        return ()
    switched = GoodAnswer(101, "a WebSocket of the subprotocol splitter.v1; see docs/events.md", kind=NO_BODY)
    resume = (
        Query("client", "the client's own id"),
        Query("after", "the cursor of the last frame that was seen; or its number"),
        Query("epoch", "whose number it is, where it is one"),
    )
    about = "Events; the token comes as the subprotocol bearer.TOKEN"
    return (Operation("GET", "/v1/events", SEE, ports.events, about, (switched,), resume, from_protocol=True),)
