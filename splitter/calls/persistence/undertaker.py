"""Calls of a former process that are not carried on: both sides are told that they are over.

An early call is not carried on: both sides would wait for what only the former process knew. It costs whoever called
a redial, and nobody rings for nothing: the INVITE that came gets a final answer and the one that was sent for it a
CANCEL, or a BYE where its answer crosses (RFC 3261 §9.1, §13.2.2.4). An answered one whose record cannot be carried on
is ended by a BYE in each of its dialogs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from splitter.calls.legs.challenged import challenged
from splitter.calls.services import Services
from splitter.calls.signalling import LegSignalling, Signalling
from splitter.calls.states import Side
from splitter.calls.talk.outline import OpenDialog
from splitter.calls.talk.outstanding import Outstanding
from splitter.calls.talk.unfinished import Unfinished
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address, Flow
from splitter.sip.dialog import Dialog
from splitter.sip.digest import HEADERS
from splitter.sip.events import RequestFailed, ResponseArrived, SipEvent, TransactionId
from splitter.sip.message import Message, Request, Response
from splitter.sip.parse import parse_message

STATUS = 480
"""For whoever called. Not 503: the SBC would take this gateway out of service, and it is there again."""
_REASON = f'SIP;cause={STATUS};text="the gateway was restarted"'
_NOT_CARRIED_ON = 'SIP;cause=500;text="the call could not be carried on"'

CSEQ_GAP = 100
"""So many requests may have been sent on a leg after what was written down last; RFC 3261 §12.2.1.1 wants them to grow,
not to be without gaps."""


class Undertaker:
    """Ends what a former process has left unanswered.

    What is sent and comes belongs to the trace of its call. A peer may ask for credentials before it takes a BYE.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._driver = services.driver
        self._recorder = services.recorder
        self._tags: dict[tuple[str, str, int], str] = {}  # by Call-ID, From tag, CSeq of an INVITE that came

    def end(self, call: Unfinished) -> None:
        """Tell both sides of a call that it is over.

        Raises:
            ValueError: what was written down of it is no SIP.
        """
        came, sent, far = call.caller, call.centre, Side.CENTRE
        if call.near == far:
            came, sent, far = sent, came, Side.CALLER
        arrived, invite = (None if one is None else _invite(one.invite) for one in (came, sent))
        if not call.ended:
            reason = call.reason or "the gateway was restarted before this call was answered"
            self._recorder.event(call.call_id, "", "state", f"ended: {reason}")
        said = [self.repeat(call.call_id, one) for one in call.outstanding]
        known = {_key(message) for message in said if message is not None and message.cseq[1] == "INVITE"}
        if came is not None and arrived is not None and _key(arrived) not in known:
            self._recorder.bind(arrived.call_id, call.call_id, call.near, arrived.from_tag or "")
            # As if it came again: the transaction layer then has what it needs to repeat the answer until the ACK.
            self._tags[_key(arrived)] = call.tag
            self._driver.received(came.flow, came.invite)
        if sent is not None and invite is not None and _key(invite) not in known:
            self._recorder.bind(invite.call_id, call.call_id, far, invite.from_tag or "")
            self._abandon(invite, sent.flow)
        for request in call.requests:  # there is nothing any longer that it could belong to
            self._driver.received(request.flow, request.invite)
        self.part(call.call_id, call.dialogs)
        self._recorder.unbind(call.call_id)  # what still comes is recorded for a while

    def repeat(self, call_id: str, one: Outstanding) -> Message | None:
        """Say again what a former process has said, and what its peer has not confirmed. Returns: that.

        A BYE goes under a new number: whoever has heard the first one answers that there is no such call.
        """
        try:
            message = parse_message(one.message)
            if one.leg:  # else it became no call
                self._recorder.bind(message.call_id, call_id, one.leg, message.from_tag or "")
            if isinstance(message, Response):
                self._services.records.note_outstanding(call_id, one)
                self._driver.repeat(one.txn, message, one.flow, one.patience_s(self._services.clock.wall()))
            elif message.method == "INVITE":
                self._abandon(message, one.flow)
            else:
                headers = message.headers.copy()
                for name in ("Via", *(header for _, header in HEADERS.values())):
                    headers.remove(name)
                headers.set("CSeq", f"{message.cseq[0] + 1} BYE")
                self._say_bye(call_id, one.leg, Request("BYE", message.uri, headers), one.flow)
        except (LocalError, PeerError) as error:
            self._recorder.event(call_id, one.leg, "note", f"what was to be said again cannot be: {error}")
            return None
        return message

    def part(self, call_id: str, dialogs: Sequence[OpenDialog]) -> None:
        """Send a BYE in each of these dialogs, which are not carried on."""
        for one in dialogs:
            try:
                flow = self._driver.flow_to(one.network, one.transport, Address(one.host, one.port))
                self._recorder.bind(one.call_id, call_id, one.leg)
                bye = one.resumed(CSEQ_GAP).request("BYE", headers=[("Reason", _NOT_CARRIED_ON)])
                self._say_bye(call_id, one.leg, bye, flow)
            except (LocalError, PeerError) as error:
                self._recorder.event(call_id, one.leg, "note", f"the {one.leg} cannot be told that it is over: {error}")

    def refuses(self, request: Request) -> Response | None:
        """The answer to an INVITE of a former process, which comes again or seems to; None for any other request."""
        if not self._tags or (tag := self._tags.pop(_key(request), None)) is None:
            return None
        return request.respond(STATUS, "Restarted", to_tag=tag or None, headers=[("Reason", _REASON)])

    def _say_bye(self, call_id: str, leg: str, bye: Request, flow: Flow) -> None:
        note = partial(self._recorder.event, call_id, leg, "note")

        def on_event(event: SipEvent) -> None:
            if isinstance(event, RequestFailed):
                note(f"the {leg} has not heard that it is over: {event.reason}")
            elif isinstance(event, ResponseArrived) and event.response.status >= 300 and event.response.status != 481:
                note(f"the {leg} did not take that it is over: {event.response.status} {event.response.reason}")

        self._sender(flow).request(bye, flow, on_event)

    def _abandon(self, invite: Request, flow: Flow) -> None:
        _Abandoned(self._driver, self._sender(flow), invite, flow).cancel()

    def _sender(self, flow: Flow) -> LegSignalling:
        """The driver, with what this peer may ask for."""
        trunk = self._services.routing.trunk_of(flow)
        return self._driver if trunk is None else challenged(self._driver, trunk, self._services.ids)


