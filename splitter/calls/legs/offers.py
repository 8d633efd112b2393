"""The offers of one dialog that are open, ours and the peer's, and how they end (RFC 3261 §14, RFC 3311, RFC 3264).

No I/O of its own. What an offer means stands in the flows; here is what may be sent when.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from splitter.calls.leg_events import (
    Acknowledged,
    LegEvent,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Overlooked,
    Refreshed,
)
from splitter.calls.legs.context import PRECONDITION, DialogContext
from splitter.calls.peers.messages import (
    SDP,
    Pairs,
    Refusal,
    has_session,
    refuse_unknown_bodies,
    requires,
    session_of,
)
from splitter.calls.states import LegState
from splitter.calls.talk.unfinished import Waiting
from splitter.core.errors import LocalError, PeerError
from splitter.core.pauses import retry_after_s
from splitter.sdp.align import aligned, described, lengthened, shortened
from splitter.sdp.model import Session
from splitter.sdp.precondition import with_preconditions
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.message import Message, Request, Response

ATTEMPTS = 3  # an INVITE is sent again after 422; a peer that never has enough is given up
_PAUSE_MOST_S = 60.0  # a longer Retry-After is of no use in a call


class Carrier(StrEnum):
    """What carries an offer of ours that is open."""

    REINVITE = "a re-INVITE"
    ANSWERED_REINVITE = "a re-INVITE whose answer came in a reliable provisional response; only the transaction goes on"
    UPDATE = "an UPDATE"
    OK = "a 2xx of ours; the ACK has to bring the answer"


@dataclass(slots=True)
class OwnOffer:
    """An offer of ours that is open.

    Attributes:
        txn: of the request; "" until the driver has told it.
        cseq: of the request. attempts: how often it was sent.
    """

    carrier: Carrier
    txn: str = ""
    cseq: int = 0
    attempts: int = 1


class Offers:
    """All offers of one dialog that are open."""

    def __init__(self, context: DialogContext) -> None:
        self._context = context
        self._own: OwnOffer | None = None
        self._theirs: dict[str, Request] = {}  # in INVITE, UPDATE or PRACK, without a final response of ours
        self._unacknowledged: set[str] = set()  # 2xx of ours
        self._receiver = reliable.ReliableReceiver()

    @property
    def none_open(self) -> bool:
        """True while no offer is open and no 2xx of ours waits for its ACK."""
        return not (self._own or self._theirs or self._unacknowledged)

    @property
    def takes_another(self) -> bool:
        """True while no offer is open: the peer may make one, if its ACK of an earlier 2xx has come or not."""
        return not (self._own or self._theirs)

    @property
    def own_open(self) -> bool:
        """A request of ours that carries an offer is under way, its offer answered or not."""
        return self._own is not None

    @property
    def ack_owed(self) -> bool:
        """A 2xx of ours waits for its ACK."""
        return bool(self._unacknowledged)

    @property
    def answer_due(self) -> str:
        """The transaction of a 2xx of ours whose ACK has to answer an offer; "" where there is none."""
        return self._own.txn if self._own is not None and self._own.carrier is Carrier.OK else ""

    def unanswered(self) -> tuple[Waiting, ...]:
        """The requests of the peer that have no final response of ours, as they came."""
        return tuple(Waiting(self._context.flow, request.serialize()) for request in self._theirs.values())

    # ---- ours ----

    def send(self, method: str, session: Session, attempt: int = 1) -> None:
        """Offer in a re-INVITE or UPDATE; ends in OfferAccepted or OfferRefused."""
        context = self._context
        lines = [*context.headers(), *context.timer.request_headers()]
        body, content_type = context.shared.dressed(context.security.write_offer(session))
        request = context.dialog.request(method, headers=lines, body=body, content_type=content_type)
        context.terms.note_sent(session)
        self._receiver = reliable.ReliableReceiver()
        carrier = Carrier.UPDATE if method == "UPDATE" else Carrier.REINVITE
        self._own = OwnOffer(carrier, "", request.cseq[0], attempt)
        self._own.txn = context.driver.request(request, context.offering_way(), context.listener)

    def withdraw(self, reason: str | None = None) -> None:
        """CANCEL our re-INVITE; it still ends in OfferRefused, or in OfferAccepted where the answer crossed."""
        if self._own is not None and self._own.carrier in (Carrier.REINVITE, Carrier.ANSWERED_REINVITE):
            self._context.driver.cancel(self._own.txn, reason)

    def is_own(self, txn: str) -> bool:
        """True for the transaction of our open offer."""
        return self._own is not None and self._own.txn in (txn, "")

    def on_outcome(self, event: sip.ResponseArrived | sip.RequestFailed) -> None:
        """A response to our open offer, or nobody answers it."""
        own, context = self._open(), self._context
        if isinstance(event, sip.RequestFailed):
            self._own = None
            self._post(OfferRefused(context.key, event.status, event.reason))
            return
        response = event.response
        context.learn(response)
        own.txn = event.txn
        if response.status < 200:
            if own.carrier is not Carrier.UPDATE:
                self._on_provisional(own, response)
            return
        self._own = None
        if response.status >= 300:
            self._on_refusal(own, response)
            return
        dialog = context.dialog
        with suppress(PeerError):  # a Contact that cannot be read refreshes nothing
            dialog.refresh(response)
        if own.carrier is not Carrier.UPDATE:
            context.driver.acknowledge(event.txn, context.named(dialog.ack(own.cseq)), context.way())
        with suppress(PeerError):
            context.timer.agreed(response)
        if own.carrier is Carrier.ANSWERED_REINVITE:
            self._post(Refreshed(context.key, offer_done=True))
        else:
            self._accept(response)

    def _open(self) -> OwnOffer:
        if self._own is None:
            raise LocalError("a response was taken for one to an offer of ours")
        return self._own

    def _on_provisional(self, own: OwnOffer, response: Response) -> None:
        """A handset may answer our re-INVITE in a reliable 18x and finish after its user consented (RFC 3262 §5)."""
        try:
            if response.status == 100 or not reliable.requires(response) or not self._receiver.take(response):
                return
        except PeerError:
            return  # without a number it cannot be confirmed; the peer sends its final response all the same
        self._context.prack(self._context.dialog, response)
        with suppress(PeerError):  # where it cannot be read, the final response may say it better
            if own.carrier is Carrier.REINVITE and session_of(response) is not None:
                own.carrier = Carrier.ANSWERED_REINVITE
                self._accept(response, early=True)

    def _accept(self, response: Response, early: bool = False) -> None:
        """The peer has taken our offer: it counts there, whether we can read what it answered or not."""
        session, fault = self._answer_of(response, self._context.terms.latest)
        self._post(OfferAccepted(self._context.key, session, early, fault))

    def _on_refusal(self, own: OwnOffer, response: Response) -> None:
        context, updated = self._context, own.carrier is Carrier.UPDATE
        if updated and response.status in (405, 501):
            context.record.allows -= {"UPDATE"}  # whatever its Allow said
        if context.timer.raised(response) and own.attempts < ATTEMPTS:
            self.send("UPDATE" if updated else "INVITE", context.terms.latest, own.attempts + 1)
        else:
            status = 500 if response.status == 422 else response.status  # it concerns nobody else
            pause_s = retry_after_s(response.headers.get("retry-after"), _PAUSE_MOST_S)
            self._post(OfferRefused(context.key, status, response.reason, pause_s))

    # ---- the peer's ----

    def on_reinvite(self, event: sip.RequestArrived) -> None:
        """A re-INVITE; raises PeerError where it is refused."""
        if not has_session(event.request):
            refuse_unknown_bodies(event.request)  # who sends something else does not ask for an offer of ours
        self._admit(event.request, inviting=True)
        self.take_offer(event, self._context.security.read_offer(event.request))

    def on_update(self, event: sip.RequestArrived) -> None:
        """An UPDATE (RFC 3311 §5.2), also one without an offer; raises PeerError where it is refused."""
        if not has_session(event.request):
            self._context.reply(event, 200, [*self._context.headers(), *self._context.take_timer(event.request)])
            return
        self._admit(event.request, inviting=False)
        self.take_offer(event, self._context.security.read_offer(event.request))

    def _admit(self, request: Request, inviting: bool) -> None:
        """Raise where another offer is open (RFC 3261 §14.2, RFC 3311 §5.2), or the session interval is too small.

        Before it is read: the keys in an offer are those of the leg from then on.
        """
        if self._context.state is LegState.ENDED:
            raise PeerError("the call is over", 481)
        if self._theirs:
            raise Refusal(500, "the previous offer is not answered yet", [("Retry-After", "1")])
        if self._own is not None and (inviting or self._own.carrier is not Carrier.ANSWERED_REINVITE):
            with suppress(PeerError):
                self._post(OfferCollided(self._context.key, session_of(request)))
            raise PeerError("our own offer is open", 491)
        self._context.timer.judge(request)

    def put_off(self, event: sip.RequestArrived) -> None:
        """Hold an offer of the peer that cannot be read yet; it is open from now on, as others are."""
        self._theirs[event.txn] = event.request
        self._context.adopt(event.txn)

    def take_up(self, txn: str) -> bool:
        """Go on with such an offer, which can be read now; False where it has its answer: it is taken back, or over."""
        return self._theirs.pop(txn, None) is not None

    def take_offer(self, event: sip.RequestArrived, session: Session | None) -> None:
        """Let the flow answer an offer of the peer."""
        context = self._context
        self._theirs[event.txn] = event.request
        context.adopt(event.txn)
        self._post(Offered(context.key, event.txn, session, event.request.from_tag or ""))

    def offer_of(self, txn: str) -> Session | None:
        """What an open offer of the peer says, as long as the session is; None for one that is not there."""
        request = self._theirs.get(txn)
        offer = self._context.security.read_offer(request) if request is not None else None
        return lengthened(offer, self._context.terms.local) if offer is not None else None

    def answer(self, txn: str, session: Session) -> bool:
        """Accept a re-INVITE, UPDATE or PRACK; see `Leg.answer`."""
        context, whole = self._context, self.offer_of(txn)
        request = self._theirs.pop(txn, None)
        if request is None:
            return False
        said = session
        if whole is not None and self._tells_resources(request):
            said = with_preconditions(whole, session)
        context.terms.note_sent(said)
        offer = session_of(request)
        if request.method == "INVITE":
            self.await_ack(txn, offers=offer is None)
        lines = [*context.headers(), *context.take_timer(request)]
        security, kind = context.security, SDP
        if offer is None:
            body, kind = context.shared.dressed(security.write_offer(said))
        else:
            body = security.write_answer(shortened(said, offer))
        context.driver.respond(txn, request.respond(200, headers=lines, body=body, content_type=kind))
        return True

    def _tells_resources(self, request: Request) -> bool:
        early = self._context.state is LegState.EARLY
        return requires(request, PRECONDITION) or (self._context.record.reserves and (early or self.own_open))

    def must_answer(self, txn: str) -> bool:
        """RFC 3262 §3: a PRACK that matches gets a 2xx, whatever it offers."""
        request = self._theirs.get(txn)
        return request is not None and request.method == "PRACK"

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Refuse an offer of the peer; the session stands as it was."""
        context, bound = self._context, self.must_answer(txn)
        request = self._theirs.pop(txn, None)
        if request is None:
            return
        lines = [*context.warning(status, reason), *(() if bound else headers)]
        context.driver.respond(txn, context.named(request.respond(200 if bound else status, headers=lines)))

    def on_cancel(self, event: sip.CancelArrived) -> None:
        """The peer takes its re-INVITE back, if that is still open."""
        if event.txn in self._theirs:
            self.decline(event.txn, 487)
            reason = ", ".join(event.request.headers.get_all("reason")) or None
            self._post(OfferWithdrawn(self._context.key, event.txn, reason))

    # ---- the ACK of a 2xx of ours ----

    def await_ack(self, txn: str, offers: bool) -> None:
        """We send a 2xx; `offers`: with an offer, which the ACK has to answer."""
        self._unacknowledged.add(txn)
        if offers:
            self._own = OwnOffer(Carrier.OK, txn)

    def ack_came(self, txn: str) -> bool:
        """The ACK of a 2xx of ours came, or never will; True where it has to answer an offer of ours."""
        self._unacknowledged.discard(txn)
        owed = self._own is not None and self._own.txn == txn
        if owed:
            self._own = None
        return owed

    def awaits_ack(self, txn: str) -> bool:
        """True for a 2xx of ours that waits for its ACK."""
        return txn in self._unacknowledged

    def tell_ack(self, ack: Request, owed: bool) -> None:
        """Tell the call of an ACK, which answers an offer of ours where that is `owed`."""
        session, fault = self._answer_of(ack, self._context.terms.ours) if owed else (None, "")
        self._post(Acknowledged(self._context.key, session, fault))

    # ---- both ----

    def decline_all(self) -> None:
        """Pending requests get a final response when the dialog ends (RFC 3261 §15.1.2); nothing else ends them."""
        infos = self._context.infos
        for txn in infos.unanswered:
            self._context.reply_info(txn, 487)
        infos.end()
        for txn in tuple(self._theirs):
            self.decline(txn, 487)

    def beside(self, offer: Session, said: Session) -> Session:
        """What a peer answered, line by line beside what we offered."""
        session = aligned(offer, said)
        if session is not said:
            kinds = " and ".join(" ".join(line.kind for line in one.media) for one in (said, offer))
            words = f"its m-lines are not those of our offer (RFC 3264 §6), told by kind: {kinds}"
            self._post(Overlooked(self._context.key, words[:200]))
        if (whole := described(offer, session)) is not session:
            self._post(Overlooked(self._context.key, "formats of its answer without a=rtpmap (RFC 8866 §6.6)"))
        return whole

    def _answer_of(self, message: Message, offer: Session) -> tuple[Session | None, str]:
        """The answer to an offer of ours, and why it cannot be read; nobody can be told so any more."""
        try:
            said = self._context.security.read_answer(message)
        except PeerError as error:
            return None, f"it cannot be read: {error.reason}"
        return self.beside(offer, said) if said is not None else None, ""

    def _post(self, event: LegEvent) -> None:
        self._context.post(event)
