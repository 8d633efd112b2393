"""One rtpengine: whether it is there, and what it holds for us. Does I/O (asyncio).

Twice a second it is probed, by a look at the relay that was looked at the longest ago: that tells as well of one that
it closed by itself (its `timeout`), or forgot in a restart. Two probes without an answer, and it counts as down: its
relays are lost, each listener is told, and calls open others elsewhere. What it may still hold when it is back, and
what was asked of it and given up, is deleted then.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import structlog

from splitter.core.errors import MediaError, MediaUnavailable, PeerError
from splitter.media.ng import messages
from splitter.media.ng.client import Connect, NgClient
from splitter.media.ng.messages import Message, Reply
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.ng.silence import RelaySilences
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaEvent, MediaListener, RelayLost
from splitter.media.ports.health import InstanceStatus
from splitter.media.ports.voice import RelayHandle, RelayReport
from splitter.telemetry import metrics

ORPHANS_LIMIT = 20_000
_ORPHANS_AT_ONCE = 100

T = TypeVar("T")

log = structlog.get_logger(__name__)


class InstanceState(StrEnum):
    """Whether an rtpengine answers; `STARTING`: not known yet."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class NgTimers:
    """How fast a dead rtpengine is found.

    Attributes:
        probe_s: between two probes.
        again_s: after one that has failed.
        answer_s: how long a probe waits for its answer.
        misses: failed probes in a row make it count as down.
        look_s: each relay is looked at once in this time.
    """

    probe_s: float = 0.5
    again_s: float = 0.1
    answer_s: float = 0.7
    misses: int = 2
    look_s: float = 20.0


@dataclass(frozen=True, slots=True)
class HeldRelay:
    """A relay that an rtpengine holds. `six`: which of its sides speak IPv6; `silences`: of its sides."""

    handle: RelayHandle
    listener: MediaListener
    six: tuple[bool, bool]
    silences: RelaySilences


class InstanceGone(MediaUnavailable):
    """The rtpengine does not have the relay, or no longer."""