class _Abandoned:
    """An INVITE that a former process sent and nobody wants any longer."""

    def __init__(self, driver: Signalling, sender: LegSignalling, invite: Request, flow: Flow) -> None:
        self._driver = driver
        self._sender = sender
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
            ack = dialog.ack(self._invite.cseq[0])
            for _, name in HEADERS.values():  # RFC 3261 §22.1: those of the INVITE
                for value in self._invite.headers.get_all(name):
                    ack.headers.add(name, value)
            self._driver.acknowledge(self._txn, ack, self._flow)
            if self._invite.to_tag is not None:
                return  # a change of a call that lives: what was agreed on is settled by the next offer
            dialog.local_cseq += CSEQ_GAP  # it may have confirmed provisional responses (PRACK)
            bye = dialog.request("BYE", headers=[("Reason", _REASON)])
            self._sender.request(bye, self._flow, lambda event: None)


def _key(invite: Message) -> tuple[str, str, int]:
    return invite.call_id, invite.from_tag or "", invite.cseq[0]


def _invite(data: bytes) -> Request:
    try:
        message = parse_message(data)
    except PeerError as error:
        raise ValueError(f"its INVITE cannot be read: {error.reason}") from error
    if not isinstance(message, Request) or message.method != "INVITE":
        raise ValueError("what should be its INVITE is none")
    return message
