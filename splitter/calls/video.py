"""The picture half of a call: its room and who is in it. Asks the media engine.

Voice first: nothing here raises into the flow and nothing waits for long. Whatever fails becomes a note in the trace
and a call without a picture. What desks ask for (`show`, `snapshot`) fails to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from splitter.calls.carried import by_video, summed
from splitter.calls.events import CallEvent, RoomPrepared
from splitter.calls.mosaic import CallMosaic
from splitter.calls.states import Lack, Side
from splitter.calls.talk.media_commands import SettleVideo
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.room import PATIENCE_S, Member, RoomState
from splitter.calls.talk.voice import remote_end
from splitter.core.errors import MediaError, MediaUnavailable, NoPorts, PeerError
from splitter.media.ports.mosaics import MosaicEngine
from splitter.media.ports.rooms import (
    PICTURES_KEPT,
    ParticipantHandle,
    ParticipantMedia,
    RoomEngine,
    RoomReport,
    Snapshot,
)
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.video import SECURE, choose_video, received_as
from splitter.sdp.webrtc import SecureLocal, SecureRemote, is_secure, read_secure

Note = Callable[[str, str], None]
T = TypeVar("T")


class Video:
    """The video room of one call.

    Args:
        post: puts an event into the call's inbox.
        note: writes (leg, text) into the trace.

    Attributes:
        state: what is known of it; see RoomState.
        mosaic: in it.
        wishes: what was negotiated for participants and waits for the engine, by name; the newest wins.
    """

    def __init__(
        self,
        engine: RoomEngine,
        mosaics: MosaicEngine,
        call_id: str,
        state: RoomState,
        pending: Pending,
        post: Callable[[CallEvent], None],
        note: Note,
    ) -> None:
        self.state = state
        self.mosaic = CallMosaic(mosaics, engine, state, call_id, post)
        self._engine = engine
        self._call_id = call_id
        self._pending = pending
        self._post = post
        self._note = note
        self.wishes: dict[str, SettleVideo] = {}
        self._preparing: asyncio.Task[None] | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    # ---- the room ----

    def prepare(self, network: str) -> None:
        """Open the room and the caller's ports beside what the voice is doing; ends in RoomPrepared."""
        if Side.CALLER in self.state.homeless or self._pending.room:
            return
        self._pending.room = True
        self._preparing = asyncio.create_task(self._prepare(network), name=f"room of {self._call_id}")

    async def ready(self) -> bool:
        """True if the caller's video can be answered; waits no longer than PATIENCE_S."""
        if self._preparing is not None and not self._preparing.done():
            await asyncio.wait({self._preparing}, timeout=PATIENCE_S)
            if not self._preparing.done():
                self._note("media", "the video room is not ready in time: the call goes on without a picture")
        return Side.CALLER in self.state.members

    async def complete(self) -> tuple[str, ...]:
        """Give those whom a lost room left behind their places, with fresh ports.

        Returns: those that it could, who need a new offer; those that still wait are `homeless`.
        """
        placed = []
        for name, network in tuple(self.state.homeless.items()):
            if name not in self.state.homeless:
                continue  # it left meanwhile
            if await self.add(name, network) is not None:
                break  # nor will the next one find a place
            if self.state.homeless.pop(name, None) is not None:
                placed.append(name)
            else:
                await self.remove(name)  # it left at this very moment
        return tuple(placed)

    @property
    def empty(self) -> bool:
        """Whether there is no room, and none is being made."""
        return self.state.room is None and self._preparing is None

    async def close(self) -> RoomReport | None:
        """Close the room and every port in it."""
        self._closed = True
        if self._preparing is not None:
            await asyncio.wait({self._preparing})  # bounded: each request to the engine is
        room, self.state.room = self.state.room, None
        self.state.members.clear()
        return await self._guarded(self._engine.close_room(room), "closing the room") if room else None

    # ---- members ----

    async def add(self, name: str, network: str, *, secure: bool = False) -> Lack | None:
        """Give a participant its ports.

        Args:
            secure: it speaks WebRTC.
        Returns: why it cannot have them; None where it has them.
        """
        if name != Side.CALLER:
            return await self._add(name, network, secure)
        self.state.lack = Lack.MEDIA  # as long as nobody has said more
        lack = await self._add(name, network, secure)
        self.state.lack = lack or Lack.MEDIA
        return lack

    async def _add(self, name: str, network: str, secure: bool) -> Lack | None:
        what = f"ports for the video of {name}"
        async with self._opening:
            if self.state.room is None and not self._closed and not secure:
                beginning = self._engine.begin_room(self._call_id, name, network, self._post)
                handle = await self._place(beginning, "opening the video room")
                self.state.room = handle.room if not isinstance(handle, Lack) else None
                return self._placed(name, network, handle)
            if self.state.room is None and not self._closed:
                opening = self._engine.open_room(self._call_id, self._post)
                opened = await self._place(opening, "opening the video room")
                if isinstance(opened, Lack):
                    return opened
                self.state.room = opened
        room = self.state.room
        if room is None:
            return Lack.MEDIA
        join = self._engine.join_secure if secure else self._engine.join
        return self._placed(name, network, await self._place(join(room, name, network), what))

    def _placed(self, name: str, network: str, handle: ParticipantHandle | Lack) -> Lack | None:
        if isinstance(handle, Lack):
            return handle
        if handle.room != self.state.room:  # it was lost meanwhile, and those ports with it
            return Lack.MEDIA
        self.state.members[name] = Member(network, handle)
        return None

    async def add_beside(self, name: str, other: str) -> Lack | None:
        """Give a further stream of a WebRTC member its place, on that one's transport; see `add`."""
        member = self.state.members.get(other)
        if member is None or not member.secure:
            return Lack.MEDIA
        handle = await self._place(self._engine.join_beside(member.handle, name), f"a further stream of {other}")
        if isinstance(handle, Lack):
            return handle
        if self.state.members.get(other) is not member:
            return Lack.MEDIA
        self.state.members[name] = Member(member.network, handle)
        return None

    async def carry_out(
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

    async def rank(self, name: str) -> None:
        """Tell the room anew whether a member is the host's, or aside."""
        member = self.state.members.get(name)
        if member is not None and member.media is not None:
            await self._set(name, member, member.media)

    async def restart_ice(self, name: str) -> SecureLocal | None:
        """New ICE credentials of ours towards a WebRTC member; `point_secure` or `carry_out` with its own ends it."""
        member = self.state.members.get(name)
        if member is None or not member.secure:
            return None
        handle = await self._guarded(self._engine.restart_ice(member.handle), f"the ICE restart of {name}")
        if handle is None or self.state.members.get(name) is not member:
            return None
        member.handle = handle
        return handle.secure

    async def remove(self, name: str) -> None:
        """Take a participant out, with its further streams; who watched it sees the slate."""
        for stream in self.state.streams_of(name):
            await self.remove(stream)
        self.state.homeless.pop(name, None)
        member = self.state.members.pop(name, None)
        if member is None:
            return
        report = await self._guarded(self._engine.leave(member.handle), f"taking out {name}")
        if report is not None and not member.handle.beside:
            self.state.past = list(summed((*self.state.past, by_video(report))))

    async def report(self) -> RoomReport | None:
        """The counters of the room now; None where there is none, or it does not answer."""
        room = self.state.room
        return await self._guarded(self._engine.report_room(room), "counting what the room carries") if room else None

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
        try:
            await self.add(Side.CALLER.value, network)
        finally:
            self._pending.room = False
        self._post(RoomPrepared())

    async def _set(self, name: str, member: Member, media: ParticipantMedia | None) -> bool:
        member.media, member.taken = media, False
        try:
            await self._engine.set_participant(member.handle, self.state.ranked(name, media))
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

    async def _place(self, request: Awaitable[T], what: str) -> T | Lack:
        """Ask for a place, or for the room itself. Returns: what it is, or why it cannot be had."""
        try:
            return await request
        except MediaError as error:
            self._failed(what, error)
            return Lack.PORTS if isinstance(error, NoPorts) else Lack.MEDIA

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
        send_format=wanted.to_peer,
        receive_format=received_as(mine, wanted.from_peer),
        sending=direction in ("sendrecv", "sendonly"),
        receiving=direction in ("sendrecv", "recvonly"),
    )


def _secure(peer: Session, index: int) -> SecureRemote | None:
    try:
        return read_secure(peer, index)
    except PeerError:
        return None  # an answer to an offer of ours may be anything
