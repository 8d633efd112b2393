"""The video room of a call as the media engine was told it: who is in it, and what desks want to be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from splitter.calls.states import Lack, Side
from splitter.calls.view import CarriedView
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.mosaics import MosaicPlan
from splitter.media.ports.rooms import (
    CarriedParticipant,
    CarriedRoom,
    ParticipantHandle,
    ParticipantMedia,
    RoomHandle,
)
from splitter.sdp.video import VideoFormat

SLATE, PICTURE = "slate", "picture:"  # sources beside the participants
SPEAKER = "speaker"  # a choice that follows who speaks
MOSAIC = "mosaic"  # a choice of several at once; also the participant that it is in the room
# How long an answer may wait for the room: a healthy worker needs a few milliseconds; a stuck one must not delay voice.
PATIENCE_S = 0.2


@dataclass(slots=True)
class Member:
    """A participant and what it negotiated.

    Attributes:
        taken: as far as we know, the engine does that.
    """

    network: str
    handle: ParticipantHandle
    media: ParticipantMedia | None = None
    taken: bool = True

    @property
    def secure(self) -> bool:
        """True where it speaks WebRTC: its transport dies with its worker, only the client can make another."""
        return self.handle.secure is not None


@dataclass(slots=True)
class MosaicState:
    """The mosaic of a call; see `flows.mosaic`.

    Attributes:
        of: who was chosen to be in it; () for everybody.
        plan: what the engine is asked for; None for nothing. open: the engine may have one.
        begun: its picture comes. shown: whose pictures those see who are to see it; () while they see the speaker.
        reason: why it is not shown though somebody is to see it; "" where it is, or is about to be.
        rests: it failed, and is not tried again yet. tries: how often it did. since: when its picture came, by the
            clock of the process.
    """

    of: tuple[str, ...] = ()
    plan: MosaicPlan | None = None
    open: bool = False
    begun: bool = False
    shown: tuple[str, ...] = ()
    reason: str = ""
    rests: bool = False
    tries: int = 0
    since: float = 0.0

    def begin_anew(self) -> None:
        """The process that had it made is no more, and it with that: another one is made."""
        self.plan, self.shown = None, ()
        self.open = self.begun = self.rests = False


@dataclass(slots=True)
class RoomState:
    """The room of one call.

    Attributes:
        room: None where there is none yet, or it was lost.
        members: the participants that have a place in it, by name.
        homeless: participants of a lost room that have no place in a new one yet; their networks.
        choices: by viewer, what desks want it to be shown; a new room has to be told again.
        speakers: the participants whose voices were heard last, the latest first; for those who are shown who speaks.
        covers: by viewer who was given the slate, the name of who chose that; it goes with that one.
        aside: participants that are shown by choice alone; hosts: those of the host's desk; see ParticipantMedia.
        images: uploaded ones that the room has, the oldest first.
        mosaic: several pictures in one.
        past: what those have sent and got who are no longer in it.
        lack: why the caller has no place in it, where it has none.
    """

    room: RoomHandle | None = None
    members: dict[str, Member] = field(default_factory=dict)
    homeless: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    speakers: list[str] = field(default_factory=list)
    covers: dict[str, str] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    images: list[str] = field(default_factory=list)
    past: list[CarriedView] = field(default_factory=list)
    mosaic: MosaicState = field(default_factory=MosaicState)
    lack: Lack = Lack.MEDIA

    def is_on(self, room_id: str) -> bool:
        """True if the call uses this room now."""
        return self.room is not None and self.room.room_id == room_id

    @property
    def secure_members(self) -> tuple[str, ...]:
        """Names of the participants that speak WebRTC."""
        return tuple(name for name, member in self.members.items() if member.secure)

    def chosen_for(self, viewer: str) -> str:
        """What the engine is to show to a viewer, of whom was chosen; "" for its own choice."""
        return self.resolved(viewer, self.choices.get(viewer, ""))

    def resolved(self, viewer: str, choice: str) -> str:
        """Resolve a choice: the source that the engine is to show to this viewer."""
        if choice == SPEAKER or (choice == MOSAIC and not self.mosaic.shown):
            return self.speaker_for(viewer)
        return choice

    def viewers_of(self, choice: str) -> tuple[str, ...]:
        """Find those who are in it and are to see this."""
        return tuple(one for one, chosen in self.choices.items() if chosen == choice and one in self.members)

    @property
    def chosen_for_caller(self) -> str:
        """What the caller is to see by choice, on the phone or in its own browser; "" for nothing."""
        choices = self.choices
        return next((choices[one] for one in choices if one == Side.CALLER or one.startswith("guest-")), "")

    def speaker_for(self, viewer: str) -> str:
        """Whoever else has spoken last, as far as it is there; "" for nobody."""
        own = (viewer, Side.CALLER.value) if viewer.startswith("guest-") else (viewer,)
        return next((one for one in self.speakers if one not in own and one in self.members), "")

    def streams_of(self, name: str) -> tuple[str, ...]:
        """Names of the further streams of a participant: what it sees beside what it is shown itself."""
        return tuple(one for one, member in self.members.items() if member.handle.beside == name)

    @property
    def streams(self) -> int:
        """The number of further streams."""
        return sum(1 for member in self.members.values() if member.handle.beside)

    def ours(self, name: str) -> LocalEnd | None:
        """Our ports towards a participant; None where it has no place."""
        member = self.members.get(name)
        return member.handle.local if member is not None else None

    def received_by(self, name: str) -> VideoFormat | None:
        """What a participant receives; None where its video is off."""
        member = self.members.get(name)
        return member.media.send_format if member is not None and member.media is not None else None

    def lose_some(self, names: tuple[str, ...]) -> None:
        """The room was opened again without these, and without pictures."""
        for name in names:
            self.members.pop(name, None)
        self.images.clear()

    def to_restore(self, room: RoomHandle) -> CarriedRoom:
        """What the engine is to have in it."""
        return CarriedRoom(room, tuple(self._to_restore(name, member) for name, member in self.members.items()))

    def _to_restore(self, name: str, member: Member) -> CarriedParticipant:
        return CarriedParticipant(member.handle, self.ranked(name, member.media), self.chosen_for(name))

    def ranked(self, name: str, media: ParticipantMedia | None) -> ParticipantMedia | None:
        """What the room is told of a participant's media: before whom others see it, if at all."""
        return media and replace(media, aside=name in self.aside, first=name in self.hosts)

    def forget_rank(self, name: str) -> None:
        """A participant is gone, or comes to have another rank."""
        self.aside.discard(name)
        self.hosts.discard(name)

    def lose(self) -> None:
        """The room died: its members, except for `secure_members`, need places in a new one."""
        self.homeless |= {name: member.network for name, member in self.members.items() if not member.secure}
        self.members, self.room = {}, None
        self.mosaic.begun = False
        self.images.clear()
