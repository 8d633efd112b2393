"""Which engine carries the voice of which call. Does no I/O of its own.

The network that the caller comes from decides. It is all that is known when a relay is opened, and all of a call that
stays: the centre's side may be tried in one network after the other, and both sides of a relay are on one engine.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from splitter.core.errors import MediaError, MediaUnavailable
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import EnginePassedOver, MediaListener
from splitter.media.ports.voice import (
    Capability,
    CarriedRelay,
    Hearing,
    RelayHandle,
    RelayReport,
    SideHandle,
    SideSpec,
    VoiceEngine,
)
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)


class EngineChooser:
    """A VoiceEngine that stands for two: those who come from some networks have one, everybody else the other.

    Args:
        preferred: the engine for callers from `networks`, as long as it can.
        otherwise: the engine for everybody else, and for them where it cannot.
    """

    def __init__(self, preferred: VoiceEngine, networks: Iterable[str], otherwise: VoiceEngine) -> None:
        self._preferred, self._networks, self._otherwise = preferred, frozenset(networks), otherwise
        self._holders: dict[str, VoiceEngine] = {}

    @property
    def can(self) -> frozenset[Capability]:
        return self._preferred.can | self._otherwise.can

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        holder = self._holders.get(relay.relay_id)
        return self.can if holder is None else holder.can_on(relay)

    def can_mix(self, format: VoiceFormat) -> bool:
        return self._preferred.can_mix(format) or self._otherwise.can_mix(format)

    async def open(
        self,
        call_id: str,
        sides: tuple[SideSpec, ...],
        on_event: MediaListener,
        needs: frozenset[Capability] = frozenset(),
    ) -> RelayHandle:
        if sides and sides[0].network in self._networks and needs <= self._preferred.can:
            try:
                return self._held(self._preferred, await self._preferred.open(call_id, sides, on_event, needs))
            except MediaError as error:
                metrics.rtpengine.PASSED_OVER.inc()
                log.warning("voice engine passed over", call=call_id, reason=str(error))
                on_event(EnginePassedOver(call_id, str(error)))
        return self._held(self._otherwise, await self._otherwise.open(call_id, sides, on_event, needs))

    async def add_side(self, relay: RelayHandle, spec: SideSpec) -> SideHandle:
        return await self._holder(relay).add_side(relay, spec)

    async def remove_side(self, relay: RelayHandle, side: int) -> StreamCount | None:
        holder = self._holders.get(relay.relay_id)
        return None if holder is None else await holder.remove_side(relay, side)

    async def set_hearing(self, relay: RelayHandle, hearing: Hearing) -> None:
        await self._holder(relay).set_hearing(relay, hearing)

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        faults: list[MediaError] = []
        for engine in (self._otherwise, self._preferred):
            try:
                carried = await engine.adopt(relay, on_event)
            except MediaError as error:
                faults.append(error)
            else:
                self._holders[relay.relay_id] = engine
                return carried
        raise faults[0]

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        able = [one for one in (self._otherwise, self._preferred) if Capability.RESTORE in one.can]
        if not able:
            raise MediaUnavailable("no engine opens a relay again")
        await able[0].restore(relay, sides, on_event)
        self._holders[relay.handle.relay_id] = able[0]

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        await self._holder(relay).point(relay, side, remote)

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        await self._holder(relay).send_digit(relay, side, digit)

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        holder = self._holders.get(relay.relay_id)
        return None if holder is None else await holder.report(relay)

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        holder = self._holders.pop(relay.relay_id, None)
        return None if holder is None else await holder.close(relay)

    def _held(self, engine: VoiceEngine, relay: RelayHandle) -> RelayHandle:
        self._holders[relay.relay_id] = engine
        return relay

    def _holder(self, relay: RelayHandle) -> VoiceEngine:
        holder = self._holders.get(relay.relay_id)
        if holder is None:
            raise MediaUnavailable(f"{relay.relay_id} is gone")
        return holder
