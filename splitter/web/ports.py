"""What the API needs of the rest of the program, as Protocols; `splitter.app` hands the real ones in. Pure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from splitter.calls.logins.reception import SeatView
from splitter.calls.view import CallView, TrunkView
from splitter.telemetry.trace import Subscription, TraceEvent
from splitter.web.security import NoSecurity, Security


class Calls(Protocol):
    """The calls that are alive."""

    def list(self) -> list[CallView]: ...

    def get(self, call_id: str) -> CallView | None: ...

    def hangup(self, call_id: str, reason: str) -> bool:
        """Ask for the end of a call; False where there is no such call."""
        ...


class Archive(Protocol):
    """The calls and traces that were kept; see `splitter.store.Store`. Raises SplitterError when it cannot be read."""

    async def flush(self, limit_s: float = 1.0) -> bool: ...

    async def calls(self, limit: int = 50, before: float | None = None) -> list[bytes]: ...

    async def find(self, reference: str, limit: int = 10) -> list[bytes]: ...

    async def search(self, number: str, limit: int = 50) -> list[bytes]: ...

    async def trace(self, call_id: str) -> list[TraceEvent]: ...


class Live(Protocol):
    """Trace events as they happen; see `splitter.telemetry.Recorder`."""

    def subscribe(self, call_id: str) -> AbstractContextManager[Subscription]: ...


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """How the gateway is doing.

    Attributes:
        state: "starting", "running" or "draining".
        started_at: seconds since the Unix epoch.
        calls, max_calls: alive now, and the limit.
        transactions: SIP transactions alive now.
        dialogs, relays, rooms, ports, tasks: what the calls hold now; all 0 when there is no call.
        workers: media workers that are up, of how many.
        networks: what is listened on, such as "access udp 10.0.0.5:5060".
        alarms: what is wrong now, in plain words; empty when nothing is.
    """

    name: str
    version: str
    state: str
    started_at: float
    calls: int
    max_calls: int
    transactions: int = 0
    dialogs: int = 0
    relays: int = 0
    rooms: int = 0
    ports: int = 0
    tasks: int = 0
    workers: tuple[int, int] = (0, 0)
    networks: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the API is made over."""

    calls: Calls
    archive: Archive
    live: Live
    status: Callable[[], GatewayStatus]
    seats: Callable[[], list[SeatView]] = list
    security: Security = field(default_factory=NoSecurity)
    trunks: Callable[[], list[TrunkView]] = list
