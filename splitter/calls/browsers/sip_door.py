"""The way in for browsers that call by SIP (RFC 7118): who may call, and the adapter that their media end in. Does I/O.

    INVITE ──▶ token or anonymous, rate, number, places ──▶ adapter ──▶ a call like any other
           ◀── 401, 403, 404, 429 → 503 with Retry-After, 488

What the INVITE says of who calls is the page's own word: the centre is told what the token says, or nothing.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from splitter.calls.browsers.customer import NOBODY, Customer, CustomerTokens
from splitter.calls.browsers.invite import WebCaller, as_invite
from splitter.calls.browsers.limits import Crowded
from splitter.calls.browsers.line import BrowserLine
from splitter.calls.browsers.switch import Browsers
from splitter.calls.browsers.view import WebState
from splitter.calls.logins.reception import ABUSE
from splitter.calls.peers.messages import Refusal, headers_of, session_of, warning
from splitter.calls.registry import Calls
from splitter.calls.routing import Neighbour, called_of
from splitter.calls.settings import Role, Trunk
from splitter.calls.talk.browser import BrowserRecord
from splitter.core.errors import MediaError, PeerError
from splitter.core.net import Address, source_of
from splitter.core.text import plain
from splitter.sdp import websip
from splitter.sdp.model import Session
from splitter.sdp.webcaller import read_call, transport_of
from splitter.sip.events import CancelArrived, RequestArrived, SipEvent
from splitter.sip.message import Request
from splitter.telemetry import metrics

_AWAY = [("Retry-After", "10")]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Invite:
    """An INVITE whose adapter is being opened."""

    trunk: Trunk
    event: RequestArrived
    caller: WebCaller
    offer: Session
    cancelled: bool = False

    def hear(self, event: SipEvent) -> None:
        """Hear what becomes of it meanwhile."""
        self.cancelled = self.cancelled or isinstance(event, CancelArrived)


class SipDoor:
    """Begins calls of browsers that speak SIP.

    Args:
        browsers: those that call; their settings hold here too.
        tokens: of customers.
    """

    def __init__(self, calls: Calls, browsers: Browsers, tokens: CustomerTokens) -> None:
        self._calls, self._browsers, self._tokens = calls, browsers, tokens
        self._beginning: set[asyncio.Task[None]] = set()

    def on_invite(self, trunk: Trunk, event: RequestArrived) -> None:
        """An INVITE outside any dialog. Raises PeerError where it is refused."""
        request, source = event.request, source_of(event.flow.remote.host)
        if self._calls.draining:
            raise _counted("draining", Refusal(503, "draining", _AWAY))
        if wait_s := self._browsers.must_wait_s(source, self._calls.services.clock.now()):
            after = [("Retry-After", str(math.ceil(wait_s)))]
            raise _counted("rate", Refusal(503, "too many calls from your address; wait", after))
        customer = self._customer(event)
        caller = self._caller(request, customer, event.flow.remote.host)
        try:
            offer = session_of(request)
            if offer is None:
                raise PeerError("a browser has to make an offer", 488)
            transport_of(read_call(offer, self._browsers.settings.codecs))
        except PeerError as error:
            raise _counted("offer", error) from None
        with ExitStack() as stack:
            try:
                stack.enter_context(self._browsers.place(source, customer.id, trunk.max_calls, trunk.name))
            except Crowded as crowded:
                raise _counted("full", Refusal(503, str(crowded), _AWAY)) from None
            invite = _Invite(trunk, event, caller, offer)
            self._calls.services.driver.adopt(event.txn, invite.hear, Neighbour(trunk, event.flow.remote.host))
            task = asyncio.get_running_loop().create_task(self._begin(invite, stack.pop_all()))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    # ---- who it is ----

    def _customer(self, event: RequestArrived) -> Customer:
        """Customer by the token in its Authorization (RFC 8898), or nobody. Raises PeerError."""
        settings, token = self._browsers.settings, _token_of(event.request)
        try:
            if token:
                return self._tokens.customer_of(token)
        except PeerError as error:
            self._calls.services.driver.on_abuse(event.flow, ABUSE)
            raise _counted("token", self._challenge(error.status, error.reason)) from None
        if not settings.anonymous or settings.captcha_url:  # nobody solves a captcha by SIP
            raise _counted("anonymous", self._challenge(401, "only customers with a token may call"))
        return NOBODY

    def _challenge(self, status: int, reason: str) -> PeerError:
        if status != 401:
            return PeerError(reason, status)
        realm = self._calls.services.settings.name
        return Refusal(401, reason, [("WWW-Authenticate", f'Bearer realm="{realm}", error="invalid_token"')])

    def _caller(self, request: Request, customer: Customer, host: str) -> WebCaller:
        number = called_of(request.uri)
        known = self._calls.services.routing.destinations(number, Role.WEB)
        if not known or customer.number not in ("", number):
            raise _counted("number", PeerError(f"browsers cannot call {plain(number)[:40]}", 404))
        return WebCaller(number, customer.id, customer.name, customer.language, host)

    # ---- its call ----

    async def _begin(self, invite: _Invite, place: ExitStack) -> None:
        """Open its adapter and begin its call: the border of one."""
        call_id, line = self._calls.services.ids.call(), None
        try:
            with place:
                line = await self._open(invite, call_id)
            self._call(invite, line)
        except PeerError as error:
            self._refuse(invite, error)
        except MediaError as error:
            metrics.calls.WEB_CALLS.labels("no-media").inc()
            self._refuse(invite, Refusal(503, f"no media for a browser: {error}", _AWAY))
        except Exception:
            log.exception("a browser's call could not begin", call=call_id)
            self._refuse(invite, PeerError("a fault in the gateway; see the log", 500))
        else:
            metrics.calls.WEB_CALLS.labels("begun").inc()
            return
        if line is not None:
            line.end("refused")

    async def _open(self, invite: _Invite, call_id: str) -> BrowserLine:
        trunk, caller = invite.trunk, invite.caller
        line = await self._browsers.open(call_id, trunk.network, caller.source, caller.customer, trunk.name)
        line.show(state=WebState.CALLING)
        return line

    def _call(self, invite: _Invite, line: BrowserLine) -> None:
        if invite.cancelled:
            raise PeerError("", 487)
        caller, adapter = invite.caller, line.adapter
        who = (caller.customer, caller.language)
        record = BrowserRecord(invite.offer, self._browsers.settings.codecs, adapter, False, *who)
        here = Address(adapter.voice.host, adapter.public.rtp_port)
        plain_offer = websip.plain_form(record.call, adapter.voice, adapter.picture)
        said = as_invite(caller, adapter.call_id, invite.trunk.network, here, plain_offer).request
        self._calls.begin(invite.trunk, invite.event, adapter.call_id, record, said)

    def _refuse(self, invite: _Invite, error: PeerError) -> None:
        services, request = self._calls.services, invite.event.request
        lines = [*headers_of(error), *warning(services.settings.name, error.reason)]
        response = request.respond(error.status, to_tag=services.ids.tag(), headers=lines)
        services.driver.respond(invite.event.txn, response)
        log.info("web call refused", source=str(invite.event.flow), status=error.status, reason=error.reason)


def _counted(outcome: str, error: PeerError) -> PeerError:
    metrics.calls.WEB_CALLS.labels(outcome).inc()
    return error


def _token_of(request: Request) -> str:
    """RFC 8898 §3; a challenge need not have come before. Taken out: the INVITE is written down, and may be shown."""
    for line in request.headers.get_all("authorization"):
        kind, _, token = line.strip().partition(" ")
        if kind.lower() == "bearer":
            request.headers.remove("authorization")
            return token.strip()
    return ""
