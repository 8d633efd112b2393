"""Webhooks: other programs are told what happens, by signed POSTs. Does I/O through aiohttp.

The body is JSON, as a frame of the event socket: {"type": "call", "at": …, "call": {…}}. Headers: Splitter-Signature
(see `signature`), Splitter-Delivery (the same for every attempt of one event), Splitter-Event (the type). Each webhook
gets its events one after the other, in order. 2xx takes an event; 408, 425, 429, 5xx, no answer or a late one are tried
again; any other answer gives the event up. What waits is kept in the store and survives a restart; after one, the last
moments may come twice.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
import msgspec
import structlog

from splitter import __version__
from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.calls.webhook import Webhook
from splitter.core.clock import Clock
from splitter.core.errors import SplitterError
from splitter.core.ids import IdSource
from splitter.media.engine import Snapshot
from splitter.store.outbox import Delivered, Delivery
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.transport.tasks import Tasks
from splitter.web.ports import Invited
from splitter.web.signature import HEADER, sign

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
_AGAIN = frozenset({408, 425, 429})
_CHANCE = 1000

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """Where deliveries are kept; `splitter.store.Store` is one."""

    def save_delivery(self, row: Delivery | Delivered) -> None: ...

    async def deliveries(self) -> list[Delivery]: ...

    async def flush(self, limit_s: float = 1.0) -> bool: ...


class Webhooks:
    """All of them.

    Args:
        hooks: of the configuration.
        outbox: keeps what waits.
    """

    def __init__(self, hooks: Iterable[Webhook], outbox: Outbox, clock: Clock, ids: IdSource) -> None:
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._senders = {hook.name: Sender(hook, outbox, clock, ids) for hook in hooks}
        self._wanted = frozenset(event for sender in self._senders.values() for event in sender.hook.events)
        self._calls: dict[str, CallView] = {}
        self._tasks = Tasks()

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
                sender.take(row)
            else:
                self._outbox.save_delivery(Delivered(row.id))  # its webhook is configured no more
        for sender in self._senders.values():
            self._tasks.start(sender.run(), f"webhook {sender.hook.name}")

    async def stop(self) -> None:
        """Send no more; what waits is in the store."""
        await self._tasks.stop()

    # ---- what happens --------------------------------------------------------------------------------------------

    def call(self, view: CallView) -> None:
        """A call changed."""
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
        self._post("seat", seat=view)

    def snapshot(self, call_id: str, number: int, snapshot: Snapshot) -> None:
        """A still was taken; it is fetched from its location."""
        told = {
            "call_id": call_id,
            "taken_at": snapshot.taken_at,
            "width": snapshot.width,
            "height": snapshot.height,
            "location": f"/v1/calls/{call_id}/snapshots/{number}",
        }
        self._post("snapshot", snapshot=told)

    def invite(self, invited: Invited) -> str:
        """A caller is to get a link: whoever hears of it sends it. Returns why nobody does; empty where all is well."""
        if "invitation" not in self._wanted:
            return "no webhook is configured that sends messages: tell the caller the link"
        self._post("invitation", invitation=invited)
        return ""

    # ---- inside --------------------------------------------------------------------------------------------------

    def _post(self, event: str, **fields: object) -> None:
        if event not in self._wanted:
            return
        wall = self._clock.wall()
        body = msgspec.json.encode({"type": event, "at": round(wall, 3)} | fields)
        for name, sender in self._senders.items():
            if event in sender.hook.events:
                row = Delivery(self._ids.tag() + self._ids.tag(), name, wall, body)
                self._outbox.save_delivery(row)
                sender.take(row)


class Sender:
    """One webhook: its queue, and the one task that sends from it.

    Attributes:
        hook: what the operator set.
    """

    def __init__(self, hook: Webhook, outbox: Outbox, clock: Clock, ids: IdSource) -> None:
        self.hook = hook
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._waiting: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        self._quiet = Quiet()

    def take(self, row: Delivery) -> None:
        """One more; the oldest gives way where there are too many."""
        if len(self._waiting) >= self.hook.queue:
            self._over(self._waiting.popleft(), "dropped", "too many wait")
        self._waiting.append(row)
        metrics.WEBHOOK_WAITING.labels(self.hook.name).set(len(self._waiting))
        self._wake.set()

    async def run(self) -> None:
        """Send until the task is ended."""
        timeout = aiohttp.ClientTimeout(total=self.hook.timeout_s)
        connector = aiohttp.TCPConnector(limit=1, ssl=_tls(self.hook))
        headers = {"Content-Type": "application/json", "User-Agent": f"splitter/{__version__}"}
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers, cookie_jar=jar, auto_decompress=False
        ) as session:
            while True:
                while not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                row = self._waiting.popleft()
                try:
                    await self._deliver(session, row)
                finally:
                    metrics.WEBHOOK_WAITING.labels(self.hook.name).set(len(self._waiting))

    async def _deliver(self, session: aiohttp.ClientSession, row: Delivery) -> None:
        """Try until it is taken, refused, or tried often enough."""
        why = ""
        for attempt in range(1, self.hook.attempts + 1):
            status, why, wait_s = await self._attempt(session, row)
            if 200 <= status < 300:
                self._over(row, "delivered")
                return
            if status and status < 500 and status not in _AGAIN:
                self._over(row, "refused", why)
                return
            if attempt < self.hook.attempts:
                pause_s = max(wait_s, pause(attempt, self._ids.number(_CHANCE) / _CHANCE))
                metrics.WEBHOOK_RETRIES.labels(self.hook.name).inc()
                self._tell("webhook is tried again", row, reason=why, attempt=attempt, pause_s=round(pause_s, 1))
                await asyncio.sleep(pause_s)
        self._over(row, "given-up", f"{self.hook.attempts} attempts: {why}")

    async def _attempt(self, session: aiohttp.ClientSession, row: Delivery) -> tuple[int, str, float]:
        """Status (0: no answer), what it was in words, and how long the receiver asks us to wait."""
        headers = {
            HEADER: sign(self.hook.secret, row.body, self._clock.wall()),
            "Splitter-Delivery": row.id,
            "Splitter-Event": _Event.of(row.body),
        }
        try:
            # No redirects: a signed body goes where the operator said, and nowhere else.
            async with session.post(self.hook.url, data=row.body, headers=headers, allow_redirects=False) as response:
                return response.status, f"{response.status} {response.reason}", self._asked(response)
        except TimeoutError:
            return 0, f"no answer in {self.hook.timeout_s:g} s", 0.0
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, f"{type(error).__name__}: {error}"[:200], 0.0

    def _asked(self, response: aiohttp.ClientResponse) -> float:
        """Retry-After (RFC 9110 §10.2.3), as far as it is of any use."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:9]), LONGEST_PAUSE_S)
        try:
            at = parsedate_to_datetime(text).timestamp()
        except (ValueError, TypeError, OverflowError):
            return 0.0
        return min(max(0.0, at - self._clock.wall()), LONGEST_PAUSE_S)

    def _over(self, row: Delivery, outcome: str, why: str = "") -> None:
        self._outbox.save_delivery(Delivered(row.id))
        metrics.WEBHOOK_DELIVERIES.labels(self.hook.name, outcome).inc()
        if why:
            self._tell(f"webhook event {outcome}", row, reason=why)

    def _tell(self, event: str, row: Delivery, **more: object) -> None:
        if (held := self._quiet.permit(event, self._clock.now())) is not None:
            log.warning(event, hook=self.hook.name, delivery=row.id, similar=held, **more)


def pause(attempt: int, chance: float) -> float:
    """Seconds until the next attempt: doubled each time, and up to half of it less by chance (0 to 1)."""
    whole = min(FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 20), LONGEST_PAUSE_S)
    return whole * (1 - chance / 2)


class _Event(msgspec.Struct):
    type: str

    @classmethod
    def of(cls, body: bytes) -> str:
        return msgspec.json.decode(body, type=cls).type


def _tls(hook: Webhook) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=hook.ca) if hook.ca else True
