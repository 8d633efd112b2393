"""A leg whose INVITE we send (RFC 3261 §13.2), with CANCEL and its crossings (§9.1) and PRACK (RFC 3262 §4).

No I/O of its own.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from splitter.calls.events import Answered, Rang, Refused
from splitter.calls.legs.leg import ATTEMPTS, Leg
from splitter.calls.legs.usage import LegContext
from splitter.calls.messages import SDP, Pairs, has_session, session_of
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.core.errors import LocalError, PeerError
from splitter.sdp.model import Connection, Origin, Session
from splitter.sdp.video import refuse
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog, DialogId
from splitter.sip.message import Request, Response

_UNSENT = "unsent"
_MOST_EARLY = 32  # branches of a fork; each costs the caller's leg a dialog too


@dataclass(slots=True)
class _Early:
    """An early dialog, and the reliable responses seen in it; `answered` says that one of them had the answer."""

    dialog: Dialog
    answered: bool = False
    receiver: reliable.ReliableReceiver = field(default_factory=reliable.ReliableReceiver)


class OutgoingLeg(Leg):
    """The centre's leg: we are the client of its INVITE.

    A new one is told its INVITE by `dial`; one that is made from its record has none any more.
    """

    def __init__(self, context: LegContext, trunk: Trunk, record: LegRecord) -> None:
        super().__init__(context, trunk, record)
        self._offer: Session | None = None
        self._invite: Request | None = None
        self._txn = _UNSENT
        self._attempts = 0
        self._cancel_reason: str | None = None
        self._early: dict[str, _Early] = {}
        self._unanswered: tuple[str, Dialog] | None = None  # a 2xx with an offer, whose ACK must bring our answer
        self._their_offer: Session | None = None  # in that 2xx

    def dial(self, request: Request, session: Session | None) -> None:
        """Send the INVITE; ends in Answered or Refused.

        Args:
            request: complete but for the Via and what the leg says about itself.
            session: the offer that it carries; None where the centre is to make the offer.
        """
        self._invite, self._offer = request, session
        if session is not None:
            self.terms.local = session
            self.terms.note_sent(session)
        self.terms.local_is_offer = session is not None
        for name, value in self._headers():
            request.headers.add(name, value)
        self._dial()

    @property
    def _request(self) -> Request:
        if self._invite is None:
            raise LocalError("the INVITE of a leg was asked for after it had been forgotten")
        return self._invite

    def _dial(self) -> None:
        self._attempts += 1
        for name in ("Session-Expires", "Min-SE"):
            self._request.headers.remove(name)
        for name, value in self.timer.request_headers():
            self._request.headers.add(name, value)
        if self.terms.local is None:
            # Without 100rel: an offer in 18x would need its answer in PRACK.
            self._request.headers.set("Supported", ", ".join(("timer", *self._centre_extensions())))
        self._txn = ""
        self._txn = self._driver.request(
            self._request, self.flow, self.receive, answer_limit_s=self.trunk.answer_limit_s
        )

    def cancel(self, reason: str | None = None) -> None:
        """Give up an unanswered INVITE. A 2xx that crosses is acknowledged and followed by BYE; nothing is posted."""
        if self.state is LegState.EARLY:
            self._decline_all()
            self.record.state = LegState.ENDED
            self._cancel_reason = reason
            self._driver.cancel(self._txn, reason)

    def is_in(self, dialog: DialogId) -> bool:
        return super().is_in(dialog) or any(early.dialog.id == dialog for early in self._early.values())

    def acknowledge(self, session: Session) -> None:
        """Answer the offer that came in the 2xx (RFC 3261 §13.2.2.4)."""
        if self._unanswered is not None:
            self.terms.local = session
            self.terms.note_sent(session)
            self._send_ack(write(session))

    def bye(self, headers: Pairs = ()) -> None:
        if self._unanswered is not None:
            # There will be no session, but its offer wants an answer, and the dialog an ACK, before it can be ended.
            self._send_ack(self._refusal())
        super().bye(headers)

    # ---- what the transaction layer says ----

    def receive(self, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived() if self._txn in (event.txn, ""):
                self._txn = event.txn
                self._on_response(event.response)
            case sip.RequestFailed() if self._txn in (event.txn, ""):
                self._drop_early()
                if self.state is LegState.EARLY:
                    self._fail(event.status, event.reason)
            case _:
                super().receive(event)

    def _on_response(self, response: Response) -> None:
        if response.status == 100:
            return
        self.learn(response)
        if response.status < 200:
            if self.state is LegState.EARLY:
                self._on_provisional(response)
        elif response.status < 300:
            self._on_success(response)
        else:
            self._on_failure(response)

    def _on_provisional(self, response: Response) -> None:
        self.note_abilities(response)
        session = None
        with suppress(PeerError):  # early media that cannot be read is no reason to lose the call
            early = self._early_of(response)
            if early is None and response.to_tag:
                return
            if reliable.requires(response):
                if early is None or not early.receiver.take(response):
                    return
                self._prack(early.dialog, response)
                early.answered |= self.terms.local is not None and has_session(response)
            session = self._said(response)
        self._post(Rang(self.key, response, session, response.to_tag or ""))

    def _on_failure(self, response: Response) -> None:
        self._drop_early()
        if self.state is not LegState.EARLY:
            return
        if self.timer.raised(response) and self._attempts < ATTEMPTS:
            self._dial_again()
            return
        self._fail(response.status, response.reason, response)

    def _fail(self, status: int, reason: str, response: Response | None = None) -> None:
        self.record.state = LegState.ENDED
        self._decline_all()
        self._post(Refused(self.key, status, reason, response))

    def _on_success(self, response: Response) -> None:
        early = self._early.pop(response.to_tag or "", None)
        dialog = _confirmed(early.dialog, response) if early else _dialog(self._request, response)
        if (
            self.state is LegState.CONFIRMED
            and self._dialog is not None
            and self._dialog.remote_tag == dialog.remote_tag
        ):
            return  # a repetition; the endpoint repeats the ACK
        first = self.state is LegState.EARLY
        self._drop_early()
        if first:
            self._confirm(dialog, response)
        if first and self.terms.local is None:
            self._unanswered = self._txn, dialog
        else:
            self._driver.acknowledge(self._txn, self._named(dialog.ack(self._request.cseq[0])), self._way(dialog))
        if not first:
            # It crossed our CANCEL, or a second branch of a fork answered as well: §13.2.2.4 says end it.
            self._driver.unregister(dialog.id)
            reasons = [("Reason", self._cancel_reason)] if self._cancel_reason else []
            bye = self._named(dialog.request("BYE", headers=reasons))
            self._driver.request(bye, self._way(dialog), lambda event: None)
            return
        with suppress(PeerError):
            self.timer.agreed(response)
        self._report(response)

    def _report(self, response: Response) -> None:
        try:
            session = self._said(response)
        except PeerError as error:
            self.bye()
            self._post(Refused(self.key, 488, f"its answer cannot be read: {error.reason}", response))
            return
        self._their_offer = session
        self._post(Answered(self.key, response, session))

    def _said(self, response: Response) -> Session | None:
        """The description in a response to our INVITE; PeerError where it cannot be read."""
        session = session_of(response)
        if session is None or self._offer is None:
            return session
        return self._beside(self._offer, session)

    def _too_early(self) -> PeerError:
        return PeerError("our own INVITE is open", 491)  # RFC 3261 §14.2

    def _admit_offer(self, request: Request, inviting: bool) -> None:
        early = self._early.get(request.from_tag or "")
        if self.state is LegState.EARLY and not (early and early.answered):
            raise PeerError("our own offer has no answer yet", 491)  # RFC 3311 §5.2: none that counts, at least
        super()._admit_offer(request, inviting)

    def _on_bye(self, request: Request) -> None:
        """Who was called must not send BYE before it answers (RFC 3261 §15); a branch that does has gone."""
        if self.state is not LegState.EARLY:
            super()._on_bye(request)
            return
        early = self._early.pop(request.from_tag or "", None)
        if early is not None:
            self._driver.unregister(early.dialog.id)
        if not self._early:
            self.cancel()
            self._post(Refused(self.key, 480, "it hung up while it rang", None))

    # ---- building blocks ----

    def _dial_again(self) -> None:
        """The same INVITE in a new transaction (RFC 4028 §7.4): one CSeq number on."""
        number, _ = self._request.cseq
        self._request.headers.set("CSeq", f"{number + 1} INVITE")
        self._dial()

    def _refusal(self) -> bytes:
        """Every line of their offer with port 0 (RFC 3264 §6); nothing where it could not be read."""
        if self._their_offer is None:
            return b""
        host = self._driver.contact(self.flow.network, self.flow.transport).host
        return write(
            Session(
                origin=Origin.of(host, self._context.ids.number(2**31)),
                connection=Connection.to(host),
                times=tuple(line for line in self._their_offer.times if line.startswith("t=")),
                media=tuple(refuse(media) for media in self._their_offer.media),
            )
        )

    def _send_ack(self, body: bytes) -> None:
        assert self._unanswered is not None
        (txn, dialog), self._unanswered = self._unanswered, None
        ack = dialog.ack(self._request.cseq[0], body=body, content_type=SDP if body else None)
        self._driver.acknowledge(txn, self._named(ack), self._way(dialog))

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
            self._driver.register(early.dialog.id, self.receive, self.neighbour)
        return early

    def _info_dialog(self) -> Dialog | None:
        """Also the early one, where it is the only one: of several nobody knows who will answer."""
        if self.state is LegState.EARLY and len(self._early) == 1:
            return next(iter(self._early.values())).dialog
        return super()._info_dialog()

    def _dialog_of(self, request: Request) -> Dialog:
        early = self._early.get(request.from_tag or "")
        return early.dialog if early is not None else super()._dialog_of(request)

    def _drop_early(self) -> None:
        for early in self._early.values():
            if self._dialog is None or early.dialog.id != self._dialog.id:
                self._driver.unregister(early.dialog.id)
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
