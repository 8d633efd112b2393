"""Mosaics without pictures: what each was asked to be; its stream begins a moment later, and it ends when it is told to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener, MediaStarted, MosaicLost
from splitter.media.ports.mosaics import MOST, MosaicHandle, MosaicPlan
from splitter.media.ports.rooms import ParticipantMedia
from splitter.sdp.video import VideoFormat

_FORMAT = VideoFormat(97, feedback=frozenset(("nack pli",)))
_BEGINS_S = 0.1


@dataclass(slots=True)
class OpenMosaic:
    """One mosaic. `plan`: what it was asked to be last; `inputs`: by source, the number of its input."""

    handle: MosaicHandle
    listener: MediaListener
    plan: MosaicPlan | None = None
    inputs: Mapping[str, int] | None = None


class FakeMosaics:
    """A MosaicEngine; it dies with the process that has it.

    Attributes:
        limit: how many may be open. begins: their streams come.
        open: by id. plans: all that was asked for.
    """

    def __init__(self) -> None:
        self.limit, self.begins = 1, True
        self.open: dict[str, OpenMosaic] = {}
        self.plans: list[MosaicPlan] = []
        self._numbers = itertools.count(1)

    async def open_mosaic(self, call_id: str, on_event: MediaListener) -> MosaicHandle:
        await asyncio.sleep(0)
        if len(self.open) >= self.limit:
            raise MediaUnavailable(f"as many mosaics as may be are made already: {self.limit}")
        number = next(self._numbers)
        output = ParticipantMedia(_at(50_000), _FORMAT, _FORMAT, sending=False, aside=True)
        inputs = [
            ParticipantMedia(_at(50_001 + at), _FORMAT, _FORMAT, receiving=False, aside=True) for at in range(MOST)
        ]
        handle = MosaicHandle(f"mosaic-{number}", call_id, output, tuple(inputs))
        self.open[handle.mosaic_id] = OpenMosaic(handle, on_event)
        return handle

    def arrange_mosaic(
        self, mosaic: MosaicHandle, plan: MosaicPlan, output: LocalEnd, inputs: Mapping[str, tuple[int, LocalEnd]]
    ) -> None:
        found = self.open.get(mosaic.mosaic_id)
        if found is None:
            raise MediaUnavailable("the mosaic is gone")
        assert tuple(inputs) and set(inputs) == set(plan.sources)
        begins, found.plan = found.plan is None and self.begins, plan
        found.inputs = {source: number for source, (number, _) in inputs.items()}
        assert len(set(found.inputs.values())) == len(inputs)
        self.plans.append(plan)
        if begins:
            started = MediaStarted(mosaic.call_id, "video", "mosaic", Address("127.0.0.1", 50_000))
            asyncio.get_running_loop().call_later(_BEGINS_S, found.listener, started)

    async def close_mosaic(self, mosaic: MosaicHandle) -> None:
        self.open.pop(mosaic.mosaic_id, None)

    def lose(self, reason: str) -> None:
        """All of them end."""
        lost, self.open = self.open, {}
        for one in lost.values():
            one.listener(MosaicLost(one.handle.call_id, one.handle.mosaic_id, reason))


def _at(port: int) -> RemoteEnd:
    return RemoteEnd(Address("127.0.0.1", port), Address("127.0.0.1", port))
