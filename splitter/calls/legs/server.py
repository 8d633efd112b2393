"""The server of a peer's INVITE (RFC 3261 §13.3), with reliable responses (RFC 3262) and preconditions (RFC 3312).

No I/O of its own. What cannot be sent yet waits here: a provisional response for the PRACK of the one before, the 200
for that PRACK and for the caller's resources. The flow need not know. States and steps: see `invite`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.leg_events import Cancelled
from splitter.calls.legs.context import PRECONDITION, DialogContext
from splitter.calls.legs.invite import OPEN, ServerState, ServerStep, server_after
from splitter.calls.legs.offers import Offers
from splitter.calls.peers.messages import (
    SDP,
    Pairs,
    Refusal,
    has_session,
    refuse_unknown_extensions,
    requires,
    session_of,
)
from splitter.calls.states import LegState
from splitter.calls.talk.unfinished import Waiting
from splitter.core.errors import PeerError
from splitter.core.frozen import frozen
from splitter.sdp.model import Session
from splitter.sdp.precondition import met, with_preconditions
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request

_RESOURCES_LIMIT_S = 32.0  # a centre that has answered waits so long for the caller's resources
_SILENCE_S = 60.0  # RFC 3261 §13.3.1.1: between provisional responses
_CONFIRMED_SILENCE_S = 150.0  # RFC 3262 §3: between reliable ones
_RESERVING = (ServerState.RESERVING, ServerState.ACCEPTED_RESERVING)


@frozen
class _Ready:
    """A response that is ready to go: provisional, or the 200 (`status` 200)."""

    status: int
    reason: str | None
    branch: str
    session: Session | None
    headers: tuple[tuple[str, str], ...]


class InviteServer:
    """Answers the INVITE of the caller, of a seat, or of a leg of the centre that takes another one's place.

    Attributes:
        state: how far it is.
        request, txn: the INVITE and its transaction.
        early_sessions: what provisional responses said, by branch.

    Raises:
        PeerError: on construction, if the INVITE cannot make a dialog, requires what we do not know (420), or asks for
            too short a session interval (422).
    """

    def __init__(self, context: DialogContext, offers: Offers, event: sip.RequestArrived) -> None:
        self.request, self.txn = request, _ = event.request, event.txn
        self.early_sessions: dict[str, Session] = {}
        self._context, self._offers = context, offers
        self._waiting: tuple[Waiting, str] | None = None  # once somebody has asked for it
        self._early: dict[str, Dialog] = {}  # by what answered behind us; each has a To tag of its own
        self._senders: dict[str, reliable.ReliableSender] = {}  # by branch: each is a row of its own, as from a fork
        self._provisionals: deque[_Ready] = deque()
        self._acceptance: _Ready | None = None
        self._answered: set[str] = set()  # branches whose early dialog has our answer, reliably
        self._alert: _Ready | None = None  # a 180 that waits for the caller's resources
        self._said: _Ready | None = None  # the last provisional response
        self._silence: Alarm | None = None  # see `await_answer`
        self._resources = Alarm(AlarmKind.RESOURCES, context.record.name)
        refuse_unknown_extensions(request, context.extensions())
        context.timer.judge(request)
        context.record.reserves = requires(request, PRECONDITION)
        # Without reliable responses there is no way to tell each other (RFC 3312 §11): then it is an ordinary call.
        unready = context.record.reserves and reliable.supports(request) and not _is_met(request)
        self.state = ServerState.RESERVING if unready else ServerState.RINGING
        context.note_abilities(request)
        self._early_dialog("")
        context.adopt(event.txn)

    def _step(self, step: ServerStep) -> None:
        self.state = server_after(self.state, step)

    @property
    def cancelled(self) -> bool:
        """True where nobody waits for an answer any more."""
        return self.state in (ServerState.CANCELLED, ServerState.REFUSED)

    def waiting(self) -> tuple[Waiting, str]:
        """The INVITE, and the To tag of what it was answered so far."""
        flow, tag = self._context.record.flow, next(iter(self._early.values())).local_tag if self._early else ""
        if (said := self._waiting) is None or said[1] != tag or said[0].flow is not flow:
            said = self._waiting = Waiting(flow, self.request.serialize()), tag
        return said

    def is_own(self, txn: str) -> bool:
        """True for the transaction of the INVITE."""
        return txn == self.txn

    # ---- what a flow may ask ----

    def await_answer(self) -> None:
        """Tell the peer every minute that the call is alive (RFC 3261 §13.3.1.1); `ring_again` is due then."""
        self._silence = Alarm(AlarmKind.RING_AGAIN, self._context.record.name)
        self._expect_silence(confirmed=False)

    def ring_again(self) -> None:
        """Say the last thing once more: a proxy that hears nothing for three minutes gives the INVITE up."""
        if self.state not in OPEN:
            return
        self._expect_silence(confirmed=False)
        if not self._unconfirmed and not self._provisionals and self._may_ring:
            self._provisionals.append(self._said or _Ready(183, "Session Progress", "", None, ()))
            self._proceed()

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        """Send a provisional response in the early dialog that stands for `branch` of the centre."""
        if not self._may_ring or self._context.state is not LegState.EARLY:
            return
        self._early_dialog(branch)
        if session is not None:
            self.early_sessions[branch] = session
            self._context.terms.note_sent(session)
        waiting = _Ready(status, reason, branch, session, tuple(headers))
        if self.state in _RESERVING and status == 180:  # RFC 3312 §7: nobody is alerted without resources
            self._alert = replace(waiting, session=None)
            if session is None:
                return
            waiting = replace(waiting, status=183, reason="Session Progress")
        self._provisionals.append(waiting)
        self._proceed()

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> bool:
        """Answer with 200; the dialog of `branch` is confirmed, the other early ones are gone.

        Returns: False where nobody waits for it any more.
        """
        if self.state not in (ServerState.RINGING, ServerState.RESERVING):
            return False
        reserving = self.state is ServerState.RESERVING
        self._step(ServerStep.ACCEPT)
        self._acceptance = _Ready(200, None, branch, session, tuple(headers))
        if self._context.terms.sent is None:
            self._context.terms.note_sent(session)  # as good as sent, though it may wait
        if reserving:
            self._context.shared.after(_RESOURCES_LIMIT_S, self._resources)
        if reserving and not self._will_answer(branch):
            # The caller needs our answer to reserve its resources (RFC 3312 §5); 200 follows when it has them.
            self.ring(183, "Session Progress", branch, session)
        else:
            self._proceed()
        return True

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Answer with a final failure."""
        context = self._context
        if context.state is not LegState.EARLY:
            return
        self._offers.decline_all()
        self._step(ServerStep.REFUSE)
        context.record.state = LegState.ENDED
        context.shared.stop_timer(self._resources)
        self._stop_silence()
        dialog = self._early_dialog("")
        self._drop_early()
        lines = [*context.warning(status, reason), *headers]
        response = self.request.respond(status, to_tag=dialog.local_tag, headers=lines)
        context.driver.respond(self.txn, context.named(response))

    @property
    def _may_ring(self) -> bool:
        """RFC 3262 §5: a reliable response would have to make the offer, and the centre has made none yet."""
        return has_session(self.request) or not reliable.requires(self.request)

    # ---- what the peer does ----

    def receive(self, event: sip.SipEvent) -> None:
        """Follow what becomes of the INVITE."""
        match event:
            case sip.CancelArrived():
                self.on_cancel(event.request)
            case sip.PrackTimedOut():
                # RFC 3262 §3 would refuse the INVITE; a 200 with the answer may still save the call.
                for sender in self._senders.values():
                    sender.give_up()
                self._answered.clear()
                self.on_resources()
            case _:
                pass

    def on_cancel(self, request: Request) -> None:
        """CANCEL, or BYE in an early dialog (RFC 3261 §15), which means the same."""
        if self.state in OPEN:
            self._step(ServerStep.CANCEL)
            self._context.post(Cancelled(self._context.key, request))

    def on_prack(self, event: sip.RequestArrived) -> None:
        """A PRACK; raises PeerError 481 where no reliable response waits for one."""
        context = self._context
        self._sender_of(event.request).confirm(event.request)
        context.driver.confirm_provisional(self.txn)
        session, fault = self._offer_of(event.request)
        if session is None:
            context.reply(event, 200, context.warning(200, fault))
        else:
            self._offers.take_offer(event, session)  # RFC 3262 §5: a further offer, answered in the 200
        self._proceed()

    def on_resources(self) -> None:
        """The caller has its resources, or will never say so: what waited for them may go."""
        if self.state in _RESERVING:
            self._step(ServerStep.RESOURCES)
        self._context.shared.stop_timer(self._resources)
        alert, self._alert = self._alert, None
        if alert is not None and self._acceptance is None:
            self._provisionals.append(alert)
        self._proceed()

    def on_answered(self, offer: Session) -> None:
        """An offer of the peer was answered: it may have told that the resources are there."""
        if self.state in _RESERVING and met(offer):
            self.on_resources()

    def admit_early(self, request: Request) -> None:
        """Raise where the peer may not offer anything before its INVITE is answered."""
        if not self._answered:
            raise Refusal(500, "the offer in the INVITE is not answered yet", [("Retry-After", "1")])

    @property
    def glare(self) -> PeerError:
        """The refusal that a re-INVITE gets while this one is open (RFC 3261 §14.2)."""
        return Refusal(500, "the first INVITE is not answered yet", [("Retry-After", "1")])

    # ---- what waits ----

    @property
    def _unconfirmed(self) -> bool:
        """A reliable response waits for its PRACK."""
        return any(sender.waiting for sender in self._senders.values())

    def _proceed(self) -> None:
        """Send what may be sent now: one reliable response at a time, and the 200 when nothing is owed."""
        while self._provisionals and not self._unconfirmed and self._context.state is LegState.EARLY:
            self._send_provisional(self._provisionals.popleft())
        acceptance = self._acceptance
        if acceptance is not None and self.state is ServerState.ACCEPTED and not self._unconfirmed:
            self._acceptance = None
            self._send_acceptance(acceptance)

    def _will_answer(self, branch: str) -> bool:
        """True if a reliable response with our answer was sent in this early dialog, or waits for its turn."""
        return branch in self._answered or any(w.branch == branch and w.session for w in self._provisionals)

    def _send_provisional(self, waiting: _Ready) -> None:
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
        if self._silence is not None:
            self._context.shared.after(_CONFIRMED_SILENCE_S if confirmed else _SILENCE_S, self._silence)

    def _stop_silence(self) -> None:
        if self._silence is not None:
            self._context.shared.stop_timer(self._silence)

    def _send_acceptance(self, waiting: _Ready) -> None:
        self._stop_silence()
        self._step(ServerStep.SEND_200)
        context, dialog = self._context, self._early_dialog(waiting.branch)
        self._drop_early(but=dialog)
        offers = not has_session(self.request)  # the answer comes in the ACK
        self._offers.await_ack(self.txn, offers)
        context.confirm(dialog, self.request)
        lines = [*waiting.headers, *context.take_timer(self.request)]
        if offers:
            context.terms.local_is_offer = True
        # Where the answer was given, a 200 must not give another.
        session = None if waiting.branch in self._answered else waiting.session
        if session is not None:
            self._note_sent(session)
        self._respond(waiting, dialog, session, lines)

    def _is_reliable(self, session: Session | None) -> bool:
        if reliable.requires(self.request):
            return True
        wanted = self._context.trunk.reliable_provisional or self.state in _RESERVING
        return session is not None and wanted and reliable.supports(self.request)

    def _sender(self, branch: str) -> reliable.ReliableSender:
        """The row of reliable responses in an early dialog; its first number is random (RFC 3262 §3)."""
        if branch not in self._senders:
            first = 1 + self._context.shared.ids.number(2**30)
            self._senders[branch] = reliable.ReliableSender(first, self.request.cseq[0])
        return self._senders[branch]

    def _sender_of(self, prack: Request) -> reliable.ReliableSender:
        for branch, dialog in self._early.items():
            if dialog.local_tag == prack.to_tag and branch in self._senders:
                return self._senders[branch]
        raise PeerError("PRACK in a dialog that has no reliable response", 481)

    def _note_sent(self, session: Session) -> None:
        self._context.terms.local = session
        self._context.terms.note_sent(self._with_preconditions(session))

    def _with_preconditions(self, session: Session) -> Session:
        offer = session_of(self.request) if self._context.record.reserves else None
        return with_preconditions(offer, session) if offer is not None else session

    # ---- early dialogs ----

    @property
    def early(self) -> Iterable[Dialog]:
        """The early dialogs; each stands for one that answered behind us."""
        return self._early.values()

    def _early_dialog(self, branch: str) -> Dialog:
        dialog = self._early.get(branch)
        if dialog is None:
            dialog = self._early[branch] = Dialog.as_uas(self.request, self._context.shared.ids.tag())
            self._context.record.dialog = dialog
            self._context.register(dialog)
        return dialog

    def _drop_early(self, but: Dialog | None = None) -> None:
        for dialog in self._early.values():
            if dialog is not but:
                self._context.driver.unregister(dialog.id)
        self._early.clear()

    def _respond(self, waiting: _Ready, dialog: Dialog, session: Session | None, headers: Pairs) -> None:
        context = self._context
        lines = [*context.headers(), *headers]
        body, kind = (self._body(session), SDP) if session is not None else (b"", None)
        response = self.request.respond(
            waiting.status, waiting.reason, to_tag=dialog.local_tag, headers=lines, body=body, content_type=kind
        )
        context.driver.respond(self.txn, response)

    def _body(self, session: Session) -> bytes:
        security, said = self._context.security, self._with_preconditions(session)
        return security.write_answer(said) if has_session(self.request) else security.write_offer(said)

    def _offer_of(self, prack: Request) -> tuple[Session | None, str]:
        """The offer of a PRACK, and why it cannot be read: it confirms our response all the same."""
        try:
            return self._context.security.read_offer(prack), ""
        except PeerError as error:
            return None, f"the offer cannot be read: {error.reason}"


def _is_met(request: Request) -> bool:
    """True if the offer says that the caller's resources are there; one that cannot be read is judged elsewhere."""
    with suppress(PeerError):
        offer = session_of(request)
        return offer is None or met(offer)
    return True
