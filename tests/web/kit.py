"""The API over real sockets, with a real store and recorder, and calls of our own making."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from splitter.calls.asks import Admitted, Answer, Ask, Desk, Join, PlacedCall
from splitter.calls.logins.access import ApiSettings, Scope, Token
from splitter.calls.logins.accounts import Account
from splitter.calls.logins.passwords import Passwords
from splitter.calls.logins.reception import SeatView
from splitter.calls.states import CallState, LegState
from splitter.calls.view import CallView, CarriedView, LegView, TrunkView
from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.ports.health import InstanceStatus
from splitter.sip.digest import secret_of
from splitter.sms.message import SmsCarrier, SmsChanged
from splitter.sms.outbox import OutboxFile
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.sms.settings import SmsSettings
from splitter.store.cabinet import Cabinet
from splitter.store.pictures import PictureLibrary
from splitter.store.schema import CallRow
from splitter.store.settings import StoreSettings
from splitter.store.sqlite import Store
from splitter.telemetry.trace import Recorder
from splitter.web.access.links import Links
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access
from splitter.web.guests.inviting import Inviting
from splitter.web.ports import GatewayStatus, Ports
from splitter.web.server import Server
from splitter.web.stills.album import Album
from tests.patience import PATIENCE_S
from tests.telemetry.kit import AUDIO, FLOW, INVITE, VirtualClock, message

CALL = CallView(
    call_id="7kq2m0000000",
    short_code="4711",
    state=CallState.CONNECTED,
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
            "caller",
            "sbc",
            "10.0.0.1:5060",
            "a@x",
            LegState.CONFIRMED,
            "PCMA/8000 sendrecv",
            "H264 42c01f mode 1 sendrecv",
        ),
        LegView("centre", "pbx", "10.1.0.20:5060", "b@y", LegState.CONFIRMED, "PCMA/8000 sendrecv", ""),
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
    return replace(
        view, state=CallState.ENDED, ended_at=at, end_reason="the caller hung up", end_status=200, showing="none"
    )


@dataclass
class FakeCalls:
    """Calls as the registry shows them."""

    views: dict[str, CallView] = field(default_factory=dict)
    hung_up: list[tuple[str, str]] = field(default_factory=list)
    placed: list[PlacedCall] = field(default_factory=list)
    tests_ended: list[Address] = field(default_factory=list)
    asked: list[tuple[str, Ask]] = field(default_factory=list)
    answers: dict[type, Answer | Exception] = field(default_factory=dict)
    desks: dict[str, dict[str, Desk]] = field(default_factory=dict)
    counted: tuple[CarriedView, ...] = ()
    counted_of: dict[str, tuple[CarriedView, ...]] = field(default_factory=dict)

    def list(self) -> list[CallView]:
        return [*self.views.values()]

    def get(self, call_id: str) -> CallView | None:
        return self.views.get(call_id)

    def hangup(self, call_id: str, reason: str) -> bool:
        self.hung_up.append((call_id, reason))
        return self.views.pop(call_id, None) is not None

    def end_test(self, source: Address) -> None:
        self.tests_ended.append(source)

    async def carried(self, call_id: str) -> tuple[CarriedView, ...]:
        return self.counted_of.get(call_id, self.counted)

    def place(self, wish: PlacedCall) -> str:
        self.placed.append(wish)
        return "placed"

    async def ask(self, call_id: str, ask: Ask) -> Answer:
        self.asked.append((call_id, ask))
        answer = self.answers.get(type(ask))
        if isinstance(answer, Exception):
            raise answer
        if isinstance(ask, Join) and isinstance(answer, Admitted):
            self.desks.setdefault(call_id, {})[answer.name] = ask.desk
        return answer

    def desks_of(self, call_id: str) -> dict[str, Desk]:
        return self.desks.get(call_id, {})

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
    ports: Ports
    alarms: tuple[str, ...] = ()
    rtpengines: tuple[InstanceStatus, ...] = ()
    in_kernel: int = 0
    no_offload: str = ""
    state: str = "running"
    workers: tuple[int, int] = (2, 2)
    trunks: list[TrunkView] = field(default_factory=list)
    seats: list[SeatView] = field(default_factory=list)

    def status(self) -> GatewayStatus:
        return GatewayStatus(
            "splitter", "0.1.0", self.state, 1.0, len(self.calls.views), 2000, 4, workers=self.workers, alarms=self.alarms, rtpengines=self.rtpengines,
            networks=("access udp 10.0.0.9:5060",), in_kernel=self.in_kernel, no_offload=self.no_offload, pictures=("native",),
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


T = TypeVar("T")
SECRET = b"s" * 32
TOKENS = {
    "reader": "calls:read",
    "cti": "calls:read calls:control",
    "controller": "calls:control",
    "painter": "pictures",
    "admin": "admin",
    "desk": "desk",
    "maker": "web",
    "listener": "recordings:read",
}
"""Bearer token → its scopes; the desk is that of extension 501."""


def access(settings: ApiSettings | None = None) -> Access:
    accounts = (
        Account("8001", "red", extension="501"),
        Account("8002", ha1={"SHA-256": secret_of("SHA-256", "8002", "seats.example", "blue")}),
    )
    tokens = tuple(
        Token(
            name,
            frozenset(Scope(scope) for scope in scopes.split()),
            hashlib.sha256(name.encode()).hexdigest(),
            extension="501" if name == "desk" else "",
        )
        for name, scopes in TOKENS.items()
    )
    certified = Token("machine", frozenset({Scope.READ}), certificate="common.example")
    return Access(
        SECRET, Passwords(accounts, ("seats.example",), "decoy"), (*tokens, certified), settings or ApiSettings()
    )


@dataclass
class Web:
    """Somebody who reaches the API over the network."""

    session: aiohttp.ClientSession
    base: str

    def request(self, method: str, path: str, token: str = "", **more: Any) -> Any:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        return self.session.request(method, f"{self.base}{path}", headers=headers, allow_redirects=False, **more)

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> tuple[int, Any]:
        """Status and decoded body."""
        async with self.request(method, path, token, **more) as response:
            body = await response.read()
            return response.status, msgspec.json.decode(body) if response.content_type == "application/json" else body

    async def code(self, method: str, path: str, token: str = "", **more: Any) -> tuple[int, str]:
        """Status and error code of a refusal."""
        status, body = await self.ask(method, path, token, **more)
        assert status >= 400, (status, body)
        assert body["error"]["status"] == status
        return status, body["error"]["code"]


@asynccontextmanager
async def web(
    directory: Path, settings: ApiSettings | None = None, tls: ssl.SSLContext | None = None, **ports: Any
) -> AsyncIterator[tuple[Gateway, Web]]:
    """Serve a gateway to the network; gives it, and somebody who reaches it."""
    listening = replace(settings or ApiSettings(), listen=(Address("127.0.0.1", 0),))
    async with gateway(directory, settings=listening, **ports) as parts:
        scheme = "https" if tls else "http"
        base = f"{scheme}://{parts.server.api.addresses[0]}"
        connector = aiohttp.TCPConnector(ssl=tls or True, force_close=True)
        jar = aiohttp.CookieJar(unsafe=True)  # which takes those of an address too, as browsers do
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
            yield parts, Web(session, base)


def cannot_open(*_: object) -> None:
    """In the place of what opens the store's file for reading."""
    raise sqlite3.OperationalError("unable to open database file")


