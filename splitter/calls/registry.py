"""All calls: how they begin, and what may be done with those that live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from splitter.calls.actor import converse
from splitter.calls.after.measured import observe
from splitter.calls.asks import Answer, Ask, Denial, Desk, PlacedCall
from splitter.calls.call import Call
from splitter.calls.peers.causes import outcome
from splitter.calls.peers.messages import (
    Refusal,
)
from splitter.calls.persistence.undertaker import Undertaker
from splitter.calls.services import Services
from splitter.calls.settings import CallSettings, Role, Trunk
from splitter.calls.setup.placed import place, ways_to
from splitter.calls.setup.split import split
from splitter.calls.states import CallState
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.state import Talk
from splitter.calls.trunks.admission import Denied, Permit, retry_after_headers
from splitter.calls.view import CallView, CarriedView, Notice
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

RETRY_AFTER = [("Retry-After", "10")]
_ASK_LIMIT_S = 10.0  # a few requests to the media engine, each of which is bounded


class Calls:
    """Every call that lives.

    Built in two steps, because the driver needs `OutsideRequests`, which begin calls, and calls need the driver: see
    `attach`.
    """

    def __init__(self) -> None:
        self._services: Services | None = None
        self._undertaker: Undertaker | None = None
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._short_codes: set[str] = set()
        self._draining = False

    def attach(self, services: Services) -> None:
        """Hand in what calls need; before the driver is started."""
        self._services = services
        self._undertaker = Undertaker(services)

    @property
    def undertaker(self) -> Undertaker:
        """What ends the calls that a former process has left unanswered."""
        if self._undertaker is None:
            raise LocalError("calls were used before attach")
        return self._undertaker

    @property
    def services(self) -> Services:
        if self._services is None:
            raise LocalError("calls were used before attach")
        return self._services

    def adopt(self, settings: CallSettings) -> None:
        """Go by these bounds from now on, in live calls too. Trunks that no call is on are forgotten (`Routing`)."""
        self.services.settings = settings
        for call in self._calls.values():
            call.adopt(settings)
        self.forget_trunks()

    # ---- for the API ----

    def list(self) -> list[CallView]:
        """The calls that live, oldest first."""
        return [call.view() for call in self._calls.values()]

    def get(self, call_id: str) -> CallView | None:
        """The live call with this id."""
        call = self._calls.get(call_id)
        return call.view() if call else None

    def find(self, call_id: str) -> Call | None:
        """The live call itself."""
        return self._calls.get(call_id)

    def desks_of(self, call_id: str) -> dict[str, Desk]:
        """The people and programs in a live call, by the name of the party that each is."""
        call = self._calls.get(call_id)
        return {party.name: party.desk for party in call.talk.parties.all()} if call else {}

    def hangup(self, call_id: str, reason: str) -> bool:
        """Ask a call to end; False if it does not live."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.hang_up(reason)
        return True

    def end_test(self, source: Address) -> None:
        """Hang up the test calls that came from here: whoever began them is gone."""
        for call in self._calls.values():
            if call.talk.test and any(leg.flow.remote == source for leg in call.talk.legs.values()):
                call.hang_up("the probe that began this test call is gone")

    async def ask(self, call_id: str, ask: Ask) -> Answer:
        """Ask something of a live call.

        Raises:
            Denial: what was asked cannot be done; 404 "no-such-call", 504 "timeout" where no answer came in time.
        """
        call = self._calls.get(call_id)
        if call is None:
            raise Denial(404, "no-such-call", f"no live call has the id {call_id[:40]!r}")
        try:
            async with asyncio.timeout(_ASK_LIMIT_S):
                return await call.ask(ask)
        except TimeoutError:
            raise Denial(504, "timeout", f"the call did not answer in {_ASK_LIMIT_S:.0f} s") from None

    async def carried(self, call_id: str) -> tuple[CarriedView, ...]:
        """The counts of a live call's media until now; () of one that does not live."""
        call = self._calls.get(call_id)
        return await call.carried() if call is not None else ()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def live(self) -> tuple[Call, ...]:
        """The calls themselves, oldest first."""
        return tuple(self._calls.values())

    @property
    def tasks(self) -> int:
        """Tasks that run calls, for leak checks."""
        return len(self._tasks)

    @property
    def short_codes(self) -> int:
        """The number of short codes in use."""
        return len(self._short_codes)

    @property
    def draining(self) -> bool:
        """True while no new calls are taken."""
        return self._draining

    def refuse_new(self, refuse: bool) -> None:
        """Take no new calls, or take them again; those that live go on, and seats may join them."""
        self._draining = refuse

    async def drain(self, limit_s: float) -> None:
        """Refuse new calls, and let those that live end; after `limit_s` they are hung up."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_s)
        for call in self._calls.values():
            call.hang_up("the gateway is being stopped")
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5.0)

    # ---- inside ----

    def begin(
        self,
        trunk: Trunk,
        event: RequestArrived,
        call_id: str = "",
        browser: BrowserRecord | None = None,
        said: Request | None = None,
    ) -> None:
        """Begin a call, be it that of a browser; see `Call.begun`. Raises PeerError."""
        services = self.services
        limit = services.settings.max_calls
        if self._draining or len(self._calls) >= limit:
            why, reason = ("draining", "draining") if self._draining else ("limit", f"{limit} calls are running")
            metrics.calls.REJECTED.labels(why).inc()
            raise Refusal(503, reason, RETRY_AFTER)
        permit = self.admitted(trunk)
        try:
            call_id = call_id or services.ids.call()
            call = Call.begun(services, trunk, call_id, self._new_short_code(), event, browser, said)
        except PeerError:
            permit.release()
            metrics.calls.REJECTED.labels("bad-request").inc()
            raise
        except BaseException:
            permit.release()
            raise
        call.legs.dialling.hold(call.talk.near, permit.release)
        self._begin(call, split(call))
        services.records.touch(call.talk.call_id, call)  # before its sender is told to wait, or stops repeating

    def place(self, wish: PlacedCall) -> str:
        """Begin a call: the agent's phone rings first, then the number. Returns: the id of the call.

        Raises:
            Denial: it may not be called, or no more calls are taken.
        """
        services, limit = self.services, self.services.settings.max_calls
        agent = ways_to(services.routing, wish.extension, Role.SEAT, Role.CENTRE)
        network = ways_to(services.routing, wish.number, Role.CENTRE, Role.ACCESS)
        if not agent:
            raise Denial(403, "not-allowed", 'no route with from = "seat" leads to this extension')
        if not network:
            raise Denial(403, "not-allowed", 'no route with from = "centre" leads to this number')
        if self._draining or len(self._calls) >= limit:
            raise Denial(503, "overload", "no more calls are taken now")
        shown = services.settings.own_number or wish.extension
        call = Call.placed(services, services.ids.call(), self._new_short_code(), shown, wish.number)
        call.talk.extension, call.talk.bound_by = wish.extension, "client"
        call.note(f"{wish.by} has {wish.number} called for {wish.extension}", kind="state")
        self._begin(call, place(call, agent, network, wish.by if wish.video else ""))
        return call.talk.call_id

    def restore(self, talk: Talk, cseq_gap: int, with_media: Callable[[Call], Awaitable[None]]) -> Call:
        """Carry on a call that was written down at rest; see `Call.restored`.

        Args:
            with_media: takes up its relay and room, in the task of the call and before it does anything
                (`VoiceEngine.adopt`, `RoomEngine.adopt_room`, with `Call.post` as listener); where that raises,
                `RelayLost` or `RoomLost` is posted, and the media move as at a worker's death. Raises nothing.
        Raises:
            LocalError: it lives already, or is on a trunk that is configured no more.
        """
        if talk.call_id in self._calls:
            raise LocalError(f"the call {talk.call_id} lives already")
        if talk.state is not CallState.CONNECTED:
            raise LocalError("it was not connected yet")
        call = Call.restored(self.services, talk, cseq_gap)
        for key in (talk.caller, talk.centre, *(phone.leg for phone in talk.phones.values())):
            leg = call.legs.by_key(key)
            call.legs.dialling.take_again(leg.name, leg.trunk)
        self._begin(call, _carried_on(call, with_media))
        return call

    def _begin(self, call: Call, flow: Coroutine[None, None, None]) -> None:
        self._short_codes.add(call.talk.short_code)
        self._calls[call.talk.call_id] = call
        metrics.calls.ACTIVE.set(len(self._calls))
        task = asyncio.create_task(self._run(call, flow), name=f"call {call.talk.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def admitted(self, trunk: Trunk) -> Permit:
        """A place for a call from this trunk, or the 503 that says when to come back."""
        services = self.services
        permit = services.admission.admit(trunk, services.clock.now())
        if isinstance(permit, Denied):
            metrics.calls.REJECTED.labels(permit.why).inc()
            raise Refusal(503, permit.reason, retry_after_headers(permit.retry_after_s))
        return permit

    async def _run(self, call: Call, flow: Coroutine[None, None, None]) -> None:
        """The border of one call: what goes wrong in it stays in it."""
        structlog.contextvars.bind_contextvars(call=call.talk.call_id)
        try:
            begun = "call began" if call.talk.answered_at is None else "call carried on"
            sources = [str(leg.flow) for leg in call.live.sides] or ["us"]
            log.info(begun, caller=call.talk.identity.number, direction=call.talk.direction, source=sources[0])
            await flow
        except Exception:
            log.exception("the call failed", call_id=call.talk.call_id)
            call.live.conclude("a fault in the gateway; see the log", 500)
        finally:
            del self._calls[call.talk.call_id]
            self._short_codes.discard(call.talk.short_code)
            call.legs.dialling.close()
            await call.release()
            self.services.browsers.close(call.talk.call_id)
            self.forget_trunks()
            self._count(call)
            log.info("call ended", reason=call.talk.end_reason, status=call.talk.end_status)

    def on_notice(self, notice: Notice) -> None:
        """People are told something: what became of a link stands in the call's record later."""
        if notice.code.startswith("link-") and (call := self._calls.get(notice.call_id)) is not None:
            call.talk.course.note_link(notice.invitation, notice.code.removeprefix("link-"))

    def forget_trunks(self) -> None:
        """Forget former trunks that no call is on any longer."""
        if self.services.routing.former:
            self.services.routing.forget_former(
                [trunk for call in self._calls.values() for trunk in call.legs.used_trunks()]
            )

    def _count(self, call: Call) -> None:
        metrics.calls.ACTIVE.set(len(self._calls))
        answered = call.talk.answered_at is not None
        metrics.calls.ENDED.labels("answered" if answered else outcome(call.talk.end_status)).inc()
        if call.talk.answered_at is not None and call.talk.ended_at is not None:
            metrics.calls.SECONDS.observe(call.talk.ended_at - call.talk.answered_at)
        if answered:
            observe(call.talk.carried, call.caller.trunk.role)

    def _new_short_code(self) -> str:
        """Digits that can be dialled: four, or more once many calls live."""
        digits = 4
        while True:
            for _ in range(20):
                code = str(self.services.ids.number(10**digits)).zfill(digits)
                if code not in self._short_codes:
                    return code
            digits += 1


async def _carried_on(call: Call, with_media: Callable[[Call], Awaitable[None]]) -> None:
    await with_media(call)
    await converse(call, answered=False)
