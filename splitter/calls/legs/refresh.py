"""Refreshes of a session by an UPDATE without an offer (RFC 4028 §7.4). No I/O of its own."""

from __future__ import annotations

from contextlib import suppress

from splitter.calls.leg_events import Refreshed, RefreshFailed
from splitter.calls.legs.context import DialogContext
from splitter.calls.legs.offers import ATTEMPTS
from splitter.core.errors import PeerError
from splitter.sip import events as sip
from splitter.sip.message import Response


class Refreshes:
    """The refreshes of one leg that are under way."""

    def __init__(self, context: DialogContext) -> None:
        self._context = context
        self._open = 0

    @property
    def idle(self) -> bool:
        """True while none is under way."""
        return not self._open

    def send(self) -> bool:
        """Refresh the session; see `port.Leg.refresh`."""
        context = self._context
        if context.record.dialog is None or "UPDATE" not in context.record.allows:
            return False
        lines = [*context.headers(), *context.timer.request_headers()]
        request = context.dialog.request("UPDATE", headers=lines)
        self._open += 1
        context.driver.request(request, context.way(), self._on_event)
        return True

    def _on_event(self, event: sip.SipEvent) -> None:
        match event:
            case sip.ResponseArrived(response=response) if response.status >= 200:
                self._open -= 1
                if response.status < 300:
                    self._on_success(response)
                else:
                    self._on_refusal(response)
            case sip.RequestFailed():
                self._open -= 1
                self._context.post(RefreshFailed(self._context.key, event.status, event.reason))
            case _:
                pass

    def _on_success(self, response: Response) -> None:
        context = self._context
        with suppress(PeerError):
            context.dialog.refresh(response)
        with suppress(PeerError):
            context.timer.agreed(response)
        context.record.timer.too_small = 0
        context.post(Refreshed(context.key))

    def _on_refusal(self, response: Response) -> None:
        context, status = self._context, response.status
        if status in (405, 501):
            context.record.allows -= {"UPDATE"}  # whatever its Allow said
        elif status == 422:
            context.record.timer.too_small += 1
            more = context.timer.raised(response) and context.record.timer.too_small < ATTEMPTS
            status = 422 if more else 500  # a peer that never has enough is not asked for ever
        context.post(RefreshFailed(context.key, status, response.reason))
