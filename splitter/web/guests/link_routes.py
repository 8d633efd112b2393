"""The routes of links that invite callers' browsers, and of those who come by them."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.web.access.scopes import (
    ACT,
    ADMIN,
    EVERYBODY,
)
from splitter.web.calls.find import Finder
from splitter.web.guests import shapes
from splitter.web.guests.guests import GUEST_BODY, GuestRoutes
from splitter.web.guests.invitations import INVITATION_BODY, STATUS_BODY, InvitationRoutes
from splitter.web.guests.receipts import RECEIPT_BODY, ReceiptRoutes
from splitter.web.guests.sharing import PATH, SHARED_BODY, LinkSharing
from splitter.web.http.routes import CALL, NO_BODY, GoodAnswer, Operation
from splitter.web.ports import Ports


def invitation_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Links that invite callers' browsers, and who comes by them."""
    inviting = ports.inviting
    sharing = LinkSharing(inviting.links, ports.elsewhere)
    invite = InvitationRoutes(finder, ports.access, inviting, ports.revoked, sharing)
    guests = GuestRoutes(ports.calls, inviting, ports.guesses, ports.access, sharing, ports.clock)
    receipts = ReceiptRoutes(ports.services, inviting, ports.clock)
    every, one = f"{CALL}/invitations", f"{CALL}/invitations/{{invitation}}"
    made, gone = GoodAnswer(201, "a link", shapes.Invitation), GoodAnswer(204, "it is gone", kind=NO_BODY)
    listed, noted = GoodAnswer(200, "the links", shapes.InvitationList), GoodAnswer(204, "noted", kind=NO_BODY)
    known = ((404, "no-such-invitation"),)
    wrong = ((403, "other-device"), (404, "no-such-link"), (409, "call-ended"), (410, "link-over"), (429, "too-many"))
    return (
        Operation(
            *("POST", every, ACT, invite.invite, "Invite the caller's browser", (made,)),
            body=INVITATION_BODY,
            faults=((422, "no-guest-page"), (429, "too-many")),
        ),
        Operation("GET", every, ACT, invite.listed, "Links of a call, and their messages", (listed,)),
        Operation("DELETE", one, ACT, invite.revoke, "Take a link back", (gone,), faults=known),
        Operation(
            *("POST", f"{one}/status", frozenset({Scope.CONTROL}), invite.status, "Tell what became of a message"),
            answers=(noted,),
            body=STATUS_BODY,
            faults=known,
        ),
        Operation(
            *("POST", "/v1/guests", EVERYBODY, guests.login, "Be let in by the code of a link"),
            answers=(GoodAnswer(201, "a token for its call", shapes.GuestLogin),),
            body=GUEST_BODY,
            faults=wrong,
        ),
        Operation(
            *("POST", "/v1/sms/{carrier}/receipts/{key}", EVERYBODY, receipts.take, "Receipts of an SMS service"),
            answers=(noted,),
            body=RECEIPT_BODY,
            faults=((404, "no-such-carrier"), (429, "too-many")),
        ),
        Operation("POST", PATH, ADMIN, sharing.learn, "Know a link of another node", (noted,), body=SHARED_BODY),
        Operation("GET", "/g/{code}", EVERYBODY, guests.lead, hidden=True),
    )
