"""Short messages by SIP MESSAGE through a trunk (RFC 3428): the IMS, or an operator's gateway, turns them into SMS.

A MESSAGE outside a dialog is answered with 202 where it was taken for later, with 200 where it has arrived (§7). One
that gets no final answer is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from splitter.calls.settings import Trunk
from splitter.calls.signalling import Signalling
from splitter.core.errors import LocalError, PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.core.pauses import retry_after_s
from splitter.sip import events as sip
from splitter.sip.authorizer import Authorizer
from splitter.sip.digest import Credentials
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from splitter.sms.message import Attempted, InDoubt, Sms, Taken, TryAgain, TurnedDown
from splitter.sms.settings import SipSmsSettings
from splitter.transport.targets import Target

_AGAIN = frozenset({480, 500, 503})
_CHALLENGES = (401, 407)


class SipCarrier:
    """The carrier through one trunk.

    Args:
        targets: the trunk's servers in the order in which they are tried.
        name: what we call ourselves in From, where no number is set.
    """

    repeats = False

    def __init__(
        self,
        settings: SipSmsSettings,
        trunk: Trunk,
        driver: Signalling,
        ids: IdSource,
        name: str,
        targets: Callable[[Trunk], list[Target]],
    ) -> None:
        self._settings = settings
        self._trunk = trunk
        self._driver = driver
        self._ids = ids
        self._source = settings.source or name
        self._targets = targets
        self._authorizer = Authorizer(Credentials(trunk.username, trunk.password, trunk.realm), self._cnonce)
        self.alarm = ""

    @property
    def name(self) -> str:
        return self._settings.name

    async def start(self) -> None:
        """Nothing: the trunk is watched by others."""

    async def stop(self) -> None:
        """Nothing is held."""

    async def send(self, sms: Sms) -> Attempted:
        """Send one MESSAGE, with credentials where they are asked for."""
        targets = self._targets(self._trunk)
        if not targets:
            return self._down(TryAgain(f"no server of the trunk {self._trunk.name} is there", all=True))
        try:
            flow = self._driver.flow_to(self._trunk.network, *targets[0])
            request = self._authorizer.prepared(self._request(sms, flow))
            response = await self._ask(request, flow)
            if isinstance(response, Response) and response.status in _CHALLENGES and self._trunk.username:
                response = await self._ask(self._authorizer.answer(request, response), flow)
        except LocalError as error:
            return self._down(TryAgain(str(error), all=True))
        except PeerError as error:
            return TurnedDown(f"{error.status} {error.reason}")
        return self._judged(response)

    def _judged(self, answer: Response | sip.RequestFailed) -> Attempted:
        if isinstance(answer, sip.RequestFailed):
            return self._down(InDoubt(answer.reason) if answer.sent else TryAgain(answer.reason, all=True))
        self.alarm = ""
        said = f"{answer.status} {answer.reason}"
        if answer.status < 300:
            return Taken()
        if answer.status in _AGAIN:
            return TryAgain(said, retry_after_s(answer.headers.get("retry-after"), 60.0) or 0.0)
        return TurnedDown(said)

    def _request(self, sms: Sms, flow: Flow) -> Request:
        """The request (RFC 3428 §4): no Contact (§4), and gone from the service when it is of no use (§4, Expires)."""
        host = self._host()
        number = sms.number.replace("#", "%23")
        local = self._driver.contact(flow.network, flow.transport)
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self._source}@{_bracketed(local.host)}>;tag={self._ids.tag()}"),
            ("To", f"<sip:{number}@{host}>"),
            ("Call-ID", self._ids.sip_call_id(local.host)),
            ("CSeq", "1 MESSAGE"),
            ("Expires", str(max(1, int(sms.deadline - sms.created_at)))),
            ("Content-Type", "text/plain;charset=UTF-8"),
        ]
        return Request("MESSAGE", f"sip:{number}@{host}", Headers(headers), sms.text.encode())

    def _host(self) -> str:
        trunk = self._trunk
        if trunk.domain or trunk.address is None:
            return trunk.domain or "invalid"
        return _bracketed(trunk.address.host) if isinstance(trunk.address, Address) else str(trunk.address)

    async def _ask(self, request: Request, flow: Flow) -> Response | sip.RequestFailed:
        """Send it; its final response, or why there is none."""
        answered: asyncio.Future[Response | sip.RequestFailed] = asyncio.get_running_loop().create_future()

        def listen(event: sip.SipEvent) -> None:
            if answered.done():
                return
            match event:
                case sip.ResponseArrived(response=response) if response.status >= 200:
                    answered.set_result(response)
                case sip.RequestFailed():
                    answered.set_result(event)

        self._driver.request(request, flow, listen, answer_limit_s=self._settings.answer_limit_s)
        return await answered

    def _down(self, outcome: Attempted) -> Attempted:
        self.alarm = f"the SMS trunk {self.name} does not work: {getattr(outcome, 'reason', '')}"
        return outcome

    def _cnonce(self) -> str:
        return self._ids.tag() + self._ids.tag()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
