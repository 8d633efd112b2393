"""A leg whose INVITE came to us (RFC 3261 §13.3), with reliable responses (RFC 3262) and preconditions (RFC 3312).

No I/O of its own. What cannot be sent yet waits here: a provisional response for the PRACK of the one before, the 200
for that PRACK and for the caller's resources. The flow need not know.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import Cancelled
from splitter.calls.legs.leg import Leg, OwnOffer
from splitter.calls.legs.usage import LegContext
from splitter.calls.messages import (
    SDP,
    Pairs,
    Refusal,
    has_session,
    refuse_unknown_extensions,
    requires,
    session_of,
)
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.core.errors import LocalError, PeerError
from splitter.sdp.align import lengthened
from splitter.sdp.model import Session
from splitter.sdp.precondition import met, with_preconditions
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request

_PRECONDITION = "precondition"
_RESOURCES_LIMIT_S = 32.0  # a centre that has answered waits so long for the caller's resources
_SILENCE_S = 60.0  # RFC 3261 §13.3.1.1: between provisional responses
_CONFIRMED_SILENCE_S = 150.0  # RFC 3262 §3: between reliable ones


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A response that is ready to go: provisional, or the 200 (`status` 200)."""

    status: int
    reason: str | None
    branch: str
    session: Session | None
    headers: tuple[tuple[str, str], ...]


