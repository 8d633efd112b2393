"""Calls of a former process that are not carried on: both sides are told that they are over.

An early call is not carried on: both sides would wait for what only the former process knew. It costs whoever called
a redial, and nobody rings for nothing: the INVITE that came gets a final answer and the one that was sent for it a
CANCEL, or a BYE where its answer crosses (RFC 3261 §9.1, §13.2.2.4). An answered one whose record cannot be carried on
is ended by a BYE in each of its dialogs.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from splitter.calls.signalling import Signalling
from splitter.calls.states import Side
from splitter.calls.talk.outline import OpenDialog, Outline
from splitter.calls.talk.unfinished import Unfinished
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address, Flow
from splitter.sip.dialog import Dialog
from splitter.sip.events import RequestFailed, ResponseArrived, SipEvent, TransactionId
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message
from splitter.telemetry.trace import Recorder

STATUS = 480
"""For whoever called. Not 503: the SBC would take this gateway out of service, and it is there again."""
_REASON = f'SIP;cause={STATUS};text="the gateway was restarted"'
_NOT_CARRIED_ON = 'SIP;cause=500;text="the call could not be carried on"'

CSEQ_GAP = 100
"""So many requests may have been sent on a leg after what was written down last; RFC 3261 §12.2.1.1 wants them to grow,
not to be without gaps."""


class Undertaker:
    """Ends what a former process has left unanswered.

    Args:
        driver: sends.
        recorder: what is sent and comes belongs to the trace of its call.
    """

    def __init__(self, driver: Signalling, recorder: Recorder) -> None:
        self._driver = driver
        self._recorder = recorder
        self._tags: dict[tuple[str, str, int], str] = {}  # by Call-ID, From tag, CSeq of an INVITE that came

    def end(self, call: Unfinished) -> None:
        """Tell both sides of a call that it is over.

        Raises:
            ValueError: what was written down of it is no SIP.
        """
        came, sent, far = call.caller, call.centre, Side.CENTRE
        if call.near == far:
            came, sent, far = sent, came, Side.CALLER
        if came is None:
            raise ValueError("it has no INVITE of the side that called")
        arrived = _invite(came.invite)
        self._recorder.bind(arrived.call_id, call.call_id, call.near, arrived.from_tag or "")
        if not call.ended:
            reason = "ended: the gateway was restarted before this call was answered"
            self._recorder.event(call.call_id, "", "state", reason)
        # As if it came again: the transaction layer then has what it needs to repeat the answer until the ACK.
        self._tags[_key(arrived)] = call.tag
        self._driver.received(came.flow, came.invite)
        if sent is not None:
            invite = _invite(sent.invite)
            self._recorder.bind(invite.call_id, call.call_id, far, invite.from_tag or "")
            _Abandoned(self._driver, invite, sent.flow).cancel()
        self.part(call.call_id, Outline(call.dialogs))

    def part(self, call_id: str, outline: Outline) -> None:
        """Send a BYE in each dialog of an answered call that is not carried on."""
        for one in outline.dialogs:
            try:
                self._part(call_id, one)
            except (LocalError, PeerError) as error:
                self._recorder.event(call_id, one.leg, "note", f"the {one.leg} cannot be told that it is over: {error}")
        self._recorder.unbind(call_id)  # what still comes is recorded for a while

    def _part(self, call_id: str, one: OpenDialog) -> None:
        flow = self._driver.flow_to(one.network, one.transport, Address(one.host, one.port))
        self._recorder.bind(one.call_id, call_id, one.leg)
        bye = one.resumed(CSEQ_GAP).request("BYE", headers=[("Reason", _NOT_CARRIED_ON)])
        note = partial(self._recorder.event, call_id, one.leg, "note")

        def on_event(event: SipEvent) -> None:
            if isinstance(event, RequestFailed):
                note(f"the {one.leg} has not heard that it is over: {event.reason}")
            elif isinstance(event, ResponseArrived) and event.response.status >= 300:
                note(f"the {one.leg} did not take that it is over: {event.response.status} {event.response.reason}")

        self._driver.request(bye, flow, on_event)

    def refuses(self, request: Request) -> Response | None:
        """The answer to an INVITE of a former process, which comes again or seems to; None for any other request."""
        if not self._tags or (tag := self._tags.pop(_key(request), None)) is None:
            return None
        return request.respond(STATUS, "Restarted", to_tag=tag or None, headers=[("Reason", _REASON)])


class _Abandoned:
    """An INVITE that a former process sent and nobody wants any longer."""

    def __init__(self, driver: Signalling, invite: Request, flow: Flow) -> None:
        self._driver = driver
        self._invite = invite
        self._flow = flow
        self._txn: TransactionId = driver.resume(invite, flow, invite.via.branch or "", self.on_event)

    def cancel(self) -> None:
        """Give it up."""
        self._driver.cancel(self._txn, _REASON)

    def on_event(self, event: SipEvent) -> None:
        """End what answers all the same."""
        if not isinstance(event, ResponseArrived) or not 200 <= event.response.status < 300:
            return
        with suppress(PeerError):  # one that cannot be read makes no dialog that could be ended
            dialog = Dialog.as_uac(self._invite, event.response)
            self._driver.acknowledge(self._txn, dialog.ack(self._invite.cseq[0]), self._flow)
            bye = dialog.request("BYE", headers=[("Reason", _REASON)])
            self._driver.request(bye, self._flow, lambda event: None)


def _key(invite: Request) -> tuple[str, str, int]:
    return invite.call_id, invite.from_tag or "", invite.cseq[0]


def _invite(data: bytes) -> Request:
    try:
        message = parse_message(data)
    except PeerError as error:
        raise ValueError(f"its INVITE cannot be read: {error.reason}") from error
    if not isinstance(message, Request) or message.method != "INVITE":
        raise ValueError("what should be its INVITE is none")
    return message
