"""Requests outside dialogs: who may send them, and which call they begin or enter."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from splitter.calls.browsers.customer import BrowserInvites
from splitter.calls.entrance import Entrance, Entrant, Guess, replaced_call
from splitter.calls.events import SeatArrived
from splitter.calls.leg_events import Offered
from splitter.calls.logins.reception import Reception
from splitter.calls.peers.messages import (
    ALL_EXTENSIONS,
    ALLOW,
    SDP,
    Refusal,
    refuse_unknown_extensions,
    refuse_unknown_scheme,
    session_of,
    warning,
)
from splitter.calls.registry import RETRY_AFTER, Calls
from splitter.calls.routing import Neighbour, called_of
from splitter.calls.settings import Role, Trunk
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.sip.replaces import replaces
from splitter.sip.uri import user_of
from splitter.transport.dispatch import OtherSide
from splitter.transport.quiet import Quiet

log = structlog.get_logger(__name__)

_KNOWN_METHODS = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", "REFER"})
_IN_DIALOG = frozenset({"BYE", "UPDATE", "PRACK", "INFO"})  # outside one they speak of a call that is not there


class OutsideRequests:
    """The way in from every trunk.

    The driver asks and tells it; it is built before the driver, and lets people in before that is started.

    Args:
        calls: which are begun, or entered.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._reception: Reception | None = None
        self._browsers: BrowserInvites | None = None
        self._entrance = Entrance()
        self._quiet = Quiet()

    def prove_seats(self, reception: Reception) -> None:
        """Have seats prove who they are where their trunk wants that. Without a reception, every seat is let in."""
        self._reception = reception

    def admit_browsers(self, invites: BrowserInvites) -> None:
        """Let browsers call by SIP, on trunks of role web."""
        self._browsers = invites

    def source_ok(self, flow: Flow) -> bool:
        """True for a source that some trunk names; others get silence."""
        return self._calls.services.routing.trunk_of(flow) is not None

    def party_ok(self, flow: Flow, party: OtherSide) -> bool:
        """True for a source that may speak in a dialog with this party, which a leg has named."""
        return isinstance(party, Neighbour) and self._calls.services.routing.is_of(flow, party)

    def on_request(self, event: RequestArrived) -> None:
        """A request outside any dialog."""
        trunk = self._calls.services.routing.trunk_of(event.flow)
        if trunk is None:
            return
        try:
            self._refuse_former(trunk, event.request)
            match event.request.method:
                case "INVITE" if (answer := self._calls.undertaker.refuses(event.request)) is not None:
                    self._calls.services.driver.respond(event.txn, answer)
                case "INVITE":
                    self._on_invite(trunk, event)
                case "OPTIONS":
                    self._on_options(trunk, event)
                case "REGISTER" if trunk.role is Role.SEAT and self._reception is not None:
                    self._refuse(event, 200, "", self._reception.register(trunk, event))
                case method if method in _IN_DIALOG:
                    raise PeerError(f"{method} outside a dialog", 481)
                case method if method in _KNOWN_METHODS:
                    raise Refusal(405, f"{method} is not served here", [("Allow", ALLOW)])
                case method:
                    raise Refusal(501, f"unknown method {method[:20]}", [("Allow", ALLOW)])
        except PeerError as error:
            if error.status != 401:  # the ordinary beginning of a login; the reception tells of those that fail
                self._tell_refusal(event.flow, error)
            self._refuse(event, error.status, error.reason, getattr(error, "headers", ()))

    def _refuse_former(self, trunk: Trunk, request: Request) -> None:
        """A trunk that was taken out goes on with the calls that it has, and is told at once that it gets no others."""
        takes_over = trunk.role is Role.CENTRE and request.headers.get("replaces") is not None
        if self._calls.services.routing.is_former(trunk) and not takes_over:
            raise Refusal(503, f"trunk {trunk.name} is no longer configured here", ())

    def _on_options(self, trunk: Trunk, event: RequestArrived) -> None:
        refuse_unknown_scheme(event.request)
        refuse_unknown_extensions(event.request, ALL_EXTENSIONS)
        # A node that drains must say so, or it keeps getting calls: SBCs and proxies send them where 2xx is answered.
        # Seats ask for the calls that live.
        full = self._calls.draining and trunk.role is not Role.SEAT
        status, pause = (503, RETRY_AFTER) if full else (200, [])
        self._refuse(event, status, "", [("Allow", ALLOW), ("Accept", SDP), *pause])

    def _on_invite(self, trunk: Trunk, event: RequestArrived) -> None:
        if trunk.role is Role.SEAT:
            self._on_seat(trunk, event, self._entrant(trunk, event))
        elif trunk.role is Role.ACCESS:
            self._calls.begin(trunk, event)
        elif trunk.role is Role.WEB:
            if self._browsers is None:
                raise PeerError("browsers cannot call here by SIP", 403)
            self._browsers.on_invite(trunk, event)
        elif trunk.role is Role.RECORDER:
            raise PeerError("recorders are called, and do not call", 403)
        else:
            self._on_centre(trunk, event)

    def _on_centre(self, trunk: Trunk, event: RequestArrived) -> None:
        """The centre takes a call over from itself (RFC 3891 §3), as at the end of an attended transfer, or it calls
        outwards, where a route allows that."""
        wanted = replaces(event.request)
        if wanted is None:
            if not self._calls.services.routing.destinations(called_of(event.request.uri), Role.CENTRE):
                raise PeerError("no route of the centre leads to this number", 403)
            self._calls.begin(trunk, event)
            return
        call = replaced_call(self._calls.live, wanted, lambda leg: self.party_ok(event.flow, leg.neighbour))
        session_of(event.request)  # or it is refused before it is a leg
        newcomer = call.legs.take_newcomer(trunk, event)
        call.post(Offered(newcomer.key, newcomer.first_txn, newcomer.offer_in(event.request)))

    def _entrant(self, trunk: Trunk, event: RequestArrived) -> Entrant:
        """Who the seat is: proved on a trunk that asks for it, its own word elsewhere."""
        claimed = event.request.from_.user or ""
        if self._reception is None:
            return Entrant(claimed, True, event.flow.remote.host)
        return self._reception.entrant(trunk, event)

    def _on_seat(self, trunk: Trunk, event: RequestArrived, entrant: Entrant) -> None:
        self._calls.admitted(trunk).release()  # its rate counts, but it joins a call that has its place already
        refuse_unknown_extensions(event.request)
        name, now = user_of(event.request.uri), self._calls.services.clock.now()
        try:
            call = self._entrance.find(self._calls.live, name, entrant, now)
        except Guess:
            self._calls.services.driver.on_abuse(event.flow, "guess")
            raise
        if session_of(event.request) is None:
            raise PeerError("a seat's INVITE must offer video", 488)
        seat = call.legs.take_seat(trunk, event)
        if (session := seat.offer_in(event.request)) is not None:
            call.post(SeatArrived(seat.key, session, entrant.extension, entrant.by_rule))

    def _refuse(self, event: RequestArrived, status: int, reason: str, headers: Iterable[tuple[str, str]]) -> None:
        lines = [*headers, *warning(self._calls.services.settings.name, reason)]
        tag = self._calls.services.ids.tag()
        self._calls.services.driver.respond(event.txn, event.request.respond(status, to_tag=tag, headers=lines))

    def _tell_refusal(self, flow: Flow, error: PeerError) -> None:
        """Log why, now and then for each source and status: whoever is refused may go on asking."""
        now = self._calls.services.clock.now()
        if (held := self._quiet.permit(f"{flow.remote.host} {error.status}", now)) is not None:
            log.info("request refused", source=str(flow), status=error.status, reason=error.reason, similar=held)
