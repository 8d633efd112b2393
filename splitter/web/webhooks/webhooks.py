"""Webhooks: other programs are told what happens, by signed POSTs. asyncio; `http_post` does the I/O.

The body is JSON, as a frame of the event socket: {"type": "call", "at": …, "call": {…}}. Each webhook gets its events
one after the other, in order; `delivery` says when one is tried again, and what is kept of it. What waits survives a
restart; after one, the last moments may come twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from splitter.calls.after.detail import detail_of
from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.calls.webhook import Webhook
from splitter.core.clock import Clock
from splitter.core.errors import SplitterError
from splitter.core.ids import IdSource
from splitter.store.outbox import Delivered, Delivery
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.transport.tasks import Tasks
from splitter.web.ports import Invited
from splitter.web.stills.album import ScreenshotTaken
from splitter.web.webhooks.delivery import Concluded, DeliveryQueue, Effort, Outbox, Postponed
from splitter.web.webhooks.http_post import HttpPost
from splitter.web.webhooks.sender import Sender

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

log = structlog.get_logger(__name__)


class Webhooks:
    """Every webhook of the configuration, and what each of them is told.

    Args:
        outbox: keeps what waits.
    """

    def __init__(self, hooks: Iterable[Webhook], outbox: Outbox, clock: Clock, ids: IdSource) -> None:
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._hooks = {hook.name: hook for hook in hooks}
        self._senders = {name: self._sender(hook) for name, hook in self._hooks.items()}
        self._wanted = frozenset(event for hook in self._hooks.values() for event in hook.events)
        self._calls: dict[str, CallView] = {}
        self._tasks = Tasks()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Take up what waited before the restart, and begin to send."""
        if not self._senders:
            return
        await self._outbox.flush()  # the first start makes the table
        try:
            rows = await self._outbox.deliveries()
        except SplitterError as error:
            log.error("what webhooks had not got before the restart is lost", reason=str(error))
            rows = []
        for row in rows:
            if sender := self._senders.get(row.hook):
                sender.send(row, kept=True)
            else:
                self._outbox.save_delivery(Delivered(row.id))  # its webhook is no longer configured
        for name in self._senders:
            self._start(name)

    def adopt(self, hooks: Iterable[Webhook]) -> None:
        """Tell these from now on. What waits for one that is told no longer is dropped; for one that is told otherwise,
        goes its new way."""
        before, self._hooks = self._hooks, {hook.name: hook for hook in hooks}
        self._wanted = frozenset(event for hook in self._hooks.values() for event in hook.events)
        for name in before.keys() - self._hooks.keys():
            self._tasks.start(self._end(name, self._senders.pop(name), self._running.pop(name)), f"webhook {name} ends")
        for name, hook in self._hooks.items():
            if name not in self._senders:
                self._senders[name] = self._sender(hook)
                self._start(name)
            elif before[name] != hook:
                self._senders[name].adopt(HttpPost(hook, self._clock), _effort(hook))

    async def stop(self) -> None:
        """Stop sending; what waits is in the store."""
        await self._tasks.stop()

    # ---- what happens --------------------------------------------------------------------------------------------

    def call(self, view: CallView) -> None:
        """A call changed."""
        if view.state == "ended" and "ended" in self._wanted:
            self._post("ended", record=detail_of(view))
        if "call" not in self._wanted or self._calls.get(view.call_id) == view:
            return
        if view.state == "ended":
            self._calls.pop(view.call_id, None)
        else:
            self._calls[view.call_id] = view
        self._post("call", call=view)

    def notice(self, notice: Notice) -> None:
        """People at the desks are told something."""
        self._post("notice", notice=notice)

    def desk(self, view: DeskView) -> None:
        """A desk changed."""
        self._post("desk", desk=view)

    def snapshot(self, taken: ScreenshotTaken) -> None:
        """A still was taken; it is fetched from its location."""
        told = {
            "call_id": taken.call_id,
            "taken_at": taken.snapshot.taken_at,
            "width": taken.snapshot.width,
            "height": taken.snapshot.height,
            "location": f"/v1/calls/{taken.call_id}/snapshots/{taken.number}",
        }
        self._post("snapshot", snapshot=told)

    def invite(self, invited: Invited) -> str:
        """A caller is to get a link: whoever hears of it sends it. Returns why nobody does; empty where all is well."""
        if "invitation" not in self._wanted:
            return "no webhook is configured that sends messages: tell the caller the link"
        self._post("invitation", invitation=invited)
        return ""

    # ---- inside --------------------------------------------------------------------------------------------------

    def _start(self, name: str) -> None:
        self._running[name] = self._tasks.start(self._senders[name].run(), f"webhook {name}")

    async def _end(self, name: str, sender: Sender, running: asyncio.Task[None]) -> None:
        running.cancel()
        await asyncio.wait({running})
        dropped = sender.give_up("its webhook is no longer configured")
        log.info("webhook is told no longer", hook=name, dropped=dropped)

    def _post(self, event: str, **fields: object) -> None:
        if event not in self._wanted:
            return
        wall = self._clock.wall()
        body = msgspec.json.encode({"type": event, "at": round(wall, 3)} | fields)
        for name, sender in self._senders.items():
            if event in self._hooks[name].events:
                sender.send(Delivery(self._ids.tag() + self._ids.tag(), name, wall, body))

    def _sender(self, hook: Webhook) -> Sender:
        queue = DeliveryQueue(_effort(hook), self._outbox)
        return Sender(
            queue, HttpPost(hook, self._clock), _WebhookLedger(hook.name, self._clock), self._clock, self._ids
        )


def _effort(hook: Webhook) -> Effort:
    return Effort(hook.attempts, hook.queue, FIRST_PAUSE_S, LONGEST_PAUSE_S)


class _WebhookLedger:
    """Counts the deliveries of one webhook, and logs those that went wrong, now and then."""

    def __init__(self, hook: str, clock: Clock) -> None:
        self._hook = hook
        self._clock = clock
        self._quiet = Quiet()

    def enter(self, news: Concluded | Postponed) -> None:
        if isinstance(news, Postponed):
            metrics.api.WEBHOOK_RETRIES.labels(self._hook).inc()
            more = {"attempt": news.attempt, "pause_s": round(news.pause_s, 1)}
            self._log("webhook is tried again", news, **more)
            return
        metrics.api.WEBHOOK_DELIVERIES.labels(self._hook, news.fate).inc()
        if news.why:
            self._log(f"webhook event {news.fate}", news)

    def wait(self, count: int) -> None:
        metrics.api.WEBHOOK_WAITING.labels(self._hook).set(count)

    def _log(self, event: str, news: Concluded | Postponed, **more: object) -> None:
        if (held := self._quiet.permit(event, self._clock.now())) is not None:
            log.warning(event, hook=self._hook, delivery=news.row.id, similar=held, reason=news.why, **more)
