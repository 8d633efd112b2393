"""Requests of one leg to a peer that may ask for credentials (RFC 3261 §22). No I/O of its own: the driver has that.

It stands between a leg and the driver, and the leg need not know: a challenged request is sent again with credentials
under the transaction id that the leg was given, later CSeq numbers make room for it, and the ACK of a 2xx gets the
number and the credentials of the INVITE that was accepted (§13.2.2.4, §22.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from splitter.calls.settings import Trunk
from splitter.calls.signalling import LegSignalling
from splitter.calls.talk.leg import CredentialState, LegRecord
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip import events as sip
from splitter.sip.authorizer import Authorizer
from splitter.sip.dialog import DialogId
from splitter.sip.digest import HEADERS, Credentials
from splitter.sip.message import Request, Response
from splitter.transport.dispatch import EventSink, OtherSide

log = structlog.get_logger(__name__)

_REMEMBERED = 64  # requests of a leg; the ACK of an INVITE comes soon, or never


@dataclass(slots=True)
class _Ask:
    """A request of the leg.

    Attributes:
        name: the transaction id that the leg knows.
        txn: that of the latest attempt.
        request: of the latest attempt.
        cancelled: no more attempts.
        ended: its final response came, or never will.
    """

    request: Request
    flow: Flow
    listener: EventSink
    answer_limit_s: float | None
    name: str = ""
    txn: str = ""
    cancelled: bool = False
    ended: bool = False


class Challenged:
    """The driver as a leg sees it, with credentials.

    Args:
        credentials: who we are to this peer.
        peer: its name, for the log.
        state: where we stand with it.
    """

    def __init__(
        self,
        driver: LegSignalling,
        credentials: Credentials,
        cnonce: Callable[[], str],
        peer: str,
        state: CredentialState,
    ) -> None:
        self._driver = driver
        self._authorizer = Authorizer(credentials, cnonce, state.met)
        self._peer = peer
        self._state = state
        self._asks: dict[str, _Ask] = {}
        self._open = 0

    @property
    def idle(self) -> bool:
        """True while no request waits for its final response, and so for a challenge."""
        return not self._open

    # ---- requests ----

    def request(
        self, request: Request, flow: Flow, listener: EventSink, answer_limit_s: float | None = None
    ) -> sip.TransactionId:
        """Send a request; a challenge is answered before `listener` hears of anything."""
        number = request.cseq[0] + self._state.extra
        self._state.highest = max(self._state.highest, number)
        ask = _Ask(request, flow, listener, answer_limit_s)
        self._open += 1
        self._send(ask, self._authorizer.prepared(request, number))
        self._asks[ask.name] = ask
        if len(self._asks) > _REMEMBERED:
            del self._asks[next(iter(self._asks))]
        return ask.name

    def cancel(self, txn: sip.TransactionId, reason: str | None = None) -> None:
        """Cancel an INVITE; a challenge to it is not answered any more."""
        if ask := self._asks.get(txn):
            ask.cancelled = True
            txn = ask.txn
        self._driver.cancel(txn, reason)

    def latest(self, txn: sip.TransactionId, request: Request) -> tuple[sip.TransactionId, Request]:
        """The attempt that a request under this id has come to."""
        ask = self._asks.get(txn)
        return (ask.txn, ask.request) if ask else (txn, request)

    def acknowledge(self, txn: sip.TransactionId, ack: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx; it gets the number and the credentials of the INVITE."""
        if ask := self._asks.get(txn):
            txn = ask.txn
            ack.headers.set("CSeq", f"{ask.request.cseq[0]} ACK")
            for _, header in HEADERS.values():
                for value in ask.request.headers.get_all(header):
                    ack.headers.add(header, value)
        self._driver.acknowledge(txn, ack, flow)

    def _send(self, ask: _Ask, request: Request) -> None:
        ask.request = request
        ask.txn = ""
        txn = self._driver.request(request, ask.flow, partial(self._hear, ask), ask.answer_limit_s)
        ask.txn = ask.txn or txn
        ask.name = ask.name or txn

    def _hear(self, ask: _Ask, event: sip.SipEvent) -> None:
        if isinstance(event, sip.ResponseArrived | sip.RequestFailed):
            ask.txn = ask.txn or event.txn  # it may come before the driver has told us the id
            ask.name = ask.name or event.txn
            if isinstance(event, sip.ResponseArrived) and event.response.status in (401, 407):
                again = None if ask.cancelled else self._answer(ask.request, event.response)
                if again is not None:
                    self._send(ask, again)
                    return
            if not ask.ended and (isinstance(event, sip.RequestFailed) or event.response.status >= 200):
                ask.ended = True
                self._open -= 1
            event = replace(event, txn=ask.name)
        ask.listener(event)

    def _answer(self, request: Request, response: Response) -> Request | None:
        try:
            again = self._authorizer.answer(request, response, self._state.highest + 1)
        except PeerError as error:
            log.warning("credentials refused", trunk=self._peer, method=request.method, reason=error.reason)
            return None
        self._state.extra += 1
        self._state.highest += 1
        return again

    # ---- the rest of the driver ----

    def respond(self, txn: sip.TransactionId, response: Response) -> None:
        """Answer a request of the peer."""
        self._driver.respond(txn, response)

    def confirm_provisional(self, txn: sip.TransactionId) -> None:
        """Pass on that the PRACK came."""
        self._driver.confirm_provisional(txn)

    def adopt(self, txn: sip.TransactionId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear what becomes of a request of the peer."""
        self._driver.adopt(txn, listener, party)

    def register(self, dialog_id: DialogId, listener: EventSink, party: OtherSide = None) -> None:
        """Let `listener` hear of the requests inside a dialog."""
        self._driver.register(dialog_id, listener, party)

    def unregister(self, dialog_id: DialogId) -> None:
        """Forget a dialog."""
        self._driver.unregister(dialog_id)

    def knows(self, dialog_id: DialogId) -> bool:
        """Tell whether somebody has this dialog."""
        return self._driver.knows(dialog_id)

    def locate(self, network: str, uri: str, default_transport: str = "udp") -> Flow | None:
        """Find the flow to a URI."""
        return self._driver.locate(network, uri, default_transport)

    def reaches(self, flow: Flow) -> bool:
        """Tell whether a message can leave at once."""
        return self._driver.reaches(flow)

    def contact(self, network: str, transport: str, host: str | None = None) -> Address:
        """Find the host and port that reach us."""
        return self._driver.contact(network, transport, host)


def with_credentials(driver: LegSignalling, trunk: Trunk, ids: IdSource, record: LegRecord) -> LegSignalling:
    """The driver for a leg to this trunk: one that answers challenges, where we have something to answer with."""
    if trunk.username:
        record.credentials = record.credentials or CredentialState()
    return challenged(driver, trunk, ids, record.credentials)


def challenged(
    driver: LegSignalling, trunk: Trunk, ids: IdSource, state: CredentialState | None = None
) -> LegSignalling:
    """The driver for requests to this trunk; see `with_credentials`."""
    if not trunk.username:
        return driver
    who = Credentials(trunk.username, trunk.password, trunk.realm)
    return Challenged(driver, who, ids.tag, trunk.name, state or CredentialState())


def is_idle(driver: LegSignalling) -> bool:
    """False while a request may still be challenged."""
    return not isinstance(driver, Challenged) or driver.idle
