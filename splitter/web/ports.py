"""What the API needs of the rest of the program, as Protocols; `splitter.app` hands the real ones in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from splitter.calls.asks import Answer, Ask, Desk, PlacedCall
from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.path_checks import PathChecks
from splitter.calls.desks import DeskView
from splitter.calls.logins.reception import SeatView
from splitter.calls.recording.recordings import Recordings
from splitter.calls.settings import Trunk
from splitter.calls.view import CallView, CarriedView, TrunkView
from splitter.cluster.nodes import NodeView
from splitter.core.clock import Clock, SystemClock
from splitter.core.net import Address
from splitter.media.ports.health import InstanceStatus
from splitter.sms.settings import HttpSmsSettings
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.store.photos import Photos
from splitter.store.pictures import PictureLibrary
from splitter.store.schema import EndedCalls, KeptView
from splitter.telemetry.trace import Subscription, TraceEvent
from splitter.web.access.bearer import Bearer
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access, closed
from splitter.web.guests.feed import GuestFeed
from splitter.web.guests.guesses import Guesses
from splitter.web.guests.inviting import Inviting, unconnected
from splitter.web.http.errors import ApiError, Handler
from splitter.web.http.routes import Operation
from splitter.web.records.late_changes import LateChanges
from splitter.web.status.security import NoSecurity, Security
from splitter.web.stills.album import Album


class LiveCalls(Protocol):
    """The calls that are alive."""

    def list(self) -> list[CallView]: ...

    def get(self, call_id: str) -> CallView | None: ...

    def desks_of(self, call_id: str) -> dict[str, Desk]:
        """The people and programs in a live call, by the name of the party that each is."""
        ...

    def hangup(self, call_id: str, reason: str) -> bool:
        """Ask for the end of a call; False where there is no such call."""
        ...

    def end_test(self, source: Address) -> None:
        """Hang up the test calls that came from here."""
        ...

    def place(self, wish: PlacedCall) -> str:
        """Begin a call outwards. Returns: its id. Raises Denial where it cannot be."""
        ...

    async def ask(self, call_id: str, ask: Ask) -> Answer:
        """Ask something of a live call. Raises Denial where it cannot be done."""
        ...

    async def carried(self, call_id: str) -> tuple[CarriedView, ...]:
        """The counts of a live call's media until now; () of one that does not live."""
        ...


class Archive(Protocol):
    """The calls and traces that were kept; see `splitter.store.Store`. Raises SplitterError when it cannot be read."""

    async def flush(self, limit_s: float = 1.0) -> bool: ...

    async def find(self, reference: str, limit: int = 10) -> list[bytes]: ...

    async def ended(self, wanted: EndedCalls, limit: int) -> list[KeptView]: ...

    async def search(self, number: str, limit: int = 50) -> list[bytes]: ...

    async def trace(self, call_id: str) -> list[TraceEvent]: ...


class Live(Protocol):
    """Trace events as they happen; see `splitter.telemetry.Recorder`."""

    def subscribe(self, call_id: str) -> AbstractContextManager[Subscription]: ...


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """The answer of another node. `body`: None for no good answer; `silent`: it did not answer, or cannot now."""

    node: str
    body: bytes | None
    silent: bool = False


class Elsewhere(Protocol):
    """The other gateways of a cluster."""

    @property
    def own(self) -> str:
        """The name of this one; empty where it is the only one."""
        ...

    def nodes(self) -> tuple[NodeView, ...]:
        """All nodes, this one among them."""
        ...

    def calls(self) -> list[CallView]:
        """The calls of the others."""
        ...

    def owner_of(self, request: web.Request, own: LiveCalls) -> NodeView | None:
        """The other node whose call the request names; None where this one is to answer. Raises ApiError."""
        ...

    async def forward(self, request: web.Request, route: Operation, node: NodeView) -> web.StreamResponse:
        """Let another node answer. Raises ApiError where it does not."""
        ...

    async def tell_all(self, method: str, path: str, body: bytes, bearer: Bearer) -> list[str]:
        """Ask the same of all others; the names of those that did not do it."""
        ...

    async def ask_all(self, request: web.Request) -> list[NodeAnswer]:
        """Ask all others what this one was asked; nobody, where another node asked."""
        ...

    async def keeper_of(self, request: web.Request, reference: str) -> NodeView | None:
        """The other node that has kept a call; None where none has. Raises ApiError where nobody can say."""
        ...


