"""The mosaic of a call, placed in its room: participants that take pictures to it, and one that it is itself.

Asks the media engine. To the room it is somebody who sends, and some who are shown others: key frames, losses and
limits of bit rates are the room's as ever.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from splitter.calls.talk.room import MOSAIC, RoomState
from splitter.core.errors import MediaError, MediaUnavailable
from splitter.media.ports.events import MediaListener
from splitter.media.ports.mosaics import MosaicEngine, MosaicHandle, MosaicPlan
from splitter.media.ports.rooms import LOOPBACK, ParticipantHandle, RoomEngine, RoomHandle
from splitter.media.room.layout import tile_name


@dataclass(slots=True, eq=False)
class _Placed:
    """A mosaic in a room. `inputs`: by source, the number of its input, and who takes its picture there."""

    handle: MosaicHandle
    room: RoomHandle
    output: ParticipantHandle
    inputs: dict[str, tuple[int, ParticipantHandle]] = field(default_factory=dict)


class CallMosaic:
    """The mosaic of one call.

    Args:
        state: of its room.
        post: is told what becomes of it.

    Attributes:
        latest: what was asked for last.
    """

    def __init__(
        self, engine: MosaicEngine, rooms: RoomEngine, state: RoomState, call_id: str, post: MediaListener
    ) -> None:
        self._engine, self._rooms, self._state = engine, rooms, state
        self._call_id, self._post = call_id, post
        self._placed: _Placed | None = None
        self.latest: MosaicPlan | None = None

    async def set(self, plan: MosaicPlan | None) -> None:
        """Begin it, change it, or (None) end it.

        Raises:
            MediaError: it cannot be had; nothing of it is left then.
        """
        if plan is None:
            await self.close()
            return
        try:
            await self._arrange(await self._in_room(), plan)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End it, if there is one."""
        placed, self._placed = self._placed, None
        if placed is None:
            return
        if placed.room == self._state.room:
            for participant in (placed.output, *(one for _, one in placed.inputs.values())):
                with suppress(MediaError):
                    await self._rooms.leave(participant)
        await self._engine.close_mosaic(placed.handle)

    async def _in_room(self) -> _Placed:
        """The mosaic in the room that the call has now. Raises MediaError."""
        room = self._state.room
        if room is None:
            raise MediaUnavailable("the call has no video room")
        if self._placed is not None and self._placed.room != room:
            await self.close()
        if self._placed is None:
            handle = await self._engine.open_mosaic(self._call_id, self._post)
            try:
                output = await self._rooms.join(room, MOSAIC, LOOPBACK)
            except BaseException:
                await self._engine.close_mosaic(handle)
                raise
            self._placed = _Placed(handle, room, output)
        return self._placed

    async def _arrange(self, placed: _Placed, plan: MosaicPlan) -> None:
        """Take the pictures of a plan to it, and no others. Raises MediaError."""
        rooms, inputs = self._rooms, placed.inputs
        for source in [one for one in inputs if one not in plan.sources]:
            await rooms.leave(inputs.pop(source)[1])
        added = [one for one in plan.sources if one not in inputs]
        for source in added:
            taken = {number for number, _ in inputs.values()}
            number = next(one for one in range(len(placed.handle.inputs)) if one not in taken)
            inputs[source] = number, await rooms.join(placed.room, tile_name(number), LOOPBACK)
        ports = {source: (number, one.local) for source, (number, one) in inputs.items()}
        self._engine.arrange_mosaic(placed.handle, plan, placed.output.local, ports)
        await rooms.set_participant(placed.output, placed.handle.output)
        for source in added:
            number, participant = inputs[source]
            await rooms.show(placed.room, participant.name, source)
            await rooms.set_participant(participant, placed.handle.inputs[number])
