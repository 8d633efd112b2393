"""The routes of guests' pages beside their video, as the API's table has them."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.core.uploads import UploadKind
from splitter.web.calls.find import Finder
from splitter.web.calls.parties import PartyRoutes
from splitter.web.guests import shapes
from splitter.web.guests.calls import CAMERA_TOLD_BODY, GuestCallRoutes
from splitter.web.guests.chat import LOCATION_BODY, MESSAGE_BODY, ChatRoutes
from splitter.web.guests.photos import PHOTO_BODY, PhotoRoutes
from splitter.web.guests.ratings import RATING_BODY, RatingRoutes
from splitter.web.guests.view import GuestCallView
from splitter.web.http.routes import GoodAnswer, Operation, Query
from splitter.web.ports import Ports

_GUEST = frozenset({Scope.GUEST})
_CALL = "/v1/calls/{ref}"


def chat_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """The operations of what people tell each other beside voice and video."""
    access, late = ports.access, ports.late_changes
    ratings = RatingRoutes(ports.calls, ports.archive, ports.inviting.links, access, late, ports.clock)
    chat = ChatRoutes(ports.calls, finder, ports.inviting.links, ports.door, ports.clock)
    photos, pictures = PhotoRoutes(ports.calls, finder, ports.photos, chat, access), f"{_CALL}/photos"
    see = frozenset({Scope.READ, Scope.CONTROL, Scope.DESK})
    added = GoodAnswer(201, "it is kept", shapes.PhotoShown, headers=("Location",))
    listed = GoodAnswer(200, "the photos and files", shapes.PhotoList)
    kinds = [kind.content_type for kind in UploadKind]
    file = GoodAnswer(200, "the file; a PDF was not checked", kind=kinds[0], or_kind=kinds[1])
    all_of_them, place = f"{_CALL}/messages", f"{_CALL}/guest/location"
    everybody = frozenset({Scope.CONTROL, Scope.DESK, Scope.GUEST})
    written = GoodAnswer(201, "it is written", shapes.MessageWritten)
    found = GoodAnswer(200, "the messages", shapes.MessageList)
    done = GoodAnswer(204, "so it is", kind="")
    after = Query("after", "the number of the last message that is known", "integer")
    refused = ((403, "other-device"), (429, "too-many"))
    caller, of_caller = frozenset({Scope.CALLER}), "/v1/web/calls/{call}/messages"
    return (
        Operation(
            *("POST", all_of_them, everybody, chat.write, "Write to the others in a call", (written,)),
            body=MESSAGE_BODY,
            faults=refused,
        ),
        Operation("GET", all_of_them, everybody, chat.read, "What was written in a call", (found,), (after,)),
        Operation(
            *("POST", of_caller, caller, chat.write_as_caller, "Write to the others in a web call", (written,)),
            body=MESSAGE_BODY,
            faults=((409, "call-ended"), (429, "too-many")),
        ),
        Operation(
            *("GET", of_caller, caller, chat.read_as_caller, "What was written in a web call", (found,), (after,)),
            faults=((409, "call-ended"),),
        ),
        Operation(
            *("PUT", place, _GUEST, chat.locate, "Say where the caller is", (done,)),
            body=LOCATION_BODY,
            faults=((403, "not-the-caller"), *refused),
        ),
        Operation(
            *("PUT", f"{_CALL}/guest/rating", _GUEST, ratings.rate, "Say how it was", (done,)),
            body=RATING_BODY,
            faults=((403, "not-the-caller"), (403, "not-asked"), (409, "call-ended"), (429, "too-many")),
        ),
        Operation(
            *("POST", pictures, _GUEST, photos.add, "Send a photo or a PDF to the desk", (added,)),
            body=PHOTO_BODY,
            faults=((403, "not-the-caller"), (403, "not-taken"), (507, "no-room"), *refused),
        ),
        Operation("GET", pictures, see, photos.listed, "Photos and files that the caller has sent", (listed,)),
        Operation("GET", f"{pictures}/{{number}}", see, photos.get, "One of these photos", (file,)),
        Operation("DELETE", place, _GUEST, chat.withdraw, "No longer say where the caller is", (done,)),
    )


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
        *chat_routes(ports, finder),
    )
