"""Who is told of what the endpoint puts out, and what becomes of a listener that fails. Does no I/O but for the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.dialog import DialogId
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import (
    AckArrived,
    AckTimedOut,
    CancelArrived,
    PrackTimedOut,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    SipEvent,
    StrayAnswer,
    TransactionEnded,
)
from splitter.sip.message import Message, Request, Response
from splitter.sip.transactions.matching import response_key
from splitter.transport.counters import TransportCounters
from splitter.transport.dispatch import Dispatch
from splitter.transport.quiet import Quiet

log = structlog.get_logger(__name__)

OnRequest: TypeAlias = Callable[[RequestArrived], None]


class FaultLog:
    """Logs exceptions that are being handled; a datagram that causes one can be sent a thousand times a second."""

    def __init__(self, quiet: Quiet, clock: Clock) -> None:
        self._quiet = quiet
        self._clock = clock

    def write(self, what: str, key: str, **more: str) -> None:
        """Log it, unless there were too many of this key."""
        if (held := self._quiet.permit(f"{what} {key}", self._clock.now())) is not None:
            log.exception(what, similar=held, **more)


class EventDelivery:
    """Hands events to those they belong to. A listener that fails must not take the other calls' events with it.

    Args:
        on_request: told of requests outside dialogs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: Dispatch,
        on_request: OnRequest,
        counters: TransportCounters,
        faults: FaultLog,
    ) -> None:
        self._endpoint = endpoint
        self._dispatch = dispatch
        self._on_request = on_request
        self._counters = counters
        self._faults = faults

    def deliver(self, event: SipEvent) -> Response | None:
        """Tell whoever the event belongs to. Returns the response that nobody else gives, where one is owed."""
        try:
            match event:
                case RequestArrived():
                    return self.deliver_request(event)
                case ResponseArrived() | RequestFailed():
                    self._deliver_response(event)
                case StrayAnswer(response=response):
                    dialog = DialogId(response.call_id, response.from_tag or "", response.to_tag or "")
                    if (listener := self._dispatch.listener(dialog)) is not None:
                        listener(event)
                case CancelArrived() | AckArrived() | AckTimedOut() | PrackTimedOut():
                    return self._deliver_to_owner(event)
                case TransactionEnded():
                    self._dispatch.forget(event.txn)
                    self._counters.transactions(len(self._endpoint))
        except Exception:
            kind = type(event).__name__
            self._faults.write("listener failed", kind, sip_event=kind, txn=event.txn)
        return None

    def stray(self, message: Message, flow: Flow) -> list[SipEvent]:
        """A 2xx to an INVITE that a process before this one sent; see `StrayAnswer`."""
        if isinstance(message, Request) or not 200 <= message.status < 300 or message.cseq[1] != "INVITE":
            return []
        txn = response_key(message)
        return [] if self._endpoint.flow_of(txn) is not None else [StrayAnswer(txn, message, flow)]

    def deliver_request(self, event: RequestArrived) -> Response | None:
        """Tell the owner of its dialog, or who takes those outside of dialogs. Returns the refusal that it is owed."""
        request = event.request
        try:
            if request.to_tag is None:
                self._on_request(event)
                return None
            listener, party = self._dispatch.dialog(request)
            if listener is None:
                return request.respond(481)
            self._dispatch.adopt(event.txn, listener, party)
            listener(event)
        except PeerError as error:
            return request.respond(error.status)
        except Exception:
            source, method = event.flow.remote.host, request.method[:20]
            self._faults.write("request could not be handled", source, call_id=request.call_id, method=method)
            return request.respond(500)
        return None

    def _deliver_response(self, event: ResponseArrived | RequestFailed) -> None:
        ask = self._dispatch.asks.get(event.txn)
        if ask is None:
            return
        if isinstance(event, RequestFailed) and event.status == 408:
            self._counters.unanswered(ask.network)
        ask.listener(event)

    def _deliver_to_owner(self, event: CancelArrived | AckArrived | AckTimedOut | PrackTimedOut) -> Response | None:
        listener = self._dispatch.owner(event.txn)
        if listener is not None:
            listener(event)
        elif isinstance(event, CancelArrived):
            return _terminated(event.request)
        return None


def _terminated(cancel: Request) -> Response:
    """The 487 that nobody else gives, made from the CANCEL: it echoes the same headers but for the method in CSeq."""
    response = cancel.respond(487)
    response.headers.set("CSeq", f"{cancel.cseq[0]} INVITE")
    return response
