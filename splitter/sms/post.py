"""The task that sends what is queued, over one carrier, and keeps all of it on the cabinet. asyncio; no I/O of its own.

A message is kept as SENDING before it is handed to the carrier: one whose process ends meanwhile is known to be in
doubt. What cannot be kept is not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog

from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE, SplitterError
from splitter.core.ids import IdSource
from splitter.sms.message import (
    Attempted,
    HandedOn,
    InDoubt,
    Sms,
    SmsCarrier,
    SmsChanged,
    SmsReceipt,
    SmsState,
    Taken,
    TryAgain,
)
from splitter.sms.queue import SmsQueue, SmsRules
from splitter.telemetry import metrics
from splitter.telemetry.masking import masked_number

FINISH_S = 3.0
"""Attempts that are under way at a stop may take so long yet."""
TIDY_S = 60.0
_UNKEPT = "it cannot be written down, and so not sent: the store does not work"

log = structlog.get_logger(__name__)


class SmsCabinet(Protocol):
    """The place where messages outlast a restart. Raises SplitterError where it does not work."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep it; once this returns, it is there after a restart."""
        ...

    async def drop(self, keys: list[str]) -> None: ...

    async def all(self) -> dict[str, bytes]:
        """Read what is kept, the oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class SmsEffort:
    """How hard messages are tried; `window`: at a time; `late_s`: after which somebody should know."""

    rules: SmsRules
    window: int = 10
    late_s: float = 60.0


class SmsPost:
    """The messages of the gateway, and the way that they take.

    Args:
        changed: told of each message that is not as it was.
    """

    def __init__(
        self,
        effort: SmsEffort,
        carrier: SmsCarrier,
        cabinet: SmsCabinet,
        clock: Clock,
        ids: IdSource,
        changed: Callable[[SmsChanged], None],
    ) -> None:
        self._effort = effort
        self._carrier = carrier
        self._cabinet = cabinet
        self._clock = clock
        self._ids = ids
        self._tell = changed
        self._queue = SmsQueue(effort.rules, carrier.repeats)
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._unkept = ""

    # ---- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what a former process has left, and begin to send."""
        try:
            rows = await self._cabinet.all()
        except SplitterError as error:
            self._unkept = f"messages of before are lost: {error}"
            log.error("messages of before are lost", reason=str(error))
            rows = {}
        for row in rows.values():
            try:
                kept = msgspec.json.decode(row, type=Sms)
            except UNREADABLE as error:
                log.error("a message of before cannot be read", reason=str(error))
                continue
            sms = self._queue.restore(kept, self._clock.wall())
            if sms.state is not kept.state:
                await self._keep(sms)
        await self._carrier.start()
        self._loop = asyncio.create_task(self._run(), name="SMS queue")

    def hold(self) -> None:
        """Begin nothing more."""
        if self._loop is not None:
            self._loop.cancel()

    async def stop(self) -> None:
        """Begin nothing more; what is under way may end, or is in doubt."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=FINISH_S)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._carrier.stop()

    # ---- for others ----------------------------------------------------------------------------------------------

    async def send(self, sms: Sms) -> Sms:
        """Send it in its turn. Returns: as it is now, QUEUED or FAILED."""
        sms = self._queue.add(sms, self._clock.wall())
        sms = await self._keep(sms)
        self._wake.set()
        return sms

    async def refuse(self, sms: Sms, reason: str) -> Sms:
        """Keep one that cannot be sent, so that it can be asked about."""
        return await self._keep(self._queue.refuse(sms, reason, self._clock.wall()))

    def receive(self, carrier: str, receipt: SmsReceipt) -> None:
        """A receipt came in."""
        known = self._queue.get(receipt.id)
        changed = self._queue.receive(receipt, self._clock.wall())
        kind = "news" if changed else "known" if known else "stray"
        metrics.sms.RECEIPTS.labels(carrier, kind).inc()
        if changed is not None:
            self._keep_later(changed)

    def note(self, key: str, state: SmsState, reason: str = "") -> Sms | None:
        """Somebody knows what became of it. Returns: the message as it is now; None where there is none."""
        if (changed := self._queue.note(key, state, reason, self._clock.wall())) is not None:
            self._keep_later(changed)
        return self._queue.get(key)

    def cancel(self, key: str, reason: str) -> None:
        """Send it no longer, if it waits."""
        if (changed := self._queue.cancel(key, reason, self._clock.wall())) is not None:
            self._keep_later(changed)

    def get(self, key: str) -> Sms | None:
        """The message of this id."""
        return self._queue.get(key)

    def of_call(self, call_id: str) -> list[Sms]:
        """The messages of a call, the oldest first."""
        return self._queue.of_call(call_id)

    def alarms(self) -> list[str]:
        """List what is wrong, in plain words."""
        found = [self._carrier.alarm if len(self._queue) else "", self._unkept]
        if (oldest_s := self._queue.oldest_s(self._clock.wall())) > self._effort.late_s:
            found.append(f"{len(self._queue)} SMS wait, the oldest for {oldest_s:.0f} s")
        return [text for text in found if text]

    # ---- inside --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        tidy_at = 0.0
        while True:
            wall = self._clock.wall()
            for sms in self._queue.expire(wall):
                await self._keep(sms)
            while len(self._under_way) < self._effort.window and (due := self._queue.begin(wall)) is not None:
                self._start(self._attempt(due), f"SMS {due.id}")
            if wall >= tidy_at:
                tidy_at = wall + TIDY_S
                await self._tidy(wall)
            metrics.sms.WAITING.set(len(self._queue))
            metrics.sms.OLDEST_S.set(self._queue.oldest_s(wall))
            at = self._queue.next_at()
            await self._until(tidy_at if at is None else min(tidy_at, at))

    async def _until(self, at: float) -> None:
        """Wait until then, or until something comes; while the window is full, only that."""
        full = len(self._under_way) >= self._effort.window
        pause_s = TIDY_S if full else max(0.02, at - self._clock.wall())
        self._wake.clear()
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _attempt(self, sms: Sms) -> None:
        outcome: Attempted = TryAgain(_UNKEPT, all=True)
        if await self._write(sms):
            outcome = await self._carrier.send(sms)
        metrics.sms.ATTEMPTS.labels(self._carrier.name, _kind(outcome)).inc()
        chance = self._ids.number(1000) / 1000
        await self._keep(self._queue.end(sms.id, outcome, self._clock.wall(), chance))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sending a message failed", task=task.get_name(), exc_info=error)

    def _keep_later(self, sms: Sms) -> None:
        self._start(self._kept(sms), f"SMS {sms.id} is kept")

    async def _kept(self, sms: Sms) -> None:
        await self._keep(sms)

    async def _keep(self, sms: Sms) -> Sms:
        """Keep it as it is now, and tell everybody."""
        if not await self._write(sms) and sms.state is SmsState.QUEUED and not sms.attempts:
            sms = self._queue.cancel(sms.id, _UNKEPT, self._clock.wall()) or sms
        metrics.sms.MESSAGES.labels(self._carrier.name, sms.state).inc()
        level = log.warning if sms.state in (SmsState.FAILED, SmsState.UNKNOWN) else log.info
        told = {"call_id": sms.call_id, "carrier": self._carrier.name, "number": masked_number(sms.number)}
        level(f"SMS {sms.state}", invitation=sms.id, attempts=sms.attempts, reason=sms.reason, **told)
        self._tell(SmsChanged(sms))
        return sms

    async def _write(self, sms: Sms) -> bool:
        try:
            await self._cabinet.put(sms.id, msgspec.json.encode(sms))
        except SplitterError as error:
            self._unkept = f"SMS cannot be written down: {error}"
            return False
        self._unkept = ""
        return True

    async def _tidy(self, wall: float) -> None:
        if old := self._queue.forget(wall):
            try:
                await self._cabinet.drop(old)
            except SplitterError as error:
                self._unkept = f"SMS cannot be written down: {error}"


def _kind(outcome: Attempted) -> str:
    match outcome:
        case Taken():
            return "taken"
        case HandedOn():
            return "handed-on"
        case TryAgain():
            return "again"
        case InDoubt():
            return "in-doubt"
        case _:
            return "turned-down"
