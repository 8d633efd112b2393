"""Where SIP seats come in: who they are (Digest) and where they can be reached (REGISTER). Sets one timer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from splitter.calls.desks import Desks
from splitter.calls.entrance import Entrant
from splitter.calls.logins.access import ENTERS
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.limits import LoginLimits
from splitter.calls.logins.registrar import Binding, Registrar
from splitter.calls.peers.messages import Refusal
from splitter.calls.settings import Role, Trunk
from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Flow, source_of
from splitter.sip.authenticator import Authenticator, Judgement, LoginVerdict
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.sip.nonce import Nonces
from splitter.sip.uri import user_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet

log = structlog.get_logger(__name__)

ABUSE = "authentication"
_LONGEST_USER = 128  # that is remembered


class Flows(Protocol):
    """What the reception tells of flows; the driver is one."""

    def on_abuse(self, flow: Flow, reason: str) -> None:
        """A login failed; `reason` is one that `transport.bans` knows."""
        ...

    def hold(self, owner: Hashable, flow: Flow) -> None:
        """A seat is reached over this flow: its connection must stay."""
        ...

    def release(self, owner: Hashable) -> None:
        """Hold the flow no longer."""
        ...


@dataclass(frozen=True, slots=True)
class SeatView:
    """A way to a seat, as operators see it. Times are seconds since the Unix epoch.

    `user` is what it registered as, `extension` that of its account; `peer` is where its requests come from, `contact`
    where it says it is.
    """

    trunk: str
    user: str
    extension: str
    peer: str
    contact: str
    registered_at: float
    expires_at: float
    user_agent: str
    instance: str


class Reception:
    """Authentication and registration of seats.

    Args:
        trunks: those of role seat are served.
        accounts: who may come in on a trunk that asks for authentication.
        settings: bounds of the registrar.
        name: the realm of trunks that name none.
        flows: told of failed logins, and of the flows that seats need.
        desks: told which of them are online.
    """

    def __init__(
        self,
        trunks: Iterable[Trunk],
        accounts: Iterable[Account],
        settings: RegistrarSettings,
        name: str,
        clock: Clock,
        ids: IdSource,
        flows: Flows,
        desks: Desks | None = None,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._flows = flows
        self._desks = desks or Desks()
        self._accounts = {account.user: account for account in accounts}
        self._registrar = Registrar(settings)
        self._name = name
        self._nonces = Nonces(self._ids.number(2**256).to_bytes(32, "big"))
        self._trunks = {trunk.name: trunk for trunk in trunks if trunk.role is Role.SEAT}
        self._authenticators = self._authenticate()
        self._limits = LoginLimits()
        self._quiet = Quiet()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def adopt(self, trunks: Iterable[Trunk], accounts: Iterable[Account], settings: RegistrarSettings) -> None:
        """Go by these from now on. Seats that could not log in again as they did are signed off; their calls go on."""
        before, trunks_before = self._accounts, self._trunks
        self._accounts = {account.user: account for account in accounts}
        self._trunks = {trunk.name: trunk for trunk in trunks if trunk.role is Role.SEAT}
        self._authenticators = self._authenticate()
        self._registrar.adopt(settings)

        def ended(binding: Binding) -> bool:
            trunk, former = self._trunks.get(binding.trunk), trunks_before.get(binding.trunk)
            if trunk is None or former is None:
                return True
            if not trunk.authenticate:
                return False
            account, known = _account_of(binding.user, self._accounts), _account_of(binding.user, before)
            same = account is not None and known is not None and account.proof == known.proof
            return not (same and former.authenticate and self._realm(trunk) == self._realm(former))

        for binding in self._registrar.drop(ended):
            self._drop(binding, "seat signed off: its login holds no longer")
        for binding in self._registrar.all(self._clock.now()):
            extension = self._extension(binding.user) or binding.user
            self._desks.attach(binding.id, extension, binding.contact, "sip", self._clock.wall())
        self._settle()

    # ---- for requests ----

    def admit(self, trunk: Trunk, event: RequestArrived) -> str:
        """Let in a request outside any dialog, if it proves whose it is, where its trunk asks for that.

        Returns: the user name; empty on a trunk that does not ask.
        Raises:
            Refusal: 401 with challenges; 503 with Retry-After where too many passwords were wrong.
            PeerError: 400 for credentials that cannot be read; 403 for those who claim to be somebody else.
        """
        authenticator = self._authenticators.get(trunk.name)
        if authenticator is None:
            return ""
        request, flow, now = event.request, event.flow, self._clock.now()
        try:
            judgement = authenticator.judge(request, flow.remote.host, now)
        except PeerError as error:
            self._failed("malformed", request, flow, error.reason)
            raise
        verdict = judgement.verdict
        self._limit(judgement, flow, now)
        if verdict.hostile:
            self._failed(verdict, request, flow, judgement.username)
        else:
            metrics.sip.AUTHENTICATIONS.labels(verdict).inc()
        if verdict is not LoginVerdict.GRANTED:
            salt = self._ids.number(2**64)
            lines = authenticator.challenges(flow.remote.host, salt, now, stale=verdict.stale)
            raise Refusal(401, "", lines)
        self._limits.succeeded(judgement.username, source_of(flow.remote.host))
        self._check_name(self._accounts[judgement.username], request, flow)
        return judgement.username

    def entrant(self, trunk: Trunk, event: RequestArrived) -> Entrant:
        """The seat that calls, for the call that it wants to join. Raises as `admit`.

        On a trunk that asks for no login the address is enough, and From is believed; but for what an account may do
        beyond its own calls.
        """
        user = self.admit(trunk, event)
        claimed = user or event.request.from_.user or ""
        extension = self._extension(claimed) or claimed
        account = self._accounts.get(user)
        by_rule = account is not None and not account.may.isdisjoint(ENTERS)
        source = source_of(event.flow.remote.host)
        return Entrant(extension, by_rule, f"{trunk.name} {user}" if user else source)

    def register(self, trunk: Trunk, event: RequestArrived) -> tuple[tuple[str, str], ...]:
        """Carry out a REGISTER.

        Returns: the headers of its 200.
        Raises:
            PeerError: it is refused; a Refusal has headers for the response.
        """
        if trunk.role is not Role.SEAT:
            raise PeerError(f"trunk {trunk.name} is no place to register at", 403)
        self.admit(trunk, event)
        done = self._registrar.register(trunk.name, event.request, event.flow, self._clock.now())
        for binding in done.gained:
            log.info("seat registered", **_shown(binding))
        for binding in (*done.gained, *done.refreshed):
            self._flows.hold(binding.id, binding.flow)
            extension = self._extension(binding.user) or binding.user
            self._desks.attach(binding.id, extension, binding.contact, "sip", self._clock.wall())
        for binding in done.lost:
            self._drop(binding, "seat unregistered")
        self._settle()
        return done.headers

    # ---- for those who call seats, and for operators ----

    def bindings(self, trunk: str, user: str) -> list[Binding]:
        """The ways to a seat, the latest refreshed first."""
        return self._registrar.bindings(trunk, user, self._clock.now())

    def seats(self) -> list[SeatView]:
        """The seats that are registered."""
        now, wall = self._clock.now(), self._clock.wall()
        return [
            SeatView(
                trunk=binding.trunk,
                user=binding.user,
                extension=self._extension(binding.user),
                peer=str(binding.flow),
                contact=binding.contact,
                registered_at=wall - (now - binding.since),
                expires_at=wall + (binding.expires_at - now),
                user_agent=binding.user_agent,
                instance=binding.instance,
            )
            for binding in self._registrar.all(now)
        ]

    def stop(self) -> None:
        """Set no timers any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- inside ----

    def _authenticate(self) -> dict[str, Authenticator]:
        """An authenticator for each trunk that asks."""
        found = {}
        for trunk in self._trunks.values():
            if trunk.authenticate:
                realm = self._realm(trunk)
                secrets = {user: _secrets(account, realm, trunk) for user, account in self._accounts.items()}
                decoy = f"{self._ids.number(2**256):064x}"
                found[trunk.name] = Authenticator(realm, secrets, trunk.algorithms, self._nonces, decoy)
        return found

    def _realm(self, trunk: Trunk) -> str:
        return trunk.realm or self._name

    def _limit(self, judgement: Judgement, flow: Flow, now: float) -> None:
        """Raises Refusal where too many passwords were wrong; a right one is told the same, so none is found out."""
        user, source = judgement.username[:_LONGEST_USER], source_of(flow.remote.host)
        if judgement.verdict is LoginVerdict.MISSING:
            return
        if (wait_s := self._limits.wait_s(user, source, now)) > 0:
            metrics.sip.AUTHENTICATIONS.labels("limited").inc()
            if judgement.verdict.hostile:
                self._flows.on_abuse(flow, ABUSE)
            after = [("Retry-After", str(math.ceil(wait_s)))]
            raise Refusal(503, "too many wrong passwords; wait before the next one", after)
        if judgement.verdict in (LoginVerdict.WRONG, LoginVerdict.UNKNOWN):
            self._limits.failed(user, source, now)

    def _check_name(self, account: Account, request: Request, flow: Flow) -> None:
        """A user registers (§10.3 step 4) and calls as itself only: a desk's records must not lie."""
        claimed = user_of((request.to if request.method == "REGISTER" else request.from_).uri)
        if claimed not in account.names:
            self._failed("other-name", request, flow, account.user)
            raise PeerError(f"{account.user} may not come as {claimed[:40]}", 403)

    def _failed(self, reason: str, request: Request, flow: Flow, detail: str) -> None:
        metrics.sip.AUTHENTICATIONS.labels(reason).inc()
        self._flows.on_abuse(flow, ABUSE)
        if (held := self._quiet.permit(f"{reason} {flow.remote.host}", self._clock.now())) is not None:
            log.warning(
                "login failed",
                source=str(flow),
                method=request.method,
                reason=reason,
                detail=detail[:80],
                similar=held,
            )

    def _extension(self, user: str) -> str:
        account = _account_of(user, self._accounts)
        return account.extension if account else ""

    def _settle(self) -> None:
        """Count, and keep the one timer at the next expiry."""
        metrics.sip.SEATS_REGISTERED.set(len(self._registrar))
        at = self._registrar.next_expiry()
        if at is None or (self._timer is not None and self._timer_at <= at):
            return  # a timer that rings early just looks again
        self.stop()
        self._timer_at = at
        delay_s = max(0.0, at - self._clock.now())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        for binding in self._registrar.expire(self._clock.now()):
            self._drop(binding, "seat expired")
        self._settle()

    def _drop(self, binding: Binding, what: str) -> None:
        self._flows.release(binding.id)
        self._desks.detach(binding.id)
        log.info(what, **_shown(binding))


def _account_of(name: str, accounts: Mapping[str, Account]) -> Account | None:
    """The account that comes under this name, its user or its extension."""
    return accounts.get(name) or next((account for account in accounts.values() if name in account.names), None)


def _secrets(account: Account, realm: str, trunk: Trunk) -> Mapping[str, str]:
    return {algorithm: account.secret(algorithm, realm) for algorithm in trunk.algorithms}


def _shown(binding: Binding) -> dict[str, str]:
    return {"trunk": binding.trunk, "user": binding.user, "contact": binding.contact, "flow": str(binding.flow)}