class Instance:
    """One rtpengine.

    Args:
        prefix: of the cookies of our requests.

    Attributes:
        held: relays by id, the one that was looked at the longest ago first.
        known: set once it has answered, or has not.
    """

    def __init__(self, settings: RtpengineSettings, timers: NgTimers, prefix: str, connect: Connect) -> None:
        self.name, self.weight = settings.name, settings.weight
        self.held: dict[str, HeldRelay] = {}
        self.state = InstanceState.STARTING
        self.known = asyncio.Event()
        self._address = settings.address
        self._timers = timers
        self._client = NgClient(settings.address, prefix, self._doubt, connect)
        self._orphans: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to probe it."""
        metrics.rtpengine.RELAYS.labels(self.name).set_function(lambda: len(self.held))
        self._task = asyncio.create_task(self._watch(), name=f"rtpengine {self.name}")

    async def stop(self) -> None:
        """Stop; what it holds stays there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._client.abandon("the gateway stops")
        self._client.close()

    def status(self) -> InstanceStatus:
        """Say how it is."""
        return InstanceStatus(self.name, str(self._address), self.state, self.weight, len(self.held))

    # ---- relays --------------------------------------------------------------------------------------------------

    async def open(
        self, relay_id: str, networks: tuple[str, str], six: tuple[bool, bool], limit_s: float
    ) -> tuple[LocalEnd, LocalEnd]:
        """Bind ports on both sides. Raises MediaError."""
        offer, answer = messages.opening(relay_id, networks, six)
        clock = asyncio.get_running_loop().time
        deadline = clock() + limit_s
        try:
            other = self._read(messages.read_end, await self.ask(offer, limit_s))
            one = self._read(messages.read_end, await self.ask(answer, max(0.001, deadline - clock())))
        except BaseException:
            self.orphan(relay_id)
            raise
        return one, other

    async def point(self, relay: HeldRelay, side: int, remote: RemoteEnd | None, limit_s: float) -> None:
        """Say where a side is. Raises MediaError."""
        id = relay.handle.relay_id
        try:
            reply = await self.ask(messages.point(id, side, remote, relay.six[side]), limit_s)
        except InstanceGone:
            self.lose(id, f"rtpengine {self.name} no longer has it")
            raise
        if self._read(messages.read_end, reply) != relay.handle.local[1 - side]:
            self.orphan(id)
            self.lose(id, f"rtpengine {self.name} has moved its ports")
            raise MediaUnavailable(f"{id} is gone")

    async def report(self, relay_id: str, limit_s: float) -> RelayReport:
        """Ask for the counters of a relay. Raises MediaError."""
        reply = await self.ask(messages.query(relay_id), limit_s)
        return RelayReport(relay_id, self._read(messages.read_counts, reply))

    async def delete(self, relay_id: str, limit_s: float) -> RelayReport:
        """Close a relay, later if not now. Raises MediaError where there are no counters."""
        try:
            reply = await self.ask(messages.delete(relay_id), limit_s)
        except BaseException:
            self.orphan(relay_id)
            raise
        return RelayReport(relay_id, self._read(messages.read_counts, reply))

    async def find(self, relay: RelayHandle, limit_s: float) -> tuple[RemoteEnd | None, ...]:
        """Where the sides of a relay of another life point. Raises MediaError, also where it is another one."""
        reply = await self.ask(messages.query(relay.relay_id), limit_s)
        ports = tuple((end.rtp_port, end.rtcp_port) for end in relay.local)
        if self._read(messages.read_ports, reply) != ports:
            raise InstanceGone(f"{relay.relay_id} has other ports at rtpengine {self.name}")
        return self._read(messages.read_remotes, reply)

    async def ask(self, request: Message, limit_s: float) -> Reply:
        """Ask it for something. Raises MediaError, also where it refuses."""
        if self.state is InstanceState.DOWN:
            raise MediaUnavailable(f"rtpengine {self.name} does not answer")
        return self._carried_out(await self._client.ask(request, limit_s))

    def _carried_out(self, reply: Reply) -> Reply:
        reason = messages.refusal(reply)
        if not reason:
            return reply
        raise (InstanceGone if reason == messages.GONE else MediaUnavailable)(f"rtpengine {self.name}: {reason}")

    def _read(self, read: Callable[[Reply], T], reply: Reply) -> T:
        try:
            return read(reply)
        except PeerError as error:
            raise MediaUnavailable(f"rtpengine {self.name} is not understood: {error.reason}") from None

    # ---- what is held --------------------------------------------------------------------------------------------

    def lose(self, relay_id: str, reason: str) -> None:
        """A relay is there no longer: its listener is told."""
        relay = self.held.pop(relay_id, None)
        if relay is None:
            return
        metrics.media.LOST.labels("relay").inc()
        self._tell(relay, RelayLost(relay.handle.call_id, relay_id, reason))

    def orphan(self, relay_id: str) -> None:
        """Delete what it may hold of this id as soon as it answers."""
        if len(self._orphans) < ORPHANS_LIMIT:
            self._orphans[relay_id] = None
        self._wake.set()

    # ---- whether it is there -------------------------------------------------------------------------------------

    def _doubt(self) -> None:
        """Nobody listens there, or did not a moment ago."""
        if self.state is InstanceState.UP:
            self._wake.set()

    async def _watch(self) -> None:
        timers, misses = self._timers, 0
        while True:
            misses = 0 if await self._probe() else misses + 1
            if not misses:
                self._enter(InstanceState.UP)
                await self._delete_orphans()
            elif misses >= timers.misses:
                self._fall()
            if 0 < misses < timers.misses:
                await asyncio.sleep(timers.again_s)
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timers.probe_s):
                    await self._wake.wait()

    async def _probe(self) -> bool:
        """Whether it answers. Where it has lost one relay all others are looked at, too."""
        count = math.ceil(len(self.held) * self._timers.probe_s / self._timers.look_s)
        due = list(itertools.islice(self.held, count))
        try:
            if not due:
                await self._client.ask(messages.PING, self._timers.answer_s, until_refused=True)
            for id in due:
                if not await self._has(id) and len(due) == count:
                    due += [other for other in self.held if other not in set(due)]
        except MediaError:
            return False
        return True

    async def _has(self, relay_id: str) -> bool:
        reply = await self._client.ask(messages.query(relay_id), self._timers.answer_s, until_refused=True)
        if messages.refusal(reply) == messages.GONE:
            self.lose(relay_id, f"rtpengine {self.name} no longer has it")
            return False
        if (relay := self.held.pop(relay_id, None)) is not None:
            self.held[relay_id] = relay
            self._listen(relay, reply)
        return True

    def _listen(self, relay: HeldRelay, reply: Reply) -> None:
        """Tell of a side from which nothing comes."""
        try:
            heard = messages.read_heard(reply)
        except PeerError:
            return  # whoever wants its counters is told so
        for event in relay.silences.look(heard, asyncio.get_running_loop().time(), time.time()):
            self._tell(relay, event)

    def _tell(self, relay: HeldRelay, event: MediaEvent) -> None:
        try:
            relay.listener(event)
        except Exception:
            log.exception("media listener failed", call=relay.handle.call_id)

    async def _delete_orphans(self) -> None:
        for id in list(itertools.islice(self._orphans, _ORPHANS_AT_ONCE)):
            try:
                await self._client.ask(messages.delete(id), self._timers.answer_s)
            except MediaError:
                return
            self._orphans.pop(id, None)

    def _fall(self) -> None:
        """It is gone, and everything it held."""
        self._enter(InstanceState.DOWN)
        reason = f"rtpengine {self.name} does not answer"
        self._client.abandon(reason)
        self._client.close()
        for id in list(self.held):
            self.orphan(id)
            self.lose(id, reason)

    def _enter(self, state: InstanceState) -> None:
        if state is self.state:
            return
        self.state = state
        self.known.set()
        metrics.rtpengine.UP.labels(self.name).set(state is InstanceState.UP)
        say = log.warning if state is InstanceState.DOWN else log.info
        say(f"rtpengine {state}", name=self.name, address=str(self._address))
