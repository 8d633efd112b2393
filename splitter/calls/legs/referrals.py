"""REFERs of the peer of one leg, and what it is told of them (RFC 3515, RFC 4488). No I/O of its own."""

from __future__ import annotations

from splitter.calls.leg_events import Referred
from splitter.calls.legs.context import DialogContext, ignore
from splitter.calls.states import LegState
from splitter.core.errors import PeerError
from splitter.sip import events as sip
from splitter.sip.message import Request
from splitter.sip.refer import SIPFRAG, referral_of, sipfrag

_TOLD_FOR_S = 300
"""So long at most a peer is told what comes of its REFER; longer than anything rings."""


class Referrals:
    """The REFERs of one leg that wait for their answer, and the notices that follow."""

    def __init__(self, context: DialogContext) -> None:
        self._context = context
        self._waiting: dict[str, Request] = {}
        self._last: str | None = None  # the transaction of a final notice that is not answered, "" while it is sent

    @property
    def idle(self) -> bool:
        """True while none waits."""
        return not self._waiting

    @property
    def notice_owed(self) -> bool:
        """True while the peer has not confirmed how its transfer ended: a BYE that overtakes that would hide it."""
        return self._last is not None

    def is_own(self, txn: str) -> bool:
        """True for the transaction of a final notice."""
        return self._last in (txn, "")

    def on_outcome(self, event: sip.ResponseArrived | sip.RequestFailed) -> None:
        """The answer to a final notice, or nobody answers it."""
        if isinstance(event, sip.RequestFailed) or event.response.status >= 200:
            self._last = None

    def on_refer(self, event: sip.RequestArrived) -> None:
        """Take a REFER, which the call answers. Raises PeerError where it cannot be taken."""
        context = self._context
        if context.state is LegState.ENDED:
            raise PeerError("the call is over", 481)
        if context.state is not LegState.CONFIRMED or self._waiting:
            raise PeerError("no transfer while a call or another transfer is under way", 491)
        found = referral_of(event.request)
        if found.dialog is not None and context.driver.knows(found.dialog.dialog):
            raise PeerError("the call with whom the caller is to talk runs over this gateway: it cannot be joined", 488)
        self._waiting[event.txn] = event.request
        context.post(Referred(context.key, event.txn, found))

    def answer(self, txn: str, status: int, reason: str = "") -> None:
        """Answer a REFER."""
        context = self._context
        if (request := self._waiting.pop(txn, None)) is None:
            return
        if status < 300:
            silent = (request.headers.get("refer-sub") or "").strip().lower().startswith("false")
            lines = [*context.headers(), *([("Refer-Sub", "false")] if silent else [])]
        else:
            lines = context.warning(status, reason)
        context.driver.respond(txn, context.named(request.respond(status, headers=lines)))

    def tell(self, subscription: str, status: int, reason: str) -> None:
        """Tell the peer how far its transfer is; a final status is the last that it hears of it."""
        context = self._context
        if context.state is not LegState.CONFIRMED:
            return
        state = f"active;expires={_TOLD_FOR_S}" if status < 200 else "terminated;reason=noresource"
        lines = [*context.headers(), ("Event", f"refer;id={subscription}"), ("Subscription-State", state)]
        body = sipfrag(status, reason)
        request = context.dialog.request("NOTIFY", headers=lines, body=body, content_type=SIPFRAG)
        if status < 200:
            context.driver.request(context.named(request), context.way(), ignore)
            return
        self._last = ""
        txn = context.driver.request(context.named(request), context.way(), context.listener)
        if self._last is not None:  # else it could not be sent
            self._last = txn