class IncomingLeg(Leg):
    """The caller's leg, or a seat's: we are the server of its INVITE.

    Attributes:
        cancelled: the peer gave up before it was answered; Cancelled is in the inbox or was read.
        early_sessions: what provisional responses said, by branch.

    A new one hears its INVITE by `arrive`; one that is made from its record has none any more.
    """

    def __init__(self, context: LegContext, trunk: Trunk, record: LegRecord) -> None:
        super().__init__(context, trunk, record)
        self._request: Request | None = None
        self._txn = ""
        self.cancelled = False
        self.early_sessions: dict[str, Session] = {}
        self._early: dict[str, Dialog] = {}  # by what answered behind us; each has a To tag of its own
        self._senders: dict[str, reliable.ReliableSender] = {}  # by branch: each is a row of its own, as from a fork
        self._provisionals: deque[_Waiting] = deque()
        self._acceptance: _Waiting | None = None
        self._answered: set[str] = set()  # branches whose early dialog has our answer, reliably
        self._alert: _Waiting | None = None  # a 180 that waits for the caller's resources
        self._said: _Waiting | None = None  # the last provisional response
        self._waits = False  # see `await_answer`
        self._silence = Alarm(AlarmKind.RING_AGAIN, record.name)
        self._unready = False
        self._resources = Alarm(AlarmKind.RESOURCES, record.name)

    def arrive(self, event: sip.RequestArrived) -> None:
        """Its INVITE came in.

        Raises:
            PeerError: it cannot make a dialog, requires what we do not know (420), or asks for too short a session
                interval (422).
        """
        self._request, self._txn = request, _ = event.request, event.txn
        refuse_unknown_extensions(request, self._extensions())
        self.timer.judge(request)
        self.record.reserves = requires(request, _PRECONDITION)
        # Without reliable responses there is no way to tell each other (RFC 3312 §11): then it is an ordinary call.
        self._unready = self.reserves and reliable.supports(request) and not _is_met(request)
        self.note_abilities(request)
        self._early_dialog("")
        self._driver.adopt(event.txn, self.receive, self.neighbour)

    @property
    def request(self) -> Request:
        """Its INVITE. Raises LocalError once that has become history; see `arrive`."""
        if self._request is None:
            raise LocalError("the INVITE of a leg was asked for after it had been forgotten")
        return self._request

    # ---- what a flow may ask ----

    def await_answer(self) -> None:
        """From now on it hears every minute that the call is alive (RFC 3261 §13.3.1.1); `ring_again` is due then."""
        self._waits = True
        self._expect_silence(confirmed=False)

    def ring_again(self) -> None:
        """Say the last thing once more: a proxy that hears nothing for three minutes gives the INVITE up."""
        if self.state is not LegState.EARLY or self.cancelled:
            return
        self._expect_silence(confirmed=False)
        if not self._unconfirmed and not self._provisionals and self._may_ring:
            self._provisionals.append(self._said or _Waiting(183, "Session Progress", "", None, ()))
            self._proceed()

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        """Send a provisional response in the early dialog that stands for `branch` of the centre."""
        if not self._may_ring:
            return
        self._early_dialog(branch)
        if session is not None:
            self.early_sessions[branch] = session
            self.terms.note_sent(session)
        waiting = _Waiting(status, reason, branch, session, tuple(headers))
        if self._unready and status == 180:  # RFC 3312 §7: nobody is alerted without resources
            self._alert = replace(waiting, session=None)
            if session is None:
                return
            waiting = replace(waiting, status=183, reason="Session Progress")
        self._provisionals.append(waiting)
        self._proceed()

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> None:
        """Answer with 200; the dialog of `branch` is confirmed, the other early ones are gone."""
        self._acceptance = _Waiting(200, None, branch, session, tuple(headers))
        if self.terms.sent is None:
            self.terms.note_sent(session)  # as good as sent, though it may wait
        if self._unready:
            self._context.after(_RESOURCES_LIMIT_S, self._resources)
        if self._unready and not self._will_answer(branch):
            # The caller needs our answer to reserve its resources (RFC 3312 §5); 200 follows when it has them.
            self.ring(183, "Session Progress", branch, session)
        else:
            self._proceed()

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Answer with a final failure."""
        if self.state is not LegState.EARLY:
            return
        self._decline_all()
        self.record.state = LegState.ENDED
        self._context.stop_timer(self._resources)
        self._context.stop_timer(self._silence)
        dialog = self._early_dialog("")
        self._drop_early()
        lines = [*self._warning(status, reason), *headers]
        response = self.request.respond(status, to_tag=dialog.local_tag, headers=lines)
        self._driver.respond(self._txn, self._named(response))

    @property
    def _may_ring(self) -> bool:
        """RFC 3262 §5: a reliable response would have to make the offer, and the centre has made none yet."""
        return has_session(self.request) or not reliable.requires(self.request)

    @property
    def reserves(self) -> bool:
        """The peer's network reserves resources for each line: offers of new ones have preconditions (RFC 3312)."""
        return self.record.reserves

    @property
    def first_txn(self) -> str:
        """The transaction of its INVITE; `answer` and `decline` take it too."""
        return self._txn

    def must_answer(self, txn: str) -> bool:
        """RFC 3262 §3: a PRACK that matches gets a 2xx, whatever it offers."""
        request = self._offers.get(txn)
        return request is not None and request.method == "PRACK"

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        if txn == self._txn:
            self.refuse(status, reason, headers)
        elif self.must_answer(txn):
            request = self._offers.pop(txn)
            self._driver.respond(txn, self._named(request.respond(200, headers=self._warning(status, reason))))
        else:
            super().decline(txn, status, reason, headers)

    def answer(self, txn: str, session: Session) -> bool:
        if txn == self._txn:
            if self.state is not LegState.EARLY or self.cancelled:
                return False
            self.accept(session)
            return True
        request = self._offers.get(txn)
        offer = session_of(request) if request is not None else None
        if request is None or offer is None:
            return super().answer(txn, session)
        offer = lengthened(offer, self.terms.local)
        needed = requires(request, _PRECONDITION) or (self.reserves and (self.state is LegState.EARLY or self.offering))
        super().answer(txn, with_preconditions(offer, session) if needed else session)
        self.terms.local = session  # what is offered again one day has no status of resources in it
        if self._unready and met(offer):
            self._be_ready()
        return True

    def bye(self, headers: Pairs = ()) -> None:
        if self.state is LegState.EARLY:
            self.refuse(480)  # its 200 was still waiting
        else:
            super().bye(headers)

    # ---- what the transaction layer says ----

    def receive(self, event: sip.SipEvent) -> None:
        match event:
            case sip.CancelArrived() if event.txn == self._txn:
                self._give_up(event.request)
            case sip.PrackTimedOut() if event.txn == self._txn:
                # RFC 3262 §3 would refuse the INVITE; a 200 with the answer may still save the call.
                for sender in self._senders.values():
                    sender.give_up()
                self._answered.clear()
                self._be_ready()
            case _:
                super().receive(event)

    def _on_bye(self, request: Request) -> None:
        # BYE in an early dialog (RFC 3261 §15) means what CANCEL means.
        if self.state is LegState.EARLY:
            self._give_up(request)
        else:
            super()._on_bye(request)

    def _on_prack(self, event: sip.RequestArrived) -> None:
        self._sender_of(event.request).confirm(event.request)
        self._driver.confirm_provisional(self._txn)
        session, fault = _offer_of(event.request)
        if session is None:
            self._reply(event, 200, self._warning(200, fault))
        else:
            self._take_offer(event, session)  # RFC 3262 §5: a further offer, answered in the 200
        self._proceed()

    def _admit_offer(self, request: Request, inviting: bool) -> None:
        if self.state is LegState.EARLY and not self._answered:
            raise Refusal(500, "the offer in the INVITE is not answered yet", [("Retry-After", "1")])
        super()._admit_offer(request, inviting)

    def _give_up(self, request: Request) -> None:
        if self.state is LegState.EARLY and not self.cancelled:
            self.cancelled = True
            self._post(Cancelled(self.key, request))

    # ---- what waits ----

    @property
    def _unconfirmed(self) -> bool:
        """A reliable response waits for its PRACK."""
        return any(sender.waiting for sender in self._senders.values())

    def _proceed(self) -> None:
        """Send what may be sent now: one reliable response at a time, and the 200 when nothing is owed."""
        while self._provisionals and not self._unconfirmed and self.state is LegState.EARLY:
            self._send_provisional(self._provisionals.popleft())
        acceptance = self._acceptance
        if acceptance is not None and self.state is LegState.EARLY and not self._unconfirmed and not self._unready:
            self._acceptance = None
            self._send_acceptance(acceptance)

    def _be_ready(self) -> None:
        """The caller has its resources, or will never say so: what waited for them may go."""
        self._unready = False
        self._context.stop_timer(self._resources)
        alert, self._alert = self._alert, None
        if alert is not None and self._acceptance is None:
            self._provisionals.append(alert)
        self._proceed()

    def _will_answer(self, branch: str) -> bool:
        """True if a reliable response with our answer was sent in this early dialog, or waits for its turn."""
        return branch in self._answered or any(w.branch == branch and w.session for w in self._provisionals)

    def _send_provisional(self, waiting: _Waiting) -> None:
        session = None if waiting.branch in self._answered else waiting.session
        lines, confirmed = list(waiting.headers), self._is_reliable(session)
        self._said = waiting
        self._expect_silence(confirmed)
        if confirmed:
            lines += self._sender(waiting.branch).headers()
            if session is not None:
                self._answered.add(waiting.branch)
                self._note_sent(session)
        self._respond(waiting, self._early_dialog(waiting.branch), session, lines)

    def _expect_silence(self, confirmed: bool) -> None:
        """Be woken when it has heard nothing for too long. What it confirms cannot be lost: RFC 3262 §3 is patient."""
        if self._waits:
            self._context.after(_CONFIRMED_SILENCE_S if confirmed else _SILENCE_S, self._silence)

    def _send_acceptance(self, waiting: _Waiting) -> None:
        self._context.stop_timer(self._silence)
        dialog = self._early_dialog(waiting.branch)
        self._drop_early(but=dialog)
        self._unacknowledged.add(self._txn)
        self._confirm(dialog, self.request)
        lines = [*waiting.headers, *self._take_timer(self.request)]
        if not has_session(self.request):
            self.terms.local_is_offer = True
            self._own = OwnOffer(self._txn, in_2xx=True)  # the answer comes in the ACK
        if waiting.branch in self._answered:
            self._respond(waiting, dialog, None, lines)  # the answer was given; a 200 must not give another
        else:
            assert waiting.session is not None
            self._note_sent(waiting.session)
            self._respond(waiting, dialog, waiting.session, lines)

    def _is_reliable(self, session: Session | None) -> bool:
        if reliable.requires(self.request):
            return True
        wanted = self.trunk.reliable_provisional or self._unready
        return session is not None and wanted and reliable.supports(self.request)

    def _sender(self, branch: str) -> reliable.ReliableSender:
        """The row of reliable responses in an early dialog; its first number is random (RFC 3262 §3)."""
        if branch not in self._senders:
            first = 1 + self._context.ids.number(2**30)
            self._senders[branch] = reliable.ReliableSender(first, self.request.cseq[0])
        return self._senders[branch]

    def _sender_of(self, prack: Request) -> reliable.ReliableSender:
        for branch, dialog in self._early.items():
            if dialog.local_tag == prack.to_tag and branch in self._senders:
                return self._senders[branch]
        raise PeerError("PRACK in a dialog that has no reliable response", 481)

    def _note_sent(self, session: Session) -> None:
        self.terms.local = session
        self.terms.note_sent(self._with_preconditions(session))

    def _with_preconditions(self, session: Session) -> Session:
        offer = session_of(self.request) if self.reserves else None
        return with_preconditions(offer, session) if offer is not None else session

    def _extensions(self) -> frozenset[str]:
        return super()._extensions() | {_PRECONDITION}

    def _supported(self) -> str:
        return f"{super()._supported()}, {_PRECONDITION}" if self.reserves else super()._supported()

    # ---- early dialogs ----

    def _dialog_of(self, request: Request) -> Dialog:
        for dialog in self._early.values():
            if dialog.local_tag == request.to_tag:
                return dialog
        return super()._dialog_of(request)

    def _early_dialog(self, branch: str) -> Dialog:
        dialog = self._early.get(branch)
        if dialog is None:
            dialog = self._early[branch] = Dialog.as_uas(self.request, self._context.ids.tag())
            self.record.dialog = dialog
            self._driver.register(dialog.id, self.receive, self.neighbour)
        return dialog

    def _drop_early(self, but: Dialog | None = None) -> None:
        for dialog in self._early.values():
            if dialog is not but:
                self._driver.unregister(dialog.id)
        self._early.clear()

    def _respond(self, waiting: _Waiting, dialog: Dialog, session: Session | None, headers: Pairs) -> None:
        lines = [*self._headers(), *headers]
        body, kind = (write(self._with_preconditions(session)), SDP) if session is not None else (b"", None)
        response = self.request.respond(
            waiting.status, waiting.reason, to_tag=dialog.local_tag, headers=lines, body=body, content_type=kind
        )
        self._driver.respond(self._txn, response)


def _offer_of(prack: Request) -> tuple[Session | None, str]:
    """What a PRACK offers, and why that cannot be read: it confirms our response all the same."""
    try:
        return session_of(prack), ""
    except PeerError as error:
        return None, f"the offer cannot be read: {error.reason}"


def _is_met(request: Request) -> bool:
    """True if the offer says that the caller's resources are there; one that cannot be read is judged elsewhere."""
    with suppress(PeerError):
        offer = session_of(request)
        return offer is None or met(offer)
    return True
