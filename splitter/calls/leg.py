"""A leg: one dialog of a call and the rules inside it (RFC 3261 §12–§15). No I/O of its own: the driver has that.

A leg turns what the transaction layer says into the events of `calls.events` and posts them to its call. Methods that
begin or end the dialog differ by side and stand in `incoming` and `outgoing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from splitter.calls.events import (
    AckMissing,
    Acknowledged,
    Ended,
    KeyFrameAsked,
    LegEvent,
    OfferAccepted,
    Offered,
    OfferRefused,
    OfferWithdrawn,
)
from splitter.calls.settings import Role, Trunk
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Flow
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.headers import Headers
from splitter.sip.message import Message, Request, Response
from splitter.sip.multipart import find_part
from splitter.transport.driver import Driver

SDP = "application/sdp"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
FAST_UPDATE = "application/media_control+xml"  # RFC 5168
KEY_FRAME_BODY = (
    b'<?xml version="1.0" encoding="utf-8"?>\r\n'
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n"
)
# TS 24.229 §5.1.2A: a terminal that does not see these in our Contact may never be offered video by its network.
VIDEO_FEATURES = ';audio;video;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LegContext:
    """What every leg of a call shares."""

    driver: Driver
    ids: IdSource
    post: Callable[[LegEvent], None]
    server: str


class Leg:
    """One dialog of a call.

    Attributes:
        name: "caller", "centre" or "seat-1" …
        state: "early", "confirmed" or "ended".
        local, remote: the session descriptions in force, ours and the peer's.
        sent: the last description we sent, a refused one included: the next one follows its o= version.
        allows: methods of the peer's Allow; empty while unknown.
    """

    def __init__(self, context: LegContext, name: str, trunk: Trunk, flow: Flow, sip_call_id: str) -> None:
        self.name = name
        self.trunk = trunk
        self.flow = flow
        self.sip_call_id = sip_call_id
        self.state = "early"
        self.local: Session | None = None
        self.remote: Session | None = None
        self.sent: Session | None = None
        self.allows: frozenset[str] = frozenset()
        self._context = context
        self._driver = context.driver
        self._dialog: Dialog | None = None
        self._offering: str | None = None  # our re-INVITE in progress, or our 2xx whose ACK must bring the answer
        self._offering_cseq = 0
        self._offers: dict[str, Request] = {}  # the peer's re-INVITEs without a final response of ours
        self._unacknowledged: set[str] = set()
        self._bye_headers: Pairs | None = None  # a BYE that waits for the ACK

    # ---- what a flow may ask ----

    @property
    def settled(self) -> bool:
        """No INVITE of either side is in progress: a re-INVITE may be sent (RFC 3261 §14.1)."""
        return not (self.state != "confirmed" or self._offering or self._offers or self._unacknowledged)

    def offer(self, session: Session) -> None:
        """Send a re-INVITE with this offer; ends in OfferAccepted or OfferRefused."""
        assert self._dialog is not None
        request = self._dialog.request("INVITE", headers=self._headers(), body=write(session), content_type=SDP)
        self._offering_cseq = request.cseq[0]
        self.sent = session
        self._offering = self._driver.request(request, self._way(), self.receive)

    def withdraw_offer(self) -> None:
        """CANCEL our re-INVITE; it still ends in OfferRefused, or in OfferAccepted where the answer crossed."""
        if self._offering is not None:
            self._driver.cancel(self._offering)

    def answer(self, txn: str, session: Session) -> bool:
        """Accept a re-INVITE; `session` is the answer, or the offer where the re-INVITE had none.

        Returns: False where nobody waits for it any more: the peer cancelled it or hung up meanwhile.
        """
        request = self._offers.pop(txn, None)
        if request is None:
            return False
        self.local = self.sent = session
        self._unacknowledged.add(txn)
        if not _has_session(request):
            self._offering = txn
        response = request.respond(200, headers=self._headers(), body=write(session), content_type=SDP)
        self._driver.respond(txn, response)
        return True

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Refuse a re-INVITE; the session stands as it was."""
        request = self._offers.pop(txn, None)
        if request is not None:
            self._driver.respond(txn, request.respond(status, headers=[*self._warning(status, reason), *headers]))

    def ask_key_frame(self) -> bool:
        """Ask for a key frame by INFO (RFC 5168); False where the peer does not allow INFO."""
        if self.state != "confirmed" or self._dialog is None or (self.allows and "INFO" not in self.allows):
            return False
        request = self._dialog.request("INFO", body=KEY_FRAME_BODY, content_type=FAST_UPDATE)
        self._driver.request(request, self._way(), lambda event: None)
        return True

    def bye(self, headers: Pairs = ()) -> None:
        """End a confirmed dialog.

        The callee must not send BYE before the ACK of its 2xx (RFC 3261 §15): it waits for that, or for its absence.
        """
        if self.state != "confirmed" or self._dialog is None:
            return
        self.state = "ended"
        self._decline_all()
        if self._unacknowledged:
            self._bye_headers = headers
        else:
            self._send_bye(headers)

    # ---- what the transaction layer says ----

    def receive(self, event: sip.SipEvent) -> None:
        """The driver's listener for everything that concerns this leg."""
        match event:
            case sip.RequestArrived():
                self._on_request(event)
            case sip.ResponseArrived() if event.txn == self._offering:
                self._on_offer_response(event.response)
            case sip.RequestFailed() if event.txn == self._offering:
                self._offering = None
                self._post(OfferRefused(self, event.status, event.reason))
            case sip.Cancelled() if event.txn in self._offers:
                self.decline(event.txn, 487)
                self._post(OfferWithdrawn(self, event.txn))
            case sip.Acknowledged():
                self._on_ack(event)
            case sip.AckMissing() if event.txn in self._unacknowledged:
                self._unacknowledged.discard(event.txn)
                if self._offering == event.txn:
                    self._offering = None
                if not self._release_bye():
                    self._post(AckMissing(self))
            case _:
                pass  # provisional answers to re-INVITE, answers to BYE and INFO, ends of transactions

    def _on_request(self, event: sip.RequestArrived) -> None:
        request = event.request
        assert self._dialog is not None
        try:
            self._dialog.receive(request)
            refuse_unknown_extensions(request)
            match request.method:
                case "BYE":
                    self._reply(event, 200)
                    self._on_bye(request)
                case "INVITE":
                    self._on_reinvite(event)
                case "INFO":
                    self._on_info(event)
                case "OPTIONS":
                    self._reply(event, 200, [("Allow", ALLOW), ("Accept", SDP)])
                case method:
                    raise Refusal(405, f"{method[:20]} is not supported in a call", [("Allow", ALLOW)])
        except PeerError as error:
            self._reply(event, error.status, [*self._warning(error.status, error.reason), *_extra(error)])

    def _on_bye(self, request: Request) -> None:
        self._decline_all()
        self._bye_headers = None  # the BYE of ours that waits for an ACK has become needless
        ended = self.state == "ended"
        self._close()
        if not ended:
            self._post(Ended(self, request))

    def _on_reinvite(self, event: sip.RequestArrived) -> None:
        if self.state == "ended":
            raise PeerError("the call is over", 481)
        if self.state == "early" or self._offers:
            # RFC 3261 §14.2: its own earlier INVITE is still open
            raise Refusal(500, "the previous re-INVITE is not answered yet", [("Retry-After", "1")])
        if self._offering:
            raise PeerError("our own offer is open", 491)
        session = session_of(event.request)
        self._offers[event.txn] = event.request
        self._driver.adopt(event.txn, self.receive)
        self._post(Offered(self, event.txn, session))

    def _on_info(self, event: sip.RequestArrived) -> None:
        if event.request.content_type == FAST_UPDATE:
            self._reply(event, 200)
            self._post(KeyFrameAsked(self))
        elif event.request.body:
            raise Refusal(415, f"INFO with {event.request.content_type[:60]}", [("Accept", FAST_UPDATE)])
        else:
            self._reply(event, 200)

    def _on_offer_response(self, response: Response) -> None:
        if response.status < 200:
            return
        txn, self._offering = self._offering, None
        if response.status >= 300:
            self._post(OfferRefused(self, response.status, response.reason))
            return
        assert self._dialog is not None and txn is not None
        with suppress(PeerError):  # a Contact that cannot be read refreshes nothing
            self._dialog.refresh(response)
        self._driver.acknowledge(txn, self._dialog.ack(self._offering_cseq), self._way())
        try:
            session = session_of(response)
        except PeerError as error:
            self._post(OfferRefused(self, 488, f"the answer cannot be read: {error.reason}"))
            return
        self.local = self.sent
        self._post(OfferAccepted(self, session))

    def _on_ack(self, event: sip.Acknowledged) -> None:
        self._unacknowledged.discard(event.txn)
        owed = self._offering == event.txn
        if owed:
            self._offering = None
        if self._release_bye():
            return
        session = None
        if owed:
            try:
                session = session_of(event.request)
            except PeerError:
                session = None  # an ACK cannot be refused; the session stands as it was
        self._post(Acknowledged(self, session))

    # ---- building blocks ----

    def _post(self, event: LegEvent) -> None:
        self._context.post(event)

    def _confirm(self, dialog: Dialog, message: Message) -> None:
        self.state = "confirmed"
        self._dialog = dialog
        self.note_abilities(message)
        self._driver.register(dialog.id, self.receive)

    def note_abilities(self, message: Message) -> None:
        """Remember the peer's Allow; one that cannot be read says nothing."""
        with suppress(PeerError):
            if methods := message.headers.values("allow"):
                self.allows = frozenset(method.upper() for method in methods)

    def _decline_all(self) -> None:
        """Pending requests get a final response when the dialog ends (RFC 3261 §15.1.2); nothing else ends them."""
        for txn in tuple(self._offers):
            self.decline(txn, 487)

    def _close(self) -> None:
        self.state = "ended"
        if self._dialog is not None:
            self._driver.unregister(self._dialog.id)

    def _release_bye(self) -> bool:
        """Send the BYE that waited for an ACK, if one did."""
        if self._bye_headers is None or self._unacknowledged:
            return False
        self._send_bye(self._bye_headers)
        self._bye_headers = None
        return True

    def _send_bye(self, headers: Pairs) -> None:
        assert self._dialog is not None
        request = self._dialog.request("BYE", headers=headers)
        self._driver.request(request, self._way(), lambda event: None)
        self._close()

    def _way(self, dialog: Dialog | None = None) -> Flow:
        """Where requests in the dialog go: the route set or the peer's Contact, if that is an address we can reach.

        Otherwise (a name, a tel: or sips: URI, another address family) to where the peer's own messages come from: a
        Contact of little use must not keep us from ending the call.
        """
        dialog = dialog or self._dialog
        assert dialog is not None
        try:
            return self._driver.locate(self.flow.network, dialog.next_hop) or self.flow
        except PeerError:
            return self.flow

    def _reply(self, event: sip.RequestArrived, status: int, headers: Pairs = ()) -> None:
        self._driver.respond(event.txn, event.request.respond(status, headers=headers))

    def _headers(self) -> list[tuple[str, str]]:
        """What we say about ourselves in requests and answers that make or refresh a dialog."""
        return [*self._contact(), ("Allow", ALLOW)]

    def _contact(self) -> list[tuple[str, str]]:
        address = self._driver.contact(self.flow.network, self.flow.transport)
        transport = "" if self.flow.transport == "udp" else f";transport={self.flow.transport}"
        features = VIDEO_FEATURES if self.trunk.role is Role.ACCESS else ""
        return [("Contact", f"<sip:{self._context.server}@{address}{transport}>{features}")]

    def _warning(self, status: int, reason: str) -> list[tuple[str, str]]:
        return [] if status in (491, 487) else warning(self._context.server, reason)


