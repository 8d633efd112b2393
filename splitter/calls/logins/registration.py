"""Our own registration at a centre that wants one (RFC 3261 §10.2): kept for as long as we run. One task per trunk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote as unescape

import structlog

from splitter.calls.settings import Trunk
from splitter.calls.signalling import Signalling
from splitter.core.clock import Clock
from splitter.core.errors import LocalError, PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.core.pauses import doubled_s, retry_after_s
from splitter.sip import events as sip
from splitter.sip.authorizer import Authorizer
from splitter.sip.digest import Credentials
from splitter.sip.grammar import integer, split_outside_quotes, unquote, write_host
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from splitter.sip.uri import NameAddr, SipUri, parse_uri
from splitter.telemetry import metrics
from splitter.transport.targets import AUTO, Target

log = structlog.get_logger(__name__)

RETRY_FIRST_S = 5.0
RETRY_MOST_S = 300.0
RETRY_AFTER_MOST_S = 3600.0
REFRESH_MARGIN_S = 60.0
"""A refresh that nobody answers takes 32 s to fail (timer F); there must be time for one more."""
UNREGISTER_LIMIT_S = 2.0
_EXPIRES_MOST_S = 7 * 86_400
# Asking again soon cannot help, and looks like guessing passwords.
_HOPELESS = frozenset((401, 403, 404, 405, 407, 501, 604))

Targets = Callable[[Trunk], Sequence[Target]]


def own_address(trunk: Trunk) -> Sequence[Target]:
    """The server of a trunk with a numeric address; none for one with a name."""
    if not isinstance(trunk.address, Address):
        return ()
    return (Target("udp" if trunk.transport == AUTO else trunk.transport, trunk.address),)


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registration as operators see it. Times are seconds since the Unix epoch; None where there is none.

    `state`: "registering" (for the first time), "registered", "failed" or "stopped". `reason`: the last failure in
    plain words; beside "registered": a refresh failed, and is tried again before the registration ends.
    """

    trunk: str
    state: str
    reason: str
    since: float
    expires_at: float | None
    next_at: float | None


