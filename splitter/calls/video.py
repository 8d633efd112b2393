"""The picture half of a call: its room and who is in it. Asks the media engine.

Voice first: nothing here raises into the flow and nothing waits for long. Whatever fails becomes a note in the trace
and a call without a picture. What desks ask for (`show`, `snapshot`) fails to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from splitter.calls.audio import remote_end
from splitter.calls.events import CallEvent, RoomPrepared
from splitter.calls.talk.room import Member, RoomState
from splitter.core.errors import MediaError, MediaUnavailable, PeerError
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.rooms import PICTURES_KEPT, ParticipantMedia, RoomEngine, RoomReport, Snapshot
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.video import SECURE, VideoFormat, answer_video, choose_video, offer_video
from splitter.sdp.webrtc import SecureLocal, SecureRemote, answer_line, is_secure, read_secure

CALLER = "caller"
# How long an answer may wait for the room: a healthy worker needs a few milliseconds; a stuck one must not delay voice.
PATIENCE_S = 0.2

Note = Callable[[str, str], None]
T = TypeVar("T")


class Video:
    """The video room of one call.

    Args:
        post: puts an event into the call's inbox.
        note: writes (leg, text) into the trace.

    Attributes:
        state: what is known of it; see RoomState.
    """

    def __init__(
        self,
        engine: RoomEngine,
        call_id: str,
        state: RoomState,
        bitrate_kbps: int,
        post: Callable[[CallEvent], None],
        note: Note,
    ) -> None:
        self.state = state
        self._engine = engine
        self._call_id = call_id
        self._bitrate_kbps = bitrate_kbps
        self._post = post
        self._note = note
        self._preparing: asyncio.Task[None] | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    # ---- the room ----

    def prepare(self, network: str) -> None:
        """Open the room and the caller's ports beside what the voice is doing."""
        if CALLER in self.state.homeless or (self._preparing is not None and not self._preparing.done()):
            return
        self._preparing = asyncio.create_task(self._prepare(network), name=f"room of {self._call_id}")

    @property
    def preparing(self) -> bool:
        """The caller's place is being made; RoomPrepared follows."""
        return self._preparing is not None and not self._preparing.done()

    async def ready(self) -> bool:
        """True if the caller's video can be answered; waits no longer than PATIENCE_S."""
        if self._preparing is not None and not self._preparing.done():
            await asyncio.wait({self._preparing}, timeout=PATIENCE_S)
            if not self._preparing.done():
                self._note("media", "the video room is not ready in time: the call goes on without a picture")
        return CALLER in self.state.members

    def is_on(self, room_id: str) -> bool:
        """True if the call uses this room now."""
        return self.state.room is not None and self.state.room.room_id == room_id

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.state.members)

    @property
    def secure_members(self) -> tuple[str, ...]:
        """The members that speak WebRTC."""
        return tuple(name for name, member in self.state.members.items() if member.secure)

    def lose(self) -> None:
        """The room died: its members, except for `secure_members`, need places in a new one; see `complete`."""
        self.state.homeless |= {
            name: member.network for name, member in self.state.members.items() if not member.secure
        }
        self.state.members, self.state.room = {}, None
        self.state.images.clear()

    async def complete(self) -> tuple[str, ...]:
        """Give those whom a lost room left behind their places, with fresh ports.

        Returns: those that it could, who need a new offer; `incomplete` tells whether some still wait.
        """
        placed = []
        for name, network in tuple(self.state.homeless.items()):
            if name not in self.state.homeless:
                continue  # it left meanwhile
            if not await self.add(name, network):
                break  # nor will the next one find a place
            if self.state.homeless.pop(name, None) is not None:
                placed.append(name)
            else:
                await self.remove(name)  # it left at this very moment
        return tuple(placed)

    @property
    def incomplete(self) -> bool:
        """True while somebody waits for a place."""
        return bool(self.state.homeless)

    async def close(self) -> RoomReport | None:
        """Close the room and every port in it."""
        self._closed = True
        if self._preparing is not None:
            await asyncio.wait({self._preparing})  # bounded: each request to the engine is
        room, self.state.room = self.state.room, None
        self.state.members.clear()
        return await self._guarded(self._engine.close_room(room), "closing the room") if room else None

    # ---- members ----

    async def add(self, name: str, network: str, *, secure: bool = False) -> bool:
        """Give a participant its ports; False where it cannot be had.

        Args:
            secure: it speaks WebRTC.
        """
        async with self._opening:
            if self.state.room is None and not self._closed:
                self.state.room = await self._guarded(
                    self._engine.open_room(self._call_id, self._post), "opening the video room"
                )
        room = self.state.room
        if room is None:
            return False
        join = self._engine.join_secure if secure else self._engine.join
        handle = await self._guarded(join(room, name, network), f"ports for the video of {name}")
        if handle is None or room is not self.state.room:  # it was lost meanwhile, and those ports with it
            return False
        self.state.members[name] = Member(network, handle)
        return True

    def local(self, name: str) -> LocalEnd | None:
        """A member's ports."""
        member = self.state.members.get(name)
        return member.handle.local if member is not None else None

    def answer(self, name: str, offer: Session, index: int, wanted: VideoFormat) -> Media | None:
        """Our line in answer to a member's m=video; None where it has no ports."""
        member = self.state.members.get(name)
        if member is None:
            return None
        direction = answer_direction(offer.direction_of(index), "sendrecv")
        if member.handle.secure is not None:
            caller = self.received_by(CALLER)
            most = min(self._bitrate_kbps, caller.bitrate_kbps) if caller else self._bitrate_kbps
            return answer_line(offer, index, wanted, member.handle.local, member.handle.secure, direction, most)
        return answer_video(
            offer.media[index],
            wanted,
            member.handle.local,
            direction,
            self._bitrate_kbps,
            session_attributes=offer.attributes,
        )

    def offer(self, name: str, previous: Media) -> Media | None:
        """Our line in an offer that keeps a member's video as it is, at its present ports."""
        member = self.state.members.get(name)
        return offer_video(previous, member.handle.local) if member and previous.port else None

    async def take(
        self,
        name: str,
        peer: Session,
        ours: Session,
        index: int | None,
        sources: tuple[str, ...] = (),
        *,
        relearn: bool = True,
    ) -> bool:
        """Carry out what was negotiated for a member.

        Args:
            peer, ours: its description and ours.
            index: the m=video in both; None where there is none in use.
            sources: see `Trunk.sources`.
            relearn: as in `Audio.point`; ICE sees to that by itself.
        Returns: False where it has no place, or the engine did not take it.
        """
        member = self.state.members.get(name)
        if member is None:
            return False
        media = None if index is None else _media(peer, ours, index, sources)
        known = member.taken and media == member.media
        if known and (media is None or member.secure or not relearn):
            return True
        return await self._set(name, member, media)

    async def point_secure(self, name: str, remote: SecureRemote) -> bool:
        """A WebRTC member has other credentials, or more candidates."""
        member = self.state.members.get(name)
        if member is None or member.media is None:
            return False
        return await self._set(name, member, replace(member.media, secure=remote))

    async def bring_in(self, name: str) -> None:
        """Tell the room that a member is no longer aside."""
        member = self.state.members.get(name)
        if member is not None and member.media is not None:
            await self._set(name, member, member.media)

    async def restart_ice(self, name: str) -> SecureLocal | None:
        """New ICE credentials of ours towards a WebRTC member; `point_secure` or `take` with its own completes it."""
        member = self.state.members.get(name)
        if member is None or not member.secure:
            return None
        handle = await self._guarded(self._engine.restart_ice(member.handle), f"the ICE restart of {name}")
        if handle is None or self.state.members.get(name) is not member:
            return None
        member.handle = handle
        return handle.secure

    def received_by(self, name: str) -> VideoFormat | None:
        """What a member receives; None where its video is off."""
        member = self.state.members.get(name)
        return member.media.send_format if member is not None and member.media is not None else None

    async def remove(self, name: str) -> None:
        """Take a participant out; who watched it sees the slate."""
        self.state.homeless.pop(name, None)
        member = self.state.members.pop(name, None)
        if member is not None:
            await self._guarded(self._engine.leave(member.handle), f"taking out {name}")

    # ---- for desks ----

    async def show(self, viewer: str, source: str, image: bytes | None = None) -> None:
        """Choose what a member is shown; see `RoomEngine.show`.

        Args:
            image: of a picture as the source.
        Raises:
            MediaError: there is no room, or the engine did not take it.
        """
        room = self.state.room
        if room is None:
            raise MediaUnavailable("the call has no video room")
        if image is not None and source not in self.state.images:
            await self._engine.put_picture(room, source.removeprefix("picture:"), image)
            self.state.images = [*self.state.images, source][-PICTURES_KEPT:]
        await self._engine.show(room, viewer, source)

    async def snapshot(self, name: str) -> Snapshot:
        """A still of what a member sends.

        Raises:
            MediaError: it sends nothing, or there was no key frame in time.
        """
        if self.state.room is None:
            raise MediaUnavailable("the call has no video room")
        return await self._engine.snapshot(self.state.room, name)

    async def request_key_frame(self, name: str) -> None:
        """A member asked for a key frame of what it is shown."""
        member = self.state.members.get(name)
        if member is not None:
            await self._guarded(self._engine.request_key_frame(member.handle), f"a key frame for {name}")

    # ---- inside ----

    async def _prepare(self, network: str) -> None:
        await self.add(CALLER, network)
        self._post(RoomPrepared())

    async def _set(self, name: str, member: Member, media: ParticipantMedia | None) -> bool:
        member.media, member.taken = media, False
        try:
            aside = name in self.state.aside
            await self._engine.set_participant(member.handle, replace(media, aside=True) if media and aside else media)
        except MediaError as error:
            self._failed(f"the video of {name}", error)
            return False
        member.taken = True
        return True

    async def _guarded(self, request: Awaitable[T], what: str) -> T | None:
        try:
            return await request
        except MediaError as error:
            self._failed(what, error)
            return None

    def _failed(self, what: str, error: MediaError) -> None:
        self._note("media", f"{what} failed: {error}; the voice is not concerned")


def _media(peer: Session, ours: Session, index: int, sources: tuple[str, ...]) -> ParticipantMedia | None:
    """What a negotiated m=video means for the room; None where it is off."""
    line, mine = peer.media[index], ours.media[index]
    secure = _secure(peer, index) if is_secure(peer, line) else None
    remote = remote_end(peer, index, sources) if secure is None else None
    wanted = choose_video(line, peer.attributes) if secure is None else choose_video(line, peer.attributes, SECURE)
    if not line.port or not mine.port or wanted is None or (remote is None and secure is None):
        return None
    direction = answer_direction(peer.direction_of(index), ours.direction_of(index))  # whichever of the two answered
    return ParticipantMedia(
        remote=remote,
        secure=secure,
        send_format=wanted,
        receive_format=wanted,
        sending=direction in ("sendrecv", "sendonly"),
        receiving=direction in ("sendrecv", "recvonly"),
    )


def _secure(peer: Session, index: int) -> SecureRemote | None:
    try:
        return read_secure(peer, index)
    except PeerError:
        return None  # an answer to an offer of ours may be anything
