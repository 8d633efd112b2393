"""A leg: one dialog of a call and the rules inside it (RFC 3261 §12–§15, RFC 3311, RFC 4028). No I/O of its own.

A leg turns what the transaction layer says into the events of `calls.events` and posts them to its call. Methods that
begin or end the dialog differ by side and stand in `incoming` and `outgoing`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from splitter.calls.digits import DIGIT_TYPES
from splitter.calls.events import (
    AckMissing,
    Acknowledged,
    DigitPressed,
    Ended,
    KeyFrameAsked,
    LegEvent,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Overlooked,
    Refreshed,
    RefreshFailed,
)
from splitter.calls.legs.challenged import is_idle
from splitter.calls.legs.usage import INFO_BODIES, LegContext, Usage, ignore
from splitter.calls.messages import (
    ALLOW,
    FAST_UPDATE,
    FROM_CHANGE,
    SDP,
    Pairs,
    Refusal,
    has_session,
    headers_of,
    refuse_unknown_bodies,
    refuse_unknown_extensions,
    session_of,
)
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.calls.view import LegView
from splitter.core.errors import PeerError
from splitter.core.pauses import retry_after_s
from splitter.sdp.align import aligned, lengthened, shortened
from splitter.sdp.model import Session
from splitter.sdp.precondition import without_preconditions
from splitter.sdp.summary import in_use
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog, DialogId
from splitter.sip.message import Message, Request, Response

ATTEMPTS = 3  # an INVITE is sent again after 422; a peer that never has enough is given up
_PAUSE_MOST_S = 60.0  # a longer Retry-After is of no use in a call


@dataclass(slots=True)
class OwnOffer:
    """An offer of ours that is open, and the INVITE, UPDATE or 2xx that carries it.

    `answered`: the answer came in a reliable provisional response; only the transaction goes on.
    """

    txn: str
    cseq: int = 0
    in_2xx: bool = False
    in_update: bool = False
    answered: bool = False
    attempts: int = 1


class Leg(Usage):
    """A dialog of a call, whoever sent its INVITE."""

    def __init__(self, context: LegContext, trunk: Trunk, record: LegRecord) -> None:
        super().__init__(context, trunk, record)
        self._own: OwnOffer | None = None
        self._offers: dict[str, Request] = {}  # the peer's, in INVITE or UPDATE, without a final response of ours
        self._unacknowledged: set[str] = set()
        self._receiver = reliable.ReliableReceiver()
        self._refreshing = 0  # UPDATEs without an offer that are not answered yet
        self._bye_headers: Pairs | None = None  # a BYE that waits for the ACK

    def resume(self, cseq_gap: int = 0) -> None:
        """Hear of the requests in its dialog again, after it was made anew from its record.

        Args:
            cseq_gap: so many requests of ours may be missing in the record (gaps are legal: RFC 3261 §12.2.2).
        """
        if self._dialog is not None:
            self._dialog.local_cseq += cseq_gap
            self._driver.register(self._dialog.id, self.receive, self.neighbour)

    # ---- the session ----

    @property
    def at_rest(self) -> bool:
        """Nothing of it is under way: its record is all that it needs."""
        return self.settled and not self._refreshing and self.infos.idle and is_idle(self._driver)

    @property
    def settled(self) -> bool:
        """No INVITE of either side is in progress: a re-INVITE may be sent (RFC 3261 §14.1)."""
        return not (self.state is not LegState.CONFIRMED or self._own or self._offers or self._unacknowledged)

    @property
    def offering(self) -> bool:
        """A re-INVITE or UPDATE of ours is under way, its offer answered or not."""
        return self._own is not None

    def is_in(self, dialog: DialogId) -> bool:
        """True if this is a dialog of the leg, confirmed or early."""
        return self._dialog is not None and self._dialog.id == dialog

    def view(self) -> LegView:
        """The leg as operators see it."""
        return LegView(
            name=self.name,
            trunk=self.trunk.name,
            peer=str(self.flow),
            sip_call_id=self.sip_call_id,
            state=self.state,
            audio=in_use(self.terms.local, self.terms.remote, "audio"),
            video=in_use(self.terms.local, self.terms.remote, "video"),
        )

    # ---- offers of ours ----

    def offer(self, session: Session) -> None:
        """Send a re-INVITE with this offer; ends in OfferAccepted or OfferRefused."""
        self._send("INVITE", session, 1)

    def update(self, session: Session) -> None:
        """Offer in an UPDATE what needs nobody's consent (RFC 3311 §5.1); ends in OfferAccepted or OfferRefused."""
        self._send("UPDATE", session, 1)

    def _send(self, method: str, session: Session, attempt: int) -> None:
        assert self._dialog is not None
        lines = [*self._headers(), *self.timer.request_headers()]
        request = self._dialog.request(method, headers=lines, body=write(session), content_type=SDP)
        self.terms.note_sent(session)
        self._receiver = reliable.ReliableReceiver()
        self._own = OwnOffer("", request.cseq[0], in_update=method == "UPDATE", attempts=attempt)
        self._own.txn = self._driver.request(request, self._way(), self.receive)

    def withdraw_offer(self, reason: str | None = None) -> None:
        """CANCEL our re-INVITE; it still ends in OfferRefused, or in OfferAccepted where the answer crossed."""
        if self._own is not None and not self._own.in_2xx and not self._own.in_update:
            self._driver.cancel(self._own.txn, reason)

    def _on_offer_response(self, own: OwnOffer, event: sip.ResponseArrived) -> None:
        response = event.response
        self.learn(response)
        own.txn = event.txn
        if response.status < 200:
            if not own.in_update:
                self._on_offer_provisional(own, response)
            return
        self._own = None
        if response.status >= 300:
            self._on_refusal(own, response)
            return
        assert self._dialog is not None
        with suppress(PeerError):  # a Contact that cannot be read refreshes nothing
            self._dialog.refresh(response)
        if not own.in_update:
            self._driver.acknowledge(event.txn, self._named(self._dialog.ack(own.cseq)), self._way())
        with suppress(PeerError):
            self.timer.agreed(response)
        if own.answered:
            self._post(Refreshed(self.key, offer_done=True))
        else:
            self._accept_offer(response)

    def _on_offer_provisional(self, own: OwnOffer, response: Response) -> None:
        """A handset may answer our re-INVITE in a reliable 18x and finish after its user consented (RFC 3262 §5)."""
        assert self._dialog is not None
        try:
            if response.status == 100 or not reliable.requires(response) or not self._receiver.take(response):
                return
        except PeerError:
            return  # without a number it cannot be confirmed; the peer sends its final response all the same
        self._prack(self._dialog, response)
        with suppress(PeerError):  # where it cannot be read, the final response may say it better
            if not own.answered and session_of(response) is not None:
                own.answered = True
                self._accept_offer(response, early=True)

    def _accept_offer(self, response: Response, early: bool = False) -> None:
        """The peer has taken our offer: it counts there, whether we can read what it answered or not."""
        assert self.terms.sent is not None
        session, fault = self._answer_of(response, self.terms.sent)
        # What is offered again one day has no status of resources in it.
        self.terms.local = without_preconditions(self.terms.sent)
        self.terms.local_is_offer = True
        self._post(OfferAccepted(self.key, session, early, fault))

    def _on_refusal(self, own: OwnOffer, response: Response) -> None:
        if own.in_update and response.status in (405, 501):
            self.record.allows -= {"UPDATE"}  # whatever its Allow said
        if self.timer.raised(response) and own.attempts < ATTEMPTS and self.terms.sent is not None:
            self._send("UPDATE" if own.in_update else "INVITE", self.terms.sent, own.attempts + 1)
        else:
            status = 500 if response.status == 422 else response.status  # it concerns nobody else
            pause_s = retry_after_s(response.headers.get("retry-after"), _PAUSE_MOST_S)
            self._post(OfferRefused(self.key, status, response.reason, pause_s))

    # ---- offers of the peer ----

    def answer(self, txn: str, session: Session) -> bool:
        """Accept a re-INVITE or UPDATE; `session` is the answer, or the offer where the re-INVITE had none.

        Returns: False where nobody waits for it any more: the peer cancelled it or hung up meanwhile.
        """
        request = self._offers.pop(txn, None)
        if request is None:
            return False
        self.terms.local = session
        self.terms.note_sent(session)
        self.terms.local_is_offer = not has_session(request)
        if request.method == "INVITE":
            self._unacknowledged.add(txn)
            if self.terms.local_is_offer:
                self._own = OwnOffer(txn, in_2xx=True)
        lines = [*self._headers(), *self._take_timer(request)]
        offer = session_of(request)
        body = write(session if offer is None else shortened(session, offer))
        self._driver.respond(txn, request.respond(200, headers=lines, body=body, content_type=SDP))
        return True

    def must_answer(self, txn: str) -> bool:
        """True if this offer cannot be refused: to decline it leaves it without an answer."""
        return False

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Refuse a re-INVITE or UPDATE; the session stands as it was."""
        request = self._offers.pop(txn, None)
        if request is not None:
            lines = [*self._warning(status, reason), *headers]
            self._driver.respond(txn, self._named(request.respond(status, headers=lines)))

    def _on_reinvite(self, event: sip.RequestArrived) -> None:
        self.note_abilities(event.request)
        if self.state is LegState.EARLY:
            raise self._too_early()
        session = session_of(event.request)
        if session is None:
            refuse_unknown_bodies(event.request)  # who sends something else does not ask for an offer of ours
        self._admit_offer(event.request, inviting=True)
        self._take_offer(event, session)

    def _on_update(self, event: sip.RequestArrived) -> None:
        """RFC 3311 §5.2: also before the answer, once a first answer was given reliably."""
        self.note_abilities(event.request)
        session = session_of(event.request)
        if session is None:
            headers = [*self._headers(), *self._take_timer(event.request)]
            self._reply(event, 200, headers)
            return
        self._admit_offer(event.request, inviting=False)
        self._take_offer(event, session)

    def _admit_offer(self, request: Request, inviting: bool) -> None:
        """Raise where another offer is open (RFC 3261 §14.2, RFC 3311 §5.2), or the session interval is too small."""
        if self.state is LegState.ENDED:
            raise PeerError("the call is over", 481)
        if self._offers:
            raise Refusal(500, "the previous offer is not answered yet", [("Retry-After", "1")])
        if self._own is not None and (inviting or not self._own.answered):
            with suppress(PeerError):
                self._post(OfferCollided(self.key, session_of(request)))
            raise PeerError("our own offer is open", 491)
        self.timer.judge(request)

    def _too_early(self) -> PeerError:
        """What a re-INVITE gets while the first INVITE is open: the peer's own one, unless the side says otherwise."""
        return Refusal(500, "the first INVITE is not answered yet", [("Retry-After", "1")])  # RFC 3261 §14.2

    def _take_offer(self, event: sip.RequestArrived, session: Session | None) -> None:
        self._offers[event.txn] = event.request
        self._driver.adopt(event.txn, self.receive, self.neighbour)
        if session is not None and (offer := lengthened(session, self.terms.local)) is not session:
            words = f"{len(session.media)} m-lines follow {len(offer.media)} (RFC 3264 §8): those left out are off"
            self._post(Overlooked(self.key, words))
            session = offer
        self._post(Offered(self.key, event.txn, session, event.request.from_tag or ""))

    def _on_ack(self, event: sip.AckArrived) -> None:
        self._unacknowledged.discard(event.txn)
        owed = self._own is not None and self._own.txn == event.txn
        if owed:
            self._own = None
        if self._release_bye():
            return
        session, fault = self._answer_of(event.request, self.terms.ours) if owed else (None, "")
        self._post(Acknowledged(self.key, session, fault))

    def _answer_of(self, message: Message, offer: Session) -> tuple[Session | None, str]:
        """The answer to an offer of ours, and why it cannot be read; nobody can be told so any more."""
        try:
            said = session_of(message)
        except PeerError as error:
            return None, f"it cannot be read: {error.reason}"
        return self._beside(offer, said) if said is not None else None, ""

    def _beside(self, offer: Session, said: Session) -> Session:
        """What a peer answered, line by line beside what we offered."""
        session = aligned(offer, said)
        if session is not said:
            kinds = " and ".join(" ".join(line.kind for line in one.media) for one in (said, offer))
            self._post(
                Overlooked(
                    self.key, f"its m-lines are not those of our offer (RFC 3264 §6), told by kind: {kinds}"[:200]
                )
            )
        return session

    # ---- the session timer ----

    def refresh(self) -> bool:
        """Refresh the session by an UPDATE without SDP (RFC 4028 §7.4); ends in Refreshed or RefreshFailed.

        Returns: False where the peer does not allow UPDATE: a re-INVITE must do.
        """
        if self._dialog is None or "UPDATE" not in self.allows:
            return False
        request = self._dialog.request("UPDATE", headers=[*self._headers(), *self.timer.request_headers()])
        self._refreshing += 1
        self._driver.request(request, self._way(), self._on_refresh)
        return True

    def _on_refresh(self, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived(response=response) if 200 <= response.status < 300:
                self._refreshing -= 1
                with suppress(PeerError):
                    if self._dialog is not None:
                        self._dialog.refresh(response)
                with suppress(PeerError):
                    self.timer.agreed(response)
                self.record.timer.too_small = 0
                self._post(Refreshed(self.key))
            case sip.ResponseArrived(response=response) if response.status >= 300:
                self._refreshing -= 1
                status = response.status
                if status in (405, 501):
                    self.record.allows -= {"UPDATE"}  # whatever its Allow said
                elif status == 422:
                    self.record.timer.too_small += 1
                    more = self.timer.raised(response) and self.record.timer.too_small < ATTEMPTS
                    status = 422 if more else 500  # a peer that never has enough is not asked for ever
                self._post(RefreshFailed(self.key, status, response.reason))
            case sip.RequestFailed():
                self._refreshing -= 1
                self._post(RefreshFailed(self.key, event.status, event.reason))
            case _:
                pass

    def _take_timer(self, request: Request) -> list[tuple[str, str]]:
        """Start the session timer that a request of the peer asks for; returns what our 2xx says of it."""
        timer, headers = self.timer.judge(request)
        if self.state is LegState.CONFIRMED:
            self.timer.start(timer)
        return headers

    # ---- what the transaction layer says ----

    def receive(self, event: sip.SipEvent) -> None:
        """The driver's listener for everything that concerns this leg."""
        own = self._own
        match event:
            case sip.RequestArrived():
                self._on_request(event)
            case sip.ResponseArrived() if own is not None and own.txn in (event.txn, ""):
                self._on_offer_response(own, event)
            case sip.RequestFailed() if own is not None and own.txn in (event.txn, ""):
                self._own = None
                self._post(OfferRefused(self.key, event.status, event.reason))
            case sip.CancelArrived() if event.txn in self._offers:
                self.decline(event.txn, 487)
                reason = ", ".join(event.request.headers.get_all("reason")) or None
                self._post(OfferWithdrawn(self.key, event.txn, reason))
            case sip.AckArrived():
                self._on_ack(event)
            case sip.AckTimedOut() if event.txn in self._unacknowledged:
                self._unacknowledged.discard(event.txn)
                if own is not None and own.txn == event.txn:
                    self._own = None
                if not self._release_bye():
                    self._post(AckMissing(self.key))
            case _:
                pass  # answers to BYE and INFO, ends of transactions

    def _on_request(self, event: sip.RequestArrived) -> None:
        request = event.request
        try:
            self._dialog_of(request).receive(request)
            self._follow(event.flow)
            refuse_unknown_extensions(request, self._extensions())
            if FROM_CHANGE in self._extensions():
                self._dialog_of(request).rename(request)
            self.learn(request)
            match request.method:
                case "BYE":
                    self._reply(event, 200)
                    self._on_bye(request)
                case "INVITE":
                    self._on_reinvite(event)
                case "UPDATE":
                    self._on_update(event)
                case "PRACK":
                    self._on_prack(event)
                case "INFO":
                    self._on_info(event)
                case "OPTIONS":
                    self._reply(event, 200, [("Allow", ALLOW), ("Accept", SDP), ("Supported", self._supported())])
                case method:
                    raise Refusal(405, f"{method[:20]} is not supported in a call", [("Allow", ALLOW)])
        except PeerError as error:
            self._reply(event, error.status, [*self._warning(error.status, error.reason), *headers_of(error)])

    def _on_prack(self, event: sip.RequestArrived) -> None:
        raise PeerError("no reliable response waits for a PRACK", 481)

    def _on_info(self, event: sip.RequestArrived) -> None:
        request = event.request
        if self.state is LegState.ENDED:
            raise PeerError("the call is over", 481)
        if package := request.headers.get("info-package"):
            # RFC 6086 §4.2.2; what we take belongs to no package
            raise Refusal(469, f"Info Package {package[:60]}", [("Recv-Info", "")])
        if request.content_type in DIGIT_TYPES and request.body:
            self.infos.take(event.txn, request)
            self._post(DigitPressed(self.key, event.txn, request))
        elif request.body and request.content_type != FAST_UPDATE:
            raise Refusal(415, f"INFO with {request.content_type[:60]}", [("Accept", INFO_BODIES)])
        else:
            self._reply(event, 200)
            if request.body:
                self._post(KeyFrameAsked(self.key))

    # ---- the dialog's beginning and end ----

    def _post(self, event: LegEvent) -> None:
        self._context.post(event)

    def _confirm(self, dialog: Dialog, message: Message) -> None:
        self.record.state = LegState.CONFIRMED
        self.record.dialog = dialog
        self.note_abilities(message)
        self._driver.register(dialog.id, self.receive, self.neighbour)

    def bye(self, headers: Pairs = ()) -> None:
        """End a confirmed dialog.

        The callee must not send BYE before the ACK of its 2xx (RFC 3261 §15): it waits for that, or for its absence.
        """
        if self.state is not LegState.CONFIRMED or self._dialog is None:
            return
        self.record.state = LegState.ENDED
        self.timer.end()
        self._decline_all()
        if self._unacknowledged:
            self._bye_headers = headers
        else:
            self._send_bye(headers)

    def _on_bye(self, request: Request) -> None:
        self._decline_all()
        self._bye_headers = None  # the BYE of ours that waits for an ACK has become needless
        ended = self.state is LegState.ENDED
        self._close()
        if not ended:
            self._post(Ended(self.key, request))

    def _decline_all(self) -> None:
        """Pending requests get a final response when the dialog ends (RFC 3261 §15.1.2); nothing else ends them."""
        for txn in self.infos.unanswered:
            self.reply_info(txn, 487)
        self.infos.end()
        for txn in tuple(self._offers):
            self.decline(txn, 487)

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
        self._driver.request(self._named(request), self._way(), ignore)
        self._close()

    def _close(self) -> None:
        self.record.state = LegState.ENDED
        self.timer.end()
        self.withdraw_offer()  # the peer answers it 487 by itself (RFC 3261 §15.1.2); if not, it would be held for ever
        if self._dialog is not None:
            self._driver.unregister(self._dialog.id)
