"""The client of an INVITE that we send (RFC 3261 §13.2), with CANCEL and its crossings (§9.1) and PRACK (RFC 3262 §4).

No I/O of its own. States and steps: see `invite`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from splitter.calls.leg_events import Answered, Rang, Refused
from splitter.calls.legs.challenged import Challenged
from splitter.calls.legs.context import DialogContext, ignore
from splitter.calls.legs.invite import ClientState, ClientStep, client_after
from splitter.calls.legs.offers import ATTEMPTS, Offers
from splitter.calls.peers.messages import SDP, has_session
from splitter.calls.states import LegState
from splitter.calls.talk.unfinished import Waiting
from splitter.core.errors import PeerError
from splitter.sdp.model import Connection, Origin, Session
from splitter.sdp.video import refuse
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request, Response
from splitter.sip.transactions.matching import branch_of

_NOT_ACCEPTABLE = (488, 606)  # RFC 3261 §21.4.26, §21.6.4
_MOST_EARLY = 32  # branches of a fork; each costs the caller's leg a dialog too


@dataclass(slots=True)
class _Early:
    """An early dialog, and the reliable responses seen in it; `answered` says that one of them had the answer."""

    dialog: Dialog
    answered: bool = False
    receiver: reliable.ReliableReceiver = field(default_factory=reliable.ReliableReceiver)


class InviteClient:
    """Calls the centre.

    Args:
        request: the INVITE, complete but for the Via and what the leg says about itself.
        session: the offer that it carries; None where the centre is to make the offer.

    Attributes:
        state: how far it is.
    """

    def __init__(self, context: DialogContext, offers: Offers, request: Request, session: Session | None) -> None:
        self.state = ClientState.CALLING
        self._context, self._offers = context, offers
        self._request, self._session = request, session
        self._txn = ""
        self._attempts = 0
        self._cancel_reason: str | None = None
        self._early: dict[str, _Early] = {}
        self._said_as: tuple[str, Waiting] | None = None  # its transaction, and the INVITE as it left
        self._owed: tuple[str, Dialog] | None = None  # the ACK that must bring our answer: of this 2xx
        self._their_offer: Session | None = None  # in that 2xx
        if session is not None:
            context.terms.note_sent(session)
            self._describe(session)
        for name, value in context.headers():
            request.headers.add(name, value)

    def _step(self, step: ClientStep) -> None:
        self.state = client_after(self.state, step)

    # ---- what a flow may ask ----

    def dial(self) -> None:
        """Send the INVITE; ends in Answered or Refused."""
        context, request = self._context, self._request
        self._attempts += 1
        for name in ("Session-Expires", "Min-SE"):
            request.headers.remove(name)
        for name, value in context.timer.request_headers():
            request.headers.add(name, value)
        if self._session is None:
            # Without 100rel: an offer in 18x would need its answer in PRACK.
            request.headers.set("Supported", ", ".join(("timer", *context.centre_extensions())))
        self._txn = ""
        limit_s = context.trunk.answer_limit_s
        self._txn = context.driver.request(request, context.flow, context.listener, answer_limit_s=limit_s)

    def cancel(self, reason: str | None = None) -> None:
        """Give up an unanswered INVITE. A 2xx that crosses is acknowledged and followed by BYE; nothing is posted."""
        if self.state is ClientState.CALLING:
            self._offers.decline_all()
            self._step(ClientStep.CANCEL)
            self._context.record.state = LegState.ENDED
            self._cancel_reason = reason
            self._context.driver.cancel(self._txn, reason)

    def acknowledge(self, session: Session) -> None:
        """Answer the offer that came in the 2xx (RFC 3261 §13.2.2.4)."""
        if self.state is ClientState.ACK_OWED:
            self._context.terms.note_sent(session)
            self._send_ack(self._context.security.write_answer(session))

    def acknowledge_bare(self) -> None:
        """Refuse the offer in the 2xx: before the dialog can end, the offer wants an answer and the 2xx an ACK."""
        if self.state is ClientState.ACK_OWED:
            self._send_ack(self._refusal())

    def waiting(self) -> Waiting | None:
        """The INVITE under the Via that it went out with; None before that."""
        if not self._txn:
            return None
        flow, driver, txn, request = self._context.record.flow, self._context.driver, self._txn, self._request
        if isinstance(driver, Challenged):
            txn, request = driver.latest(txn, request)
        if (said := self._said_as) is None or said[0] != txn or said[1].flow is not flow:
            headers = request.headers.copy()
            headers.prepend("Via", f"SIP/2.0/{flow.transport.upper()} {flow.local};branch={branch_of(txn)}")
            said = txn, Waiting(flow, Request("INVITE", request.uri, headers, request.body).serialize())
            self._said_as = said  # asked for at every message of the call
        return said[1]

    # ---- what the transaction layer says ----

    def is_own(self, txn: str) -> bool:
        """True for the transaction of the INVITE."""
        return self._txn in (txn, "")

    def receive(self, event: sip.ResponseArrived | sip.RequestFailed) -> Refused | None:
        """Follow what becomes of the INVITE.

        Returns: what the call is to be told once the dialog is ended: its 2xx cannot be used.
        """
        if isinstance(event, sip.RequestFailed):
            self._drop_early()
            if self.state is ClientState.CALLING:
                self._fail(event.status, event.reason)
            return None
        self._txn, response = event.txn, event.response
        if response.status == 100:
            return None
        self._context.learn(response)
        if response.status >= 300:
            self._on_failure(response)
        elif response.status >= 200:
            return self._on_success(response)
        elif self.state is ClientState.CALLING:
            self._on_provisional(response)
        return None

    def _on_provisional(self, response: Response) -> None:
        context = self._context
        context.note_abilities(response)
        session = None
        with suppress(PeerError):  # early media that cannot be read is no reason to lose the call
            early = self._early_of(response)
            if early is None and response.to_tag:
                return
            if reliable.requires(response):
                if early is None or not early.receiver.take(response):
                    return
                context.prack(early.dialog, response)
                early.answered |= self._session is not None and has_session(response)
            session = self._said(response)
        context.post(Rang(context.key, response, session, response.to_tag or ""))

    def _on_failure(self, response: Response) -> None:
        self._drop_early()
        if self.state is not ClientState.CALLING:
            return
        if self._attempts < ATTEMPTS and (self._context.timer.raised(response) or self._withholds_keys(response)):
            self._dial_again()
            return
        self._fail(response.status, response.reason, response)

    def _fail(self, status: int, reason: str, response: Response | None = None) -> None:
        self._step(ClientStep.FAIL)
        self._context.record.state = LegState.ENDED
        self._offers.decline_all()
        self._context.post(Refused(self._context.key, status, reason, response))

    def _on_success(self, response: Response) -> Refused | None:
        context = self._context
        early = self._early.pop(response.to_tag or "", None)
        dialog = _confirmed(early.dialog, response) if early else _dialog(self._request, response)
        if context.state is LegState.CONFIRMED and context.dialog.remote_tag == dialog.remote_tag:
            return None  # a repetition; the endpoint repeats the ACK
        self._drop_early()
        if self.state is not ClientState.CALLING:
            self._end_another(dialog)
            return None
        context.confirm(dialog, response)
        if self._session is None:
            self._step(ClientStep.OFFER)
            self._owed = self._txn, dialog
        else:
            self._step(ClientStep.ANSWER)
            self._acknowledge(dialog)
        with suppress(PeerError):
            context.timer.agreed(response)
        return self._report(response)

    def _end_another(self, dialog: Dialog) -> None:
        """A 2xx crossed our CANCEL, or a second branch of a fork answered as well: §13.2.2.4 says end it."""
        context = self._context
        self._acknowledge(dialog)
        context.driver.unregister(dialog.id)
        reasons = [("Reason", self._cancel_reason)] if self._cancel_reason else []
        bye = context.named(dialog.request("BYE", headers=reasons))
        context.driver.request(bye, context.way(dialog), ignore)

    def _acknowledge(self, dialog: Dialog) -> None:
        context = self._context
        ack = context.named(dialog.ack(self._request.cseq[0]))
        context.driver.acknowledge(self._txn, ack, context.way(dialog))

    def _report(self, response: Response) -> Refused | None:
        try:
            session = self._said(response)
        except PeerError as error:
            return Refused(self._context.key, 488, f"its answer cannot be read: {error.reason}", response)
        self._their_offer = session
        self._context.post(Answered(self._context.key, response, session))
        return None

    def _said(self, response: Response) -> Session | None:
        """The description in a response to our INVITE; PeerError where it cannot be read."""
        security = self._context.security
        if self._session is None:
            return security.read_offer(response)
        if (session := security.read_answer(response)) is None:
            return None
        return self._offers.beside(self._session, session)

    # ---- early dialogs ----

    @property
    def early(self) -> Iterable[Dialog]:
        """The early dialogs: one for each phone that rings, as far as it says so."""
        return [early.dialog for early in self._early.values()]

    def admit_early(self, request: Request) -> None:
        """Raise where the peer may not offer anything before its answer (RFC 3311 §5.2)."""
        early = self._early.get(request.from_tag or "")
        if early is None or not early.answered:
            raise PeerError("our own offer has no answer yet", 491)  # none that counts, at least

    @property
    def glare(self) -> PeerError:
        """The refusal that a re-INVITE gets while this one is open (RFC 3261 §14.2)."""
        return PeerError("our own INVITE is open", 491)

    def on_early_bye(self, request: Request) -> None:
        """Give a branch up that sends BYE before it has answered, which it must not (RFC 3261 §15)."""
        context = self._context
        early = self._early.pop(request.from_tag or "", None)
        if early is not None:
            context.driver.unregister(early.dialog.id)
        if not self._early:
            self.cancel()
            context.post(Refused(context.key, 480, "it hung up while it rang", None))

    # ---- building blocks ----

    def _describe(self, session: Session) -> None:
        """Put the offer into the INVITE."""
        context, request = self._context, self._request
        request.body, content_type = context.shared.dressed(context.security.write_offer(session))
        request.headers.set("Content-Type", content_type)

    def _withholds_keys(self, response: Response) -> bool:
        """Whether it was refused for what it offers, and offers no keys now: FreeSWITCH takes none over RTP/AVP."""
        if self._session is None or response.status not in _NOT_ACCEPTABLE or not self._context.security.withhold():
            return False
        self._describe(self._session)
        said = f"{self._context.trunk.name} refuses keys over RTP/AVP ({response.status}): asked again without them"
        self._context.shared.note(self._context.record.name, "media", said)
        return True

    def _dial_again(self) -> None:
        """The INVITE in a new transaction (RFC 4028 §7.4): one CSeq number on."""
        number, _ = self._request.cseq
        self._request.headers.set("CSeq", f"{number + 1} INVITE")
        self.dial()

    def _refusal(self) -> bytes:
        """Every line of their offer with port 0 (RFC 3264 §6); nothing where it could not be read."""
        if self._their_offer is None:
            return b""
        context = self._context
        host = context.driver.contact(context.flow.network, context.flow.transport).host
        return context.security.write_answer(
            Session(
                origin=Origin.of(host, context.shared.ids.number(2**31)),
                connection=Connection.to(host),
                times=tuple(line for line in self._their_offer.times if line.startswith("t=")),
                media=tuple(refuse(media) for media in self._their_offer.media),
            )
        )

    def _send_ack(self, body: bytes) -> None:
        if self._owed is None:
            return
        (txn, dialog), self._owed = self._owed, None
        self._step(ClientStep.ACKNOWLEDGE)
        ack = dialog.ack(self._request.cseq[0], body=body, content_type=SDP if body else None)
        self._context.driver.acknowledge(txn, self._context.named(ack), self._context.offering_way(dialog))

    def _early_of(self, response: Response) -> _Early | None:
        """The early dialog of a provisional response (RFC 3261 §12.1); None without a To tag, or of too many."""
        tag = response.to_tag
        if not tag:
            return None
        early = self._early.get(tag)
        if early is None and len(self._early) >= _MOST_EARLY:
            return None
        if early is None:
            early = self._early[tag] = _Early(Dialog.as_uac(self._request, response))
            self._context.register(early.dialog)
        return early

    def _drop_early(self) -> None:
        confirmed = self._context.record.dialog
        for early in self._early.values():
            if confirmed is None or early.dialog.id != confirmed.id:
                self._context.driver.unregister(early.dialog.id)
        self._early.clear()


def _confirmed(dialog: Dialog, response: Response) -> Dialog:
    with suppress(PeerError):  # a Contact or Record-Route that cannot be read changes nothing
        dialog.confirm(response)
    return dialog


def _dialog(request: Request, response: Response) -> Dialog:
    """The dialog of a 2xx. Where its Contact or Record-Route cannot be read, the URI that we called serves as target:
    a 2xx that nobody acknowledges or ends would leave the callee talking to nobody.
    """
    try:
        return Dialog.as_uac(request, response)
    except PeerError:
        headers = response.headers.copy()
        headers.remove("Contact")
        headers.remove("Record-Route")
        return Dialog.as_uac(request, Response(response.status, response.reason, headers))
