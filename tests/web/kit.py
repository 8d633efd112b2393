"""The API over real Unix sockets, with a real store and recorder, and calls of our own making."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from splitter.calls.asks import Answer, Ask
from splitter.calls.logins.reception import SeatView
from splitter.calls.view import CallView, LegView, TrunkView
from splitter.core.net import Address
from splitter.store.schema import CallRow
from splitter.store.settings import StoreSettings
from splitter.store.sqlite import Store
from splitter.telemetry.trace import Recorder
from splitter.web.ports import GatewayStatus, Ports
from splitter.web.server import Server
from tests.telemetry.kit import AUDIO, FLOW, INVITE, VirtualClock, message

CALL = CallView(
    call_id="7kq2m0000000",
    short_code="4711",
    state="connected",
    caller="13800138000",
    called="110",
    started_at=1000.0,
    answered_at=1003.0,
    ended_at=None,
    end_reason="",
    end_status=0,
    route="pbx",
    showing="slate",
    legs=(
        LegView(
            "caller", "sbc", "10.0.0.1:5060", "a@x", "confirmed", "PCMA/8000 sendrecv", "H264 42c01f mode 1 sendrecv"
        ),
        LegView("centre", "pbx", "10.1.0.20:5060", "b@y", "confirmed", "PCMA/8000 sendrecv", ""),
    ),
)


SEAT = SeatView(
    trunk="seats",
    user="8001",
    extension="501",
    peer="access/udp 10.2.0.7:40000",
    contact="sip:8001@10.2.0.7",
    registered_at=1000.0,
    expires_at=4600.0,
    user_agent="phone/1",
    instance="<urn:uuid:1>",
)


def ended(view: CallView, at: float = 1063.0) -> CallView:
    return replace(view, state="ended", ended_at=at, end_reason="the caller hung up", end_status=200, showing="none")


@dataclass
class FakeCalls:
    """Calls as the registry shows them."""

    views: dict[str, CallView] = field(default_factory=dict)
    hung_up: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, Ask]] = field(default_factory=list)
    answers: dict[type, Answer | Exception] = field(default_factory=dict)

    def list(self) -> list[CallView]:
        return [*self.views.values()]

    def get(self, call_id: str) -> CallView | None:
        return self.views.get(call_id)

    def hangup(self, call_id: str, reason: str) -> bool:
        self.hung_up.append((call_id, reason))
        return self.views.pop(call_id, None) is not None

    async def ask(self, call_id: str, ask: Ask) -> Answer:
        self.asked.append((call_id, ask))
        answer = self.answers.get(type(ask))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def add(self, *views: CallView) -> None:
        self.views.update({view.call_id: view for view in views})


@dataclass
class Gateway:
    """Everything behind the API."""

    socket: str
    calls: FakeCalls
    store: Store
    recorder: Recorder
    clock: VirtualClock
    server: Server
    alarms: tuple[str, ...] = ()
    trunks: list[TrunkView] = field(default_factory=list)
    seats: list[SeatView] = field(default_factory=list)

    def status(self) -> GatewayStatus:
        return GatewayStatus(
            "splitter", "0.1.0", "running", 1.0, len(self.calls.views), 2000, 4, workers=(2, 2), alarms=self.alarms,
            networks=("access udp 10.0.0.9:5060",),
        )  # fmt: skip

    def save(self, *views: CallView) -> None:
        for view in views:
            data = msgspec.json.encode(view)
            times = (view.started_at, view.ended_at)
            self.store.save_call(CallRow(view.call_id, *times, view.caller, view.called, data, view.short_code))

    def begin(self, call_id: str = CALL.call_id) -> None:
        """The INVITE of a caller and what came of it."""
        parsed, raw = message(INVITE, "a@x", sdp=AUDIO)
        self.recorder.message("in", FLOW, parsed, raw)
        self.recorder.bind("a@x", call_id, "caller")
        self.recorder.event(call_id, "", "state", "routing to pbx")

    def end(self, call_id: str = CALL.call_id) -> None:
        """The BYE of the caller."""
        parsed, raw = message("BYE sip:x SIP/2.0", "a@x", cseq="2 BYE")
        self.recorder.message("in", FLOW, parsed, raw)
        self.recorder.unbind(call_id)


@asynccontextmanager
async def gateway(directory: Path, metrics: Address | None = None) -> AsyncIterator[Gateway]:
    """A served gateway; its socket is `directory`/control.sock."""
    clock = VirtualClock()
    store = Store(StoreSettings(str(directory / "calls.db"), max_age_days=36_500), clock)
    recorder = Recorder(store, clock)
    calls = FakeCalls()
    path = str(directory / "control.sock")
    ports = Ports(
        calls, store, recorder, lambda: parts.status(), seats=lambda: parts.seats, trunks=lambda: parts.trunks
    )
    parts = Gateway(path, calls, store, recorder, clock, Server(path, metrics, ports))
    store.start()
    await parts.server.start()
    try:
        yield parts
    finally:
        await parts.server.stop()
        await store.stop()


async def in_thread(function, *args):  # type: ignore[no-untyped-def]
    return await asyncio.to_thread(function, *args)
