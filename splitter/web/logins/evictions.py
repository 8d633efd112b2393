"""Takes out of calls whoever joined with a token that holds no longer, whichever process that was. asyncio; no I/O."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from splitter.calls.asks import Denial, Desk, Holder, Remove
from splitter.calls.states import PartyKind
from splitter.transport.tasks import Tasks
from splitter.web.access.bearer import Bearer
from splitter.web.access.revocations import Revocations
from splitter.web.ports import LiveCalls


class Evictions:
    """Looks through all calls whenever something was revoked."""

    def __init__(self, calls: LiveCalls, revoked: Revocations) -> None:
        self._calls = calls
        self._revoked = revoked
        self._leaving = Tasks()
        revoked.watch(self.evict)

    def evict(self) -> None:
        """Ask everybody out who is no longer believed."""
        for view in self._calls.list():
            for party, desk in self._calls.desks_of(view.call_id).items():
                if desk.holder is not None and self._revoked.holds(_bearer(view.call_id, desk, desk.holder)):
                    self._leaving.start(self._ask_out(view.call_id, party), f"{party} leaves")

    async def _ask_out(self, call_id: str, party: str) -> None:
        with suppress(Denial):  # it has left, or the call is over
            await self._calls.ask(call_id, Remove(party, "an operator", "its login was revoked"))


def _bearer(call_id: str, desk: Desk, holder: Holder) -> Bearer:
    """The bearer that joined, as far as it matters whether it is still believed."""
    guest = call_id if PartyKind.of_desk(desk.kind).invited else ""
    known = Bearer(holder.name, frozenset(), desk.extension, None, guest, token_id=holder.token_id)
    return replace(known, made_at=holder.made_at, login=holder.login)
