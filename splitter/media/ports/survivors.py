"""What engines carry from before a restart of the gateway. Pure.

Media go on without a gateway for some time. The next one finds them (`inventory`), and each call that it knows takes up
its own: `VoiceEngine.adopt`, `RoomEngine.adopt_room`, `AdapterEngine.adopt_adapter`. These raise MediaUnavailable
where the relay, room or adapter is gone, is not the one of the handle, or was taken up already. Whoever adopts is told
at once how things stand, by the events of old: who was heard, what is shown, how the transports are; what passed in
between is summed up in them. What nobody has taken up is closed (`release_unclaimed`).

What is gone may be opened again as it was, on this machine or on another one that is to have its addresses:
`VoiceEngine.restore`, `RoomEngine.restore_room`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from splitter.media.ports.adapters import CarriedAdapter
from splitter.media.ports.rooms import CarriedRoom
from splitter.media.ports.voice import CarriedRelay


@dataclass(frozen=True, slots=True)
class Inventory:
    """What nobody has taken up."""

    relays: tuple[CarriedRelay, ...] = ()
    rooms: tuple[CarriedRoom, ...] = ()
    adapters: tuple[CarriedAdapter, ...] = ()


class Survivors(Protocol):
    """What outlived the gateway before this one, once the engine has started."""

    def inventory(self) -> Inventory:
        """What nobody has taken up yet."""
        ...

    async def release_unclaimed(self, grace_s: float = 0.0) -> int:
        """Close what nobody has taken up within so many seconds. Returns: how many relays and rooms that were."""
        ...
