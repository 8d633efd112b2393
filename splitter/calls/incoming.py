"""A leg whose INVITE came to us (RFC 3261 §13.3). No I/O of its own."""

from __future__ import annotations

from splitter.calls.events import Cancelled
from splitter.calls.leg import SDP, Leg, LegContext, Pairs
from splitter.calls.settings import Trunk
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request


class IncomingLeg(Leg):
    """The caller's leg, or a seat's: we are the server of its INVITE.

    Raises PeerError on construction if the INVITE cannot make a dialog.

    Attributes:
        cancelled: the peer gave up before it was answered; Cancelled is in the inbox or was read.
        early_sessions: what provisional responses said, by branch.
    """

    def __init__(self, context: LegContext, name: str, trunk: Trunk, event: sip.RequestArrived) -> None:
        super().__init__(context, name, trunk, event.flow, event.request.call_id)
        self.request: Request = event.request
        self._txn: str = event.txn
        self.cancelled = False
        self._early: dict[str, Dialog] = {}  # by what answered behind us; each has a To tag of its own
        self.early_sessions: dict[str, Session] = {}
        self.note_abilities(event.request)
        self._early_dialog("")
        self._driver.adopt(event.txn, self.receive)

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        """Send a provisional response in the early dialog that stands for `branch` of the centre."""
        dialog = self._early_dialog(branch)
        if session is not None:
            self.early_sessions[branch] = self.sent = session
        self._respond(status, reason, dialog, session, headers)

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> None:
        """Answer with 200; the dialog of `branch` is confirmed, the other early ones are gone."""
        dialog = self._early_dialog(branch)
        self._drop_early(but=dialog)
        self._unacknowledged.add(self._txn)
        self.local = self.sent = session
        self._confirm(dialog, self.request)
        self._respond(200, None, dialog, session, headers)

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Answer with a final failure."""
        if self.state != "early":
            return
        self.state = "ended"
        dialog = self._early_dialog("")
        self._drop_early()
        lines = [*self._warning(status, reason), *headers]
        self._driver.respond(self._txn, self.request.respond(status, to_tag=dialog.local_tag, headers=lines))

    def receive(self, event: sip.SipEvent) -> None:
        if isinstance(event, sip.Cancelled) and event.txn == self._txn:
            self._give_up(event.request)
            return
        super().receive(event)

    def _on_bye(self, request: Request) -> None:
        # BYE in an early dialog (RFC 3261 §15) means what CANCEL means.
        if self.state == "early":
            self._give_up(request)
        else:
            super()._on_bye(request)

    def _give_up(self, request: Request) -> None:
        if self.state == "early" and not self.cancelled:
            self.cancelled = True
            self._post(Cancelled(self, request))

    def _early_dialog(self, branch: str) -> Dialog:
        dialog = self._early.get(branch)
        if dialog is None:
            dialog = self._early[branch] = Dialog.as_uas(self.request, self._context.ids.tag())
            self._dialog = dialog
            self._driver.register(dialog.id, self.receive)
        return dialog

    def _drop_early(self, but: Dialog | None = None) -> None:
        for dialog in self._early.values():
            if dialog is not but:
                self._driver.unregister(dialog.id)
        self._early.clear()

    def _respond(
        self, status: int, reason: str | None, dialog: Dialog, session: Session | None, headers: Pairs
    ) -> None:
        lines = [*self._headers(), *headers]
        body, kind = (write(session), SDP) if session is not None else (b"", None)
        tag = dialog.local_tag
        response = self.request.respond(status, reason, to_tag=tag, headers=lines, body=body, content_type=kind)
        self._driver.respond(self._txn, response)
