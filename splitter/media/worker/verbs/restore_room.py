"""Open a room again whose worker is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from splitter.media.ports.rooms import CarriedRoom
from splitter.media.worker.verbs.verb import Done, Need, Verb

if TYPE_CHECKING:
    from splitter.media.room.room import Room
    from splitter.media.worker.dispatch import Dispatcher


class RestoreRoom(Verb[Done], frozen=True):
    """Bind the ports that those in it had, and tell it what was in force.

    Attributes:
        room: nobody in it speaks WebRTC, and there are no pictures.
        hosts: of each participant, the address to bind.
    """

    answer = Done
    needs: ClassVar[Need] = Need.SLATE

    room: CarriedRoom
    hosts: tuple[str, ...]

    def run(self, worker: Dispatcher) -> Done:
        handle = self.room.handle
        room = worker.open_room(handle.call_id, handle.room_id)
        try:
            self._fill(room)
        except Exception:
            worker.close_room(handle.room_id)
            raise
        return Done()

    def _fill(self, room: Room) -> None:
        for one, host in zip(self.room.participants, self.hosts, strict=True):
            room.join(one.handle.name, host, one.handle.local.rtp_port)
        for one in self.room.participants:
            if one.media is not None:
                remote = one.media.remote
                room.set_participant(one.handle.name, replace(one.media, remote=remote and remote.heard_only))
            if one.chosen:
                room.show(one.handle.name, one.chosen)
