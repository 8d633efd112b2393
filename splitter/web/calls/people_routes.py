"""The routes of who else is in a call: phones in its voice, desks that are let into its video, its host."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.web.access.scopes import (
    ACT,
    HEAR,
    LISTEN,
)
from splitter.web.calls import shapes
from splitter.web.calls.admissions import HOST_BODY, AdmissionRoutes
from splitter.web.calls.find import Finder
from splitter.web.calls.phones import PART_BODY, PHONE_BODY, VOICE_BODY, PhoneRoutes
from splitter.web.http.routes import CALL, NO_BODY, GoodAnswer, Operation
from splitter.web.ports import Ports


def phone_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Phones that are invited into the voice."""
    video = f"{CALL}/phones/{{phone}}/video"
    routes = PhoneRoutes(ports.calls, finder, ports.clock)
    made = GoodAnswer(201, "it is being called", shapes.PhoneMade, headers=("Location",))
    gone, done = GoodAnswer(204, "it is gone", kind=NO_BODY), GoodAnswer(204, "so it is", kind=NO_BODY)
    refused = (
        (403, "not-allowed"),
        (409, "full"),
        (409, "invited-already"),
        (409, "no-mixer"),
        (429, "too-many"),
        (503, "no-line"),
    )
    return (
        Operation(
            *("POST", f"{CALL}/phones", HEAR, routes.invite, "Call a number into the voice", (made,)),
            body=PHONE_BODY,
            faults=refused,
        ),
        Operation(
            *(
                "PUT",
                f"{CALL}/phones/{{phone}}",
                LISTEN,
                routes.set_part,
                "Let a phone talk, listen or whisper",
                (done,),
            ),
            body=PART_BODY,
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("DELETE", f"{CALL}/phones/{{phone}}", HEAR, routes.remove, "Remove a phone, or call it no longer"),
            answers=(gone,),
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("POST", video, ACT, routes.raise_video, "Ask a phone that was invited for its picture", (done,)),
            faults=((404, "no-such-phone"), (409, "asking"), (409, "on"), (409, "voice-only")),
        ),
        Operation(
            *("DELETE", video, ACT, routes.drop_video, "Let such a phone go back to its voice", (done,)),
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("PUT", f"{CALL}/voices/{{voice}}", ACT, routes.mute, "Mute a voice, or let it be heard again", (done,)),
            body=VOICE_BODY,
            faults=((404, "no-such-voice"), (409, "pair")),
        ),
        Operation(
            *("DELETE", f"{CALL}/voices/centre", HEAR, routes.leave, "The agent leaves, others go on", (gone,)),
            faults=((409, "alone"),),
        ),
    )


def admission_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Desks that are let into the video, and the host."""
    routes, one = AdmissionRoutes(ports.calls, finder), f"{CALL}/admissions/{{extension}}"
    asked = GoodAnswer(202, "the desk that has the call is asked", shapes.CallId)
    done = GoodAnswer(204, "so it is", kind=NO_BODY)
    faults = ((409, "may-enter"), (422, "no-extension"), (429, "too-many"))
    return (
        Operation(
            *("POST", f"{CALL}/admissions", frozenset({Scope.DESK}), routes.ask),
            about="Ask to be let into another desk's call",
            answers=(asked,),
            faults=faults,
        ),
        Operation("PUT", one, ACT, routes.admit, "Let a desk into one's call", (done,), faults=((409, "full"),)),
        Operation("DELETE", one, ACT, routes.dismiss, "Say no to a desk, or take it back", (done,)),
        Operation(
            *("PUT", f"{CALL}/host", ACT, routes.hand_over, "Make another desk the host", (done,)),
            body=HOST_BODY,
            faults=((409, "bound-already"), (409, "not-in-call")),
        ),
    )
