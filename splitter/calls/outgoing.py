"""A leg whose INVITE we send (RFC 3261 §13.2), with CANCEL and its crossings (§9.1). No I/O of its own."""

from __future__ import annotations

from splitter.calls.events import Answered, Rang, Refused
from splitter.calls.leg import Leg, LegContext, session_of
from splitter.calls.settings import Trunk
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sdp.model import Session
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request, Response


class OutgoingLeg(Leg):
    """The centre's leg: we are the client of its INVITE.

    Args:
        request: the INVITE, complete but for the Via and our own Contact.
        session: the offer that it carries.
    """

    def __init__(
        self, context: LegContext, name: str, trunk: Trunk, flow: Flow, request: Request, session: Session
    ) -> None:
        super().__init__(context, name, trunk, flow, request.call_id)
        self.local = self.sent = session
        for header, value in self._headers():
            request.headers.add(header, value)
        self._request = request
        self._txn = ""

    def dial(self) -> None:
        """Send the INVITE; ends in Answered or Refused."""
        self._txn = self._driver.request(
            self._request, self.flow, self.receive, answer_limit_s=self.trunk.answer_limit_s
        )

    def cancel(self, reason: str | None = None) -> None:
        """Give up an unanswered INVITE. A 2xx that crosses is acknowledged and followed by BYE; nothing is posted."""
        if self.state == "early":
            self.state = "ended"
            self._driver.cancel(self._txn, reason)

    def receive(self, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived() if event.txn == self._txn:
                self._on_response(event.response)
            case sip.RequestFailed() if event.txn == self._txn:
                if self.state == "early":
                    self.state = "ended"
                    self._post(Refused(self, event.status, event.reason, None))
            case _:
                super().receive(event)

    def _on_response(self, response: Response) -> None:
        if 200 <= response.status < 300:
            self._on_success(response)
        elif self.state != "early" or response.status == 100:
            return
        elif response.status < 200:
            self.note_abilities(response)
            try:
                session = session_of(response)
            except PeerError:
                session = None  # early media that cannot be read is no reason to lose the call
            self._post(Rang(self, response, session, response.to_tag or ""))
        else:
            self.state = "ended"
            self._post(Refused(self, response.status, response.reason, response))

    def _on_success(self, response: Response) -> None:
        dialog = _dialog(self._request, response)
        if self._dialog is not None and self._dialog.remote_tag == dialog.remote_tag:
            return  # a repetition; the endpoint repeats the ACK
        first = self.state == "early"
        if first:
            self._confirm(dialog, response)
        way = self._way(dialog)
        self._driver.acknowledge(self._txn, dialog.ack(self._request.cseq[0]), way)
        if not first:
            # It crossed our CANCEL, or a second branch of a fork answered as well: §13.2.2.4 says end it.
            self._driver.request(dialog.request("BYE"), way, lambda event: None)
            return
        try:
            session = session_of(response)
        except PeerError as error:
            self.bye()
            self._post(Refused(self, 488, f"its answer cannot be read: {error.reason}", response))
            return
        self._post(Answered(self, response, session))


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
