"""Sends a link where the phone cannot give video: one request of an agent takes the next step by itself. asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from splitter.calls.view import CallView, LinkWanted
from splitter.core.errors import SplitterError
from splitter.telemetry import metrics
from splitter.transport.tasks import Tasks
from splitter.web.access.links import ShortLink
from splitter.web.guests.inviting import Invitee, Inviting

log = structlog.get_logger(__name__)

TellTrace = Callable[[str, str], None]
"""Takes the id of a call and a line for its trace."""


class ShareLink(Protocol):
    """Tells other nodes of a link."""

    def share(self, link: ShortLink) -> None: ...


class FindCall(Protocol):
    """Gives a call that lives; None for one that has ended."""

    def __call__(self, call_id: str, /) -> CallView | None: ...


class Climbing:
    """Makes the links that calls want.

    Args:
        page: whether there is a page that links lead to.
        sharing: tells other nodes.
    """

    def __init__(
        self, find: FindCall, inviting: Inviting, sharing: ShareLink, page: Callable[[], bool], note: TellTrace
    ) -> None:
        self._find, self._inviting, self._sharing, self._page, self._note = find, inviting, sharing, page, note
        self._tasks = Tasks()

    async def stop(self) -> None:
        """Make no more links."""
        await self._tasks.stop()

    def on_wanted(self, wanted: LinkWanted) -> None:
        """Have a link made and sent; the trace says why where it cannot be."""
        call = self._find(wanted.call_id)
        if call is None or call.state == "ended":
            return
        why = "api.guest_url is not set" if not self._page() else self._inviting.unsendable(call.number)
        if not why and not self._inviting.may_invite(call.call_id):
            metrics.api.REFUSED.labels("rate").inc()
            why = "this call's links were sent often enough"
        if why:
            self._note(call.call_id, f"no link is sent instead of the phone's video: {why}")
            return
        self._note(call.call_id, f"a link is sent instead of the phone's video: {wanted.reason}")
        self._tasks.start(self._invite(call, wanted), "a link instead of the phone's video")

    async def _invite(self, call: CallView, wanted: LinkWanted) -> None:
        try:
            made = await self._inviting.invite(call, Invitee(call.number, wanted.language, 1, wanted.by))
        except SplitterError as error:
            self._note(call.call_id, f"no link is sent instead of the phone's video: {error}")
            log.error("a link could not be made", call_id=call.call_id, reason=str(error))
            return
        self._sharing.share(made.link)