def inviting_of(
    clock: Clock,
    settings: ApiSettings,
    carrier: SmsCarrier | None = None,
    cabinet: Cabinet | None = None,
    changed: Callable[[SmsChanged], None] = lambda news: None,
    **more: Any,
) -> Inviting:
    """Invitations whose messages take this way; without one, none."""
    carrier = carrier or OutboxFile(None)
    post = SmsPost(SmsEffort(SmsRules()), carrier, Cabinet(None), clock, IdSource(), changed)
    sms = SmsSettings(carrier=carrier.name, **more)
    links = Links(cabinet or Cabinet(None), clock)
    return Inviting(sms, links, post, clock, IdSource(), lambda: settings)


class PatientStore(Store):
    """A store that is read when it is up to date, however long its thread takes."""

    async def flush(self, limit_s: float = PATIENCE_S) -> bool:
        return await super().flush(limit_s)


@asynccontextmanager
async def gateway(directory: Path, metrics: Address | None = None, **more: Any) -> AsyncIterator[Gateway]:
    """A served gateway; its socket is `directory`/control.sock.

    Args:
        more: of Ports.
    """
    clock = more.setdefault("clock", VirtualClock())
    store = PatientStore(StoreSettings(str(directory / "calls.db"), max_age_days=36_500), clock)
    recorder = Recorder(store, clock)
    calls = FakeCalls()
    path = str(directory / "control.sock")
    pictures = PictureLibrary(directory / "pictures", wall=clock.wall)
    revoked = Revocations(None, access().tokens, clock)
    fields: dict[str, Any] = {
        "access": access(more.pop("settings", None)),
        "clock": clock,
        "network": "core",
        "album": Album(),
        "pictures": pictures,
    }
    fields |= {"revoked": revoked, **more}
    inviting = fields.setdefault("inviting", inviting_of(clock, fields["access"].settings))
    ports = Ports(
        calls, store, recorder, lambda: parts.status(), lambda: parts.seats, trunks=lambda: parts.trunks, **fields
    )
    parts = Gateway(path, calls, store, recorder, clock, Server(path, metrics, ports), ports)
    store.start()
    await inviting.start()
    await parts.server.open_inner()
    await parts.server.open_api()
    try:
        yield parts
    finally:
        await parts.server.stop()
        parts.ports.album.close()
        await inviting.stop()
        await store.stop()


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(function, *args)
