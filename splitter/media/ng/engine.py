"""The voice on rtpengines: who gets the next relay, and who has which. Does I/O (asyncio).

NgEngine is a VoiceEngine (splitter.media.ports). It has neither digits nor more than two sides, and counts packets
alone; of loss and delay it knows what RTCP says: see docs/decisions/0019.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import structlog

from splitter.core.errors import LocalError, MediaError, MediaUnavailable
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.ng.client import Connect, connect_udp
from splitter.media.ng.instance import HeldRelay, Instance, InstanceState, NgTimers
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.ng.silence import RelaySilences
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import MediaListener
from splitter.media.ports.health import InstanceStatus
from splitter.media.ports.voice import (
    Capability,
    CarriedRelay,
    Hearing,
    RelayHandle,
    RelayReport,
    SideHandle,
    SideSpec,
)
from splitter.media.worker.pool import MediaNetwork
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

_ENDS = ("caller", "centre")  # what calls name the two sides
_NO_MIX = "an rtpengine mixes no voices for us: the call needs a relay elsewhere"


class NgEngine:
    """Relays on rtpengines.

    Args:
        networks: by name; rtpengine has interfaces of these names, and what it binds and advertises there is its own.
        request_limit_s: the bound on one request, whatever number of rtpengines is tried.
        connect: opens the socket to one.
    """

    can: frozenset[Capability] = frozenset()

    def __init__(
        self,
        settings: Iterable[RtpengineSettings],
        networks: Mapping[str, MediaNetwork],
        *,
        request_limit_s: float = 2.0,
        timers: NgTimers | None = None,
        ids: IdSource | None = None,
        connect: Connect = connect_udp,
    ) -> None:
        self._networks = networks
        self._limit_s = request_limit_s
        self._ids = ids or IdSource()
        timers = timers or NgTimers()
        self._instances = [Instance(one, timers, f"{self._ids.tag()}-", connect) for one in settings]

    async def start(self) -> None:
        """Begin to watch the rtpengines, and wait until each has answered or counts as down."""
        for instance in self._instances:
            instance.start()
        for instance in self._instances:
            await instance.known.wait()

    async def stop(self) -> None:
        """Stop watching. What they hold stays there."""
        await asyncio.gather(*(instance.stop() for instance in self._instances))

    def renew(self, settings: Iterable[RtpengineSettings]) -> None:
        """Give new relays by these weights from now on."""
        weights = {one.name: one.weight for one in settings}
        for instance in self._instances:
            instance.weight = weights.get(instance.name, instance.weight)

    # ---- how it is -----------------------------------------------------------------------------------------------

    def status(self) -> tuple[InstanceStatus, ...]:
        """Say how each rtpengine is; see `FarmHealth`."""
        return tuple(instance.status() for instance in self._instances)

    def alarms(self) -> list[str]:
        """Said of rtpengines that do not answer."""
        down = [one for one in self.status() if one.state == InstanceState.DOWN]
        return [f"rtpengine {one.name} at {one.address} does not answer" for one in down]

    # ---- VoiceEngine ---------------------------------------------------------------------------------------------

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        return self.can

    def can_mix(self, format: VoiceFormat) -> bool:
        return False

    async def open(
        self,
        call_id: str,
        sides: tuple[SideSpec, ...],
        on_event: MediaListener,
        needs: frozenset[Capability] = frozenset(),
    ) -> RelayHandle:
        if needs - self.can:
            raise MediaUnavailable(f"an rtpengine can do no {', '.join(sorted(needs - self.can))} for us")
        if len(sides) != 2:
            raise MediaUnavailable(f"a relay has two sides, not {len(sides)}")
        names = sides[0].network, sides[1].network
        six = self._six(names[0]), self._six(names[1])
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._limit_s
        refusal: MediaError = MediaUnavailable("no rtpengine takes relays", retry_after_s=2)
        candidates = self._by_load()
        for left, instance in zip(range(len(candidates), 0, -1), candidates, strict=True):
            # One that has died a moment ago must leave time for another.
            limit_s = max(0.001, (deadline - clock()) / min(left, 2))
            id = f"relay-{self._ids.call()}"
            try:
                handle = RelayHandle(id, call_id, await instance.open(id, names, six, limit_s))
            except MediaError as error:
                refusal = error
                continue
            instance.held[id] = HeldRelay(handle, on_event, six, RelaySilences(call_id, [side.name for side in sides]))
            return handle
        raise refusal

    async def add_side(self, relay: RelayHandle, spec: SideSpec) -> SideHandle:
        self._find(relay.relay_id)
        raise MediaUnavailable(_NO_MIX)

    async def remove_side(self, relay: RelayHandle, side: int) -> StreamCount | None:
        if self._holder(relay.relay_id) is None:
            return None
        raise MediaUnavailable(_NO_MIX)

    async def set_hearing(self, relay: RelayHandle, hearing: Hearing) -> None:
        self._find(relay.relay_id)
        if hearing:
            raise MediaUnavailable(_NO_MIX)

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        instance, remotes = await self._find_again(relay)
        if self._holder(relay.relay_id) is not None:
            raise MediaUnavailable(f"{relay.relay_id} was taken up already")
        six = ":" in relay.local[0].host, ":" in relay.local[1].host
        instance.held[relay.relay_id] = HeldRelay(relay, on_event, six, RelaySilences(relay.call_id, _ENDS))
        return CarriedRelay(relay, remotes)

    async def _find_again(self, relay: RelayHandle) -> tuple[Instance, tuple[RemoteEnd | None, ...]]:
        """The instance that has a relay; one that is silent costs time where no other has it. Raises MediaError."""
        left = {asyncio.ensure_future(self._look_in(one, relay)) for one in self._instances}
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                if found := [answer for task in done if (answer := task.result()) is not None]:
                    return found[0]
        finally:
            for task in left:
                task.cancel()
        raise MediaUnavailable(f"{relay.relay_id} is gone")

    async def _look_in(
        self, instance: Instance, relay: RelayHandle
    ) -> tuple[Instance, tuple[RemoteEnd | None, ...]] | None:
        await instance.known.wait()  # only at the start is it not known
        try:
            return instance, await instance.find(relay, self._limit_s)
        except MediaError:
            return None

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        raise MediaUnavailable("an rtpengine opens no ports of our choice")

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        instance, held = self._find(relay.relay_id)
        _check_side(side)
        if remote is not None:
            for address in (remote.rtp, remote.rtcp):
                _check_address(address, held.six[side])
        await instance.point(held, side, remote, self._limit_s)

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        self._find(relay.relay_id)
        _check_side(side)
        raise MediaUnavailable("an rtpengine sends no digits for us")

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        found = self._holder(relay.relay_id)
        return None if found is None else await found.report(relay.relay_id, self._limit_s)

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        found = self._holder(relay.relay_id)
        if found is None:
            return None
        del found.held[relay.relay_id]
        try:
            report = await found.delete(relay.relay_id, self._limit_s)
        except MediaError as error:
            log.warning("no report of a closed relay", call=relay.call_id, reason=str(error))
            return None
        metrics.media.RTP_REJECTED.inc(sum(side.rejected for side in report.sides))
        return report

    # ---- inside --------------------------------------------------------------------------------------------------

    def _by_load(self) -> list[Instance]:
        """Those that may get a relay, the one with the most room by its weight first."""
        able = [one for one in self._instances if one.weight and one.state is InstanceState.UP]
        return sorted(able, key=lambda one: (len(one.held) + 1) / one.weight)

    def _six(self, name: str) -> bool:
        """Whether our media in a network speak IPv6."""
        network = self._networks.get(name)
        if network is None:
            raise LocalError(f"no network {name!r}")
        return ":" in network.media_address

    def _holder(self, relay_id: str) -> Instance | None:
        return next((one for one in self._instances if relay_id in one.held), None)

    def _find(self, relay_id: str) -> tuple[Instance, HeldRelay]:
        instance = self._holder(relay_id)
        if instance is None:
            raise MediaUnavailable(f"{relay_id} is gone")
        return instance, instance.held[relay_id]


def _check_side(side: int) -> None:
    if side not in (0, 1):
        raise MediaUnavailable(f"no side {side}")


def _check_address(address: Address, six: bool) -> None:
    """Raises MediaUnavailable where nothing can be sent from a side."""
    try:
        fits = (ip_address(address.host).version == 6) is six and 0 < address.port < 65_536
    except ValueError:
        fits = False
    if not fits:
        raise MediaUnavailable(f"nothing can be sent to {address} from here")