class Failure(Exception):
    """An attempt did not succeed.

    Attributes:
        status: of the response, or what stands for silence.
        retry_after_s: what the registrar asked for; 0 for nothing.
    """

    def __init__(self, status: int, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.retry_after_s = retry_after_s


def credentials_of(trunk: Trunk) -> Credentials | None:
    """What we answer this trunk's challenges with; None where it has no user name."""
    return Credentials(trunk.username, trunk.password, trunk.realm) if trunk.username else None


class Registration:
    """The registration of the gateway at one trunk.

    Args:
        trunk: with `register`, `username` and an address.
        server: the user part of our Contact.
        targets: the trunk's servers, the best one first; after a failure the next one is asked.
    """

    def __init__(
        self, trunk: Trunk, driver: Signalling, clock: Clock, ids: IdSource, server: str, targets: Targets = own_address
    ) -> None:
        self.trunk = trunk
        self._driver = driver
        self._clock = clock
        self._ids = ids
        self._server = server
        self._targets = targets
        self._failures = 0  # in a row
        credentials = credentials_of(trunk)
        assert credentials is not None, "the configuration is checked for this"
        self._authorizer = Authorizer(credentials, ids.tag)
        self._call_id = ids.sip_call_id(server)
        self._tag = ids.tag()
        self._cseq = 0
        self._wanted_s = trunk.register_expires_s
        self._state, self._reason, self._since = "registering", "", clock.wall()
        self._ends_at: float | None = None  # of the registration in force; monotonic
        self._end_timer: asyncio.TimerHandle | None = None
        self._next_at: float | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, and keep at it."""
        self._task = asyncio.create_task(self._run(), name=f"registration {self.trunk.name}")

    async def stop(self, limit_s: float = UNREGISTER_LIMIT_S) -> None:
        """Take it back, as far as the registrar answers in time."""
        if self._task is None:
            return
        self._stopping.set()
        done, _ = await asyncio.wait({self._task}, timeout=limit_s)
        if not done:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._hold_for(0)
        self._enter("stopped", "")

    def status(self) -> RegistrationView:
        """The state of the registration, in words."""
        epoch = self._clock.wall() - self._clock.now()
        return RegistrationView(
            trunk=self.trunk.name,
            state=self._state,
            reason=self._reason,
            since=self._since,
            expires_at=None if self._ends_at is None else epoch + self._ends_at,
            next_at=None if self._next_at is None else epoch + self._next_at,
        )

    # ---- the task ----

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                delay_s = self._registered(await self._register(self._wanted_s))
                self._failures = 0
            except Failure as failure:
                delay_s = self._failed(failure)
            except Exception:
                log.exception("registration failed", trunk=self.trunk.name)
                delay_s = self._failed(Failure(500, "a fault in the gateway; see the log"))
            await self._rest(delay_s)
        if self._ends_at is not None:
            with suppress(Failure):
                await self._register(0)

    async def _rest(self, delay_s: float) -> None:
        """Wait for the next attempt, or to be stopped."""
        self._next_at = self._clock.now() + delay_s
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        self._next_at = None

    def _registered(self, granted_s: int) -> float:
        """It took us; the time until the refresh."""
        if granted_s <= 0:
            raise Failure(200, "it registered us for no time at all")
        self._hold_for(granted_s)
        self._enter("registered", "")
        return max(granted_s / 2, granted_s - REFRESH_MARGIN_S)

    def _failed(self, failure: Failure) -> float:
        """The time until the next attempt: longer each time, and never the same for all (RFC 5626 §4.5)."""
        self._failures += 1
        metrics.sip.REGISTRATION_FAILURES.labels(self.trunk.name).inc()
        self._enter("registered" if self._ends_at is not None else "failed", str(failure))
        if failure.retry_after_s:
            return failure.retry_after_s
        first_s = RETRY_MOST_S if failure.status in _HOPELESS else RETRY_FIRST_S
        return doubled_s(first_s, RETRY_MOST_S, self._failures - 1, 1 - self._ids.number(1000) / 1000)

    # ---- one attempt ----

    async def _register(self, expires_s: int) -> int:
        """REGISTER until it is accepted or refused for good.

        Returns: for how many seconds we are registered.
        Raises:
            Failure: with the reason.
        """
        flow = self._flow()
        bare = self._request(expires_s, flow)
        request = self._authorizer.prepared(bare)
        raised = False
        while True:
            response = await self._ask(request, flow)
            if response.status < 300:
                return self._granted_s(response, self._contact(flow))
            if response.status in (401, 407):
                # What was sent unasked may be of an old nonce: that refusal says nothing about the password.
                request = self._answer(bare if request.cseq == bare.cseq else request, response)
                self._cseq = request.cseq[0]
            elif response.status == 423 and not raised and (longer_s := _min_expires(response)) > expires_s > 0:
                self._wanted_s, raised = longer_s, True
                expires_s = longer_s
                bare = self._request(expires_s, flow)
                request = self._authorizer.prepared(bare)
            else:
                pause_s = retry_after_s(response.headers.get("retry-after"), RETRY_AFTER_MOST_S)
                raise Failure(response.status, response.reason, pause_s or 0.0)

    def _answer(self, request: Request, response: Response) -> Request:
        try:
            return self._authorizer.answer(request, response)
        except PeerError as error:
            raise Failure(response.status, error.reason) from error

    async def _ask(self, request: Request, flow: Flow) -> Response:
        """Send it; its final response."""
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def listen(event: sip.SipEvent) -> None:
            if answered.done():
                return
            match event:
                case sip.ResponseArrived(response=response) if response.status >= 200:
                    answered.set_result(response)
                case sip.RequestFailed(status=status, reason=reason):
                    answered.set_exception(Failure(status, reason))

        self._driver.request(request, flow, listen)
        return await answered

    def _request(self, expires_s: int, flow: Flow) -> Request:
        """A REGISTER (§10.2): the same Call-ID for as long as we run, CSeq one more each time."""
        self._cseq += 1
        domain = self._domain()
        address = f"<sip:{self.trunk.username}@{domain}>"
        headers = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", f"{address};tag={self._tag}"),
                ("To", address),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._cseq} REGISTER"),
                ("Contact", f"<{self._contact(flow)}>"),
                ("Expires", str(expires_s)),
                ("Supported", "path"),
                ("User-Agent", self._server),
            ]
        )
        return Request("REGISTER", f"sip:{domain}", headers)

    def _contact(self, flow: Flow) -> str:
        address = self._driver.contact(flow.network, flow.transport)
        transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return f"sip:{self.trunk.username}@{address}{transport}"

    def _domain(self) -> str:
        """The host part of our address of record."""
        address = self.trunk.address
        if self.trunk.domain or address is None:
            return self.trunk.domain
        if isinstance(address, Address):
            return write_host(address.host, None if address.port == 5060 else address.port)
        return str(address)

    def _flow(self) -> Flow:
        """The way to the registrar."""
        targets = self._targets(self.trunk)
        if not targets:
            raise Failure(503, "no server of the trunk is known, or none wants to be asked now")
        transport, address = targets[self._failures % len(targets)]
        try:
            return self._driver.flow_to(self.trunk.network, transport, address)
        except LocalError as error:
            raise Failure(503, str(error)) from error

    def _granted_s(self, response: Response, contact: str) -> int:
        """For how long: what our Contact says in the response, else its Expires, else what we asked for (§10.2.4)."""
        asked_s = _seconds(response.headers.get("expires"), self._wanted_s)
        ours = _place(parse_uri(contact))
        return next((_seconds(expires, asked_s) for place, expires in _bindings(response) if place == ours), asked_s)

    # ---- what is known of it ----

    def _hold_for(self, granted_s: float) -> None:
        """Note that we are registered from now on, for that time; 0 for not registered."""
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None
        self._ends_at = None
        if granted_s:
            self._ends_at = self._clock.now() + granted_s
            self._end_timer = asyncio.get_running_loop().call_later(granted_s, self._ended)

    def _ended(self) -> None:
        """No refresh came through in time."""
        self._hold_for(0)
        self._enter("failed", self._reason or "the registration ended before its refresh was answered")

    def _enter(self, state: str, reason: str) -> None:
        metrics.sip.REGISTERED.labels(self.trunk.name).set(state == "registered")
        if (state, reason) != (self._state, self._reason):
            tell = log.warning if reason else log.info
            tell("registration", trunk=self.trunk.name, state=state, reason=reason)
        if state != self._state:
            self._since = self._clock.wall()
        self._state, self._reason = state, reason


_Place = tuple[str, str, int]


def _bindings(response: Response) -> list[tuple[_Place, str | None]]:
    """Where the Contacts of a 2xx lead, each with its expires; others than ours may be there, and not be readable."""
    found = []
    for line in response.headers.get_all("contact"):
        with suppress(PeerError):
            for value in split_outside_quotes(line, ","):
                with suppress(PeerError):
                    address = NameAddr.parse(value)
                    found.append((_place(address.sip), address.params.get("expires")))
    return found


def _place(uri: SipUri) -> _Place:
    """What two spellings of one Contact have in common (RFC 3261 §19.1.4); a default port may be left out."""
    host = uri.host.lower()
    with suppress(ValueError):
        host = str(ip_address(host))
    secure = uri.scheme == "sips" or uri.transport in ("tls", "wss")
    return unescape(uri.user or ""), host, uri.port or (5061 if secure else 5060)


def _seconds(text: str | None, default: int) -> int:
    try:
        return min(integer(unquote((text or "").strip()).strip(), "expires"), _EXPIRES_MOST_S)
    except PeerError:
        return default


def _min_expires(response: Response) -> int:
    return _seconds(response.headers.get("min-expires"), 0)
