"""What a worker was told of each relay, room and adapter, and what it told. No I/O.

It is all that another gateway needs to go on: the one that knew it may be dead. So each verb that was carried out is
entered here, and each event; what is said of a relay or room is then the very handle that was given away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from splitter.media.ports.adapters import AdapterHandle, AdapterSetting, CarriedAdapter
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import AdapterLost, MediaEvent, RelayLost, RoomLost
from splitter.media.ports.rooms import (
    PICTURES_KEPT,
    CarriedParticipant,
    CarriedRoom,
    ParticipantHandle,
    ParticipantMedia,
    RoomHandle,
    handle_beside,
)
from splitter.media.ports.voice import CarriedRelay, Hearing, RelayHandle, SideHandle
from splitter.media.standing import Standing
from splitter.media.voice.mode import among
from splitter.media.worker.verbs.add_side import AddSide, SideAdded
from splitter.media.worker.verbs.close_adapter import CloseAdapter
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.close_room import CloseRoom
from splitter.media.worker.verbs.join import Joined, JoinRoom
from splitter.media.worker.verbs.join_beside import JoinBeside, JoinedBeside
from splitter.media.worker.verbs.join_secure import JoinedSecure, JoinSecure
from splitter.media.worker.verbs.leave import Leave
from splitter.media.worker.verbs.open_adapter import AdapterOpened, OpenAdapter
from splitter.media.worker.verbs.open_relay import OpenRelay, RelayOpened
from splitter.media.worker.verbs.open_room import First, OpenRoom, RoomOpened
from splitter.media.worker.verbs.put_picture import PutPicture
from splitter.media.worker.verbs.remove_side import RemoveSide, SideCounts
from splitter.media.worker.verbs.restart_adapter import RestartAdapter
from splitter.media.worker.verbs.restart_ice import RestartIce
from splitter.media.worker.verbs.restore_relay import RestoreRelay
from splitter.media.worker.verbs.restore_room import RestoreRoom
from splitter.media.worker.verbs.set_adapter import SetAdapter
from splitter.media.worker.verbs.set_participant import SetParticipant
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.set_who_hears import SetWhoHears
from splitter.media.worker.verbs.show import ShowSource
from splitter.media.worker.verbs.verb import Message, Verb


@dataclass(slots=True)
class RelayBook:
    """One relay. `names`: what events call the sides that are there, by number."""

    handle: RelayHandle
    names: dict[int, str]
    remotes: list[RemoteEnd | None]
    added: dict[int, SideHandle] = field(default_factory=dict)
    hearing: Hearing = ()
    standing: Standing = field(default_factory=Standing)

    @classmethod
    def of(cls, relay: CarriedRelay, sides: tuple[tuple[str, str] | None, ...]) -> RelayBook:
        """The book of a relay that is opened again."""
        names = {number: side[0] for number, side in enumerate(sides) if side is not None}
        added = {one.number: one for one in relay.added}
        return cls(relay.handle, names, list(relay.remotes), added, relay.hearing)

    def carried(self) -> CarriedRelay:
        removed = frozenset(range(len(self.remotes))) - frozenset(self.names)
        return CarriedRelay(self.handle, tuple(self.remotes), tuple(self.added.values()), removed, self.hearing)

    def enter(self, verb: Verb[Any], answer: Message) -> None:
        match verb, answer:
            case SetRemote(), _:
                self.remotes[verb.side] = verb.remote
                self.standing.pointed(self.names[verb.side])
            case AddSide(), SideAdded():
                local = LocalEnd(verb.advertised or verb.host, *answer.ports)
                self.added[answer.side] = SideHandle(answer.side, verb.spec, local)
                self.names[answer.side] = verb.spec.name
                self.remotes.append(None)
            case RemoveSide(), SideCounts() if answer.side in self.names:
                self.standing.left(self.names.pop(answer.side))
                self.added.pop(answer.side, None)
                self.remotes[answer.side] = None
                self.hearing = among(self.hearing, set(self.names))
            case SetWhoHears(), _:
                self.hearing = among(verb.hearing, set(self.names))


@dataclass(slots=True)
class RoomBook:
    """One room. `chosen`: by viewer, be it there or not."""

    handle: RoomHandle
    participants: dict[str, CarriedParticipant] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)

    @classmethod
    def of(cls, room: CarriedRoom) -> RoomBook:
        """The book of a room that is opened again."""
        everybody = {one.handle.name: replace(one, chosen="") for one in room.participants}
        return cls(room.handle, everybody, {one.handle.name: one.chosen for one in room.participants})

    def carried(self) -> CarriedRoom:
        everybody = [replace(one, chosen=self.chosen.get(name, "")) for name, one in self.participants.items()]
        return CarriedRoom(self.handle, tuple(everybody), tuple(self.pictures))

    def enter(self, verb: Verb[Any], answer: Message) -> None:
        match verb, answer:
            case OpenRoom(first=First() as first), RoomOpened():
                self._place_plain(first, answer)
            case JoinRoom(), Joined():
                self._place_plain(verb, answer)
            case JoinSecure(), JoinedSecure():
                self._place_secure(verb.name, verb.advertised, answer)
            case JoinBeside(), JoinedBeside():
                self._place(handle_beside(self.handle, verb.name, verb.other, answer.ssrc, answer.cname))
            case RestartIce(), JoinedSecure():
                self._place_secure(verb.name, self.participants[verb.name].handle.local.host, answer)
            case SetParticipant(), _:
                self._set(verb.name, verb.media)
            case ShowSource(), _:
                self.chosen[verb.viewer] = verb.source
            case PutPicture(), _ if verb.picture_id not in self.pictures:
                self.pictures = [*self.pictures, verb.picture_id][-PICTURES_KEPT:]
            case Leave(), _:
                self._take_out(verb.name)

    def _place_plain(self, who: First | JoinRoom, joined: Joined | RoomOpened) -> None:
        local = LocalEnd(who.advertised or who.host, *joined.ports)
        self._place(ParticipantHandle(self.handle, who.name, local))

    def _place_secure(self, name: str, host: str, joined: JoinedSecure) -> None:
        local = LocalEnd(host, joined.port, joined.port)
        self._place(ParticipantHandle(self.handle, name, local, joined.local))

    def _place(self, handle: ParticipantHandle) -> None:
        before = self.participants.get(handle.name)
        self.participants[handle.name] = CarriedParticipant(handle, before.media if before is not None else None)

    def _set(self, name: str, media: ParticipantMedia | None) -> None:
        self.participants[name] = replace(self.participants[name], media=media)
        if media is None or not media.receiving:
            self.standing.paused(name)
        else:
            self.standing.pointed(name)

    def _take_out(self, name: str) -> None:
        self.participants.pop(name, None)
        self.standing.left(name)
        self.chosen = {viewer: source for viewer, source in self.chosen.items() if name not in (viewer, source)}


@dataclass(slots=True)
class AdapterBook:
    """One adapter."""

    handle: AdapterHandle
    setting: AdapterSetting = field(default_factory=AdapterSetting)
    standing: Standing = field(default_factory=Standing)

    @classmethod
    def of(cls, verb: OpenAdapter, opened: AdapterOpened) -> AdapterBook:
        """The book of an adapter that was just opened."""
        public = LocalEnd(verb.advertised, opened.port, opened.port)
        inside = LocalEnd(verb.inside, *opened.voice), LocalEnd(verb.inside, *opened.picture)
        return cls(AdapterHandle(verb.adapter_id, verb.call_id, public, opened.local, *inside))

    def carried(self) -> CarriedAdapter:
        return CarriedAdapter(self.handle, self.setting)

    def enter(self, verb: Verb[Any], answer: Message) -> None:
        match verb, answer:
            case SetAdapter(), _:
                self.setting = verb.setting
            case RestartAdapter(), JoinedSecure():
                public = LocalEnd(self.handle.public.host, answer.port, answer.port)
                self.handle = replace(self.handle, public=public, secure=answer.local)


Book = RelayBook | RoomBook | AdapterBook


class Books:
    """The books of one worker, by the id of the relay, room or adapter."""

    def __init__(self) -> None:
        self._books: dict[str, Book] = {}

    def enter(self, verb: Verb[Any], answer: Message) -> None:
        """A verb was carried out, and answered so."""
        match verb, answer:
            case OpenRelay(), RelayOpened():
                hosts = verb.advertised or [host for _, host in verb.sides]
                local = tuple(LocalEnd(host, *ports) for host, ports in zip(hosts, answer.ports, strict=True))
                handle = RelayHandle(verb.relay_id, verb.call_id, local)
                names = {number: name for number, (name, _) in enumerate(verb.sides)}
                self._books[verb.relay_id] = RelayBook(handle, names, [None] * len(names))
            case RestoreRelay(), _:
                self._books[verb.relay.handle.relay_id] = RelayBook.of(verb.relay, verb.sides)
            case OpenRoom(), _:
                opened = self._books[verb.room_id] = RoomBook(RoomHandle(verb.room_id, verb.call_id))
                opened.enter(verb, answer)
            case RestoreRoom(), _:
                self._books[verb.room.handle.room_id] = RoomBook.of(verb.room)
            case OpenAdapter(), AdapterOpened():
                self._books[verb.adapter_id] = AdapterBook.of(verb, answer)
            case CloseAdapter(), _:
                self._books.pop(verb.adapter_id, None)
            case CloseRelay(), _:
                self._books.pop(verb.relay_id, None)
            case CloseRoom(), _:
                self._books.pop(verb.room_id, None)
            case _:
                match self._books.get(verb.subject):
                    case RelayBook() as book:
                        book.enter(verb, answer)
                    case RoomBook() | AdapterBook() as book:
                        book.enter(verb, answer)

    def note(self, owner: str, event: MediaEvent) -> None:
        """The gateway is told something, if there is one."""
        if isinstance(event, RelayLost | RoomLost | AdapterLost):
            self._books.pop(owner, None)
        elif (book := self._books.get(owner)) is not None:
            book.standing.note(event)

    def after(self, id: str) -> Iterator[tuple[str, Book]]:
        """The books whose ids come after this one, in that order."""
        for other in sorted(self._books):
            if other > id:
                yield other, self._books[other]