class Alone:
    """The other gateways of one that has none."""

    own = ""

    def nodes(self) -> tuple[NodeView, ...]:
        return ()

    def calls(self) -> list[CallView]:
        return []

    def owner_of(self, request: web.Request, own: LiveCalls) -> NodeView | None:
        return None

    async def forward(self, request: web.Request, route: Operation, node: NodeView) -> web.StreamResponse:
        raise ApiError(503, "node-away", "there is no other gateway")

    async def tell_all(self, method: str, path: str, body: bytes, bearer: Bearer) -> list[str]:
        return []

    async def ask_all(self, request: web.Request) -> list[NodeAnswer]:
        return []

    async def keeper_of(self, request: web.Request, reference: str) -> NodeView | None:
        return None


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """How the gateway is doing.

    Attributes:
        state: "starting", "standby" (another process is this node), "running" or "draining".
        started_at: seconds since the Unix epoch. draining_since: likewise; None while new calls are taken.
        calls, max_calls: alive now, and the limit.
        transactions: SIP transactions alive now.
        dialogs, relays, rooms, ports, tasks: what the calls hold now; all 0 when there is no call.
        in_kernel: directions of voices that the kernel forwards; two for each relay that it carries.
        no_offload: why it can forward none, though it is to; empty otherwise.
        workers: media workers that are up, of how many.
        mosaics: that are made now, and how many may be.
        pictures: how those deal with packets of pictures: "native", or "python" and why.
        rtpengines: that carry voice, if any, and how they are.
        networks: what is listened on, such as "access udp 10.0.0.5:5060".
        api: where the API is reached, such as "https://10.0.0.5:8443"; empty where it is at the control socket alone.
        alarms: what is wrong now, in plain words; empty when nothing is.
        node: its name in a cluster; empty where it is the only one.
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
    pictures: tuple[str, ...] = ()
    rtpengines: tuple[InstanceStatus, ...] = ()
    networks: tuple[str, ...] = ()
    api: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    node: str = ""
    draining_since: float | None = None
    in_kernel: int = 0
    no_offload: str = ""
    mosaics: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class PictureView:
    """A still that can be shown. `call_id`: the only call that may show it; empty for all."""

    id: str
    name: str
    width: int
    height: int
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Invited:
    """A caller is to get this link, in this text. `by`: who asked for it."""

    id: str
    call_id: str
    number: str
    text: str
    link: str
    deadline: float
    by: str


class Lender(Protocol):
    """Knows which trunk a source belongs to; `splitter.calls.routing.Routing`."""

    def lend(self, name: str, source: Address) -> Trunk:
        """Take this source for this trunk.

        Raises:
            LocalError: it is no trunk that callers come from. ValueProblem: the source is a trunk itself.
        """
        ...

    def take_back(self, source: Address) -> None: ...

    @property
    def loans(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The rest of the program as the API needs it.

    Attributes:
        registrations: of SIP seats; `desks`: every desk, with all of its clients.
        events: the handler of the event socket.
        network: where browsers' video comes in.
        elsewhere: the other gateways of a cluster.
        services: of SMS, whose receipts come by HTTP.
        door: of web callers; None where there are none.
        paths: checks of browsers' ways; None where there are no media. caller_paths: those of web callers.
        photos: that callers have sent; None where none are kept.
        late_changes: how a call changes that is over.
        guests: pages of guests that are told what becomes of their calls.
        recordings: the recorder; None where there is none.
        lender: of places on trunks, to test callers.
    """

    calls: LiveCalls
    archive: Archive
    live: Live
    status: Callable[[], GatewayStatus]
    registrations: Callable[[], list[SeatView]] = list
    security: Security = field(default_factory=NoSecurity)
    trunks: Callable[[], list[TrunkView]] = list
    desks: Callable[[], list[DeskView]] = list
    access: Access = field(default_factory=closed)
    network: str = ""
    clock: Clock = field(default_factory=SystemClock)
    album: Album = field(default_factory=Album)
    kept_screenshots: KeptScreenshots = field(
        default_factory=lambda: KeptScreenshots(None, 0, lambda: 0.0, lambda: 0.0)
    )
    pictures: PictureLibrary | None = None
    events: Handler | None = None
    inviting: Inviting = field(default_factory=unconnected)
    guesses: Guesses = field(default_factory=Guesses)
    services: tuple[HttpSmsSettings, ...] = ()
    door: WebDoor | None = None
    paths: PathChecks | None = None
    caller_paths: PathChecks | None = None
    guests: GuestFeed = field(default_factory=GuestFeed)
    recordings: Recordings | None = None
    photos: Photos | None = None
    late_changes: LateChanges = field(default_factory=LateChanges)
    lender: Lender | None = None
    elsewhere: Elsewhere = field(default_factory=Alone)
    revoked: Revocations = field(default_factory=lambda: Revocations(None, (), SystemClock()))
