"""A leg that speaks SIP: what flows ask of it, handed to its dialog, its INVITE and its offers. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection

from splitter.calls.legs.challenged import is_idle
from splitter.calls.legs.client import InviteClient
from splitter.calls.legs.context import LegContext, ignore
from splitter.calls.legs.dialog import LegDialog
from splitter.calls.legs.infos import LegInfos
from splitter.calls.legs.presence import BrowserPresence
from splitter.calls.legs.server import InviteServer
from splitter.calls.peers.early_media import asks_early_media
from splitter.calls.peers.messages import FAST_UPDATE, KEY_FRAME_BODY, Pairs, refuse_unknown_bodies
from splitter.calls.peers.session_id import SessionId
from splitter.calls.routing import Neighbour, called_of
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.outline import OpenDialog
from splitter.calls.talk.unfinished import Waiting
from splitter.core.errors import LocalError
from splitter.core.net import Flow
from splitter.sdp.model import Session
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog, DialogId
from splitter.sip.message import Request


class SipLeg:
    """One dialog of a call, whoever sent its INVITE; see `port.Leg` for what flows ask of it.

    Made of its record alone, it has no INVITE any more: `arrive` or `dial` begins a new one, `resume` carries one on.
    """

    def __init__(self, shared: LegContext, trunk: Trunk, record: LegRecord) -> None:
        self.trunk = trunk
        self.record = record
        self.name, self.key, self.terms = record.name, record.key, record.terms  # which are its own for good
        self._dialog = LegDialog(shared, trunk, record)
        self._context, self._offers = self._dialog.context, self._dialog.offers
        self._browser: BrowserPresence | None = None
        if record.browser is not None:
            self._browser = BrowserPresence(shared, self._dialog, record.browser)

    # ---- its beginning ----

    def arrive(self, event: sip.RequestArrived) -> None:
        """Begin with an INVITE that came in. Raises PeerError where that cannot be taken; see InviteServer."""
        self._dialog.invite = InviteServer(self._context, self._offers, event)
        if self._browser is not None:
            self._browser.begin()

    def dial(self, request: Request, session: Session | None) -> None:
        """Send an INVITE, with or without an offer; ends in Answered or Refused. See InviteClient."""
        self._dialog.invite = client = InviteClient(self._context, self._offers, request, session)
        client.dial()

    def resume(self, cseq_gap: int = 0) -> None:
        """Hear of the requests in its dialog again, after it was made anew from its record.

        Args:
            cseq_gap: so many requests of ours may be missing in the record (gaps are legal: RFC 3261 §12.2.2).
        """
        dialog = self._context.dialog
        dialog.local_cseq += cseq_gap
        self._context.register(dialog)
        if self._browser is not None:
            self._browser.resume()

    # ---- what is known of it ----

    @property
    def state(self) -> LegState:
        return self.record.state

    @property
    def flow(self) -> Flow:
        return self.record.flow

    @property
    def neighbour(self) -> Neighbour:
        return self._context.neighbour

    @property
    def sip_call_id(self) -> str:
        return self.record.sip_call_id

    @property
    def infos(self) -> LegInfos:
        return self._context.infos

    @property
    def allows(self) -> frozenset[str]:
        return self.record.allows

    @property
    def reserves(self) -> bool:
        return self.record.reserves

    @property
    def at_rest(self) -> bool:
        return (
            self.settled
            and self._dialog.refreshes.idle
            and self.infos.idle
            and self._dialog.referrals.idle
            and is_idle(self._context.driver)
        )

    @property
    def settled(self) -> bool:
        return self.record.state is LegState.CONFIRMED and self._offers.none_open

    @property
    def offering(self) -> bool:
        return self._offers.own_open

    def is_in(self, dialog: DialogId) -> bool:
        present = self.record.dialog
        return (present is not None and present.id == dialog) or any(early.id == dialog for early in self._dialog.early)

    def ask_line(self, others: Collection[str]) -> None:
        self._context.ask_line(others)
        if isinstance(self._dialog.invite, InviteServer):
            self._context.learn(self._dialog.invite.request)

    # ---- an INVITE of the peer ----

    @property
    def _server(self) -> InviteServer:
        if not isinstance(self._dialog.invite, InviteServer):
            raise LocalError(f"the INVITE of {self.name} was asked for, and it has none of its peer")
        return self._dialog.invite

    @property
    def called(self) -> str:
        return called_of(self._server.request.uri)

    @property
    def calls_itself(self) -> str:
        return self._server.request.from_.user

    @property
    def wants_early_media(self) -> bool:
        return self.trunk.trusted and asks_early_media(self._server.request)

    def offer_in(self, request: Request) -> Session | None:
        """The offer in a request of the peer, as flows know it. Raises PeerError; see `LegSecurity.read_offer`."""
        return self._context.security.read_offer(request)

    def first_offer(self) -> Session | None:
        refuse_unknown_bodies(self._server.request)
        return self._context.security.read_offer(self._server.request)

    @property
    def first_txn(self) -> str:
        return self._server.txn

    @property
    def cancelled(self) -> bool:
        return isinstance(self._dialog.invite, InviteServer) and self._dialog.invite.cancelled

    @property
    def early_sessions(self) -> dict[str, Session]:
        return self._server.early_sessions

    def await_answer(self) -> None:
        self._server.await_answer()

    def ring_again(self) -> None:
        if isinstance(self._dialog.invite, InviteServer):
            self._dialog.invite.ring_again()

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        self._server.ring(status, reason, branch, session, headers)

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> bool:
        accepted = self._server.accept(session, branch, headers)
        if accepted and self._browser is not None:
            self._browser.expect_media()
        return accepted

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        if isinstance(self._dialog.invite, InviteServer):
            self._dialog.invite.refuse(status, reason, headers)

    # ---- an INVITE of ours ----

    def cancel(self, reason: str | None = None) -> None:
        if isinstance(self._dialog.invite, InviteClient):
            self._dialog.invite.cancel(reason)

    def acknowledge(self, session: Session) -> None:
        if isinstance(self._dialog.invite, InviteClient):
            self._dialog.invite.acknowledge(session)

    # ---- for the process that comes after this one ----

    def uncalled(self) -> tuple[Waiting, str] | None:
        """The INVITE of the peer and our To tag, while it is not answered."""
        invite = self._dialog.invite
        return invite.waiting() if self.record.state is LegState.EARLY and isinstance(invite, InviteServer) else None

    def calling(self) -> Waiting | None:
        """Our INVITE, while it is not answered."""
        invite = self._dialog.invite
        return invite.waiting() if self.record.state is LegState.EARLY and isinstance(invite, InviteClient) else None

    def open_dialog(self) -> OpenDialog | None:
        """The data that a BYE needs; None where there is no dialog to end."""
        dialog, credentials = self.record.dialog, self.record.credentials
        if dialog is None or self.record.state is not LegState.CONFIRMED:
            return None
        network, transport, _, peer = self._context.way(dialog)
        cseq = max(dialog.local_cseq, credentials.highest if credentials is not None else 0)
        return OpenDialog.of(self.name, network, transport, peer, dialog, cseq)

    def unanswered(self) -> tuple[Waiting, ...]:
        """Offers of the peer that are not answered, and the BYE by which it has just ended the dialog."""
        farewell = self._dialog.farewell_of_peer
        return (*self._offers.unanswered(), *(() if farewell is None else (Waiting(self.flow, farewell.serialize()),)))

    @property
    def answer_due(self) -> str:
        """The transaction of a 2xx of ours whose ACK has to answer an offer; "" where there is none."""
        return self._offers.answer_due

    def await_ack(self, txn: str, answer_due: bool) -> None:
        """Wait for the ACK of a 2xx of a former process, which is said again."""
        self._offers.await_ack(txn, answer_due)
        self._context.adopt(txn)

    def expect_again(self, request: Request) -> None:
        """Take this request of the peer once more, though later ones were answered meanwhile."""
        dialog = self._context.dialog
        dialog.remote_cseq = min(dialog.remote_cseq or 0, request.cseq[0])

    def end_by(self, bye: Request) -> None:
        """End the dialog by a BYE that a former process has sent, and could do nothing more for the call."""
        self._dialog.end_by(bye)

    # ---- offers ----

    def offer(self, session: Session) -> None:
        self._offers.send("INVITE", session)

    def update(self, session: Session) -> None:
        self._offers.send("UPDATE", session)

    def withdraw_offer(self, reason: str | None = None) -> None:
        self._offers.withdraw(reason)

    def must_answer(self, txn: str) -> bool:
        return self._offers.must_answer(txn)

    def answer(self, txn: str, session: Session) -> bool:
        if isinstance(self._dialog.invite, InviteServer) and self._dialog.invite.is_own(txn):
            return self.accept(session)
        offer = self._offers.offer_of(txn)
        answered = self._offers.answer(txn, session)
        if offer is not None and isinstance(self._dialog.invite, InviteServer):
            self._dialog.invite.on_answered(offer)
        return answered

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        if isinstance(self._dialog.invite, InviteServer) and self._dialog.invite.is_own(txn):
            self._dialog.invite.refuse(status, reason, headers)
        else:
            self._offers.decline(txn, status, reason, headers)

    # ---- INFO ----

    def ask_key_frame(self) -> bool:
        allows = self.record.allows
        return (not allows or "INFO" in allows) and self._send_info(FAST_UPDATE, KEY_FRAME_BODY, ignore)

    @property
    def takes_info(self) -> bool:
        return "INFO" in self.record.allows and self._info_dialog() is not None

    def send_info(self, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        self.infos.inform(self._send_info, content_type, body, done)

    def reply_info(self, txn: str, status: int, reason: str = "") -> None:
        self._context.reply_info(txn, status, reason)

    def _info_dialog(self) -> Dialog | None:
        """The confirmed dialog, or the only early one of an INVITE of ours: of several nobody knows who will answer."""
        if self.record.state is LegState.EARLY and isinstance(self._dialog.invite, InviteClient):
            early = tuple(self._dialog.early)
            return early[0] if len(early) == 1 else None
        return self.record.dialog if self.record.state is LegState.CONFIRMED else None

    def _send_info(self, content_type: str, body: bytes, listener: Callable[[sip.SipEvent], None]) -> bool:
        dialog, context = self._info_dialog(), self._context
        if dialog is None:
            return False
        request = dialog.request("INFO", body=body, content_type=content_type)
        context.driver.request(context.named(request), context.way(dialog), listener)
        return True

    # ---- transfers ----

    def answer_referral(self, txn: str, status: int, reason: str = "") -> None:
        """Answer a REFER of the peer."""
        self._dialog.referrals.answer(txn, status, reason)

    def tell_referral(self, subscription: str, status: int, reason: str) -> None:
        """Tell the peer how far the transfer is that it asked for."""
        self._dialog.referrals.tell(subscription, status, reason)

    def share(self, session: SessionId) -> None:
        """Name the session so from now on; see `DialogContext.share`."""
        self._context.share(session)

    # ---- the session timer ----

    def refresh(self) -> bool:
        return self._dialog.refreshes.send()

    # ---- its end ----

    def bye(self, headers: Pairs = ()) -> None:
        self._dialog.bye(headers)