class Refusal(PeerError):
    """A PeerError that brings headers for its response."""

    def __init__(self, status: int, reason: str, headers: Pairs) -> None:
        super().__init__(reason, status)
        self.headers = tuple(headers)


def _extra(error: PeerError) -> tuple[tuple[str, str], ...]:
    return error.headers if isinstance(error, Refusal) else ()


def warning(server: str, reason: str) -> list[tuple[str, str]]:
    """A Warning in plain words (RFC 3261 §20.43: 399), if there is something to say; it may hold a peer's text."""
    text = "".join(" " if ord(letter) < 32 else letter for letter in reason)
    text = text.replace("\\", "").replace('"', "'")
    return [("Warning", f'399 {server} "{text}"')] if text else []


def refuse_unknown_extensions(request: Request) -> None:
    """Raise 420 for a Require that we do not implement (RFC 3261 §8.2.2.3)."""
    if wanted := request.headers.values("require"):
        names = ", ".join(wanted)
        raise Refusal(420, f"unsupported extension: {names[:60]}", [("Unsupported", names)])


def session_of(message: Message) -> Session | None:
    """The session description in a message, wherever in its body it stands; None where there is none."""
    body = find_part(message, SDP)
    return parse(body) if body else None


def _has_session(message: Message) -> bool:
    return bool(find_part(message, SDP))


def plain_headers(message: Message, *names: str) -> Headers:
    """Those headers of a message that are passed on as they are."""
    return Headers((name, value) for name in names for value in message.headers.get_all(name))
